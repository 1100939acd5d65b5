"""Socket.IO: the server, its events, the registry of sockets and the bus between nodes."""
