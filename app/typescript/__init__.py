"""TypeScript types of an app's events and routes: python -m fastapi_mooring.typescript shop.main:app."""
