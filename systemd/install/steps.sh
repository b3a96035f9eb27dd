# shellcheck shell=bash
# How a step is told, logged, and kept from leaving half a file.

CHANGED=  # set once this run has changed something
DRY=      # set by --dry-run
TO_MEND=0 # how many things are left for the user

# Into the log only.
note() {
    # A log without room stops nothing: least of all the message that there is none.
    if [[ -z $DRY && -n ${LOGGING-} ]]; then
        printf '%s %s\n' "$(date '+%F %T')" "$*" 2>/dev/null >>"$LOG" || true
    fi
}

# Something is in order already.
fine() {
    tell '  ok %s\n' "$*"
    note "ok: $*"
}

# Tells what is going to be changed. False in a dry run, which ends there.
todo() {
    if [[ -n $DRY ]]; then
        tell '%splan%s %s\n' "$BOLD" "$PLAIN" "$*"
        CHANGED=yes
        return 1
    fi
    CHANGED=yes
    say "$*"
}

# Something that the user has to look at, which stops nothing.
mend() {
    tell '%snote%s %s\n' "$BOLD" "$PLAIN" "$*"
    note "note: $*"
    TO_MEND=$((TO_MEND + 1))
}

# Gives a file its content in one move, so that it is there as a whole or not at all.
put() { # content's file, destination, mode, owner:group
    local part=$2.edged-part
    install -m 600 -- "$1" "$part"
    chown -- "$4" "$part"
    chmod -- "$3" "$part"
    sync -- "$part"
    mv -fT -- "$part" "$2"
}

has_content() { # content's file, destination, mode, owner:group
    [[ -f $2 && ! -L $2 ]] && cmp -s -- "$1" "$2" && [[ $(stat -c '0%a %U:%G' -- "$2") == "$3 $4" ]]
}

# One step: a file of ours that has to have this content.
keep() { # what it is, content's file, destination, mode, owner:group
    if has_content "${@:2}"; then
        fine "$3"
    else
        todo "Writing $3, $1" && put "${@:2}"
    fi
    return 0
}

keep_directory() { # path, mode, owner:group
    if [[ -d $1 && $(stat -c '0%a %U:%G' -- "$1") == "$2 $3" ]]; then return; fi
    todo "Making the directory $1" || return 0
    mkdir -p -- "$1"
    chown -- "$3" "$1"
    chmod -- "$2" "$1"
}

# Sets a key in a section of a TOML file that has both, as edged's template does. Reads the file on
# stdin and prints it.
toml_set() { # section, key, value as TOML writes it
    SECTION="[$1]" KEY=$2 VALUE=$3 awk '
        /^\[/ { here = ($0 == ENVIRON["SECTION"]) }
        here && index($0, ENVIRON["KEY"] " = ") == 1 { print ENVIRON["KEY"] " = " ENVIRON["VALUE"]; next }
        { print }'
}

# Prints a value of a TOML file without its quotes; nothing when it is not there.
toml_get() { # file, section, key
    python3 -c '
import sys, tomllib
with open(sys.argv[1], "rb") as file:
    print(tomllib.load(file).get(sys.argv[2], {}).get(sys.argv[3], ""))' "$@" 2>/dev/null || true
}
