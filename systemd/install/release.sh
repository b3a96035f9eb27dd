# shellcheck shell=bash
# Releases: each is a virtual environment with this package in it, complete or not used.
#
#   /opt/edged/releases/0.1.0-1a2b3c4d5e6f/   named by the version and what it is made from
#       edged-release                         written last: without it, the release is unfinished
#       system/                               the units and rules that belong to it
#   /opt/edged/current, previous              links to two of them; the others are removed
#   /opt/edged/pending                        while a change is not proven: the release to go back to

OPT=/opt/edged
STATE=/var/lib/edged
CACHE=/var/cache/edged # what pip has downloaded, so that an upgrade costs what is new
PYTHON3=/usr/bin/python3 # the system's own: its libcamera and journal modules are for no other
RELEASE_ROOM_MB=600
RUN_S=180 # for a question to a release; the check looks at the camera, which takes a while
NAME=    # of the release of this checkout
RELEASE= # its directory
WHEELS=  # set by --wheels

link_name() { # current or previous: prints which release it is, or nothing
    local target
    target=$(readlink -- "$OPT/$1") || return 0
    if [[ -f $OPT/$target/edged-release ]]; then echo "${target##*/}"; fi
}

# Lists what a release is made from: what pyproject.toml has put into the wheel, and systemd's files.
release_files() {
    "$PYTHON3" - "$ROOT" <<'END'
import pathlib, sys, tomllib

root = pathlib.Path(sys.argv[1])
project = tomllib.loads((root / "pyproject.toml").read_text())
wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
about = project["project"]
names = {"pyproject.toml", about["readme"], *about["license-files"]}
names |= set(wheel["packages"]) | set(wheel["force-include"])
names |= {str(path.relative_to(root)) for path in (root / "systemd").glob("*.*")}
for name in sorted(names):
    path = root / name
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if file.is_file() and "__pycache__" not in file.parts:
            print(file.relative_to(root))
END
}

