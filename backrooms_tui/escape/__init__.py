"""The escape suite: attempts to get out of a room, tried for real, and what became of them."""
