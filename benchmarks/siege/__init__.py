"""One hostile client and one node: what others wait for, what the node holds, and what it writes."""
