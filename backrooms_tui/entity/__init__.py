"""Entities: sealed child processes that speak `room-entity/1`, and the host's side of them.

Knows nothing of stores or faces. Here is what both sides share, and the handle that the supervisor drives
(`process`, `host`); `zygote/` makes the processes, `seal/` closes them, `inside/` runs in those that are ours,
`programs/` speaks with those that are not.
"""
