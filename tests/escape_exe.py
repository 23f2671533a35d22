"""The escape suite as tests run it: the checked-out package, or a copy of it that is changed, under any user."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from support import ROOT

NOBODY = "65534"
NEEDED = ("msgpack", "plyvel", "plyvel.libs", "zstandard", "lz4", "msgspec")
"""What the suite imports that is not ours, and its libraries."""
SECONDS = 600
_RUN = """
import json, sys
from backrooms_tui.escape.report import as_value
from backrooms_tui.escape.rows import ROWS
from backrooms_tui.escape.suite import run
wanted = json.loads(sys.argv[1])
rows = [row for row in ROWS if [row.group, row.name] in wanted] if wanted else ROWS
print(json.dumps(as_value(run(rows=rows))))
"""


def run_suite(rows, *, root: Path = ROOT, user: str | None = None, python: str = sys.executable) -> dict:
    """Run the given rows (all when empty) in a process of its own; gives the report for programs."""
    words = [python, "-c", _RUN, json.dumps([[row.group, row.name] for row in rows])]
    if user is not None:
        words = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", *words]
    environ = {"PATH": "/usr/bin:/bin", "HOME": "/", "LANG": "C.UTF-8", "PYTHONPATH": str(root)}
    done = subprocess.run(words, env=environ, cwd="/", capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def copy_package(place: Path) -> Path:
    """A copy of the package with all it needs, that every user may read; gives what to import from."""
    for name in ("backrooms_tui", "config", "styles"):
        shutil.copytree(ROOT / name, place / name, ignore=shutil.ignore_patterns("__pycache__"))
    libraries = Path(sysconfig.get_paths()["platlib"])
    for name in NEEDED:
        if (libraries / name).is_dir():
            shutil.copytree(libraries / name, place / name)
    for path in (place, *place.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return place


def python_for_everybody() -> str | None:
    """A Python of our version that an ordinary user may run, too; None when there is none."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    found = shutil.which(version, path="/usr/bin:/usr/local/bin")
    asked = [found or "", "-c", "pass"]
    if found is None or subprocess.run(["setpriv", f"--reuid={NOBODY}", *asked], check=False).returncode != 0:
        return None
    return found
