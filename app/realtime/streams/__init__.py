"""Streams: long answers, kept for readers that come late, or back."""
