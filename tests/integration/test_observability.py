"""A watched owner: what its rooms do arrives in the log, on the metrics page and at the collector; words do not."""

import fcntl
import json
import re
import signal
import socket
import subprocess
import threading
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest
from otlp_receiver import OtlpReceiver
from ports import kept_port
from prometheus_client.parser import text_string_to_metric_families
from room_exe import RoomExe, end
from support import ROOT, eventually

from backrooms_tui import observability
from backrooms_tui.config.settings import (
    LimitSettings,
    LoggingSettings,
    PersistenceSettings,
    Settings,
    TracingSettings,
)
from backrooms_tui.entity.host import ZygoteHost
from backrooms_tui.entity.sources import ALONE, Module, Sources
from backrooms_tui.model.errors import BackroomsError, QueueFull
from backrooms_tui.model.room import RoomConfig
from backrooms_tui.model.runtimes import Runtime
from backrooms_tui.model.value import changed
from backrooms_tui.observability.watch import command_settings
from backrooms_tui.service import open_service


@pytest.fixture
def room_exe(tmp_path):
    return RoomExe(tmp_path)


@pytest.fixture(autouse=True)
def all_is_written(monkeypatch):
    """Who reads what a watch has left behind waits until it is there, however slow the machine is."""
    monkeypatch.setattr("backrooms_tui.observability.logs.CLOSING_SECONDS", 60.0)
    monkeypatch.setattr("backrooms_tui.observability.tracing.CLOSING_SECONDS", 60.0)


@pytest.fixture
def settings(tmp_path):
    return Settings(
        persistence=PersistenceSettings(path=str(tmp_path / "rooms"), password="canary-password"),
        logging=LoggingSettings(level="TRACE", format="json", output=str(tmp_path / "room.log")),
    )


class Owner:
    """A service with everything that watches it."""

    def __init__(self, settings):
        self.watch = observability.start(settings)
        self.service = open_service(settings, telemetry=self.watch.telemetry)
        self.watch.attach(self.service, connections=lambda: 2)
        self._log = Path(settings.logging.output)

    def close(self):
        self.service.close()
        self.watch.close()

    def room(self, **config):
        return self.service.create(RoomConfig(**config)).record.id

    def say(self, room_id, text, **options):
        result = self.service.wait(self.service.submit(room_id, text.encode(), source="test", **options), 60)
        assert result is not None
        return result

    def logged(self):
        """What stands in the log so far; a line that is being written does not yet."""
        lines = self._log.read_text("ascii").splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def lines(self, message):
        return [line for line in self.logged() if line["message"] == message]

    def figures(self):
        """Every sample of the page by its name and labels."""
        families = text_string_to_metric_families(self.watch.render_metrics(age=0).decode())
        return {
            f"{sample.name}{''.join(sorted(sample.labels.values()))}": sample.value
            for family in families
            for sample in family.samples
        }


@contextmanager
def owning(settings):
    owner = Owner(settings)
    try:
        yield owner
    finally:
        owner.close()


def test_an_input_is_logged_as_in_the_seed(settings):
    with owning(settings) as owner:
        room_id = owner.room()
        owner.say(room_id, "initialize counter at 0")
        eventually(lambda: owner.lines("state persisted"))
        (processed,) = owner.lines("entity processed input")
        (emitted,) = owner.lines("entity emitted output")
        assert list(processed) == ["timestamp", "level", "message", "room_id", "bytes", "duration_ms"]
        assert (processed["level"], processed["room_id"], processed["bytes"]) == ("DEBUG", room_id, 23)
        assert emitted["bytes"] == len("Counter initialized.")
        assert [line["message"] for line in owner.logged()[:3]] == ["room.exe starting", "persistence", "loaded rooms"]


def test_the_timings_of_an_input_are_logged_as_in_the_seed_and_add_up(settings, tmp_path):
    source = (ROOT / "tests/conformance/seed_000.md").read_text()
    seed = source[source.index("### Input Latency Metrics") :].split("```")[1].strip().splitlines()
    with owning(changed(settings, logging=changed(settings.logging, format="text"))) as owner:
        owner.say(owner.room(), "work for 1 seconds")
    lines = [
        line.split("[TRACE] ")[1] for line in (tmp_path / "room.log").read_text().splitlines() if "[TRACE]" in line
    ]
    lines = lines[lines.index(next(line for line in lines if line.startswith("INPUT_RECEIVED"))) :]
    assert [re.sub(r"\d+", "N", line) for line in lines[: len(seed)]] == [re.sub(r"\d+", "N", line) for line in seed]
    received, queued, started, completed, total = (float(re.search(r"\d+\.\d+", line)[0]) for line in lines[:5])
    assert abs(started - received - queued) < 0.002
    assert abs(completed - received - total) < 0.002
    assert 1.0 <= completed - started < 30.0


