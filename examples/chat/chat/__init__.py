"""A team chat on FastAPI and Mooring."""
