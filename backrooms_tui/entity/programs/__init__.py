"""Programs in rooms, the host's side: what they are given, what they say, and when an answer has ended."""
