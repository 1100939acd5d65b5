"""The examples, each in its own environment on the wheel."""
