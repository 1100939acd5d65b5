"""uvicorn's WebSockets, with a short way for the handshakes and frames that nearly all are."""
