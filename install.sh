#!/usr/bin/env bash
# From this checkout to a service (see systemd/install/), a demo, a test run or a check: see --help.
#
# The Python packages live in .venv beside this script. A stamp in it says what they were
# installed from. It reads "unfinished" from the first change to the last, so that the next run
# notices an interrupted one, wherever it stopped, and starts afresh.
set -euo pipefail
unset CDPATH PYTHONHOME PYTHONPATH # packages from elsewhere must not pass for installed ones

if [[ $(uname -s) != Linux ]]; then
    echo "install.sh: edged runs on Linux, and this is $(uname -s)" >&2
    exit 1
fi

ROOT=$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")
VENV=$ROOT/.venv
STAMP=$VENV/edged-setup
LOG=$VENV/edged-setup.log
OLDEST_MINOR=11    # of Python 3
OLDEST_PIP=22      # the first ones that install a pyproject.toml in place are 21.3 and later
ROOM_MB=600        # the environment with everything for tests and checks takes 480 MB
ROOM_IN=$ROOT
LOCK_WAIT_S=900    # a first set-up on a slow card takes minutes
PYTHON=            # the interpreter that the environment is made from, set by find_python
PYTHON_VERSION=    # its "3.13"
UNFIT=             # the interpreters it turned down, with the reasons
CHILD=             # the process that `quietly` waits for

# Where it is told what is done, 1 or 2. Of demo, test and check standard output is the program's.
TELL_TO=2
BOLD='' PLAIN=''

tell_on() { # file descriptor
    TELL_TO=$1 BOLD='' PLAIN=''
    if [[ -t $1 && -z ${NO_COLOR-} ]]; then BOLD=$'\e[1m' PLAIN=$'\e[0m'; fi
}
tell_on 2

if [[ ! -e $ROOT/systemd/install/apt.sh ]]; then
    echo "install.sh: $ROOT/systemd is not there: the checkout is not complete" >&2
    exit 1
fi
# shellcheck source=systemd/install/apt.sh
source "$ROOT/systemd/install/apt.sh"

help() {
    cat <<'END'
Usage: sudo ./install.sh [install] [OPTIONS]
       sudo ./install.sh uninstall [--purge]
       ./install.sh COMMAND [ARGUMENTS]

  install, uninstall edged as a service of this machine; options: ./install.sh install --help
  demo [ARGUMENTS]   set up and run `edged demo`; its own options: ./install.sh demo --help
  test [ARGUMENTS]   set up and run the tests with coverage; with ARGUMENTS, pytest gets them
                     (paths count from the checkout) and coverage is not measured
  check              ruff, mypy, shellcheck and the checked-in schemas
  --help             this text

demo, test and check need Python 3.11 or newer on a 64-bit Linux. Their packages go to .venv beside
this script, where a second run finds them. Debian's packages for the tests are installed when this
runs as root or sudo asks for no password, and named otherwise.
EDGED_PYTHON names the interpreter to use instead of the first fitting one on PATH.
Exit codes: 0 fine, 1 failed, 2 wrong use, 130 interrupted; else those of the program started.
END
}

note() { :; } # for the log of an installation, see systemd/install/steps.sh

# Whether anybody still listens is no reason to stop half-way.
# shellcheck disable=SC2059,SC2261 # it is printf; what that itself complains of goes nowhere
tell() { printf "$@" >&"$TELL_TO" 2>/dev/null || true; }

say() {
    tell '%s==>%s %s\n' "$BOLD" "$PLAIN" "$*"
    note "$*"
}

die() {
    printf 'install.sh: %s\n' "$*" >&2
    note "failed: $*"
    exit 1
}

misuse() {
    printf 'install.sh: %s (see ./install.sh --help)\n' "$*" >&2
    exit 2
}

# ---- being interrupted ----------------------------------------------------------------------

# shellcheck disable=SC2317 # the traps call it
interrupted() { # signal number
    trap '' INT TERM HUP
    if [[ -n $CHILD ]]; then
        kill "$CHILD" 2>/dev/null || true
        wait "$CHILD" || true
    fi
    printf 'install.sh: interrupted; run it again to go on\n' >&2
    exit $((128 + $1))
}

# Runs a command with its output in the log. In the background, so that a signal to this script
# does not wait for its end. It inherits the lock: should this script be killed, the next one waits.
quietly() {
    local status=0
    "$@" </dev/null >>"$LOG" 2>&1 &
    CHILD=$!
    wait "$CHILD" || status=$?
    CHILD=
    return "$status"
}

