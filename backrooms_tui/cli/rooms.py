"""The verbs that change which rooms there are and how they stand: `create`, `interrupt`, `suspend` and their like."""

from __future__ import annotations

from backrooms_tui.config.room_defaults import entity_line, room_config
from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.units import parse_seconds, parse_size

from .render import config_line, config_value, destroy_lines, entry_value, room_value
from .shell import ENTITY_SECONDS, Shell, operator


def create(shell: Shell) -> int:
    """Create a room and wait until its entity is ready."""
    settings = shell.settings()
    given = given_config(shell, settings.entity.default)
    config = room_config(settings, given)
    with shell.service() as service:
        view = service.create(config)
        shell.made(view.record.id)
        shell.say(f"ROOM CREATED: {view.record.id}")
        if given:
            shell.say(config_line(given))
        shell.say(f"STATE: {view.record.state}")
        view = service.await_entity(view.record.id, ENTITY_SECONDS)
        shell.say("ENTITY: INITIALIZED")
        shell.emit(room_value(view) | {"config": config_value(view.record.config)})
    return 0


def given_config(shell: Shell, entity: str) -> dict[str, object]:
    """What the options of `create` ask for, in the seed's order; `entity` is the default one. Raises UsageError."""
    options = shell.options
    given: dict[str, object] = {}
    if options.memory_limit is not None:
        given["memory_limit"] = parse_size(options.memory_limit)
    if options.timeout is not None:
        given["timeout"] = parse_seconds(options.timeout)
    if options.compression is not None:
        given["compression"] = options.compression
    if options.name is not None:
        given["name"] = options.name
    if options.entity is not None or options.entity_option:
        given["entity"] = entity_line(entity, options.entity, options.entity_option or ())
    return given


def interrupt(shell: Shell) -> int:
    """End a room's running input early; what the entity said so far stays."""
    with shell.service() as service:
        room_id = service.resolve(shell.options.room_id)
        shell.say("INTERRUPTING ROOM")
        result = service.interrupt(room_id, by=operator())
        state = service.room(room_id).record.state
        shell.say(f"INPUT {result.seq}: {result.outcome} AFTER {result.latency:.3f}s", f"STATE: {state}")
        shell.emit(
            {
                "id": room_id,
                "state": str(state),
                "seq": result.seq,
                "outcome": result.outcome,
                "latency": result.latency,
                "entries": [entry_value(entry) for entry in result.entries],
            }
        )
    return 0


def suspend(shell: Shell) -> int:
    """Halt a room's entity; it takes no input until it is resumed."""
    with shell.service() as service:
        room_id = service.resolve(shell.options.room_id)
        shell.say("SUSPENDING ROOM")
        view = service.suspend(room_id, by=operator())
        shell.say("FLUSHING STATE...", "ENTITY HALTED", f"STATE: {view.record.state}")
        shell.emit(room_value(view))
    return 0


def resume(shell: Shell) -> int:
    """Bring a suspended room back and wait until its entity is ready."""
    with shell.service() as service:
        room_id = service.resolve(shell.options.room_id)
        shell.say("RESUMING ROOM")
        service.resume(room_id, by=operator())
        shell.say("LOADING STATE...", "INITIALIZING ENTITY...")
        view = service.await_entity(room_id, ENTITY_SECONDS)
        shell.say("ENTITY READY", f"STATE: {view.record.state}")
        shell.emit(room_value(view))
    return 0


def destroy(shell: Shell) -> int:
    """Remove a room for ever, after its full id was typed, or at once with `--force`."""
    with shell.service() as service:
        room_id = service.resolve(shell.options.room_id)
        confirmation = room_id
        if not shell.options.force:
            shell.say(*destroy_lines(service.room(room_id)))
            confirmation = _typed_id(shell)
        backups = service.backups(room_id)
        service.destroy(room_id, confirm=confirmation)
        shell.say("DESTROYING ROOM...", "STATE FILE DELETED", "MEMORY LOG DELETED")
        shell.say(*(["BACKUPS DELETED"] if backups else []), "ROOM TERMINATED")
        shell.emit({"id": room_id, "state": "TERMINATED"})
    return 0


def _typed_id(shell: Shell) -> RoomId:
    if shell.as_text:
        shell.out.write("Type room ID to confirm: ")
        shell.out.flush()
    typed = shell.typed()
    shell.say("")
    return RoomId(typed)
