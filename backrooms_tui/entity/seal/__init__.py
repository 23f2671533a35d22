"""Closing a room, layer by layer, and finding out from inside what holds."""
