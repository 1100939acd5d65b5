"""Mooring: one server-side session for FastAPI routes and Socket.IO sockets."""

__version__ = "0.1.0"
