"""The HTTP edge: FastAPI routes, the session cookie, CORS and origin rules, errors, pages."""
