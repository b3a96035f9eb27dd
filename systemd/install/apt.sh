# shellcheck shell=bash
# Installing Debian packages as root, for every command of install.sh.

POLICY=/usr/sbin/policy-rc.d
POLICY_WRITTEN=
DPKG_LOCK=/var/lib/dpkg/lock-frontend
APT_WAIT_S=300 # a Pi that was just switched on for the first time updates itself

has() { type -P "$1" >/dev/null; }
privileged() { [[ $EUID -eq 0 ]] || sudo -n true 2>/dev/null; }

as_root() { if [[ $EUID -eq 0 ]]; then "$@" 9<&-; else sudo -n "$@" 9<&-; fi; }

# Installing a package starts its service. policy-rc.d is Debian's place to refuse that; an
# administrator's own file stays. Ours refuses only while this script lives, so that one left
# behind by a kill does no harm.
refuse_services() {
    if [[ -e $POLICY ]] && ! grep -qs "edged's install.sh" "$POLICY"; then return; fi
    POLICY_WRITTEN=yes
    # shellcheck disable=SC2016 # $1 belongs to the inner shell
    printf '#!/bin/sh\n# By %s, while it installs packages.\nkill -0 %d 2>/dev/null && exit 101\nexit 0\n' \
        "edged's install.sh" "$$" | as_root sh -c 'cat >"$1" && chmod 755 "$1"' sh "$POLICY"
}

allow_services() {
    if [[ -n $POLICY_WRITTEN ]]; then
        as_root rm -f "$POLICY"
        POLICY_WRITTEN=
    fi
}

# Whether another program installs packages now. Its lock is one of fcntl(2), unseen by flock(1).
apt_is_busy() {
    local status=0
    as_root python3 -c '
import fcntl, sys
try:
    with open(sys.argv[1], "r+") as file:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    sys.exit(75)' "$DPKG_LOCK" 2>/dev/null || status=$?
    ((status == 75))
}

# Installs Debian packages, or says in a line why not and fails. In the foreground: a signal to
# this script alone waits until apt is done.
apt_install() {
    local output
    local -a apt=(env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o "DPkg::Lock::Timeout=$APT_WAIT_S")
    local -a install=("${apt[@]}" install --no-install-recommends "$@")
    say "Installing Debian packages: $*"
    if apt_is_busy; then
        say "Another program is installing packages: waiting for it, $((APT_WAIT_S / 60)) minutes at most"
    fi
    refuse_services
    if ! output=$(as_root "${install[@]}" 2>&1 </dev/null); then
        # No package lists, old ones, or an earlier apt that was cut off.
        if ! apt_is_busy; then
            as_root env DEBIAN_FRONTEND=noninteractive dpkg --configure -a >/dev/null 2>&1 </dev/null || true
            as_root "${apt[@]}" update >/dev/null 2>&1 </dev/null || true
        fi
        if apt_is_busy || ! output=$(as_root "${install[@]}" 2>&1 </dev/null); then
            allow_services
            note "$output"
            say "apt-get could not install them: $(grep -m 1 '^E:' <<<"$output" || tail -n 1 <<<"$output")"
            return 1
        fi
    fi
    note "$output"
    allow_services
}
