"""The hard limits of seed 000, System Constraints. Configuration may lower them, never raise them."""

MAX_ROOMS = 1024
MAX_ROOM_MEMORY = 512 * 1024 * 1024
MAX_INPUT_SIZE = 64 * 1024
MAX_OUTPUT_SIZE = 16 * 1024 * 1024
ENTITY_TIMEOUT = 30
"""Seconds for one input."""
INPUT_QUEUE_DEPTH = 16
MEMORY_ENTRIES_MAX = 1_000_000
FILE_DESCRIPTORS = 16
CONCURRENT_INPUTS = 64
MAX_STATE_SIZE = 16 * 1024 * 1024
"""Bytes of one entity snapshot as stored."""
MIN_ROOM_MEMORY = 16 * 1024 * 1024
"""Below this a sealed interpreter cannot start."""
MAX_TIMEOUT = 24 * 3600
"""Seconds; a room may be given more time than the default, never for ever."""
MAX_NAME = 128
"""Characters of a room's name."""
