"""Polling over several nodes in turn, and what it costs beside stickiness."""
