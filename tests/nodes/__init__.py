"""Two nodes and more on one server: the bus, logout everywhere, outages, shutdown."""
