# shellcheck shell=bash
# The service: its units, its start, and the way back to the release before.

UNITS=/etc/systemd/system
COMMAND=/usr/local/bin/edged
START_S=${EDGED_START_S:-180} # until the service has to be active; a first start on a slow card takes long
SETTLE_S=3                    # it has to stay so
RUNS=running # what the last line says of the service
DISABLED=    # by the administrator, and stays so
CHECKED= # the check's findings, a line of "level subject" each; "none": there is no such command

# ---- the switch -------------------------------------------------------------------------------

step_service() {
    local old before='' back
    if [[ -n $DRY ]]; then
        plan_service
        return
    fi
    config_fits
    if is_disabled; then DISABLED=yes; fi
    old=$(link_name current)
    if [[ $old != "$NAME" ]]; then
        if [[ -n $old ]] && systemctl -q is-active edged.service; then
            say "Checking the release $old, to compare"
            check_service quiet || true
            before=$CHECKED
        fi
        todo "Switching ${old:+from $old }to $NAME"
        restart_needed
        point current "$NAME"
    else
        fine "$OPT/current is $NAME"
    fi
    # Of an earlier run, which did not come to its end, perhaps.
    back=$old
    if [[ -e $OPT/pending ]]; then back=$(<"$OPT/pending"); fi
    install_units "$RELEASE"
    if [[ -n $DISABLED ]] && is_stopped; then
        rest
    elif ! start_service || ! prove "$before" "$old"; then
        if [[ -n $back && $back != "$NAME" && -f $OPT/releases/$back/edged-release ]]; then
            go_back "$back"
        fi
        die "the service is not running: sudo journalctl -u edged -n 30 tells why; mend that and run this again"
    fi
    if [[ -n $back && $back != "$NAME" ]]; then point previous "$back"; fi
    proven
    prune "$NAME" "$(link_name previous)"
}

# Whether somebody has disabled the service since it was installed. An installation that has not come
# to its end yet has not enabled it.
is_disabled() {
    local before
    before=$(link_name current)
    if [[ -e $OPT/pending ]]; then before=$(<"$OPT/pending"); fi
    [[ -n $before && -e $UNITS/edged.service ]] && ! systemctl -q is-enabled edged.service 2>/dev/null
}

is_stopped() { [[ $(property ActiveState) == @(inactive|failed) ]]; }

# In the place of a start: what is installed is for the day when the service is wanted again.
rest() {
    fine 'edged.service is disabled and stopped, and stays so: sudo systemctl enable --now edged starts it'
    RUNS='not running, as edged.service is disabled and stopped'
    if [[ -e $OPT/pending ]]; then restart_instances; fi
}

plan_service() {
    if is_disabled && is_stopped; then
        if [[ -z $NAME || $(link_name current) != "$NAME" ]]; then
            todo "Switching to it, writing the units into $UNITS" || true
        fi
        fine 'edged.service is disabled and stopped, and stays so'
    elif [[ -z $NAME || $(link_name current) != "$NAME" ]]; then
        todo "Switching to it, writing the units into $UNITS, enabling and starting edged, checking it" || true
    else
        fine "$OPT/current is $NAME"
        if ! systemctl -q is-active edged.service; then todo 'Starting the service' || true; fi
    fi
}

# A configuration that the new release does not understand would stop it: better not to switch. What
# it names and is missing is missing for the old release too, and may be what this run is to mend.
config_fits() {
    local file wrong
    for file in "$CONFIG" $(instances | sed "s|^edged@\(.*\)\.service$|$ETC/\1.toml|"); do
        wrong=$(release_run "$RELEASE" edged config check "$file" --only-file 2>&1) && continue
        note "$wrong"
        die "$(head -n 1 <<<"$wrong"): mend it and run this again; nothing was switched (all of it: edged config check $file)"
    done
}

# Prints the units of further cameras that run: instances of the template.
instances() { systemctl list-units --plain --no-legend --state=active 'edged@*.service' | cut -d ' ' -f 1; }

# The units are those of the release, so that going back brings them back as well.
install_units() { # release's directory
    local unit
    for unit in "$1"/system/*.service; do
        if ! has_content "$unit" "$UNITS/${unit##*/}" 0644 root:root; then
            todo "Writing $UNITS/${unit##*/}"
            restart_needed
            put "$unit" "$UNITS/${unit##*/}" 0644 root:root
        fi
    done
    if [[ ! -L $COMMAND && ! -e $COMMAND ]]; then
        todo "Linking $COMMAND"
        ln -s -- "$OPT/current/bin/edged" "$COMMAND"
    fi
    # Never asked of systemd, as it may have noticed the files by itself and still run the old ones.
    if [[ -e $OPT/pending ]]; then quietly systemctl daemon-reload || die 'systemctl daemon-reload failed'; fi
    if [[ -n $DISABLED ]]; then
        fine 'edged.service is disabled at boot, and stays so'
    elif ! systemctl -q is-enabled edged.service 2>/dev/null; then
        todo 'Enabling edged.service at boot'
        quietly systemctl enable edged.service || die "edged.service cannot be enabled: $(tail -n 1 "$LOG")"
    fi
}