def test_deaths_and_deadlines_of_entities_are_warnings_and_errors_with_their_room(settings):
    with owning(settings) as owner:
        room_id = owner.room()
        owner.say(room_id, "drill loop", timeout=0.3)
        owner.say(room_id, "drill crash")
        eventually(lambda: owner.lines("ENTITY_CRASHED SIGNAL: SIGSEGV"))
        (timeout,) = owner.lines("ENTITY_TIMEOUT AFTER 0.3s")
        (crash,) = owner.lines("ENTITY_CRASHED SIGNAL: SIGSEGV")
        assert (timeout["level"], timeout["room_id"]) == ("WARN", room_id)
        assert (crash["level"], crash["room_id"]) == ("ERROR", room_id)


def test_what_a_room_asked_of_its_host_is_counted_and_logged_without_a_word_of_it(settings):
    with owning(settings) as owner:
        room_id = owner.room(entity="llm:scripted/echo@1000")
        owner.say(room_id, "a canary of words")
        eventually(lambda: owner.lines("entity call"))
        (call,) = owner.lines("entity call")
        figures = owner.figures()
        assert (call["room_id"], call["call"], call["outcome"]) == (room_id, "model", "OK")
        assert figures["entity_call_totalOK"] == figures["entity_call_seconds_count"] == 1
        assert figures["entity_call_tokens_total"] == call["tokens"] > 4
        assert "canary" not in json.dumps(call)


WORDY = """
from backrooms_tui.entity.base import Entity

class Wordy(Entity):
    "Says a canary in every way there is, and sends a terminal's control bytes with it."
    def on_input(self, text):
        self.output("canary-output \\x1b]52;c;eA==\\x07")
        self.observe("canary-observation")
        self._send({"type": "log", "level": "canary", "text": "canary-log \\x1b[2J \\u202e"})
        if text == "break":
            self._send({"type": "canary-frame"})
        raise RuntimeError("canary-failure")
"""
STILLBORN = """
from backrooms_tui.entity.base import Entity

class Stillborn(Entity):
    def __init__(self, **given):
        raise RuntimeError("canary-init")
"""


@pytest.fixture
def entities_of(monkeypatch):
    """Has rooms' entities be of other source than the reference entity's."""

    spawn = ZygoteHost.spawn

    def change(source):
        def of_source(self, spec, **given):
            sources = Sources(((ALONE, Module("entity.py", source)),), ALONE)
            return spawn(self, changed(spec, runtime=Runtime("python"), sources=sources), **given)

        monkeypatch.setattr(ZygoteHost, "spawn", of_source)

    return change


@pytest.mark.parametrize("level", ["ERROR", "WARN", "INFO"])
def test_no_word_of_people_or_entities_is_logged_above_debug(settings, entities_of, level, tmp_path):
    settings = changed(settings, logging=changed(settings.logging, level=level))
    with owning(settings) as owner:
        entities_of(WORDY)
        wordy = owner.room()
        owner.say(wordy, "canary-input")
        owner.say(wordy, "break")
        entities_of(STILLBORN)
        with pytest.raises(BackroomsError):
            owner.service.await_entity(owner.room(), 60)
        with pytest.raises(BackroomsError):
            owner.service.submit(wordy, b"canary \xff", source="canary-source")
    log = tmp_path / "room.log"
    assert "canary" not in (log.read_text() if log.exists() else "")
    told = {line["message"] for line in owner.logged()} if log.exists() else set()
    assert ("PROTOCOL_VIOLATION" in told) is (level != "ERROR")
    assert "ENTITY_INIT_FAILED" in told


