"""Log lines: the seed's two shapes, what may never stand in them, rotation, and a log that nobody has to wait for."""

import gzip
import json
import subprocess
import sys
import time
from datetime import datetime

import pytest
from support import ROOT, eventually

from backrooms_tui.config.settings import LoggingSettings, RotationSettings
from backrooms_tui.observability.lines import LONGEST, Level, as_json, as_text
from backrooms_tui.observability.log_file import DAY, LogFile
from backrooms_tui.observability.logs import Log, LogPlan, planned

ROOM = "a3f7c8d2e9b1f4a6c8e2d5b7f9a3c6e8d1b4f7a9c2e5d8b1f4a7c9e2d5b8f1a4"


@pytest.fixture(autouse=True)
def all_is_written(monkeypatch):
    """Who reads a log that is closed waits until all of it is there, however slow the machine is."""
    monkeypatch.setattr("backrooms_tui.observability.logs.CLOSING_SECONDS", 60.0)


def at(text):
    return int(datetime.fromisoformat(text).timestamp() * 1000) * 1_000_000


def seed_lines():
    text = (ROOT / "tests/conformance/seed_000.md").read_text()
    start = text.index("The system emits structured logs to stderr:")
    return text[start:].split("```")[1].strip().splitlines()


SAID = [
    (Level.INFO, "room.exe starting", {"version": "2.1.0"}),
    (Level.INFO, "persistence", {"backend": "FILESYSTEM", "path": "/var/lib/room.exe/rooms"}),
    (Level.INFO, "loaded rooms", {"count": 3}),
    (Level.DEBUG, "room", {"id": ROOM, "state": "ACTIVE"}),
    (Level.DEBUG, "entity processed input", {"room_id": ROOM, "bytes": 42, "duration_ms": 352}),
    (Level.DEBUG, "entity emitted output", {"room_id": ROOM, "bytes": 128}),
    (Level.DEBUG, "state persisted", {"room_id": ROOM, "duration": 0.0012}),
]


def test_text_lines_are_the_seeds_by_letter():
    seed = seed_lines()
    made = [as_text(at(line.split()[0]), *said) for line, said in zip(seed, SAID, strict=True)]
    assert made == seed


def test_a_json_line_is_the_seeds_object_in_its_order():
    text = (ROOT / "tests/conformance/seed_000.md").read_text()
    example = text[text.index("### Log Configuration") :].split("```")[3].removeprefix("json\n")
    line = as_json(at("2026-01-08T12:35:02.104Z"), *SAID[4])
    assert "\n" not in line
    assert list(json.loads(line).items()) == list(json.loads(example).items())


def test_a_duration_is_seconds_in_text_and_milliseconds_in_json():
    assert as_text(0, Level.DEBUG, "x", {"duration": 1.3334}).endswith(" x duration=1.333s")
    assert json.loads(as_json(0, Level.DEBUG, "x", {"duration": 0.0004321}))["duration_ms"] == 0.432


HARMFUL = ["\x1b]52;c;eA==\x07", "a\nb", "\r\x08", "\x9b31m", "\u202e", "\x7f", "\u2028", "\ud800", 'a"b\\', "\0"]


@pytest.mark.parametrize("shape", [as_text, as_json])
@pytest.mark.parametrize("text", HARMFUL)
def test_no_line_holds_a_byte_that_a_terminal_or_a_reader_of_lines_acts_on(shape, text):
    for line in (shape(0, Level.WARN, text, {"field": text}), shape(0, Level.WARN, "m", {"deep": [text, {text: 1}]})):
        assert all(" " <= char <= "~" for char in line)


def test_what_is_escaped_in_a_line_can_be_read_back_exactly():
    for text in HARMFUL:
        assert json.loads(as_json(0, Level.WARN, "m", {"field": text}))["field"] == text
        assert json.loads(as_text(0, Level.WARN, "m", {"field": text + " "}).partition("field=")[2]) == text + " "


def test_a_long_value_is_cut():
    assert len(as_text(0, Level.WARN, "m", {"field": "x" * 10_000_000})) < LONGEST + 200
    assert len(as_json(0, Level.WARN, "m", {"field": "x" * 10_000_000})) < LONGEST + 200


def test_a_value_that_json_does_not_know_is_written_as_text(tmp_path):
    lines = logged(tmp_path, lambda log: log.line(Level.INFO, "m", path=tmp_path, odd={1, 2}.__class__))
    assert str(tmp_path) in lines[0]


