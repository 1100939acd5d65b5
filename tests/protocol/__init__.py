"""The protocols of Engine.IO and Socket.IO, case by case, and beside the Node server."""