def test_what_an_entity_logs_is_in_the_debug_log_escaped_and_what_people_type_is_nowhere(
    settings, entities_of, tmp_path
):
    entities_of(WORDY)
    with owning(settings) as owner:
        owner.say(owner.room(), "canary-input")
        eventually(lambda: owner.lines("entity log"))
        (line,) = owner.lines("entity log")
        assert (line["level"], line["entity_level"], line["text"]) == ("DEBUG", "canary", "canary-log \x1b[2J \u202e")
    data = (tmp_path / "room.log").read_bytes()
    assert all(byte == 0x0A or 0x20 <= byte < 0x7F for byte in data)
    assert b"canary-input" not in data
    assert b"canary-password" not in data


def test_the_metrics_page_counts_what_happened_and_promtool_takes_it(settings, need_tool):
    settings = changed(settings, limits=LimitSettings(input_queue_depth=1))
    with owning(settings) as owner:
        rooms = [owner.room() for _ in range(3)]
        for room_id in rooms:
            owner.say(room_id, "initialize counter at 0")
        owner.say(rooms[0], "drill crash")
        owner.service.suspend(rooms[2], by="test")
        memory = sum(view.record.memory_usage for view in owner.service.rooms())
        assert owner.figures()["room_memory_bytes"] == memory
        owner.service.submit(rooms[1], b"work for 90 seconds", source="test", timeout=100)
        eventually(lambda: owner.service.room(rooms[1]).running)
        owner.service.submit(rooms[1], b"valid input", source="test")
        with pytest.raises(QueueFull):
            owner.service.submit(rooms[1], b"valid input", source="test")
        # The one that crashed has a successor, the one that is suspended has none.
        owner.service.await_entity(rooms[0], 60)
        eventually(lambda: owner.service.status().live_entities == 2)
        busy = owner.figures()
        page = owner.watch.render_metrics(age=0)
    expected = {
        "room_total": 3,
        "room_active": 2,
        "entity_input_total": 4,
        "entity_latency_seconds_count": 4,
        "entity_outcome_totalCRASH": 1,
        "entity_outcome_totalOUTPUT": 3,
        "input_refused_totalQUEUE_FULL": 1,
        "room_stateSUSPENDED": 1,
        "room_queue_depth": 1,
        "room_queue_depth_max": 1,
        "room_running": 1,
        "entity_live": 2,
        "daemon_connections": 2,
        "store_read_only": 0,
        "telemetry_fault_total": 0,
        "log_lines_lost_total": 0,
    }
    assert {name: busy[name] for name in expected} == expected
    assert busy["persistence_commit_seconds_count"] >= 8
    assert busy["process_resident_memory_bytes"] > 10_000_000
    told = subprocess.run([need_tool("promtool"), "check", "metrics"], input=page, capture_output=True, check=False)
    assert told.stderr.splitlines() == [b'room_total non-counter metrics should not have "_total" suffix']


def test_whoever_asks_for_the_page_without_end_gets_the_same_one(settings):
    with owning(settings) as owner:
        pages = {owner.watch.render_metrics(age=3600)}
        owner.room()
        pages |= {owner.watch.render_metrics(age=3600) for _ in range(1000)}
        assert len(pages) == 1
        assert b"room_total 1\n" in owner.watch.render_metrics(age=0)


def test_pages_can_be_read_while_rooms_are_at_work(settings):
    with owning(settings) as owner:
        rooms = [owner.room() for _ in range(8)]
        done = threading.Event()
        pages = []

        def read():
            while not done.is_set():
                pages.append(owner.figures()["entity_input_total"])

        readers = [threading.Thread(target=read) for _ in range(2)]
        for reader in readers:
            reader.start()
        rounds = 0
        while rounds < 10 or len(pages) < 3:
            rounds += 1
            for room_id in rooms:
                owner.say(room_id, "increment counter")
        done.set()
        for reader in readers:
            reader.join()
        assert owner.figures()["entity_input_total"] == 8 * rounds
        assert owner.figures()["telemetry_fault_total"] == 0


def test_the_five_spans_of_real_work_arrive_at_a_collector(settings):
    with OtlpReceiver() as receiver:
        tracing = TracingSettings(enabled=True, exporter="otlp", endpoint=f"http://127.0.0.1:{receiver.port}/v1/traces")
        with owning(changed(settings, tracing=tracing)) as owner:
            owner.say(owner.room(), "initialize counter at 0")
        assert {span.name for span in receiver.spans} == {
            "room creation",
            "entity initialization",
            "input processing",
            "output generation",
            "persistence operations",
        }
        (whole,) = receiver.named("input processing")
        inside = [span for span in receiver.spans if span.parent == whole.id]
        assert len(inside) == 4
        assert all(whole.began <= span.began <= span.ended <= whole.ended for span in inside)
        assert "Counter" not in repr(receiver.spans)


