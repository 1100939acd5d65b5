"""Connection state recovery: clients that come back get what they missed."""
