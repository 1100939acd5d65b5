"""An hour of churn: does anything grow? `make soak`."""

IDLE_SECONDS, ABSOLUTE_SECONDS = 20.0, 90.0
"""How long the product's sessions live."""
