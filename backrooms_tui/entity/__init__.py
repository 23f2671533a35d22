"""Entities: sealed child processes that speak `room-entity/1`, and the host's side of them.

Knows nothing of stores or faces. The host's supervisor drives an `EntityProcess`; the zygote makes them.
"""
