"""The realtime edge: the Socket.IO server, moorings, the reload task, the bus."""
