"""What stands in `rooms.db`: the seed's three tables, and ours beside them.

Whoever opens the file with the sqlite3 shell finds what the seed's schema promises in the seed's columns. They hold
the records themselves, in a form that gives the very bytes back (`readable`), not copies of them:

    rooms        state, created_at and last_active repeat the index record and are compared with it at every reading;
                 config and metadata are the records of those names
    memory       one row for each entry that is not in a segment; seq, chain and checksum stand in its metadata
    checkpoints  the entity's last state: the framed record, then the row's timestamp once more, so that no byte of
                 the row can change unseen

What the seed has no column for has tables of our own: `records` (the index record: written with each commit, checked
by the witness), `queue`, `segments` (many entries compressed, and what has no text to show: no rows of `memory`) and
`destroyed`. A room in removal, or not yet put in whole, is a TERMINATED row of `rooms` without a record: memory may
refer to it.

The schema's own words are compared with these at each opening: a changed one would make SQLite read other columns.
"""

from __future__ import annotations

from backrooms_tui.model.states import RoomState

APPLICATION_ID = 0x524F4F4D
"""`ROOM`, as in the seed's state.bin: `file rooms.db` shows it."""
VERSION = 1
"""Of the schema, in SQLite's `user_version`."""

STATES = {str(state): number for number, state in enumerate(RoomState)}
"""The seed's order."""
TERMINATED = STATES[RoomState.TERMINATED]

SCHEMA = (
    """CREATE TABLE rooms (
  id TEXT PRIMARY KEY,
  state INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  last_active INTEGER NOT NULL,
  config TEXT NOT NULL,
  metadata TEXT
)""",
    """CREATE TABLE memory (
  room_id TEXT NOT NULL,
  timestamp INTEGER NOT NULL,
  type INTEGER NOT NULL,
  content TEXT NOT NULL,
  metadata TEXT,
  FOREIGN KEY (room_id) REFERENCES rooms(id)
)""",
    "CREATE INDEX idx_memory_room_time ON memory(room_id, timestamp)",
    """CREATE TABLE checkpoints (
  room_id TEXT NOT NULL,
  timestamp INTEGER NOT NULL,
  state_snapshot BLOB NOT NULL,
  FOREIGN KEY (room_id) REFERENCES rooms(id)
)""",
    "CREATE UNIQUE INDEX idx_checkpoints_room ON checkpoints(room_id)",
    """CREATE TABLE records (
  room_id TEXT PRIMARY KEY,
  record BLOB NOT NULL,
  FOREIGN KEY (room_id) REFERENCES rooms(id)
)""",
    """CREATE TABLE queue (
  room_id TEXT NOT NULL,
  seq INTEGER NOT NULL,
  record BLOB NOT NULL,
  PRIMARY KEY (room_id, seq),
  FOREIGN KEY (room_id) REFERENCES rooms(id)
)""",
    """CREATE TABLE segments (
  room_id TEXT NOT NULL,
  timestamp INTEGER NOT NULL,
  record BLOB NOT NULL,
  PRIMARY KEY (room_id, timestamp),
  FOREIGN KEY (room_id) REFERENCES rooms(id)
)""",
    """CREATE TABLE destroyed (
  room_id TEXT PRIMARY KEY
)""",
)

NUMBERED = {"queue": "seq", "segments": "timestamp"}
"""Tables of ours whose rows are a room, a number and a record; and what their number is called."""


def expected_schema() -> set[tuple[str, str, str, str | None]]:
    """The rows of `sqlite_schema`: type, name, table and words of everything in the file; indexes of keys have none."""
    rows: set[tuple[str, str, str, str | None]] = set()
    for sql in SCHEMA:
        kind, name = sql.removeprefix("CREATE ").replace("UNIQUE ", "").split()[:2]
        table = name if kind == "TABLE" else sql.partition(" ON ")[2].partition("(")[0]
        rows.add((kind.lower(), name, table, sql))
        if "PRIMARY KEY" in sql:
            rows.add(("index", f"sqlite_autoindex_{name}_1", name, None))
    return rows
