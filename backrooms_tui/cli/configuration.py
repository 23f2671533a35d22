"""`config show`, `config schema`: what is configured, and what can be."""

from __future__ import annotations

import json
from pathlib import Path

from backrooms_tui.config import paths
from backrooms_tui.config.resources import config_path
from backrooms_tui.config.values import settings_in_force

from .shell import Shell

DEFAULT = "default"


def config(shell: Shell) -> int:
    """Show every setting with its source, or the JSON Schema of the files."""
    if shell.options.what == "schema":
        text = (config_path() / "schema.json").read_text(encoding="utf-8")
        shell.say(*text.splitlines())
        shell.emit(json.loads(text))
        return 0
    settings = shell.settings()
    rows = [(row.name, row.value, row.source or DEFAULT) for row in settings_in_force(settings)]
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


def _files(shell: Shell) -> list[tuple[str, bool]]:
    given = [shell.options.config] if shell.options.config else []
    return [(str(path), _there(path)) for path in (paths.SYSTEM_CONFIG, paths.user_config(), *map(Path, given))]


def _there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        return False
