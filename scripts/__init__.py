"""What developers of Mooring run."""
