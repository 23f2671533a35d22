"""`completion`: scripts for shells, made from the table of commands.

Rooms are completed by asking the program for its list. While another process owns the store there are none to offer.
"""

from __future__ import annotations

from .commands import COMMANDS, GLOBAL_OPTIONS, Command, Option
from .parsing import HELP, options_of
from .shell import Shell

ROOMS = """room.exe list --format jsonl 2>/dev/null | sed -n 's/^{"id": "\\([0-9a-f]*\\)".*/\\1/p'"""
_OF_ROOMS = ("room_id", "id1", "id2")
_OF_FILES = ("path",)
_FILE_VALUES = ("<path>",)


def completion(shell: Shell) -> int:
    """Print the script of one shell."""
    lines = {"bash": bash, "zsh": zsh, "fish": fish}[shell.options.shell]()
    shell.say(*lines)
    shell.emit({"shell": shell.options.shell, "script": "\n".join(lines)})
    return 0


def bash() -> list[str]:
    return [
        "# room.exe completion for bash: source <(room.exe completion bash)",
        "_room_exe() {",
        "  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} command= words= i",
        "  COMPREPLY=()",
        "  for ((i = 1; i < COMP_CWORD; i++)); do",
        f'    case " {" ".join(COMMANDS)} " in *" ${{COMP_WORDS[i]}} "*) command=${{COMP_WORDS[i]}}; break ;; esac',
        "  done",
        '  case "$command:$before" in',
        *(f"    {pattern}) {action}; return ;;" for pattern, action in _bash_values()),
        "  esac",
        '  case "$command" in',
        *(
            f"    {command.name}) words='{_flags(command)}'; {_bash_operands(command)} ;;"
            for command in COMMANDS.values()
        ),
        f"    *) words='{' '.join([*COMMANDS, *(option.flag for option in GLOBAL_OPTIONS), HELP[0]])}' ;;",
        "  esac",
        '  COMPREPLY+=($(compgen -W "$words" -- "$word"))',
        "}",
        "complete -F _room_exe room.exe backrooms",
    ]


def _flags(command: Command) -> str:
    return " ".join([*(option.flag for option in options_of(command)), HELP[0]])


def _bash_values() -> list[tuple[str, str]]:
    """Patterns of `command:flag` and what completes the flag's value."""
    found = [
        (f"{command.name}:{option.flag}", _bash_value(option))
        for command in COMMANDS.values()
        for option in command.options
        if option.value
    ]
    return [*found, *((f"*:{option.flag}", _bash_value(option)) for option in GLOBAL_OPTIONS if option.value)]


def _bash_value(option: Option) -> str:
    if option.choices:
        return f"COMPREPLY=($(compgen -W '{' '.join(option.choices)}' -- \"$word\"))"
    return 'COMPREPLY=($(compgen -f -- "$word"))' if option.value in _FILE_VALUES else ":"


def _bash_operands(command: Command) -> str:
    for operand in command.operands:
        if operand.choices:
            return f"words+=' {' '.join(operand.choices)}'"
        if operand.name in _OF_ROOMS:
            return f'[[ $word == -* ]] || words+=" $({ROOMS})"'
        if operand.name in _OF_FILES:
            return 'COMPREPLY=($(compgen -f -- "$word"))'
    return ":"


def zsh() -> list[str]:
    lines = [
        "#compdef room.exe backrooms",
        "# room.exe completion for zsh: room.exe completion zsh > ~/.zfunc/_room.exe",
        f"_room_exe_rooms() {{ compadd -- $({ROOMS}) }}",
        "_room_exe() {",
        "  local -a commands=(",
        *(f"    {_quoted(f'{command.name}:{command.summary}')}" for command in COMMANDS.values()),
        "  )",
        "  local command=${words[(r)" + "|".join(COMMANDS) + "]}",
        "  case $command in",
    ]
    for command in COMMANDS.values():
        specs = [*map(_zsh_option, options_of(command)), f"'{HELP[0]}[Show help]'", f"'1:command:({command.name})'"]
        specs += [_zsh_operand(operand.name, operand.choices, n) for n, operand in enumerate(command.operands, 2)]
        lines.append(f"    {command.name}) _arguments {' '.join(specs)} ;;")
    others = [*map(_zsh_option, GLOBAL_OPTIONS), f"'{HELP[0]}[Show help]'"]
    return [
        *lines,
        f"    *) _arguments {' '.join(others)} '1: :->command'; _describe command commands ;;",
        "  esac",
        "}",
        "if [[ $zsh_eval_context[-1] == loadautofunc ]]; then _room_exe; else compdef _room_exe room.exe backrooms; fi",
    ]


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _zsh_option(option: Option) -> str:
    said = option.help.replace("[", "(").replace("]", ")").replace(":", " ")
    value = f":{option.value.strip('<>')}:{_zsh_action(option)}" if option.value else ""
    return _quoted(f"{'*' if option.repeatable else ''}{option.flag}[{said}]{value}")


def _zsh_action(option: Option) -> str:
    if option.choices:
        return f"({' '.join(option.choices)})"
    return "_files" if option.value in _FILE_VALUES else ""


def _zsh_operand(name: str, choices: tuple[str, ...], number: int) -> str:
    action = f"({' '.join(choices)})" if choices else "_room_exe_rooms" if name in _OF_ROOMS else "_files"
    return _quoted(f"{number}:{name}:{action}")


def fish() -> list[str]:
    lines = ["# room.exe completion for fish: room.exe completion fish | source"]
    for program in ("room.exe", "backrooms"):
        start = f"complete -c {program}"
        none = f"{start} -n 'not __fish_seen_subcommand_from {' '.join(COMMANDS)}'"
        lines += [f"{start} -f", *(_fish_option(none, option) for option in GLOBAL_OPTIONS)]
        for name, command in COMMANDS.items():
            seen = f"{start} -n '__fish_seen_subcommand_from {name}'"
            lines.append(f"{none} -a {name} -d {_quoted(command.summary)}")
            lines += [_fish_option(seen, option) for option in options_of(command)]
            lines += [_fish_operand(seen, operand.name, operand.choices) for operand in command.operands[:1]]
    return lines


def _fish_option(start: str, option: Option) -> str:
    line = f"{start} -l {option.flag[2:]} -d {_quoted(option.help)}"
    if option.choices:
        return f"{line} -x -a '{' '.join(option.choices)}'"
    if option.value is None:
        return line
    return f"{line} -r -F" if option.value in _FILE_VALUES else f"{line} -x"


def _fish_operand(start: str, name: str, choices: tuple[str, ...]) -> str:
    if choices:
        return f"{start} -a '{' '.join(choices)}'"
    if name in _OF_ROOMS:
        return f'{start} -a "({ROOMS.replace("$", chr(92) + "$").replace(chr(34), chr(92) + chr(34))})"'
    return f"{start} -F"
