"""The owner of a store as a process that serves others: listening, sessions, client, signals, service manners."""
