"""The report of a death: the kernel's facts, and the entity's own account of its stack."""

from __future__ import annotations

import signal
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from backrooms_tui.entity.crash import MAX_FRAMES, report_lines
from backrooms_tui.entity.process import ExitReport

STACK = """Fatal Python error: Segmentation fault

Current thread 0x00007f0000000000 (most recent call first):
  File "/usr/lib/python3.11/ctypes/__init__.py", line 519 in string_at
  File "entity.py", line 3 in on_input
  File "/opt/lib/backrooms_tui/entity/inside/runtime.py", line 90 in _turn
  File "/opt/lib/backrooms_tui/entity/zygote/child.py", line 50 in live
"""


def report(*, number=None, status=None, stack="", **known) -> ExitReport:
    return ExitReport(pid=1, signal=number, status=status, killed_by_host=False, stack=stack, **known)


def test_a_fault_with_its_address_and_stack():
    assert report_lines(report(number=signal.SIGSEGV, stack=STACK, address=0x7F3C4A2B1000)) == [
        "FATAL: ENTITY_CRASHED",
        "SIGNAL: SIGSEGV",
        "ADDRESS: 0x00007f3c4a2b1000",
        "STACK TRACE:",
        "  #0 string_at (__init__.py:519)",
        "  #1 on_input (entity.py:3)",
        "  (as reported by the entity)",
    ]


def test_the_frame_that_the_kernel_tells_is_first_and_marked():
    known = {"number": signal.SIGSEGV, "address": 0, "frame0": "libc.so.6+0x156219"}
    assert report_lines(report(stack=STACK, **known))[3:] == [
        "STACK TRACE:",
        "  #0 libc.so.6+0x156219 (by the kernel)",
        "  #1 string_at (__init__.py:519)",
        "  #2 on_input (entity.py:3)",
        "  (from #1 on as reported by the entity)",
    ]
    assert report_lines(report(**known))[3:] == ["STACK TRACE:", "  #0 libc.so.6+0x156219 (by the kernel)"]


def test_a_fault_whose_address_the_kernel_did_not_tell_says_so():
    assert report_lines(report(number=signal.SIGSEGV))[2:] == ["ADDRESS: UNAVAILABLE", "STACK TRACE: NONE"]


def test_a_death_without_a_fault_has_no_address():
    assert report_lines(report(number=signal.SIGKILL))[1:3] == ["SIGNAL: SIGKILL", "ADDRESS: NONE"]
    assert report_lines(report(status=3))[1:3] == ["EXIT_STATUS: 3", "ADDRESS: NONE"]
    assert report_lines(report())[1] == "EXIT_STATUS: UNKNOWN"


def test_a_signal_that_was_sent_has_no_address():
    assert report_lines(report(number=signal.SIGSEGV, sent=True))[2] == "ADDRESS: NONE (raised by itself)"


def test_a_signal_without_a_name_is_its_number():
    assert report_lines(report(number=250))[1] == "SIGNAL: 250"


def test_a_traceback_is_told_innermost_first_too():
    text = 'Traceback (most recent call last):\n  File "a.py", line 1, in outer\n    inner()\n  File "a.py", line 2, in inner\n'
    assert report_lines(report(status=70, stack=text))[4:6] == ["  #0 inner (a.py:2)", "  #1 outer (a.py:1)"]


@given(st.text(st.characters(), max_size=300), st.text(st.characters(), max_size=300))
def test_no_stack_text_reaches_a_terminal_raw(path, name):
    lines = report_lines(report(number=signal.SIGSEGV, stack=f'  File "{path}", line 3 in {name}\n' * 40))
    assert len(lines) <= MAX_FRAMES + 5
    assert not {unicodedata.category(char) for line in lines for char in line} & {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
