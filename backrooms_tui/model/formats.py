"""Words for the shapes that rooms may be stored, exported and archived in.

Apart from the values that hold them: a command line is checked against these words, and most load no such value.
"""

COMPRESSIONS = ("zstd", "lz4", "none")
"""Of a room's old memory."""
EXPORT_FORMATS = ("jsonl", "csv", "binary", "sqlite")
ARCHIVE_COMPRESSIONS = ("gzip", "xz", "zstd", "none")
