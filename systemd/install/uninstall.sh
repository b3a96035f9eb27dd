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

uninstall() {
    stop_units
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
    [[ -n $PURGE && -e $BROKER_CONFIG ]] || return 0
    gone "$BROKER_CONFIG" "$BROKER_PASSWORDS" "$BROKER_CONFIG.edged-part" "$BROKER_PASSWORDS.edged-part"
    if [[ -z $DRY ]]; then quietly systemctl try-restart mosquitto.service || true; fi
}

purge() {
    local parts
    mapfile -t parts < <(find "$UNITS" "${RULES%/*}" /etc/mosquitto -name '*edged*.edged-part' 2>/dev/null)
    gone "${parts[@]}" "$UNITS"/edged.service.d "$UNITS"/edged@*.service.d "$BROKER_PASSWORDS" "$ETC" "$STATE"
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
