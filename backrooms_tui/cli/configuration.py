"""`config show`, `config schema`: what is configured, and what can be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from backrooms_tui.config import paths
from backrooms_tui.config.resources import config_path
from backrooms_tui.config.settings import Settings
from backrooms_tui.config.values import schema

from .shell import Shell

HIDDEN = frozenset({"persistence.password"})
"""Settings whose values are never shown."""
DEFAULT = "default"


def config(shell: Shell) -> int:
    """Show every setting with its source, or the JSON Schema of the files."""
    if shell.options.what == "schema":
        text = (config_path() / "schema.json").read_text(encoding="utf-8")
        shell.say(*text.splitlines())
        shell.emit(json.loads(text))
        return 0
    settings = shell.settings()
    rows = setting_rows(settings)
    files = _files(shell)
    store = str(paths.store_root(settings)) if shell.persist else None
    width = max(len(name) for name, _, _ in rows)
    shell.say("CONFIGURATION")
    shell.say(*(f"  {name:<{width}} = {json.dumps(value)}  ({source})" for name, value, source in rows))
    shell.say("FILES:", *(f"  {path} ({'read' if there else 'not there'})" for path, there in files))
    shell.say(f"STORE: {store or 'NONE (--no-persist)'}", f"STATE: {paths.state_directory()}")
    shell.emit(
        {
            "settings": [{"name": name, "value": value, "source": source} for name, value, source in rows],
            "files": [{"path": path, "read": there} for path, there in files],
            "store": store,
            "state": str(paths.state_directory()),
        }
    )
    return 0


def setting_rows(settings: Settings) -> list[tuple[str, Any, str]]:
    """Name, value and source of every setting; secrets as stars."""
    rows = []
    for name in schema():
        value: Any = settings
        for part in name.split("."):
            value = getattr(value, part)
        shown = "***" if name in HIDDEN and value is not None else value
        rows.append((name, shown, settings.sources.get(name, DEFAULT)))
    return rows


def _files(shell: Shell) -> list[tuple[str, bool]]:
    given = [shell.options.config] if shell.options.config else []
    return [(str(path), _there(path)) for path in (paths.SYSTEM_CONFIG, paths.user_config(), *map(Path, given))]


def _there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        return False
