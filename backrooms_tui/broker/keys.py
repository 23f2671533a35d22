"""The key of a model's server: read for each call, so that a new one holds at once and none is kept."""

from __future__ import annotations

import os
from pathlib import Path

from backrooms_tui.config.settings import ModelSettings
from backrooms_tui.model.errors import UnsafePath
from backrooms_tui.model.scrub import scrub
from backrooms_tui.persistence.private_files import read_secret

from .failures import FAILED, Unanswered

VARIABLE = "OPENAI_API_KEY"
LONGEST = 4096


def read_key(settings: ModelSettings) -> str:
    """The key, or empty where there is none. Raises Unanswered for a file that holds none, or lets others read it."""
    if settings.key_file is None:
        return _checked(os.environ.get(VARIABLE, ""), VARIABLE)
    path = Path(settings.key_file).expanduser()
    shown = scrub(str(path))
    try:
        held = read_secret(path, limit=LONGEST).decode("ascii", "replace")
    except UnsafePath as error:
        raise Unanswered(FAILED, f"KEY: {' '.join(error.details)}") from None
    except (OSError, ValueError) as error:
        raise Unanswered(FAILED, f"KEY: {shown}: {getattr(error, 'strerror', error)}") from None
    return _checked(held, shown, needed=True)


def _checked(held: str, place: str, *, needed: bool = False) -> str:
    key = held.strip()
    if len(key) > LONGEST or not (key.isascii() and key.isprintable()) or (needed and not key):
        raise Unanswered(FAILED, f"KEY: {place}: NO KEY OF AT MOST {LONGEST} PRINTABLE CHARACTERS")
    return key
