"""The process that forks all rooms, and what a child does until it is sealed."""
