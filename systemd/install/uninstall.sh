# shellcheck shell=bash
# Taking away what the installation has brought, and nothing else.

PURGE= # set by --purge: the configuration, the data and the user as well

gone() { # path ...: removes what is there, and tells it
    local path
    for path in "$@"; do
        [[ -e $path || -L $path ]] || continue
        todo "Removing $path" || continue
        rm -rf -- "$path"
    done
}

# Prints what only --purge removes, as far as it is there.
what_stays() {
    local path stays=''
    for path in "$ETC" "$STATE" "$BROKER_CONFIG"; do
        if [[ -e $path ]]; then stays+="${stays:+, }$path"; fi
    done
    if getent passwd edged >/dev/null && is_our_user; then stays+="${stays:+, }the user edged"; fi
    echo "$stays"
}

stop_units() {
    local unit
    local -a units
    mapfile -t units < <({
        systemctl list-units --all --plain --no-legend 'edged.service' 'edged@*.service'
        find "$UNITS" -path '*.wants/edged*.service' -printf '%f\n'
    } | cut -d ' ' -f 1 | sort -u)
    for unit in "${units[@]}"; do
        [[ $unit == edged.service || $unit == edged@*.service ]] || continue
        todo "Stopping and disabling $unit" || continue
        quietly systemctl disable --now "$unit" || true
        systemctl reset-failed "$unit" 2>/dev/null || true
    done
}

# What the broker retains of the devices would have them listed for ever. It takes the release and the
# password, so it comes before they go; a broker that is away stops nothing.
forget_devices() {
    local file level words told
    local -a files=()
    for file in "$ETC"/*.toml; do
        if [[ -e $file ]]; then files+=("$file"); fi
    done
    if ((${#files[@]} == 0)); then return; fi
    todo "Having the broker forget the devices of ${files[*]} (all that it retains of them)" || return 0
    told=$(release_run "$OPT/current" python -P -m edged.commands.forget "${files[@]}" 2>>"$LOG") || true
    if [[ -z $told ]]; then
        mend "the broker may still list the devices of ${files[*]}, as there is no release that works to clear that"
        return
    fi
    while read -r level words; do
        if [[ $level == ok ]]; then fine "$words"; else mend "$words"; fi
    done <<<"$told"
}

uninstall() {
    stop_units
    if [[ -n $PURGE ]]; then forget_devices; fi
    gone "$UNITS/edged.service" "$UNITS/edged@.service" \
        "$UNITS"/*.wants/edged.service "$UNITS"/*.wants/edged@*.service
    if [[ -z $DRY && -n $CHANGED ]]; then quietly systemctl daemon-reload || true; fi
    if [[ -e $RULES ]]; then
        gone "$RULES"
        if [[ -z $DRY ]]; then reload_udev; fi
    fi
    if [[ -L $COMMAND && $(readlink -- "$COMMAND") == "$OPT"/* ]]; then gone "$COMMAND"; fi
    uninstall_broker
    gone "$OPT" "$CACHE"
    if [[ -n $PURGE ]]; then purge; fi
}

# The settings of ours go, as their passwords do. Mosquitto stays, since others may use it.
uninstall_broker() {
    local was_there=
    [[ -n $PURGE ]] || return 0
    if [[ -e $BROKER_CONFIG ]]; then was_there=yes; fi
    gone "$BROKER_CONFIG" "$BROKER_PASSWORDS" "$BROKER_CONFIG.edged-part" "$BROKER_PASSWORDS.edged-part"
    if [[ -z $DRY && -n $was_there ]]; then quietly systemctl try-restart mosquitto.service || true; fi
}

purge() {
    local parts
    mapfile -t parts < <(find "$UNITS" "${RULES%/*}" -name '*edged*.edged-part' 2>/dev/null)
    gone "${parts[@]}" "$UNITS"/edged.service.d "$UNITS"/edged@*.service.d "$ETC" "$STATE"
    if getent passwd edged >/dev/null; then
        if ! is_our_user; then
            mend 'The user edged is somebody else, and stays'
            return
        fi
        if todo 'Removing the user edged'; then
            quietly userdel edged || die "userdel failed: $(tail -n 1 "$LOG")"
        fi
    fi
    if getent group edged >/dev/null && todo 'Removing the group edged'; then
        quietly groupdel edged || die "groupdel failed: $(tail -n 1 "$LOG")"
    fi
}
