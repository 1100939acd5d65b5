"""What HTTP and Socket.IO share of ASGI: headers, problem documents, the rate limit."""
