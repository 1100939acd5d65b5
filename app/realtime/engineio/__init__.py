"""An Engine.IO v4 server for ASGI, over python-engineio's packets."""
