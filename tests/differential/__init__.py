"""Generated apps, served by plain FastAPI, by Mooring, and by Mooring's fast paths: all answer the same."""
