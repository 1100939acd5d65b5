"""The bus between nodes, and what travels on it."""
