"""What a Redis server promises, and whether it is there at all: said when the store is opened."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import suppress

import pytest
from store_contract import filled

from backrooms_tui.model.errors import StoreFailed
from backrooms_tui.persistence.opening import open_store


class TestWhatTheServerPromises:
    @pytest.mark.parametrize(
        ("settings", "said"),
        [
            ({}, None),
            (
                {"appendfsync": "everysec"},
                "PERSISTS LATE: appendfsync is everysec; a power failure of the server loses up to 1 s",
            ),
            ({"appendfsync": "no"}, "PERSISTS LATE: appendfsync is no"),
            ({"appendonly": "no"}, "DOES NOT PERSIST: appendonly is no; a restart of the server loses rooms"),
            ({"maxmemory_policy": "allkeys-lru"}, "MAY EVICT ROOMS: maxmemory-policy is allkeys-lru"),
            ({"rename_command": "CONFIG ''"}, "PERSISTENCE IS UNKNOWN: appendfsync may not be read"),
        ],
        ids=str,
    )
    def test_what_may_be_lost_is_said_at_each_opening(self, idle_redis, root, settings, said):
        if "rename_command" in settings:  # no option of the command line
            (idle_redis.place / "extra.conf").write_text("rename-command CONFIG ''\n")
            settings = {"include": str(idle_redis.place / "extra.conf")}
        idle_redis.start(**settings)
        store = open_store(root, backend="REDIS", options=idle_redis.options())
        if said is None:
            assert store.warnings == ()
        else:
            assert any(line.startswith(f"WARN: REDIS {said}") for line in store.warnings), store.warnings
        store.close()

    def test_a_replica_is_refused(self, redis_server, idle_redis, root):
        idle_redis.start()
        idle_redis.client().execute_command("REPLICAOF", "127.0.0.1", "1")
        with pytest.raises(StoreFailed) as caught:
            open_store(root, backend="REDIS", options=idle_redis.options())
        assert "replica" in str(caught.value)

    def test_a_user_who_may_not_do_all_that_a_batch_does_is_met_before_rooms_are(self, idle_redis, root):
        idle_redis.start()
        idle_redis.client().execute_command("ACL", "SETUSER", "default", "-lrem")
        with pytest.raises(StoreFailed) as caught:
            open_store(root, backend="REDIS", options=idle_redis.options())
        assert "can't run this command" in str(caught.value)
        idle_redis.client().execute_command("ACL", "SETUSER", "default", "+@all")
        open_store(root, backend="REDIS", options=idle_redis.options()).close()


class TestReaching:
    @pytest.mark.parametrize("host", ["localhost", "/nowhere/redis.sock"])
    def test_a_server_that_is_not_there_is_named_within_five_seconds(self, root, redis_server, host):
        began = time.monotonic()
        with pytest.raises(StoreFailed) as caught:
            open_store(root, backend="REDIS", options=redis_server.options(host=host, port=1))
        assert time.monotonic() - began < 5
        address = host if host[0] == "/" else f"{host}:1"
        assert caught.value.details[0] == f"REDIS: {address}"
        assert caught.value.details[1].startswith("REASON: ")
        assert caught.value.exit_status == 1
        redis_store = open_store(root, backend="REDIS", options=redis_server.options())
        redis_store.close()

    def test_the_password_opens_and_is_never_told(self, idle_redis, root):
        idle_redis.start(requirepass="s3cret")
        for password in (None, "wr0ng"):
            options = idle_redis.options(password=password)
            with pytest.raises(StoreFailed) as caught:
                open_store(root, backend="REDIS", options=options)
            assert "wr0ng" not in str(caught.value)
        options = idle_redis.options(password="s3cret")
        store = open_store(root, backend="REDIS", options=options)
        filled(store, "a", 1)
        rows = store._rows
        told = (repr(options), repr(rows), repr(rows._server), repr(rows._server._idle), rows.place, *store.warnings)
        assert not any("s3cret" in text for text in told)
        idle_redis.kill()
        with pytest.raises(StoreFailed) as caught:
            store.reopen()
        assert "s3cret" not in str(caught.value)
        with suppress(StoreFailed):
            store.close()

    def test_without_the_extra_it_is_said_how_to_get_it(self, tmp_path):
        script = (
            "import sys\nfrom pathlib import Path\nsys.modules['redis'] = None\n"
            "from backrooms_tui.persistence.opening import open_store\n"
            "open_store(Path(sys.argv[1]), backend='REDIS')\n"
        )
        ended = subprocess.run(
            [sys.executable, "-c", script, str(tmp_path / "store")],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert "ConfigInvalid" in ended.stderr
        assert "pip install 'backrooms-terminal[redis]'" in ended.stderr
