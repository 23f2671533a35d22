"""Rooms at work: queues, turns, deadlines, crash recovery, group commit, events.

A few worker threads multiplex the rooms' entities; one committer groups their writes. Knows no sockets, no HTTP,
no Textual. `supervisor.Supervisor` is the whole of it, and is a `RoomService`.
"""
