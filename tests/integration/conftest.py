"""Services and hosts of entities that tests open, and what tests need of a Redis server (`redis_server` itself is of
every test).
"""

from __future__ import annotations

import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from redis_server import RedisServer

from backrooms_tui.entity.host import ZygoteHost
from backrooms_tui.model.errors import StoreFailed
from backrooms_tui.persistence.opening import open_store
from backrooms_tui.service import open_service


@pytest.fixture
def open_service_on():
    """Opens services, again and again; what is left open is closed, and no thread of any may have met a fault."""
    opened, faults = [], []

    def open_it(settings):
        opened.append(open_service(settings, on_fault=faults.append))
        return opened[-1]

    yield open_it
    for service in opened:
        service.close()
    assert faults == []


@pytest.fixture(scope="module")
def host():
    """Makes entities, without rooms and without a store."""
    host = ZygoteHost()
    host.start()
    yield host
    host.close()


@pytest.fixture
def common():
    """A folder for what rooms are to read. pytest's own are closed to others, and again whenever it is started."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def root(tmp_path):
    """Where a store is to be."""
    return tmp_path / "store"


@pytest.fixture
def open_redis(redis_server, root):
    """Opens the store, again and again; what is left open is closed."""
    stores = []

    def again(place=root, **options):
        stores.append(open_store(place, backend="REDIS", options=redis_server.options(**options)))
        return stores[-1]

    yield again
    for store in stores:
        with suppress(StoreFailed):
            store.close()


@pytest.fixture
def redis_store(open_redis):
    store = open_redis()
    store.load()
    return store


@pytest.fixture
def redis_client(redis_server):
    """A client of one's own: to look, and to do harm."""
    with redis_server.client() as client:
        yield client


@pytest.fixture
def idle_redis(need_tool, tmp_path, monkeypatch):
    """Another server, not running yet."""
    monkeypatch.setattr("backrooms_tui.persistence.redis.REPLY_SECONDS", 30.0)  # as long as `redis_server` is
    server = RedisServer(need_tool("redis-server"), tmp_path / "plain")
    yield server
    server.stop()
