"""Measuring the seals of this machine, for who asks before any room has had an entity."""

from __future__ import annotations

from collections.abc import Mapping

from backrooms_tui.entity.host import ZygoteHost
from backrooms_tui.entity.process import Seal
from backrooms_tui.model.errors import BackroomsError
from backrooms_tui.model.runtimes import COMMAND_PROFILE, HERMETIC_PROFILE
from backrooms_tui.model.value import changed
from backrooms_tui.model.views import ServiceStatus


def measure() -> Mapping[str, Seal]:
    """The seal of each profile that can be had, tried by processes of their own. Raises EntityInitFailed,
    EntitySealFailed.
    """
    host = ZygoteHost()
    try:
        return host.measure()
    finally:
        host.close()


def measured(status: ServiceStatus) -> ServiceStatus:
    """The status with the seals as measured now; without those that cannot be had."""
    try:
        lines = {profile: seal.lines() for profile, seal in measure().items()}
    except BackroomsError:
        lines = {}
    return changed(status, seal=lines.get(HERMETIC_PROFILE, ()), command_seal=lines.get(COMMAND_PROFILE, ()))