release_name() {
    local version hash
    version=$("$PYTHON3" -c '
import sys, tomllib
with open(sys.argv[1], "rb") as file:
    print(tomllib.load(file)["project"]["version"])' "$ROOT/pyproject.toml") || return
    # A system upgrade brings another Python, in which the old environment has no packages.
    hash=$({
        "$PYTHON3" -c 'import sys; print(*sys.version_info[:2])'
        release_files | (cd -- "$ROOT" && xargs -d '\n' sha256sum --)
    } | sha256sum) || return
    echo "$version-${hash:0:12}"
}

# Runs a program of a release, without leaving files behind.
release_run() { # release's directory, program of it, arguments
    PYTHONDONTWRITEBYTECODE=1 HOME=/nonexistent timeout "$RUN_S" "$1/bin/$2" "${@:3}" </dev/null
}

release_works() { # directory: whether what it is made of can be loaded here
    [[ -f $1/edged-release ]] &&
        release_run "$1" edged --version >>"$LOG" 2>&1 &&
        release_run "$1" python -c 'import cv2, msgspec, numpy; from ai_edge_litert import interpreter' >>"$LOG" 2>&1
}

step_release() {
    if [[ ! -x $PYTHON3 ]]; then # in a dry run on a system without it
        todo "Making a release in $OPT/releases" || true
        RELEASE=$OPT/releases/new
        return
    fi
    NAME=$(release_name) || die "cannot read $ROOT: is the checkout complete?"
    RELEASE=$OPT/releases/$NAME
    if release_works "$RELEASE"; then
        fine "the release $NAME"
    elif todo "Making the release $NAME in $OPT/releases (minutes, the first time)"; then
        if [[ $(link_name current) == "$NAME" ]]; then restart_needed; fi
        make_release
        release_works "$RELEASE" ||
            die "the new release does not run here: $(tail -n 1 "$LOG") (all of it: $LOG)"
    fi
}

make_release() {
    local free file
    mkdir -p -- "$OPT/releases" "$CACHE"
    free=$(($(df -Pk -- "$OPT" | { read -r _ && read -r _ _ _ kb _ && echo "$kb"; }) / 1024))
    ((free >= RELEASE_ROOM_MB)) ||
        die "$free MB are free in $OPT, a release needs $RELEASE_ROOM_MB MB: make room first"
    rm -rf -- "$RELEASE"
    mkdir -p -- "$RELEASE/source" "$RELEASE/tmp" "$RELEASE/system"
    # From a copy: the build writes nothing into the checkout, and an edit meanwhile does no harm.
    while IFS= read -r file; do
        install -D -m 644 -- "$ROOT/$file" "$RELEASE/source/$file"
    done < <(release_files)
    cp -- "$RELEASE"/source/systemd/* "$RELEASE/system/"
    quietly "$PYTHON3" -m venv --system-site-packages "$RELEASE" ||
        die "$PYTHON3 -m venv failed: $(tail -n 1 "$LOG") (all of it: $LOG)"
    install_into_release
    rm -rf -- "$RELEASE/source" "$RELEASE/tmp"
    sync -f -- "$RELEASE" # a power cut must not leave the mark of a release whose files are empty
    echo "$NAME" >"$RELEASE/edged-release"
    sync -- "$RELEASE/edged-release" "$RELEASE" # nor the switch without what it leads to
}

# pip builds a wheel of the copy and installs it. With --wheels nothing is asked of any server.
install_into_release() {
    local begin numpy
    local -a from=(--cache-dir "$CACHE/pip")
    if [[ -n $WHEELS ]]; then from=(--no-cache-dir --no-index --find-links "$WHEELS"); fi
    # The system's picamera2 is built against the system's numpy: another one beside it breaks it.
    if numpy=$("$PYTHON3" -c 'import numpy; print(numpy.__version__)' 2>/dev/null); then
        echo "numpy==$numpy" >"$RELEASE/tmp/constraints"
        from+=(--constraint "$RELEASE/tmp/constraints")
    fi
    begin=$(stat -c %s -- "$LOG")
    # Unpacking beside the environment: /tmp may be memory, and an interrupted run leaves nothing.
    TMPDIR=$RELEASE/tmp quietly "$RELEASE/bin/python" -m pip --disable-pip-version-check install \
        --no-input --progress-bar off --root-user-action ignore "${from[@]}" "$RELEASE/source" || {
        local LOG_WHOLE=$LOG
        tail -c "+$((begin + 1))" -- "$LOG" >"$RELEASE/tmp/pip.log"
        LOG=$RELEASE/tmp/pip.log ROOM_MB=$RELEASE_ROOM_MB explain_pip || true
        LOG=$LOG_WHOLE
        die "the Python packages are not installed${WHEELS:+ from $WHEELS} (all that pip said: $LOG)"
    }
}

# ---- what is not proven yet -------------------------------------------------------------------

# Before anything changes that the service only has after a restart. Until it has proven itself,
# this file says so, to a later run as well, and names the release to go back to.
restart_needed() {
    if [[ -e $OPT/pending ]]; then return; fi
    mkdir -p -- "$OPT"
    link_name current >"$OPT/pending.part"
    sync -- "$OPT/pending.part"
    mv -fT -- "$OPT/pending.part" "$OPT/pending"
}

proven() { rm -f -- "$OPT/pending"; }

point() { # link, release's name
    rm -f -- "$OPT/$1.part"
    ln -s -- "releases/$2" "$OPT/$1.part"
    mv -fT -- "$OPT/$1.part" "$OPT/$1"
}

# Removes every release but these two, and what a broken switch has left.
prune() { # name, name or nothing
    local release
    for release in "$OPT"/releases/*; do
        [[ -e $release ]] || continue
        if [[ ${release##*/} != "$1" && ${release##*/} != "${2:-$1}" ]]; then
            say "Removing the release ${release##*/}"
            rm -rf -- "$release"
        fi
    done
    rm -f -- "$OPT/current.part" "$OPT/previous.part" "$OPT/pending.part"
}
