"""Programs as a user of the service meets them: deadlines, deaths, restarts, and what memory keeps of them."""

from __future__ import annotations

import os
import shlex

import pytest
from command_rooms import need, script

from backrooms_tui.config.settings import PersistenceSettings, Settings
from backrooms_tui.model.entries import EntryType, Outcome
from backrooms_tui.model.errors import UsageError
from backrooms_tui.model.room import RoomConfig


@pytest.fixture
def settings(tmp_path):
    return Settings(persistence=PersistenceSettings(path=str(tmp_path / "rooms")))


@pytest.fixture
def service(settings, open_service_on):
    return open_service_on(settings)


def make(service, entity, **config):
    need(entity)
    return service.create(RoomConfig(entity=entity, **config)).record.id


def turn(service, room, text, *, within=None):
    """`within`: seconds that the input may take."""
    return service.wait(service.submit(room, text.encode(), source="test", timeout=within), timeout=30)


def said(service, room, text):
    return [entry.content for entry in turn(service, room, text).entries if entry.type is not EntryType.INPUT]


def test_a_program_keeps_what_it_was_told_between_inputs(service):
    room = make(service, "command:bc -q")
    assert said(service, room, "x = 6") == ["NO OUTPUT"]
    assert said(service, room, "x * 7") == ["42"]


def test_a_program_that_never_reads_ends_at_its_deadline(service):
    room = make(service, "command?children=yes:sh -c 'while :; do sleep 0.05; done'", timeout=0.3)
    assert turn(service, room, "anybody?").outcome == Outcome.TIMEOUT
    assert turn(service, room, "again?").outcome == Outcome.TIMEOUT


def test_a_program_that_hangs_is_started_anew_and_told_again_what_it_had_answered(service):
    room = make(service, "command?children=yes:sh")
    said(service, room, "x=5")
    assert turn(service, room, "x=6; sleep 1000", within=0.5).outcome == Outcome.TIMEOUT
    assert said(service, room, "echo $x") == ["5"]


def test_a_room_that_restores_nothing_begins_afresh(service):
    room = make(service, "command?restore=fresh&children=yes:sh")
    said(service, room, "x=5")
    assert turn(service, room, "sleep 1000", within=0.5).outcome == Outcome.TIMEOUT
    assert said(service, room, "echo _$x") == ["_"]


def test_a_program_that_dies_is_a_crash_and_the_next_input_is_answered(service):
    room = make(service, "command:sh")
    said(service, room, "x=5")
    died = turn(service, room, "exit 3")
    assert died.outcome == Outcome.CRASH
    assert "EXIT_STATUS: 3" in died.entries[-1].content
    assert said(service, room, "echo $x") == ["5"]


def test_a_program_that_outgrows_its_room_is_ended_by_name(service, common):
    hog = script(
        common,
        "input()\nimport mmap, time\nm = mmap.mmap(-1, 2**28)\nfor n in range(0, 2**28, 4096): m[n] = 1\n"
        "time.sleep(1000)\n",  # it goes on with its answer until it is seen to
    )
    room = make(service, f"command:/usr/bin/python3 {hog}", memory_limit=64 * 2**20)
    ended = turn(service, room, "grow")
    assert ended.outcome == Outcome.VIOLATION
    assert ended.entries[-1].content.startswith("ERROR: MEMORY_EXCEEDED")


def test_a_program_that_is_run_for_each_input_answers_one_after_the_other(service):
    room = make(service, "command?mode=exit:wc -w")
    receipts = [service.submit(room, ("x " * n).encode(), source="test") for n in (1, 2, 3)]
    counts = [service.wait(receipt, timeout=30).entries[-1].content.strip() for receipt in receipts]
    assert counts == ["1", "2", "3"]


def test_a_status_that_is_not_0_is_a_failure_of_that_input_alone(service):
    room = make(service, f"command?mode=exit:sh -c {shlex.quote('read x; exit $x')}")
    failed = turn(service, room, "3")
    assert failed.outcome == Outcome.FAILED
    assert "EXIT_STATUS: 3" in failed.entries[-1].content
    assert turn(service, room, "0").outcome == Outcome.SILENT


def test_programs_begin_again_where_they_were_with_another_owner(service, settings, open_service_on):
    room = make(service, "command:sqlite3")
    said(service, room, "create table t(a); insert into t values(20), (22);")
    service.close()
    again = open_service_on(settings)
    assert said(again, room, "select sum(a) from t;") == ["42"]


def test_a_room_is_not_made_of_a_program_that_is_not_there(service):
    with pytest.raises(UsageError, match="no program 'no-such-program' in /usr/local/bin, /usr/bin, /bin"):
        service.create(RoomConfig(entity="command:no-such-program"))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's rooms are nobody's")
def test_a_file_that_root_alone_may_read_is_named_before_there_is_a_room(service, common):
    path = script(common, "read x")
    path.chmod(0o600)
    with pytest.raises(UsageError, match=f"nobody may not read '{path}'"):
        service.create(RoomConfig(entity=f"command:sh {path}"))
    path.chmod(0o644)
    common.chmod(0o700)
    with pytest.raises(UsageError, match="nobody may not read"):
        service.create(RoomConfig(entity=f"command:sh {path}"))
