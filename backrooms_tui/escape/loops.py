"""Work without end: the deadline ends it, whatever it does against that."""

from __future__ import annotations

from .attempts import DEADLINE, SHORT, never, table

LOOPS = table(
    "loop",
    {
        "while True: pass": "while True: pass",
        "SIGINT ignored, then loop": "import signal; signal.signal(2, signal.SIG_IGN)\nwhile True: pass",
        "except BaseException: pass loop": "while True:\n    try:\n        while True: pass\n"
        "    except BaseException: pass",
        "all signals blocked, then loop": "import signal; signal.pthread_sigmask(0, range(1, 64))\nwhile True: pass",
        "catastrophic regex": "import re; re.match('(a+)+$', 'a' * 40 + 'b')",
        "10**10**8 in C": "10 ** 10 ** 8",
        "sleep forever in poll": "wait(-1)",
    },
    proof=never,
    timeout=SHORT / 2,
    hermetic=DEADLINE,
    command=DEADLINE,
)
