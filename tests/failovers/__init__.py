"""Histories of what clients were told while their store failed over, and what is true afterwards."""
