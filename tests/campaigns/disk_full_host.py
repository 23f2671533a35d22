"""The program of the disk-full campaign: an owner of one room that writes as it is told, and says what was acknowledged.

    disk_full_host.py ROOT BACKEND [REDIS_SOCKET]

Commands on standard input, one JSON answer each: `write N SIZE` (up to N entries, ending at the first refusal),
`read` (how many entries can be read), `reopen`.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "integration"))

from store_contract import new_record, remembering

from backrooms_tui.model.errors import BackroomsError
from backrooms_tui.persistence.opening import StoreOptions, open_store


class Host:
    def __init__(self, root: str, backend: str, socket: str) -> None:
        self.store = open_store(Path(root), backend=backend, options=StoreOptions(host=socket))
        found = self.store.load().records
        self.record = found[0] if found else new_record("a")
        self.told = 0

    def write(self, count: str, size: str) -> dict:
        acknowledged: list[str] = []
        for _ in range(int(count)):
            text = f"{os.getpid()} {self.told} " + "x" * int(size)
            self.told += 1
            commit = remembering(self.record, text)
            try:
                self.store.commit([commit])
            except BackroomsError as error:
                return {"acknowledged": acknowledged, "refused": error.code, "unknown": text}
            self.record = commit.record
            acknowledged.append(text)
        return {"acknowledged": acknowledged, "refused": None}

    def reopen(self) -> dict:
        try:
            self.store.reopen()
        except BackroomsError as error:
            return {"error": error.code}
        self.record = self.store.load().records[0]
        return {"seq": self.record.tail.seq}


def main() -> None:
    root, backend, *rest = sys.argv[1:]
    host = Host(root, backend, rest[0] if rest else "localhost")
    for line in sys.stdin:
        verb, *words = line.split()
        print(json.dumps(getattr(host, verb)(*words)), flush=True)


if __name__ == "__main__":
    main()