# ---- starting ---------------------------------------------------------------------------------

property() { systemctl show -P "$1" edged.service; }

# Brings the service to run what is installed now. Fails when it does not become active in time.
start_service() {
    if [[ ! -e $OPT/pending ]] && systemctl -q is-active edged.service; then
        fine 'the service is active'
        return
    fi
    if [[ -e $OPT/pending ]] && systemctl -q is-active edged.service; then
        todo 'Restarting the service'
    else
        todo 'Starting the service'
    fi
    systemctl reset-failed edged.service 2>/dev/null || true
    quietly systemctl --no-block restart edged.service || return
    wait_active && restart_instances
}

last_words() { journalctl _SYSTEMD_UNIT=edged.service -n 1 -o cat --no-pager 2>/dev/null; }

wait_active() {
    local deadline=$((SECONDS + START_S)) pid='' since=$SECONDS restarts
    while ((SECONDS < deadline)); do
        case $(property ActiveState) in
            active)
                # A service that dies and comes back all the time is active now and then.
                if [[ $(property MainPID) != "$pid" ]]; then
                    pid=$(property MainPID) since=$SECONDS
                elif ((SECONDS - since >= SETTLE_S)); then
                    return 0
                fi
                ;;
            failed)
                say "The service has failed ($(property Result)): $(last_words)"
                return 1
                ;;
        esac
        restarts=$(property NRestarts)
        if ((${restarts:-0} >= 3)); then
            say "The service ends again and again: $(last_words)"
            return 1
        fi
        sleep 0.5 # systemd tells waiting ones of a start's end only, not of the restarts after it
    done
    say "The service was not active within $START_S s"
    return 1
}

restart_instances() {
    local instance
    for instance in $(systemctl list-units --plain --no-legend 'edged@*.service' | cut -d ' ' -f 1); do
        say "Restarting $instance"
        quietly systemctl restart "$instance" || mend "$instance does not start: sudo journalctl -u $instance"
    done
}

# ---- the check --------------------------------------------------------------------------------

# Runs `edged check`. Prints the findings unless quiet, keeps them in CHECKED, and fails when the
# check itself did not work.
check_service() { # quiet or nothing
    local output status=0
    CHECKED=none
    if ! release_run "$OPT/current" edged check --help >/dev/null 2>&1; then return; fi
    output=$(release_run "$OPT/current" edged check --json --config "$CONFIG" 2>>"$LOG") || status=$?
    note "edged check ended with $status: $output"
    CHECKED=$("$PYTHON3" -c '
import json, sys
for name, check in json.loads(sys.argv[1])["checks"].items():
    troubles = "; ".join(": ".join(filter(None, (t["wrong"], t["todo"]))) for t in check["troubles"])
    print(check["level"], name, "; ".join(filter(None, (check["found"], troubles))))' "$output" 2>>"$LOG") || {
        CHECKED=broken
        return 1
    }
    if [[ ${1-} != quiet ]]; then tell_findings; fi
}

tell_findings() {
    local level name words
    while read -r level name words; do
        if [[ $level == ok ]]; then fine "$name: $words"; else mend "$level: $name: $words"; fi
    done <<<"$CHECKED"
}

problems() { grep '^problem ' <<<"$1" | cut -d ' ' -f 2 | sort -u || true; }

# Whether the running service passes its check. What was a problem with the release before as well is
# none of this one's making: a camera that nobody has plugged in must not stop an upgrade.
prove() { # the findings with the release before, its name
    local pid new
    pid=$(property MainPID)
    say 'Checking the service (edged check)'
    if ! check_service; then
        say "edged check itself does not work: $LOG"
        return 1
    fi
    if [[ $CHECKED == none ]]; then
        say 'This release has no edged check'
    elif [[ -n $1 && $1 != none && $1 != broken ]]; then
        new=$(comm -13 <(problems "$1") <(problems "$CHECKED") | paste -sd ' ')
        if [[ -n $new ]]; then
            say "With $2 there was no such problem: $new"
            return 1
        fi
    fi
    if [[ $(property ActiveState) != active || $(property MainPID) != "$pid" ]]; then
        say 'The service did not stay active'
        return 1
    fi
}

# ---- the way back -----------------------------------------------------------------------------

go_back() { # the release before
    note "$(journalctl -u edged.service -n 50 --no-pager 2>/dev/null)"
    say "Going back to the release $1"
    point current "$1"
    install_units "$OPT/releases/$1"
    systemctl reset-failed edged.service 2>/dev/null || true
    quietly systemctl --no-block restart edged.service || true
    if wait_active; then
        restart_instances
        proven
        rm -rf -- "$RELEASE"
        die "the release $NAME does not work here: $1 is back and running (why: $LOG)"
    fi
    die "the release $NAME does not work here, and $1, which is back, does not become active either: sudo journalctl -u edged -n 30"
}
