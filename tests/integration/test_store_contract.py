"""Runs the store contract over every backend."""

from __future__ import annotations

import pytest
from store_contract import Backend, StoreContract

from backrooms_tui.persistence.opening import open_store


@pytest.fixture(params=["LEVELDB", "FILESYSTEM", "SQLITE", "MEMORY", "REDIS"])
def backend(request, tmp_path):
    opened = []
    options = request.getfixturevalue("redis_server").options() if request.param == "REDIS" else None

    def open_again():
        if opened:
            opened[-1].close()
        opened.append(open_store(tmp_path / "store", backend=request.param, options=options))
        return opened[-1]

    store = open_again()
    yield Backend(store, None if request.param == "MEMORY" else open_again)
    opened[-1].close()


class TestStoreContract(StoreContract):
    pass
