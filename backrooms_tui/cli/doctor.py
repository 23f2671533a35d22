"""`doctor`: whether this machine has what rooms and the console need. Nothing is created or changed."""

from __future__ import annotations

import importlib.metadata
import locale
import os
import platform
import shutil
import sqlite3
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

from backrooms_tui import __version__
from backrooms_tui.config.paths import state_directory, store_root
from backrooms_tui.config.settings import Settings
from backrooms_tui.model.errors import BackroomsError
from backrooms_tui.model.runtimes import COMMAND_PROFILE, HERMETIC_PROFILE
from backrooms_tui.model.scrub import scrub
from backrooms_tui.model.units import format_size, format_time
from backrooms_tui.model.value import value

from .shell import Shell

OK, WARN, FAIL = "OK", "WARN", "FAIL"
LIBRARIES = ("textual", "rich", "plyvel", "msgpack", "zstandard", "lz4", "msgspec")
TOOLS = (
    ("tmux", "keeps the console over a lost connection"),
    ("ssh", "reaches other machines' rooms"),
    ("redis-server", "the REDIS backend's server, where it runs here"),
    ("sqlite3", "looks into SQLITE stores and exports"),
    ("man", "shows the manual page"),
)
LITTLE_SPACE = 1 << 30
_SEAL_OF = {HERMETIC_PROFILE: "SEAL", COMMAND_PROFILE: "SEAL OF PROGRAMS"}
WIDTH, HEIGHT = 60, 16
"""What the console needs."""


@value
class Check:
    level: str
    """OK, WARN or FAIL."""
    name: str
    detail: str


def doctor(shell: Shell) -> int:
    """One line for each thing looked at; status 1 when one of them will not do."""
    if shell.options.escape:
        from .escaping import escape

        return escape(shell)
    shell.say("EXAMINING ENVIRONMENT")
    checks = []
    for check in _checks(shell):
        shell.say(f"{check.level:<4} {check.name}: {check.detail}")
        checks.append(check)
    counts = {level: sum(check.level == level for check in checks) for level in (OK, WARN, FAIL)}
    shell.say(f"RESULT: {', '.join(f'{count} {level}' for level, count in counts.items())}")
    shell.emit(
        {
            "healthy": not counts[FAIL],
            "checks": [{"level": check.level, "name": check.name, "detail": check.detail} for check in checks],
        }
    )
    return 1 if counts[FAIL] else 0


def _checks(shell: Shell) -> Iterator[Check]:
    yield from _program()
    try:
        settings = shell.settings()
    except BackroomsError as error:
        for detail in error.details:
            yield Check(FAIL, "CONFIGURATION", detail)
        settings = Settings()
    else:
        yield Check(OK, "CONFIGURATION", f"{len(settings.sources)} settings given")
    yield from _libraries(settings)
    if shell.persist:
        yield from _store(store_root(settings))
    yield _writable("STATE", state_directory())
    yield from _seals()
    yield from _terminal()
    for tool, purpose in TOOLS:
        path = shutil.which(tool)
        yield Check(OK, f"TOOL {tool}", path) if path else Check(WARN, f"TOOL {tool}", f"not found ({purpose})")


def _program() -> Iterator[Check]:
    yield Check(OK, "ROOM.EXE", __version__)
    version = platform.python_version()
    fit = (3, 11) <= sys.version_info[:2] <= (3, 12)
    yield Check(OK if fit else WARN, "PYTHON", f"{version} ({sys.executable})")
    system, machine = platform.system(), platform.machine()
    fit = (system, machine) == ("Linux", "x86_64")
    yield Check(OK if fit else FAIL, "KERNEL", f"{system} {platform.release()} {machine}")


def _libraries(settings: Settings) -> Iterator[Check]:
    for name in LIBRARIES:
        found = _version_of(name)
        yield Check(OK, name.upper(), found) if found else Check(FAIL, name.upper(), "not installed")
    yield Check(OK, "SQLITE", sqlite3.sqlite_version)
    found = _version_of("redis")
    missing = FAIL if settings.persistence.backend == "REDIS" else WARN
    yield Check(OK, "REDIS", found) if found else Check(missing, "REDIS", "not installed (extra: redis)")


