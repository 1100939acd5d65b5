"""The promises of docs/architecture.md on one node, from outside, on every store."""
