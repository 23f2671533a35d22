"""Bytes on disk: the `RoomStore` interface, its backends, the record codec, the witness and the owner lock.

Knows nothing of threads, entities or faces. One store has one owner process and one caller at a time.
"""