def _version_of(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _store(root: Path) -> Iterator[Check]:
    yield _writable("STORE", root)
    place = _existing(root)
    free = shutil.disk_usage(place).free
    yield Check(OK if free >= LITTLE_SPACE else WARN, "FREE SPACE", f"{format_size(free)} at {place}")
    yield _owner(root)


def _existing(path: Path) -> Path:
    """The path, or the nearest directory above it that is there."""
    return next((place for place in (path, *path.absolute().parents) if place.exists()), Path("/"))


def _writable(name: str, path: Path) -> Check:
    try:
        place = _existing(path)
        found = place.stat()
    except OSError as error:
        return Check(FAIL, name, f"{path}: {error.strerror}")
    if not os.access(place, os.W_OK | os.X_OK):
        return Check(FAIL, name, f"{path}: {place} cannot be written")
    if place != path:
        return Check(OK, name, f"{path} (not made yet)")
    mode = stat.S_IMODE(found.st_mode)
    if found.st_uid != os.geteuid() or mode & 0o022:
        return Check(FAIL, name, f"{path}: uid {found.st_uid}, mode {mode:04o}: others may write there")
    return Check(WARN if mode & 0o077 else OK, name, f"{path} (mode {mode:04o})")


def _owner(root: Path) -> Check:
    from backrooms_tui.persistence.owner_lock import read_owner

    lock = root / "owner.lock"
    try:
        owner = read_owner(lock) if _is_locked(lock) else None
    except BackroomsError as error:
        return Check(FAIL, "OWNER", ", ".join((error.code, *error.details)))
    if owner is None:
        return Check(OK, "OWNER", "none")
    return Check(OK, "OWNER", f"pid {owner.pid} on {scrub(owner.host)} since {format_time(owner.since)}")


def _is_locked(path: Path) -> bool:
    """By the kernel's list of locks: taking the lock to see whether it is free would refuse an owner that starts."""
    try:
        found = path.stat()
        locks = Path("/proc/locks").read_text(encoding="ascii")
    except OSError:
        return False
    place = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino}"
    return any(" FLOCK " in line and place in line.split() for line in locks.splitlines())


def _seals() -> Iterator[Check]:
    """Ask the kernel, from inside sealed processes."""
    from backrooms_tui.entity.seals import not_held

    from .sealing import measure

    try:
        seals = measure()
    except BackroomsError as error:
        yield Check(FAIL, "SEAL", ", ".join((error.code, *error.details)))
        return
    if not seals:
        yield Check(FAIL, "SEAL", "no answer")
    for profile, seal in seals.items():
        missing = not_held(profile, seal)
        for line in seal.lines():
            name, _, detail = line.partition(": ")
            yield Check(FAIL if line in missing else OK, f"{_SEAL_OF[profile]} {name}", detail)
    if seals and COMMAND_PROFILE not in seals:
        yield Check(WARN, _SEAL_OF[COMMAND_PROFILE], "cannot be had here: no rooms with programs")


def _terminal() -> Iterator[Check]:
    encoding = locale.getencoding()
    fit = encoding.upper().replace("-", "") == "UTF8"
    named = next((os.environ[name] for name in ("LC_ALL", "LC_CTYPE", "LANG") if os.environ.get(name)), "not set")
    yield Check(OK if fit else WARN, "LOCALE", f"{named} ({encoding})")
    if not sys.stdin.isatty() or not sys.stdout.isatty():
        yield Check(WARN, "TERMINAL", "none: the console needs one")
        return
    term = os.environ.get("TERM", "")
    yield Check(WARN if term in ("", "dumb") else OK, "TERMINAL", term or "TERM is not set")
    columns, lines = shutil.get_terminal_size()
    yield Check(OK if columns >= WIDTH and lines >= HEIGHT else WARN, "SIZE", f"{columns}x{lines}")
    yield Check(OK, "COLOURS", _colours(term))


def _colours(term: str) -> str:
    if os.environ.get("NO_COLOR"):
        return "none (NO_COLOR)"
    if os.environ.get("COLORTERM", "") in ("truecolor", "24bit"):
        return "16 million (COLORTERM)"
    return "256" if "256color" in term else "16"
