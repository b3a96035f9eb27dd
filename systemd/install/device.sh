# shellcheck shell=bash
# `install.sh install` and `uninstall`: edged as a service of this machine.
#
# Every step looks first and changes only what is not as it should be, so that a run after an
# interrupted one finishes it, and a run after a finished one changes nothing.

# Spelt out, so that shellcheck follows them.
# shellcheck source=systemd/install/machine.sh
source "$ROOT/systemd/install/machine.sh"
# shellcheck source=systemd/install/steps.sh
source "$ROOT/systemd/install/steps.sh"
# shellcheck source=systemd/install/packages.sh
source "$ROOT/systemd/install/packages.sh"
# shellcheck source=systemd/install/account.sh
source "$ROOT/systemd/install/account.sh"
# shellcheck source=systemd/install/release.sh
source "$ROOT/systemd/install/release.sh"
# shellcheck source=systemd/install/models.sh
source "$ROOT/systemd/install/models.sh"
# shellcheck source=systemd/install/settings.sh
source "$ROOT/systemd/install/settings.sh"
# shellcheck source=systemd/install/coral.sh
source "$ROOT/systemd/install/coral.sh"
# shellcheck source=systemd/install/broker.sh
source "$ROOT/systemd/install/broker.sh"
# shellcheck source=systemd/install/service.sh
source "$ROOT/systemd/install/service.sh"
# shellcheck source=systemd/install/uninstall.sh
source "$ROOT/systemd/install/uninstall.sh"

DEVICE_LOG=/var/log/edged-install.log
ACTION= # install or uninstall
LOGGING=

device_help() {
    cat <<'END'
Usage: sudo ./install.sh [install] [OPTIONS]     edged as a service of this machine
       sudo ./install.sh uninstall [--purge] [--dry-run]

Into /opt/edged, with its own user, started now and at boot: on Raspberry Pi OS 12 and 13 (64-bit)
and Debian 12 and 13. Run again, it is an upgrade, which goes back by itself when the new release does
not work; with nothing new, it changes nothing. docs/install.md tells each step.

  --dry-run        tell the steps and change nothing; needs no root
  --with-broker    set up Mosquitto with a password, for this machine; =lan: for the network too
  --edgetpu WHICH  the Coral's library: std, max (faster, hotter) or none; std by itself where a
                   Coral is attached
  --wheels DIR     Python packages from a directory instead of the package index
  --purge          of uninstall: its configuration, models and user as well

Exit codes: 0 installed and running, 1 failed, 2 wrong use, 130 interrupted.
END
}

parse_device() { # words of the command line
    case ${1-} in
        install | uninstall) ACTION=$1 && shift ;;
        *) ACTION=install ;;
    esac
    while (($#)); do
        case $ACTION:$1 in
            *:--help | *:-h) device_help && exit ;;
            *:--dry-run) DRY=yes ;;
            uninstall:--purge) PURGE=yes ;;
            install:--edgetpu=*) EDGETPU=${1#*=} ;;
            install:--edgetpu) EDGETPU=${2-} && shift ;;
            install:--with-broker) BROKER=local ;;
            install:--with-broker=*) BROKER=${1#*=} ;;
            install:--wheels=*) WHEELS=${1#*=} ;;
            install:--wheels) WHEELS=${2-} && shift ;;
            *) misuse "$ACTION does not know \"$1\"" ;;
        esac
        shift || misuse "$ACTION: the last option lacks its value"
    done
    case $EDGETPU in '' | std | max | none) ;; *) misuse "--edgetpu is std, max or none, not \"$EDGETPU\"" ;; esac
    case $BROKER in '' | local | lan) ;; *) misuse "--with-broker is local or lan, not \"$BROKER\"" ;; esac
    if [[ -n $WHEELS ]]; then
        [[ -d $WHEELS ]] || misuse "--wheels: there is no directory $WHEELS"
        WHEELS=$(readlink -f -- "$WHEELS")
    fi
}

# One run at a time changes the machine. A directory that is always there is the lock file, so that
# none is left behind.
lock_machine() {
    exec 9<"$UNITS"
    if flock -n 9; then return; fi
    say 'Another run is installing edged: waiting for it'
    flock -w "$LOCK_WAIT_S" 9 || die "another run has been at it for $((LOCK_WAIT_S / 60)) minutes: end it first"
}

open_log() {
    if [[ -n $DRY ]]; then
        LOG=/dev/null
        return
    fi
    LOG=$DEVICE_LOG
    (umask 027 && echo "$(date '+%F %T') ---- install.sh $* from $ROOT" >>"$LOG") 2>/dev/null ||
        die "cannot write into $LOG: is its disk full (df -h /var/log), or read-only?"
    LOGGING=yes
}

device() {
    # What is done and left to do goes to standard output, and only why it failed to standard error.
    tell_on 1
    trap : PIPE # not ignored, which programs would inherit: see `tell`
    parse_device "$@"
    # What was installed can be taken away from a system that has become another one since.
    if [[ $ACTION == install ]]; then look_at_machine; fi
    if [[ $EUID -ne 0 && -z $DRY ]]; then
        die "$ACTION changes the whole machine, so it needs root: sudo ./install.sh $* (to see what it would do: --dry-run)"
    fi
    umask 022
    unset XDG_DATA_HOME EDGED_MODELS CREDENTIALS_DIRECTORY
    cd / # wherever this was called from, it may go away
    if [[ -z $DRY ]]; then lock_machine; fi
    open_log "$@"
    if [[ $ACTION == install ]]; then
        install_device
    else
        uninstall_device
    fi
}

install_device() {
    say "edged on $SYSTEM_NAME, $ARCHITECTURE$(is_pi && printf ', %s' "$(pi_model)" || true)"
    step_packages
    step_user
    step_release
    step_udev
    step_coral
    step_groups
    step_models
    step_broker
    step_settings
    step_service
    if [[ -n $DRY ]]; then
        say "Nothing was changed: this was a dry run${CHANGED:+, and there is work to do}"
    elif [[ -z $CHANGED ]]; then
        say "Nothing had to be changed: $NAME is installed and $RUNS"
    else
        say "Done: $NAME is installed and $RUNS"
    fi
    if [[ -z $DRY ]]; then tell_how_to_listen; fi
    if ((TO_MEND == 1)); then
        say 'There is a thing to look at: see the note above'
    elif ((TO_MEND)); then
        say "There are $TO_MEND things to look at: see the notes above"
    fi
}

uninstall_device() {
    local stays
    uninstall
    if [[ -n $DRY ]]; then
        if [[ -n $PURGE ]]; then gone "$DEVICE_LOG"; fi
        say 'Nothing was changed: this was a dry run'
        return
    fi
    stays=$(what_stays)
    if [[ -n $PURGE && -n $CHANGED ]]; then
        gone "$DEVICE_LOG"
        say 'Removed. The Debian packages stay, as others may need them'
    elif [[ -n $CHANGED ]]; then
        say "Removed${stays:+. What stays: $stays; uninstall --purge removes that too}"
    else
        say "There was nothing${stays:+ more} to remove${stays:+. What stays: $stays; uninstall --purge removes that too}"
    fi
    if [[ -n $PURGE ]]; then
        LOGGING=
        rm -f -- "$DEVICE_LOG"
    fi
}
