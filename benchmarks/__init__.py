"""Side by side with the Node system and a Python peer: `make bench`."""
