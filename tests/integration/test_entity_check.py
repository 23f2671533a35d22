"""The conformance kit: each thing that an entity can do wrong is found, named, and told with what is right."""

from __future__ import annotations

import pytest
from patient_check import PATIENT, patiently
from room_exe import RoomExe
from sealed_rooms import PATIENCE
from support import ROOT

from backrooms_tui.authoring import trials
from backrooms_tui.authoring.check import entity_line, examine
from backrooms_tui.authoring.findings import FAIL, PASS, WARN
from backrooms_tui.model.errors import UsageError
from backrooms_tui.model.runtimes import parse

READY = """say(type => "ready", v => 1, name => "n", version => "1", interrupt => "frame");"""
ANSWER = """say(type => "output", text => "heard"); say(type => "done", seq => $f->{seq});"""
PROGRAM = """
use JSON::PP;
$| = 1;
my $json = JSON::PP->new->utf8->allow_nonref;
my $count = 0;
sub say { print $json->encode({@_}), "\\n" }
BEGINNING
while (<STDIN>) {
    my $f = $json->decode($_);
    my $type = $f->{type};
    if ($type eq "init") { INIT }
    elsif ($type eq "input") { INPUT }
    elsif ($type eq "shutdown") { SHUTDOWN }
    else { OTHER }
}
"""
PARTS = {"BEGINNING": "", "INIT": READY, "INPUT": ANSWER, "SHUTDOWN": "exit 0", "OTHER": ""}


@pytest.fixture
def patient(monkeypatch):
    """A busy machine makes nobody slow."""
    for name in PATIENT:
        monkeypatch.setattr(trials, name, PATIENCE)


@pytest.fixture
def findings(host, common, patient):
    """Examines a program that is right but for the given parts; gives findings up to one that `stops`. Who is right
    has all the time there is: `start` and `answer` are for who is waited for in vain.
    """

    def examine_it(stops=lambda _: False, *, start=PATIENCE, answer=PATIENCE, **parts):
        text = PROGRAM
        for name, code in (PARTS | parts).items():
            text = text.replace(name, code)
        path = common / "entity.pl"
        path.write_text(text)
        path.chmod(0o644)  # a service that was opened in this process has set a umask
        found = []
        for finding in examine(host, parse(entity_line(f"perl {path}", None)), start=start, answer=answer):
            found.append(finding)
            if stops(finding):
                break
        return found

    return examine_it


def test_an_entity_that_keeps_to_the_protocol_has_nothing_to_be_told(findings):
    assert {finding.level for finding in findings()} == {PASS}


@pytest.mark.parametrize(
    ("parts", "detail"),
    [
        ({"BEGINNING": "print STDERR 'no such file'; exit 3;"}, "It ended before `ready` (EXIT_STATUS: 3)"),
        ({"BEGINNING": "print STDERR 'no such file'; exit 3;"}, "Its last words: no such file"),
        ({"INIT": READY.replace("v => 1", "v => 2")}, "ready: no common version, offered [1]"),
        ({"INIT": READY.replace("v => 1", "v => 2")}, "`ready` carries `v`: 1, a number."),
        ({"INIT": READY.replace("v => 1, ", "")}, "ready: no common version"),
        ({"INIT": READY.replace('version => "1"', "x => 1")}, "ready: version is not text"),
        ({"INIT": READY.replace('"frame"', '"loudly"')}, "`interrupt` of `ready` is frame or signal, or is left out."),
        ({"INIT": ANSWER + READY}, 'output before ready: {"'),
        (
            {"INIT": "print '{type: ready}', \"\\n\";"},
            "not JSON: JSONDecodeError: {type: ready}. A line that begins with",
        ),
        ({"INIT": 'say(type => "hello");'}, "unknown frame type 'hello'"),
        ({"INIT": "say(v => 1);"}, "Each frame has a field `type` that is text."),
    ],
)
def test_what_is_wrong_before_ready_is_told_and_nothing_else_is_tried(findings, parts, detail):
    first, rest = findings(**parts)
    assert (first.level, first.name) == (FAIL, "ready")
    assert detail in first.detail
    assert (rest.level, rest.detail) == (WARN, "not tried")


def test_who_does_not_get_ready_is_not_waited_for_for_ever(findings):
    first, rest = findings(INIT="", start=0.5)
    assert (first.level, first.name) == (FAIL, "ready")
    assert first.detail.startswith("No `ready` within ")
    assert (rest.level, rest.detail) == (WARN, "not tried")