def logged(tmp_path, say, **plan):
    path = tmp_path / "room.log"
    log = Log(LogPlan(**{"shape": "text", "output": path} | plan))
    say(log)
    log.close()
    return path.read_text().splitlines()


@pytest.mark.parametrize("level", Level)
def test_what_is_graver_than_the_level_is_written_and_nothing_else(tmp_path, level):
    lines = logged(tmp_path, lambda log: [log.line(each, "m") for each in Level], level=level)
    assert [line.split()[1] for line in lines] == [f"[{each.name}]" for each in Level if each <= level]


def test_a_level_and_a_shape_change_between_two_lines(tmp_path):
    path = tmp_path / "room.log"
    log = Log(LogPlan(Level.INFO, "text", path))
    log.line(Level.DEBUG, "one")
    log.line(Level.INFO, "two")
    log.apply(LogPlan(Level.DEBUG, "json", path))
    log.line(Level.DEBUG, "three")
    log.close()
    two, three = path.read_text().splitlines()
    assert two.endswith("[INFO] two")
    assert json.loads(three)["message"] == "three"


def test_a_secret_is_hidden_wherever_it_stands(tmp_path):
    secret = 'pass"w\u00f6rd'

    def say(log):
        log.hide(secret)
        log.hide(None)
        log.line(Level.ERROR, f"cannot reach redis://:{secret}@host", reason=[secret])

    for shape in ("text", "json"):
        (line,) = logged(tmp_path / shape, say, shape=shape)
        assert "pass" not in line
        assert "rd" not in line
        assert line.count("***") == 2


def test_a_log_file_and_its_directory_are_private(tmp_path):
    logged(tmp_path / "new" / "deep", lambda log: log.line(Level.ERROR, "m"))
    assert (tmp_path / "new" / "deep" / "room.log").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700


def test_a_log_file_that_cannot_be_opened_is_told_on_stderr(tmp_path, capfd):
    (tmp_path / "link").symlink_to("/etc/passwd")
    log = Log(LogPlan(shape="text", output=tmp_path / "link"))
    log.line(Level.INFO, "still here")
    log.close()
    first, second = capfd.readouterr().err.splitlines()
    assert "[ERROR] log file cannot be opened" in first
    assert second.endswith("[INFO] still here")


def rotated(folder):
    return sorted(path for path in folder.iterdir() if path.is_file() and path.name != "room.log")


def text_of(path):
    return gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text()


def read_all(folder):
    """Every line of every file, in the order of the files' names, the current one last."""
    return "".join(text_of(path) for path in [*rotated(folder), folder / "room.log"]).splitlines()


def test_a_file_is_rotated_by_size_compressed_and_loses_no_line(tmp_path):
    plan = planned(
        LoggingSettings(format="text", output=str(tmp_path / "room.log"), rotation=RotationSettings(max_size="8KB"))
    )
    log = Log(plan)
    for n in range(2_000):
        log.line(Level.INFO, "m", n=n)
        if n % 200 == 0:
            eventually(lambda: not log._waiting)
    eventually(lambda: not log._waiting)
    log.close()
    log = Log(plan)  # what a stop kept from being compressed is compressed by the next start
    eventually(lambda: all(path.suffix == ".gz" for path in rotated(tmp_path)))
    log.close()
    assert [int(line.rpartition("=")[2]) for line in read_all(tmp_path)] == list(range(2_000))
    assert len(rotated(tmp_path)) > 5
    for path in rotated(tmp_path):
        assert path.stat().st_mode & 0o777 == 0o600
        assert len(gzip.decompress(path.read_bytes())) <= 8 * 1024


def test_a_file_is_rotated_when_its_first_line_is_old(tmp_path):
    old = as_text(time.time_ns() - 8 * DAY * 10**9, Level.INFO, "old", {})
    (tmp_path / "room.log").write_text(old + "\n")
    (tmp_path / "room.log").chmod(0o600)
    assert logged(tmp_path, lambda log: log.line(Level.INFO, "new"))[0].endswith("new")
    assert len(rotated(tmp_path)) == 1