lock() { # one run at a time changes the environment; the directory itself is the lock file
    local busy=0
    exec 9<"$ROOT"
    flock -n 9 2>/dev/null || busy=$?
    ((busy == 1)) || return 0 # ours; or a file system without locks, where nobody can wait
    say 'Another run is setting up this checkout: waiting for it'
    flock -w "$LOCK_WAIT_S" 9 ||
        die "another run has been setting up $ROOT for $((LOCK_WAIT_S / 60)) minutes: end it first"
}

unlock() { exec 9<&-; }

# ---- Debian packages ------------------------------------------------------------------------

# Prints "package: what needs it" for each package whose program is missing.
missing_for_check() {
    has shellcheck || echo 'shellcheck: the check of the shell scripts'
}

missing_for_test() {
    has nats-server || echo 'nats-server: the tests with a cluster of brokers'
    has mosquitto || echo 'mosquitto: the tests with a real broker'
    has mosquitto_sub || echo 'mosquitto-clients: the tests with a foreign subscriber'
    has gcc || echo 'gcc: the tests that compile a stand-in library'
    [[ -e /usr/include/stdio.h ]] || echo 'libc6-dev: the tests that compile a stand-in library'
    missing_for_check
}

# Installs the packages of lines as above; where it cannot, says what will be skipped.
provide() {
    local line
    local -a packages=()
    for line in "$@"; do packages+=("${line%%:*}"); done
    ((${#packages[@]})) || return 0
    if has apt-get && privileged && apt_install "${packages[@]}"; then
        # The tests start brokers of their own: the machine is not to start another at boot.
        for line in mosquitto nats-server; do
            if [[ " ${packages[*]} " == *" $line "* ]]; then
                as_root deb-systemd-helper disable "$line.service" >/dev/null 2>&1 || true
                as_root update-rc.d "$line" disable >/dev/null 2>&1 || true
            fi
        done
        return
    fi
    say 'Not installed, so skipped:'
    for line in "$@"; do printf '      %s (package %s)\n' "${line#*: }" "${line%%:*}" >&2; done
    if has apt-get; then
        say "To have them too: sudo apt-get install --no-install-recommends ${packages[*]}"
    else
        say "To have them too, install these (Debian's names) with this system's package manager"
    fi
}

# ---- Python ---------------------------------------------------------------------------------

# Prints "version bits" of an interpreter, such as "3.11 64"; fails when it does not run.
probe() {
    "$1" -c 'import struct, sys; print("%d.%d %d" % (sys.version_info[0], sys.version_info[1], 8 * struct.calcsize("P")))' 2>/dev/null
}

recent() { [[ ${1%%.*} -eq 3 && ${1#*.} -ge $OLDEST_MINOR ]]; }

# Sets PYTHON and PYTHON_VERSION from the first fitting interpreter, UNFIT from the others.
search_python() {
    local candidate facts bits
    local -a candidates
    if [[ -n ${EDGED_PYTHON-} ]]; then
        candidates=("$EDGED_PYTHON")
    else
        mapfile -t candidates < <(type -aP python3 python3.13 python3.12 python3.11)
    fi
    UNFIT=
    for candidate in "${candidates[@]}"; do
        [[ $candidate != "$VENV"/* ]] || continue # activated, and perhaps about to be rebuilt
        facts=$(probe "$candidate") || continue
        PYTHON_VERSION=${facts% *} bits=${facts#* }
        if [[ $bits != 64 ]]; then
            UNFIT+="${UNFIT:+, }$candidate is a ${bits}-bit one"
        elif ! recent "$PYTHON_VERSION"; then
            UNFIT+="${UNFIT:+, }$candidate is $PYTHON_VERSION"
        else
            PYTHON=$candidate
            return
        fi
    done
    return 1
}

find_python() {
    search_python && return
    if [[ $UNFIT == *-bit* ]]; then
        die "the model runtimes exist for 64-bit systems only, and $UNFIT: install the 64-bit edition of the system"
    elif [[ -n ${EDGED_PYTHON-} ]]; then
        die "EDGED_PYTHON must name a Python 3.$OLDEST_MINOR or newer, and ${UNFIT:-$EDGED_PYTHON does not run}"
    elif [[ -z $UNFIT ]] && has apt-get && privileged && apt_install python3 python3-venv &&
        search_python; then
        return
    fi
    die "edged needs Python 3.$OLDEST_MINOR or newer, and ${UNFIT:-there is none here}:" \
        "apt-get install python3 python3-venv (Debian 12, Ubuntu 24.04, Raspberry Pi OS 12 or newer), or name one in EDGED_PYTHON"
}

has_venv() { "$PYTHON" -c 'import ensurepip, venv' 2>/dev/null; }

need_venv() {
    local package=python$PYTHON_VERSION-venv
    has_venv && return
    if has apt-get && privileged && apt_install "$package" && has_venv; then return; fi
    if has apt-get; then
        die "$PYTHON cannot make virtual environments: sudo apt-get install $package"
    fi
    die "$PYTHON cannot make virtual environments: install this system's package of Python's venv and ensurepip"
}

# Prints "python pip" of the environment, such as "3.11 24"; fails when it is broken.
environment_facts() {
    "$VENV/bin/python" -c 'import sys, pip; print("%d.%d" % sys.version_info[:2], pip.__version__.split(".")[0])' 2>/dev/null
}

# Says why the environment has to be made anew; fails when it can stay.
unfit() { # version in the environment, stamp's first word, version and directory in the stamp
    if [[ ! -e $VENV && ! -L $VENV ]]; then
        echo 'Making the virtual environment .venv'
    elif [[ $2 == unfinished ]]; then
        echo 'Making .venv anew: an earlier run was interrupted'
    elif [[ -z $1 ]]; then
        echo 'Making .venv anew: its Python does not work any more'
    elif ! recent "$1" || [[ -n $3 && $3 != "$1" ]]; then
        echo "Making .venv anew: its Python is $1"
    elif [[ -n ${EDGED_PYTHON-} && $(probe "$EDGED_PYTHON") != "$1 "* ]]; then
        echo "Making .venv anew: its Python is $1, EDGED_PYTHON is another"
    elif [[ -n $4 && $4 != "$ROOT" ]]; then
        echo "Making .venv anew: it was made in $4"
    else
        return 1
    fi
}

make_venv() { # why, for a person
    local free
    find_python
    need_venv
    say "$1"
    free=$(($(df -Pk -- "$ROOT" | { read -r _ && read -r _ _ _ kb _ && echo "$kb"; }) / 1024))
    ((free >= ROOM_MB)) ||
        die "$free MB are free in $ROOT, the environment needs $ROOM_MB MB: make room first"
    mkdir -p -- "$VENV"
    echo unfinished >"$STAMP"
    find "$VENV/" -mindepth 1 -maxdepth 1 ! -name "${STAMP##*/}" -exec rm -rf -- {} +
    quietly "$PYTHON" -m venv "$VENV" ||
        die "$PYTHON -m venv failed: $(tail -n 1 -- "$LOG") (all of it: $LOG)"
}

pip_install() {
    local status=0
    # Unpacking beside the environment: /tmp may be memory, and an interrupted run leaves nothing.
    mkdir -p -- "$VENV/tmp"
    TMPDIR=$VENV/tmp quietly "$VENV/bin/python" -m pip --disable-pip-version-check \
        install --no-input --progress-bar off "$@" || status=$?
    rm -rf -- "$VENV/tmp"
    return "$status"
}

# Says in a line why pip failed, from its log, and fails when the environment may be damaged.
explain_pip() {
    local reason
    if grep -q 'No space left on device' -- "$LOG"; then
        say "The disk is full: make room in $ROOM_IN ($ROOM_MB MB in all) and run this again"
        return 1
    fi
    if grep -q 'Retrying (Retry(' -- "$LOG" && grep -Eq 'from versions: none|Max retries exceeded' -- "$LOG"; then
        reason=$(grep -Eo '\[Errno[^]]*\] [A-Za-z ]+|[Rr]ead timed out|certificate verify failed|Tunnel connection failed: [0-9]+' -- "$LOG" |
            tail -n 1) || true
        say "pip does not reach the package index${reason:+ ($reason)}: check the network, the proxy and pip's configuration"
    else
        reason=$(grep -E '^ *ERROR: ' -- "$LOG" | head -n 1) || reason=$(tail -n 1 -- "$LOG")
        say "pip failed: ${reason##*ERROR: }"
    fi
}

# Installs this checkout and what it needs, and stamps the environment. pip downloads everything
# before it changes anything: where it gives up by itself, the old stamp still tells the truth.
install_packages() { # extras, pip's major version, new stamp, old stamp
    local status=0
    say 'Installing the Python packages (minutes, the first time)'
    echo unfinished >"$STAMP"
    : >"$LOG"
    cd -- "$ROOT" # "." and its extras in brackets: a path may hold brackets and spaces itself
    if (($2 < OLDEST_PIP)); then pip_install --upgrade pip || status=$?; fi
    ((status)) || pip_install -e ".[$1]" || status=$?
    cd -- "$OLDPWD"
    if ((status)); then
        if explain_pip && ((status < 128)); then stamp "$4"; fi
        die "the Python packages are not installed (all that pip said: $LOG)"
    fi
    stamp "$3"
}

stamp() { # text; none for an environment that was never stamped
    if [[ -z $1 ]]; then
        rm -f -- "$STAMP"
    else
        echo "$1" >"$STAMP.new"
        mv -f -- "$STAMP.new" "$STAMP"
    fi
}

writable() {
    [[ ! -e $1 || -w $1 ]] || die "cannot write in $1, which belongs to $(stat -c %U -- "$1")"
}

covers() { # extras installed, extras wanted
    case $1:$2 in dev:* | test:test | test:demo | demo:demo) ;; *) return 1 ;; esac
}

# Brings the environment up to the extras named (demo, test or dev). Nothing installed is taken
# away, so that a demo under way goes on while tests are set up.
environment() {
    local wanted=$1 old='' extras='' made_with='' hashed='' made_in='' python='' pip='' hash why
    hash=$(sha256sum <"$ROOT/pyproject.toml")
    hash=${hash%% *}
    if [[ -f $STAMP ]]; then old=$(<"$STAMP"); fi
    read -r extras made_with hashed made_in <<<"$old"
    read -r python pip < <(environment_facts) || true
    if why=$(unfit "$python" "$extras" "$made_with" "$made_in"); then
        writable "$ROOT"
        writable "$VENV"
        make_venv "$why"
        old='' extras=''
        read -r python pip < <(environment_facts) || die "the new environment $VENV cannot import pip"
    elif [[ $hash == "$hashed" ]] && covers "$extras" "$wanted"; then
        return
    fi
    writable "$VENV"
    if covers "$extras" "$wanted"; then wanted=$extras; fi
    install_packages "$wanted" "$pip" "$wanted $python $hash $ROOT" "$old"
}

# ---- commands -------------------------------------------------------------------------------

demo() {
    lock
    environment demo
    unlock
    exec "$VENV/bin/edged" demo "$@"
}

run_tests() {
    local -a missing
    lock
    mapfile -t missing < <(missing_for_test)
    provide "${missing[@]}"
    environment test
    unlock
    cd -- "$ROOT"
    if (($#)); then exec "$VENV/bin/python" -m pytest "$@"; fi
    exec "$VENV/bin/python" -m pytest --numprocesses auto --dist loadfile --cov
}

check() {
    local -a missing failed=()
    lock
    mapfile -t missing < <(missing_for_check)
    provide "${missing[@]}"
    environment dev
    unlock
    cd -- "$ROOT"
    one() { # name, command
        say "$1"
        "${@:2}" || failed+=("$1")
    }
    one 'ruff check' "$VENV/bin/python" -m ruff check
    one 'ruff format' "$VENV/bin/python" -m ruff format --check
    one 'mypy' "$VENV/bin/python" -m mypy
    if has shellcheck; then one 'shellcheck' shellcheck -x install.sh .ci/run tests/vm/run; fi
    one 'schemas' "$VENV/bin/edged" schema --check
    if ((${#failed[@]})); then
        printf -v failed '%s, ' "${failed[@]}"
        die "not clean: ${failed%, }"
    fi
    say 'All clean'
}

main() {
    case ${1-} in
        demo | test | check) ;;
        -h | --help) help && exit ;;
        '' | install | uninstall | --*)
            # shellcheck source=systemd/install/device.sh
            source "$ROOT/systemd/install/device.sh"
            ;;
        *) misuse "unknown command \"$1\": there are install, uninstall, demo, test and check" ;;
    esac
    PATH=$PATH:/usr/sbin:/sbin # where Debian keeps mosquitto, and not on everyone's PATH
    trap 'interrupted 2' INT
    trap 'interrupted 15' TERM
    trap 'interrupted 1' HUP
    trap allow_services EXIT
    case ${1-} in
        demo) demo "${@:2}" ;;
        test) run_tests "${@:2}" ;;
        check)
            (($# == 1)) || misuse 'check takes no arguments'
            check
            ;;
        *) device "$@" ;;
    esac
}

main "$@"
exit # bash reads a script as it goes: nothing after this line, whatever an update writes there
