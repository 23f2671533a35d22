"""Data files shipped with the product, found in a source checkout and in an installed wheel alike.

The checkout keeps `styles/` and `config/` at its top level; the wheel carries them inside the package under
names with an underscore, so that they can never be mistaken for modules.
"""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent.parent


def _shipped(name: str) -> Path:
    installed = _PACKAGE / f"_{name}"
    return installed if installed.is_dir() else _PACKAGE.parent / name


def styles_path() -> Path:
    """Directory of the stylesheets and palettes."""
    return _shipped("styles")


def config_path() -> Path:
    """Directory of the shipped configurations: `default.json`, `development.json`, `production.json`, keymaps."""
    return _shipped("config")
