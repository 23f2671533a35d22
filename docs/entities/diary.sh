#!/bin/sh
# An entity in POSIX shell that speaks room-entity/1 in frames mode, with what the shell has of its own: a sealed
# program may start no other, and $(...) would be one.
#
#     room.exe create --entity "command?mode=frames:sh $PWD/docs/entities/diary.sh"
#
# The host writes its frames without spaces and its fields in the order of the specification. The text of an input
# goes back as it came, in JSON's writing, and need not be understood.

number() { # FIELD FRAME: sets `number` to the number of that field
    number=${2#*\""$1"\":}
    number=${number%%[!0-9]*}
}

pages=0
while IFS= read -r frame; do
    case $frame in
    '{"type":"init",'*)
        case $frame in
        *'"state":{"pages":'*)
            number pages "$frame"
            pages=$number
            ;;
        esac
        printf '{"type":"ready","v":1,"name":"diary","version":"1","interrupt":"frame"}\n'
        ;;
    '{"type":"input",'*)
        pages=$((pages + 1))
        text=${frame#*'"text":"'}
        text=${text%%'","room":'*} # within a JSON string every quote stands behind a backslash: this is its end
        number seq "$frame"
        printf '{"type":"output","text":"page %d: %s"}\n' "$pages" "$text"
        printf '{"type":"state","set":{"pages":%d}}\n{"type":"done","seq":%s}\n' "$pages" "$number"
        ;;
    '{"type":"shutdown"'*) exit 0 ;;
    esac
done
