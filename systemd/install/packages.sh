# shellcheck shell=bash
# What edged needs of the system's packages.

# Prints those of some packages that the archive has.
in_archive() { # package ...
    LC_ALL=C apt-cache policy "$@" 2>/dev/null |
        awk '/^[^ ]/ { name = substr($1, 1, length($1) - 1) } /^  Candidate: [^(]/ { print name }'
}

is_installed() { [[ $(dpkg-query -Wf '${db:Status-Status}' "$1" 2>/dev/null) == installed ]]; }

# Without them nothing is known of the archive.
has_package_lists() { compgen -G '/var/lib/apt/lists/*_Packages*' >/dev/null; }

# Installs the packages of a list that are missing. A name with a question mark behind it is left out
# where the archive has no such package: the Pi's camera is in Raspberry Pi's archive only.
install_packages_of() { # package[?] ...
    local name
    local -a missing=() optional=()
    for name in "$@"; do
        if is_installed "${name%\?}"; then continue; fi
        if [[ $name == *\? ]]; then optional+=("${name%\?}"); else missing+=("$name"); fi
    done
    if ((${#optional[@]})); then mapfile -t -O "${#missing[@]}" missing < <(in_archive "${optional[@]}"); fi
    if ((${#missing[@]} == 0)); then
        fine "Debian packages: nothing is missing"
        return
    fi
    if [[ -n $DRY ]]; then
        todo "Installing Debian packages: ${missing[*]}" || return 0
    fi
    CHANGED=yes
    apt_install "${missing[@]}" || die "the Debian packages ${missing[*]} are not installed (the rest: $LOG)"
}

step_packages() {
    if ! has_package_lists && todo 'Reading the package lists (apt-get update)'; then
        quietly apt-get -q update || mend "apt-get update failed: $(tail -n 1 "$LOG")"
    fi
    # What edged imports or this script calls; libedgetpu brings its libusb.
    install_packages_of python3 python3-venv python3-systemd ca-certificates \
        'python3-libcamera?' 'python3-picamera2?'
}
