"""uvicorn: the draining server, and the fast paths that reach into it."""
