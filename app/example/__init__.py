"""The example: a counter in the session."""
