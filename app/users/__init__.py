"""A user's sessions: the list of devices, and the end of one or of all."""