@pytest.mark.parametrize(
    ("parts", "detail"),
    [
        ({"INPUT": 'say(type => "done");'}, "done: seq is not a number"),
        ({"INPUT": 'say(type => "done", seq => ++$count);'}, "done for 1, in flight is 41"),
        ({"INPUT": 'say(type => "done", seq => ++$count);'}, "`done` carries the `seq` of the input that it answers"),
        ({"INPUT": ANSWER + 'say(type => "output", text => "late");'}, "output outside a turn"),
        ({"INPUT": ANSWER + ANSWER}, "Between `done` and the next input only `log` and `terminate` may be said."),
        ({"INPUT": READY}, "`ready` is said once, at the start."),
        ({"INPUT": 'say(type => "output");'}, "output: text is not text"),
        (
            {"INPUT": 'say(type => "output", text => "a", more => JSON::PP::true);' + ANSWER.partition(";")[2]},
            "unfinished",
        ),
        ({"INPUT": 'say(type => "state", value => [1]);'}, "state: value is not an object"),
        ({"INPUT": 'print \'{"type":"observation","text":"","data":NaN}\', "\\n";'}, "NaN is not JSON"),
        ({"INPUT": 'print "x" x 2_000_000, "\\n";'}, "A frame is a line of at most 1048576 bytes."),
        ({"INPUT": "print STDERR 'oh'; exit 4;"}, "It ended in the middle of the turn (EXIT_STATUS: 4)"),
        ({"INPUT": ANSWER + "exit 0;"}, "It ended in the middle of the turn (EXIT_STATUS: 0)"),
        ({"INPUT": 'kill "SEGV", $$; sleep 1;'}, "SIGNAL: SIGSEGV"),
    ],
)
def test_what_is_wrong_with_an_answer_is_told(findings, monkeypatch, parts, detail):
    monkeypatch.setattr(trials, "AFTERWARDS", PATIENCE)  # what it says too much may take its time
    _, second, *_ = findings(**parts)
    assert (second.level, second.name) == (FAIL, "answers")
    assert detail in second.detail


def test_an_answer_without_an_end_is_not_waited_for_for_ever(findings):
    _, second, *_ = findings(INPUT="", answer=0.5)
    assert (second.level, second.name) == (FAIL, "answers")
    assert second.detail.startswith("Input 'hello': No `done` within ")


def test_a_slow_start_is_worth_a_word(findings, monkeypatch):
    monkeypatch.setattr(trials, "SLOW_START", 0.0)
    first, *_ = findings(lambda _: True)
    assert (first.level, first.name) == (WARN, "ready")
    assert first.detail.startswith("n 1, after ")


def test_who_does_not_end_when_it_is_told_to_is_not_waited_for_for_ever(findings, monkeypatch):
    monkeypatch.setattr(trials, "GRACE", 0.5)
    found = findings(lambda finding: finding.name == "shutdown", SHUTDOWN="")
    assert found[-1].level == WARN
    assert found[-1].detail == "it is still there after 0.5 s, and would be killed"


@pytest.mark.parametrize(
    ("parts", "level", "name", "detail"),
    [
        (
            {"BEGINNING": 'print "welcome\\n";'},
            WARN,
            "ready",
            "It prints before it is ready, which is only logged: welcome",
        ),
        (
            {"INPUT": 'say(type => "fail", error => "E", text => "not today", trace => "");'},
            WARN,
            "answers",
            "not today",
        ),
        (
            {"INPUT": 'die "too long" if length($f->{text}) > 60_000;' + ANSWER},
            FAIL,
            "input of 64 KiB",
            "It ended in the middle of the turn (EXIT_STATUS: 255). Its last words: too long",
        ),
        (
            {"INPUT": "die if $f->{text} =~ /\\x01/;" + ANSWER},
            FAIL,
            "input of control characters",
            "It ended in the middle of the turn",
        ),
        (
            {"INPUT": 'say(type => "output", text => "" . ++$count); say(type => "done", seq => $f->{seq});'},
            FAIL,
            "restart",
            "Input 'recall value' after a restart: '1', without one: '4'.",
        ),
        (
            {"INPUT": 'say(type => "output", text => rand() . ""); say(type => "done", seq => $f->{seq});'},
            WARN,
            "restart",
            "The same inputs are not answered alike twice, so this may be well.",
        ),
        (
            {"INPUT": ANSWER.replace(";", "; exit 9 if ++$count > 50;", 1)},
            FAIL,
            "many inputs",
            "Input 51 of 64: It ended in the middle of the turn (EXIT_STATUS: 9)",
        ),
        ({"OTHER": 'die "what is $type?"'}, FAIL, "unknown frames and fields", "Its last words: what is weather?"),
        ({"INPUT": "exit 5 if $f->{attempt} > 1;" + ANSWER}, FAIL, "second attempt", "EXIT_STATUS: 5"),
        ({"INIT": READY.replace(', interrupt => "frame"', "")}, WARN, "interrupt", "`ready` names no way"),
        ({"INIT": READY.replace('"frame"', '"signal"')}, FAIL, "late interrupt", "SIGNAL: SIGINT"),
        ({"SHUTDOWN": "exit 7"}, WARN, "shutdown", "it ends, but not well (EXIT_STATUS: 7)"),
    ],
)
def test_what_else_can_be_wrong_is_found_by_its_own_trial(findings, parts, level, name, detail):
    found = findings(lambda finding: finding.name == name and finding.level == level, **parts)
    assert (found[-1].level, found[-1].name) == (level, name), found
    assert detail in found[-1].detail


