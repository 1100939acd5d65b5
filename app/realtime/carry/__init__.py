"""Carries polls and posts to the node that has their socket, and the answers back."""