def test_settings_change_while_rooms_are_at_work_and_the_change_is_told(settings, tmp_path):
    with owning(changed(settings, logging=changed(settings.logging, level="INFO"))) as owner:
        room_id = owner.room()
        owner.say(room_id, "increment counter")
        louder = changed(settings, logging=changed(settings.logging, level="DEBUG"))
        assert owner.watch.reload(louder) == ("logging.level: INFO -> DEBUG",)
        owner.say(room_id, "increment counter")
        eventually(lambda: owner.lines("state persisted"))
        assert len(owner.lines("entity processed input")) == 1
        (tmp_path / "room.log").rename(tmp_path / "room.log.1")  # as logrotate does before it sends SIGHUP
        assert owner.watch.reload(louder) == ()
        owner.say(room_id, "increment counter")
        eventually(lambda: (tmp_path / "room.log").exists() and owner.lines("state persisted"))


def test_spans_begin_and_end_with_a_reload(settings):
    with OtlpReceiver() as receiver, owning(settings) as owner:
        endpoint = f"http://operator:canary@127.0.0.1:{receiver.port}/v1/traces"
        traced = changed(settings, tracing=TracingSettings(enabled=True, exporter="otlp", endpoint=endpoint))
        differences = owner.watch.reload(traced)
        assert "tracing.enabled: False -> True" in differences
        assert "canary" not in repr(differences)
        owner.say(owner.room(), "increment counter")
        owner.watch.reload(settings)
        sent = len(receiver.named("input processing"))
        owner.say(owner.room(), "increment counter")
    assert (sent, len(receiver.named("input processing"))) == (1, 1)


# The documentation.

DOCS = (ROOT / "docs/OBSERVABILITY.md").read_text()


def test_every_family_of_the_page_is_in_the_documentation_with_its_kind(settings):
    tracing = TracingSettings(enabled=True, exporter="otlp", endpoint="http://127.0.0.1:1/v1/traces")
    with owning(changed(settings, tracing=tracing)) as owner:
        page = owner.watch.render_metrics(age=0).decode()
    told = re.findall(r"^\| `([a-z_]+)` \| (gauge|counter|histogram) \|", DOCS, re.MULTILINE)
    assert told == re.findall(r"^# TYPE (\S+) (\S+)$", page, re.MULTILINE)


def test_promtool_takes_the_alerts_of_the_documentation(tmp_path, need_tool):
    rules = tmp_path / "rules.yml"
    rules.write_text(DOCS.split("```yaml\n")[1].split("```")[0])
    told = subprocess.run([need_tool("promtool"), "check", "rules", str(rules)], capture_output=True, check=False)
    assert (told.returncode, b"9 rules found" in told.stdout) == (0, True), told.stderr


def test_every_name_in_an_alert_of_the_documentation_is_one_of_the_page(settings):
    with owning(settings) as owner:
        page = owner.watch.render_metrics(age=0).decode()
    used = re.findall(r"\b([a-z]+(?:_[a-z]+)+)\b(?=[\[{ ])", DOCS.split("```yaml\n")[1].split("```")[0])
    names = {name.split("{")[0] for name in re.findall(r"^(\w+)", page, re.MULTILINE)}
    assert {name for name in used if name != "histogram_quantile"} <= names
    assert len(used) >= 8


# Commands.

STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


def test_verbose_logs_on_stderr_in_the_seeds_words_and_says_the_same_on_stdout(room_exe):
    ended = room_exe.run("create", "--verbose")
    assert ended.status == 0
    assert ended.out.startswith("ROOM CREATED: ")
    lines = ended.err.splitlines()
    for line, pattern in zip(
        lines,
        [
            r"\[INFO\] room\.exe starting version=\S+",
            rf"\[INFO\] persistence backend=LEVELDB path={re.escape(str(room_exe.rooms))}",
            r"\[INFO\] loaded rooms count=0",
            r"\[DEBUG\] room id=[0-9a-f]{8}\.\.\. state=ACTIVE",
        ],
        strict=False,
    ):
        assert re.fullmatch(f"{STAMP} {pattern}", line), line
    assert any(line.endswith("[INFO] room.exe stopped") for line in lines)