def test_rotated_files_go_when_they_are_old_and_other_files_never(tmp_path):
    names = {
        "room.log-20200101T000000.000Z.gz": False,
        "room.log-20200101T000000.000Z": False,
        f"room.log-{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}.000Z.gz": True,
        "room.log-20200101": True,
        "room.log.1": True,
        "other.log-20200101T000000.000Z.gz": True,
    }
    for name in names:
        (tmp_path / name).write_bytes(b"")
        (tmp_path / name).chmod(0o600)
    log = LogFile(tmp_path / "room.log", max_size=4096, max_age=7, compress=True)
    eventually(lambda: {path.name for path in rotated(tmp_path)} == {name for name, stays in names.items() if stays})
    log.close()


def test_without_rotation_a_file_grows(tmp_path):
    logged(
        tmp_path,
        lambda log: [log.line(Level.INFO, "x" * 1000) for _ in range(100)],
        rotation=RotationSettings(enabled=False, max_size="4KB"),
    )
    assert (tmp_path / "room.log").stat().st_size > 100_000
    assert not rotated(tmp_path)


def test_a_file_that_somebody_has_moved_away_is_made_anew(tmp_path):
    path = tmp_path / "room.log"
    log = LogFile(path, max_size=None, max_age=7, compress=True)
    log.write([b"one\n"])
    path.rename(tmp_path / "room.log.1")
    log.write([b"two\n"])
    log.close()
    assert path.read_text() == "two\n"


WRITER = """
import sys
from pathlib import Path
from backrooms_tui.observability.log_file import LogFile
log = LogFile(Path(sys.argv[1]), max_size=8192, max_age=7, compress=False)
for n in range(1500):
    log.write([f"{sys.argv[2]} {n}\\n".encode()])
log.close()
"""


def test_two_processes_rotate_one_file_and_lose_no_line(tmp_path):
    words = [sys.executable, "-c", WRITER, str(tmp_path / "room.log")]
    writers = [subprocess.Popen([*words, name], cwd=ROOT) for name in "AB"]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    lines = read_all(tmp_path)
    for name in "AB":
        assert [line for line in lines if line.startswith(name)] == [f"{name} {n}" for n in range(1500)]


STALLED = """
import os, sys, time
from backrooms_tui.observability.lines import Level
from backrooms_tui.observability.logs import Log, LogPlan
log = Log(LogPlan(shape="text"))
for n in range(40_000):
    log.line(Level.INFO, "m" * 100)
print(log.lost, flush=True)
sys.stdin.readline()
while log._waiting or log._untold:
    log.line(Level.INFO, "again")
    time.sleep(0.01)
log.close()
print(log.lost, flush=True)
"""


def test_a_reader_that_reads_nothing_costs_lines_and_holds_nobody_up():
    with subprocess.Popen(
        [sys.executable, "-c", STALLED], cwd=ROOT, stdin=-1, stdout=-1, stderr=-1, text=True
    ) as program:
        assert int(program.stdout.readline()) > 20_000  # the others wait, or are in the pipe, which may be a large one
        program.stdin.write("\n")
        program.stdin.flush()
        lines = program.stderr.read().splitlines()
        told = [int(line.rpartition("=")[2]) for line in lines if "log lines lost" in line]
        assert sum(told) == int(program.stdout.readline())
        assert all(line.startswith("20") for line in lines)


def test_closing_a_log_that_nobody_reads_ends_soon():
    script = STALLED.replace("sys.stdin.readline()", "log.close(); os._exit(0)")
    with subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=-1, stderr=-1) as program:
        assert program.wait(60) == 0


def test_nothing_of_the_standard_librarys_logging_is_loaded():
    script = "import sys, backrooms_tui.observability.logs; print('logging' in sys.modules)"
    assert (
        subprocess.check_output(
            [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r}); {script}"]
        )
        == b"False\n"
    )


def test_a_write_that_fails_is_told_when_writing_works_again(tmp_path):
    """RLIMIT_FSIZE stands for a full disk: the kernel refuses what goes beyond it."""
    path = tmp_path / "room.log"
    script = f"""
import resource
from pathlib import Path
from backrooms_tui.observability.lines import Level
from backrooms_tui.observability.logs import Log, LogPlan
from backrooms_tui.config.settings import RotationSettings
log = Log(LogPlan(shape="text", output=Path({str(path)!r}), rotation=RotationSettings(enabled=False)))
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
for n in range(100):
    log.line(Level.INFO, "x" * 100)
while log._waiting: pass
while not log.lost: pass
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
log.line(Level.INFO, "well again")
log.close()
"""
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True, timeout=60)
    assert "well again" in path.read_text()
    assert "log lines lost count=" in path.read_text()