def test_an_entity_that_does_not_start_again_fails_the_trial_that_met_it(findings):
    found = findings(
        lambda finding: finding.level == FAIL,
        INIT=f"exit 1 if $f->{{state}}; {READY}",
        INPUT='say(type => "state", set => {a => 1});' + ANSWER,
    )
    assert found[-1].name == "restart"
    assert found[-1].detail == "This time it did not get ready: It ended before `ready` (EXIT_STATUS: 1)"


def test_nothing_that_an_entity_says_reaches_a_terminal_raw(findings):
    found = findings(BEGINNING='print STDERR "\\e]52;c;eA==\\a\\e[2J"; exit 1;')
    assert all(finding.detail.isprintable() for finding in found)


# The line that says what to examine


@pytest.mark.parametrize(
    ("text", "mode", "line"),
    [
        ("perl todo.pl", None, "command?mode=frames:perl todo.pl"),
        ("bc -q", "lines", "command?mode=lines:bc -q"),
        ("command:bc -q", None, "command:bc -q"),
        ("command?children=yes:sh x.sh", "exit", "command?children=yes&mode=exit:sh x.sh"),
        ("python:/x/a.py:Counter", None, "python:/x/a.py:Counter"),
        ("python3", None, "command?mode=frames:python3"),
        ("reference", None, "command?mode=frames:reference"),
    ],
)
def test_the_entity_is_one_as_create_takes_it_or_a_program(text, mode, line):
    assert entity_line(text, mode) == line


@pytest.mark.parametrize("text", ["", "llm:scripted/echo", "command?mode=what:bc", "python:"])
def test_what_cannot_be_examined_is_a_mistake_of_the_words(text):
    with pytest.raises(UsageError):
        entity_line(text, None)


# The command


@pytest.fixture
def room_exe(common):
    return patiently(RoomExe(common))


def test_the_command_prints_a_line_for_each_finding_and_counts_them(room_exe):
    lines = room_exe.ok("entity", "check", f"python:{ROOT}/docs/entities/counter.py")
    assert lines[0].startswith("EXAMINING ENTITY: python:/")
    assert lines[1].startswith("PASS ready: counter 1, after ")
    assert lines[-1] == f"RESULT: {len(lines) - 2} PASS, 0 WARN, 0 FAIL"
    assert not room_exe.rooms.exists()


def test_the_command_fails_with_the_entity_and_tells_programs_too(room_exe, common):
    (common / "deaf.sh").write_text("exit 3\n")
    (common / "deaf.sh").chmod(0o644)
    ended = room_exe.run("entity", "check", "sh ./deaf.sh", "--format", "json")
    assert (ended.status, ended.err) == (1, "")
    assert ended.json["entity"] == f"command?mode=frames:sh {common}/deaf.sh"
    assert not ended.json["conforms"]
    assert ended.json["findings"][0] == {
        "level": "FAIL",
        "name": "ready",
        "detail": "It ended before `ready` (EXIT_STATUS: 3)",
    }


@pytest.mark.parametrize("entity", ["nonsense", "python:./absent.py", "llm:scripted/echo"])
def test_what_is_not_there_is_told_like_any_error(room_exe, entity):
    ended = room_exe.run("entity", "check", entity)
    assert ended.status in (1, 2)
    assert ended.err.startswith("ERROR: ")
    assert "Traceback" not in ended.err