def test_a_list_may_be_verbose(room_exe):
    room_id = room_exe.create()
    ended = room_exe.run("list", "--verbose")
    assert room_id in ended.out
    assert "[INFO] loaded rooms count=1" in ended.err


def configure(room_exe, **logging):
    path = room_exe.home / "config.json"
    path.write_text(json.dumps({"logging": logging}))
    return path


def test_a_session_is_quiet_whatever_the_files_say_for_the_daemon(room_exe):
    path = configure(room_exe, level="TRACE", format="json", output="stderr")
    room_exe.ok("create", "--config", str(path))


def test_a_variable_asks_for_one_runs_log(room_exe):
    room_exe.environ |= {"ROOM_LOGGING_LEVEL": "TRACE", "ROOM_LOGGING_FORMAT": "json"}
    lines = [json.loads(line) for line in room_exe.run("create").err.splitlines()]
    assert {line["level"] for line in lines} == {"INFO", "DEBUG", "TRACE"}


def test_a_log_file_is_written_by_commands_too_and_is_private(room_exe):
    place = room_exe.home / "logs" / "room.log"
    path = configure(room_exe, level="INFO", output=str(place))
    room_exe.ok("create", "--config", str(path))
    assert [json.loads(line)["message"] for line in place.read_text().splitlines()][-2:] == [
        "room created",
        "room.exe stopped",
    ]
    assert place.stat().st_mode & 0o777 == 0o600


def test_the_screen_of_a_console_is_never_logged_to(tmp_path):
    settings = Settings(sources={"logging.level": "--verbose"})
    assert command_settings(settings, asked=True, screen=True).logging.output.endswith("/console.log")
    assert command_settings(settings, asked=True, screen=False).logging.output == "stderr"


@pytest.mark.parametrize("command", ["create", "list", "version"])
def test_a_command_that_nobody_watches_loads_nothing_for_it(room_exe, command):
    room_exe.environ["PYTHONPROFILEIMPORTTIME"] = "1"
    loaded = room_exe.run(command).err
    assert "backrooms_tui.cli.program" in loaded
    for module in ("observability.watch", "opentelemetry", "prometheus_client", " logging\n"):
        assert module not in loaded


def test_a_daemon_whose_watchers_all_hang_works_on_and_ends_in_time(room_exe):
    """Nobody reads its stderr, its collector never answers, its pages are asked for and not taken."""
    with socket.create_server(("127.0.0.1", 0)) as deaf, ExitStack() as stack:
        page, bind = (f"127.0.0.1:{stack.enter_context(kept_port())}" for _ in range(2))
        room_exe.environ |= {
            "ROOM_LOGGING_LEVEL": "TRACE",
            "ROOM_TRACING_ENABLED": "true",
            "ROOM_TRACING_EXPORTER": "otlp",
            "ROOM_TRACING_ENDPOINT": f"http://127.0.0.1:{deaf.getsockname()[1]}/v1/traces",
            "ROOM_METRICS_ENABLED": "true",
            "ROOM_METRICS_BIND": page,
            "ROOM_DAEMON_BIND": bind,
        }
        daemon = stack.enter_context(room_exe.start("daemon", start_new_session=True))
        stack.callback(end, daemon)
        while b"READY" not in (line := daemon.stdout.readline()):
            assert line, daemon.stderr.read()
        for _ in range(31):
            connection = stack.enter_context(socket.create_connection(page.split(":")))
            connection.sendall(b"GET /metrics HTTP/1.1\r\n")
        for name in [name for name in room_exe.environ if name.startswith("ROOM_LOGGING")]:
            del room_exe.environ[name]
        room_id = room_exe.create()
        lines = room_exe.ok("enter", room_id, typed="initialize counter at 0\n" + "increment counter\n" * 300)
        assert lines[-3] == "ENTITY: Counter: 300"
        figures = urlopen(f"http://{page}/metrics", timeout=10).read().decode()
        assert "entity_input_total 301" in figures
        held = fcntl.fcntl(daemon.stderr, fcntl.F_GETPIPE_SZ)
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(30) == 0
        assert len(daemon.stderr.read()) <= held, "the log was not held up"
