"""What tests stand on: real servers, the real service, the real JavaScript client."""
