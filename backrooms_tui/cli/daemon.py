"""`daemon`: own the rooms and serve them, until a signal ends it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from backrooms_tui.config.settings import Settings
from backrooms_tui.daemon.owning import Owned
from backrooms_tui.daemon.running import run
from backrooms_tui.model.value import changed

from .shell import NOT_DURABLE, Shell, report_fault

READY = "READY"
"""The last line of a start: whoever has started a daemon waits for it."""


def daemon(shell: Shell) -> int:
    """Stays in the foreground, where service managers and shells want it. Status 0 after SIGTERM."""
    options = shell.options
    flags = {
        "daemon.bind": ("--bind", options.bind),
        "daemon.workers": ("--workers", options.workers),
        "daemon.token_file": ("--token-file", options.token_file and str(Path(options.token_file).absolute())),
    }

    def load() -> Settings:
        return _for_a_terminal(shell.settings({name: given for name, given in flags.items() if given[1] is not None}))

    def ready(owned: Owned) -> None:
        facts = {
            "bind_address": owned.server.address,
            "worker_threads": settings.daemon.workers,
            "persistence": owned.service.store_facts().path,
        }
        shell.say(*(f"{name.upper()}: {held or 'NONE'}" for name, held in facts.items()), READY)
        shell.emit({"ready": True, "pid": os.getpid(), **facts})

    if options.config is not None:
        options.config = str(Path(options.config).absolute())  # it is read again at SIGHUP
    os.chdir("/")  # nobody's directory is kept from being unmounted
    settings = load()
    if not shell.persist:
        shell.warn(NOT_DURABLE)
    shell.say("STARTING DAEMON MODE")
    return run(settings, reload=load, ready=ready, persist=shell.persist, on_fault=report_fault)


def _for_a_terminal(settings: Settings) -> Settings:
    """Where the log would be the operator's own screen, and nobody has said what it is to tell: warnings, as text."""
    logging = settings.logging
    if logging.output != "stderr" or not sys.stderr.isatty():
        return settings
    if "logging.level" not in settings.sources:
        logging = changed(logging, level="WARN")
    if "logging.format" not in settings.sources:
        logging = changed(logging, format="text")
    quieter: Settings = changed(settings, logging=logging)
    return quieter
