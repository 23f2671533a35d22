"""`doctor --escape`: nothing gets out, everything ends as it has to, and the suite would notice if it were not so.

By default rows that do not take long are tried, all of them with ROOM_CAMPAIGN=long. They are tried in a process of
their own, as `doctor` does: what the suite says of its host's descriptors is then said of nobody else's.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest
from escape_exe import NOBODY, copy_package, python_for_everybody, run_suite
from room_exe import RoomExe
from support import ROOT, eventually

from backrooms_tui.escape.attempts import BY_DESIGN, ESCAPED, HELD, Attempt
from backrooms_tui.escape.rows import GROUPS, NEED_BASELINE, ROWS

LONG = os.environ.get("ROOM_CAMPAIGN") == "long"
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another user")


def is_quick(row):
    """Whether it neither waits for a second to pass, nor fills or floods anything."""
    return isinstance(row, Attempt) and "1020" not in row.code and row.group not in ("loop", "res")


def some_of(rows, *, each: int):
    """Every so many of them."""
    return list(rows)[:: 1 if LONG else each]


@pytest.fixture(scope="module")
def report():
    return run_suite(() if LONG else [row for row in ROWS if is_quick(row)])


@pytest.fixture(scope="module")
def report_of_an_ordinary_user():
    """The same under a user who is nobody, from a copy that nobody may read."""
    if (python := python_for_everybody()) is None:
        pytest.skip("no Python of this version that an ordinary user may run")
    with tempfile.TemporaryDirectory(prefix="escape-") as place:
        Path(place).chmod(0o755)
        rows = () if LONG else some_of(filter(is_quick, ROWS), each=3)
        yield run_suite(rows, root=copy_package(Path(place) / "copy"), user=NOBODY, python=python)


def outcomes(report, profile):
    tried = [(row, row["profiles"][profile]) for row in report["rows"] if profile in row["profiles"]]
    assert tried
    return tried


def wrong(report):
    """Every row that did not come out as it has to; how quick the neighbour was is for a quiet machine to say."""
    return [
        (row["group"], row["attempt"], trouble)
        for row in report["rows"]
        for trouble in row["troubles"]
        if "NEIGHBOUR" not in trouble
    ]


@pytest.mark.campaign
@pytest.mark.timeout(900)
class TestAsWeAre:
    def test_nothing_escapes(self, report):
        assert report["escaped"] == 0
        assert [row for row, tried in outcomes(report, "HERMETIC") if tried["outcome"] == ESCAPED] == []

    def test_every_attempt_ends_as_it_has_to_and_its_room_goes_on_from_what_it_committed(self, report):
        assert wrong(report) == []

    def test_only_waiting_is_left_to_a_sealed_python_entity(self, report):
        allowed = [row["attempt"] for row, tried in outcomes(report, "HERMETIC") if tried["outcome"] == BY_DESIGN]
        assert allowed == ["what ppoll() leaves of its time", "poll() as a stopwatch"]

    def test_nearly_every_attempt_succeeds_where_nothing_seals_it(self, report):
        tried = [row for row in report["rows"] if row["group"] in NEED_BASELINE and row["unsealed"]["outcome"] != "-"]
        succeeded = [row for row in tried if row["unsealed"]["outcome"] == ESCAPED]
        assert len(succeeded) >= 0.9 * len(tried)

    def test_what_fails_unsealed_is_not_counted_as_proof(self, report):
        failed = [row for row in report["rows"] if row["group"] in NEED_BASELINE and row["unsealed"]["outcome"] == HELD]
        assert all(not row["proves"] for row in failed)

    def test_the_host_has_lost_nothing_by_it(self, report):
        assert report["host"]["descriptors"] == 0
        assert report["host"]["processes"] == 0
        assert report["neighbour"] is None

    def test_programs_are_tried_where_the_system_has_a_python(self, report):
        if "COMMAND" in report["missing"]:
            pytest.skip(report["missing"]["COMMAND"])
        assert len(outcomes(report, "COMMAND")) > 0.9 * len(outcomes(report, "HERMETIC"))


@AS_ROOT
@pytest.mark.campaign
@pytest.mark.timeout(900)
class TestAsAnOrdinaryUser:
    def test_nothing_escapes(self, report_of_an_ordinary_user):
        assert report_of_an_ordinary_user["uid"] == int(NOBODY)
        assert report_of_an_ordinary_user["escaped"] == 0

    def test_every_attempt_ends_as_it_has_to(self, report_of_an_ordinary_user):
        assert wrong(report_of_an_ordinary_user) == []


UNSEALED = {
    "backrooms_tui/entity/seal/hermetic.py": ("    install_filter(bpf.program(os.getpid()))\n", ""),
    "backrooms_tui/entity/seal/landlock.py": ("        call(LANDLOCK_RESTRICT_SELF, made, 0)\n", "        pass\n"),
}
"""What is taken out of the product, to see whether the suite sees it."""


@pytest.fixture
def weakened(tmp_path):
    """A copy of the product whose rooms are not sealed."""
    place = copy_package(tmp_path / "weak")
    for path, (old, new) in UNSEALED.items():
        text = (place / path).read_text()
        assert text.count(old) == 1, path
        (place / path).write_text(text.replace(old, new))
    return place


def test_a_room_that_is_not_sealed_is_found_out(weakened):
    rows = [row for row in ROWS if row.name in ("socketpair", "nice", "memfd_create + write")]
    report = run_suite(rows, root=weakened)
    escaped = {row["attempt"] for row, tried in outcomes(report, "HERMETIC") if tried["outcome"] == ESCAPED}
    assert escaped == {"socketpair", "nice"}  # an anonymous file is held by a limit, too
    assert report["escaped"] == 2
    assert not report["held"]


@pytest.fixture
def few_rows(tmp_path):
    """`room.exe` of a copy that has a dozen rows."""
    place = copy_package(tmp_path / "few")
    rows = place / "backrooms_tui/escape/rows.py"
    rows.write_text(rows.read_text() + "\nROWS = FILES[:12]\n")
    neighbour = place / "backrooms_tui/escape/neighbour.py"
    neighbour.write_text(neighbour.read_text() + "\nFACTOR = 1e6  # for a quiet machine to say\n")
    exe = RoomExe(tmp_path)
    exe.environ["PYTHONPATH"] = str(place)
    return exe


def test_doctor_prints_the_table_and_what_it_came_to(few_rows):
    lines = few_rows.ok("doctor", "--escape")
    head = next(at for at, line in enumerate(lines) if line.startswith("GROUP"))
    assert lines[head].split() == ["GROUP", "ATTEMPT", "UNSEALED", "HERMETIC", "COMMAND"]
    assert lines[head + 1].split()[:5] == ["fs", "read", "another", "room's", "file"]
    assert lines[head + 1].split()[5:7] == [ESCAPED, HELD]
    assert any(line.startswith("ATTEMPTS ") and "ESCAPED 0" in line for line in lines)
    assert lines[-1] == "RESULT: HELD"


def test_doctor_tells_programs_the_same(few_rows):
    told = few_rows.run("doctor", "--escape", "--format", "json").json
    assert told["held"] is True
    assert len(told["rows"]) == 12
    assert told["rows"][0]["profiles"]["HERMETIC"]["expected"] == [HELD]


def test_doctor_fails_where_something_escapes(few_rows, tmp_path):
    seal = tmp_path / "few/backrooms_tui/entity/seal/hermetic.py"
    seal.write_text(seal.read_text().replace(*UNSEALED["backrooms_tui/entity/seal/hermetic.py"]))
    ended = few_rows.run("doctor", "--escape")
    assert ended.status == 1
    assert "RESULT: NOT HELD" in ended.lines
    assert any("HERMETIC: E, not h" in line for line in ended.lines)


def left_behind(token):
    """Processes that were started with the token in their environment."""
    found = []
    for place in Path("/proc").iterdir():
        if place.name.isdigit():
            try:
                if token.encode() in (place / "environ").read_bytes():
                    found.append(int(place.name))
            except OSError:
                continue
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_suite_that_is_stopped_leaves_no_process_and_but_for_sigkill_no_file(tmp_path, number):
    exe = RoomExe(tmp_path)
    exe.environ |= {"TMPDIR": str(tmp_path / "tmp"), "ESCAPE_TEST": str(tmp_path)}
    (tmp_path / "tmp").mkdir()
    with exe.start("doctor", "--escape", stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        while b"fs     list" not in process.stdout.readline():
            assert process.poll() is None
        process.send_signal(number)
        process.communicate(timeout=60)
    assert process.returncode != 0
    eventually(lambda: not left_behind(str(tmp_path)))
    if number != signal.SIGKILL:
        assert list((tmp_path / "tmp").iterdir()) == []


@pytest.mark.terminal
def test_ctrl_c_ends_the_suite_with_a_word(tmp_path):
    with RoomExe(tmp_path).terminal("doctor", "--escape") as terminal:
        terminal.expect("fs     list")
        terminal.type(b"\x03")
        assert terminal.end() == 130
    assert "INTERRUPTED" in terminal.seen
    assert "Traceback" not in terminal.seen


def test_every_row_stands_in_the_documentation():
    text = (ROOT / "docs/ESCAPE.md").read_text()
    missing = [row.name for row in ROWS if f"| {row.group} | {row.name.replace('|', '/')} |" not in text]
    assert missing == []


def test_rows_have_names_of_their_own_and_stand_by_their_groups():
    names = [(row.group, row.name) for row in ROWS]
    assert len(set(names)) == len(names)
    assert list(dict.fromkeys(row.group for row in ROWS)) == [*GROUPS]
