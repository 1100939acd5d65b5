"""Routers that an app may include: session, health, metrics; and the documentation pages."""
