"""`entity check`: examines a program or a class that is to live in a room. No store is opened, no room made."""

from __future__ import annotations

from contextlib import closing

from backrooms_tui.config.room_defaults import entity_line as anchored
from backrooms_tui.model.runtimes import parse

from .shell import Shell


def entity(shell: Shell) -> int:
    """One line for each finding; status 1 when one of them is against the protocol."""
    from backrooms_tui.authoring import check
    from backrooms_tui.entity.host import ZygoteHost

    runtime = parse(anchored(check.entity_line(shell.options.entity, shell.options.mode), None))
    shell.say(f"EXAMINING ENTITY: {runtime.text}")
    findings = []
    with closing(ZygoteHost()) as host:
        for finding in check.examine(host, runtime):
            shell.say(f"{finding.level} {finding.name}: {finding.detail}")
            findings.append(finding)
    counts = {level: sum(one.level == level for one in findings) for level in ("PASS", "WARN", "FAIL")}
    shell.say(f"RESULT: {', '.join(f'{count} {level}' for level, count in counts.items())}")
    shell.emit(
        {
            "entity": runtime.text,
            "conforms": not counts["FAIL"],
            "findings": [{"level": one.level, "name": one.name, "detail": one.detail} for one in findings],
        }
    )
    return 1 if counts["FAIL"] else 0
