# shellcheck shell=bash
# The service's own user, its groups, and the rules that open the Coral to them.

RULES=/etc/udev/rules.d/60-edged-coral.rules
# Cameras; the Pi's GPU, which its camera stack uses; USB devices by Debian's custom; the PCIe Coral.
# Those that this system has: a USB-only Pi has no apex.
GROUPS_WANTED=(video render plugdev apex)

# Whether the user edged is the service's: somebody may be called so, who is not ours to touch.
is_our_user() { [[ $(getent passwd edged | cut -d : -f 6) == "$STATE" ]]; }

step_user() {
    if getent passwd edged >/dev/null; then
        is_our_user || die "there is a user edged already, whose home is $(getent passwd edged | cut -d : -f 6)," \
            'and the service needs that name: rename the user (usermod --login), and run this again'
        fine 'the user edged'
    elif todo 'Adding the user edged'; then
        local group=--user-group
        if getent group edged >/dev/null; then group='--gid=edged'; fi # by an interrupted run
        useradd --system "$group" --home-dir "$STATE" --no-create-home --shell /usr/sbin/nologin \
            --comment 'edged' edged 2>>"$LOG" || die "useradd failed: $(tail -n 1 "$LOG")"
    fi
    keep_directory "$STATE" 0755 edged:edged # others look for models there too
}

step_groups() {
    local group
    local -a missing=()
    for group in "${GROUPS_WANTED[@]}"; do
        getent group "$group" >/dev/null || continue
        [[ " $(id -nG edged 2>/dev/null) " == *" $group "* ]] || missing+=("$group")
    done
    if ((${#missing[@]} == 0)); then
        fine "the groups of edged: $(id -nG edged)"
    elif todo "Putting edged into the groups ${missing[*]}"; then
        restart_needed
        usermod -aG "$(IFS=, && echo "${missing[*]}")" edged
    fi
}

step_udev() {
    local before=$CHANGED
    CHANGED=
    keep 'which opens the Coral to edged' "$ROOT/systemd/60-edged-coral.rules" "$RULES" 0644 root:root
    if [[ -n $CHANGED && -z $DRY ]]; then reload_udev; fi
    CHANGED=${CHANGED:-$before}
}

# Has udev read its rules and apply them to a Coral that is attached already.
reload_udev() {
    udevadm control --reload 2>>"$LOG" || return 0 # no udev: a container
    udevadm trigger --action=change --subsystem-match=usb --subsystem-match=apex 2>>"$LOG" || true
    udevadm settle --timeout=10 2>>"$LOG" || true
}
