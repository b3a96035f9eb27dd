# shellcheck shell=bash
# Mosquitto with a password for edged, for those who have no broker yet.

BROKER= # set by --with-broker: local or lan
PASSWORD_FILE=$ETC/credentials/mqtt_password # which the unit hands to the service as a credential
BROKER_CONFIG=/etc/mosquitto/conf.d/edged.conf
BROKER_PASSWORDS=/etc/mosquitto/edged.passwd

# Prints the files by which somebody else has set Mosquitto up: with two hands in it, it would not start.
foreign_broker_settings() {
    local file
    for file in /etc/mosquitto/conf.d/*.conf; do
        [[ -e $file && $file != "$BROKER_CONFIG" ]] || continue
        if grep -Eq '^[[:space:]]*[a-z]' -- "$file"; then echo "$file"; fi
    done
    if grep -Eqs '^[[:space:]]*(listener|port|password_file|allow_anonymous)\b' /etc/mosquitto/mosquitto.conf; then
        echo /etc/mosquitto/mosquitto.conf
    fi
}

broker_config() {
    local here=' 127.0.0.1'
    if [[ $BROKER == lan ]]; then here=''; fi
    cat <<END
# Made by edged's install.sh --with-broker, and made anew by it: put settings of your own elsewhere.
allow_anonymous false
password_file $BROKER_PASSWORDS
# Small messages at once instead of collected ones: 5 ms less of age at the subscriber.
set_tcp_nodelay true
listener 1883$here
listener 9001$here
protocol websockets
END
}

step_broker() {
    local foreign
    if [[ -z $BROKER ]]; then
        # Of an earlier run: a new configuration is to know it.
        if [[ -e $BROKER_CONFIG && -e $PASSWORD_FILE ]]; then BROKER_USER=edged; fi
        return
    fi
    foreign=$(foreign_broker_settings)
    if [[ -n $foreign ]]; then
        mend "Mosquitto is set up already in ${foreign//$'\n'/, }, so it stays as it is: add a user for edged there" \
            "(mosquitto_passwd), and name it under [mqtt] in $CONFIG"
        return
    fi
    BROKER_USER=edged
    install_packages_of mosquitto mosquitto-clients
    step_broker_password
    if [[ -n $DRY ]]; then
        todo "Writing $BROKER_CONFIG, starting Mosquitto on ports 1883 and 9001" || return 0
    fi
    broker_config >"$OPT/broker.conf"
    if has_content "$OPT/broker.conf" "$BROKER_CONFIG" 0644 root:root && [[ $BROKER_STALE != yes ]]; then
        fine "$BROKER_CONFIG"
    else
        todo "Setting up Mosquitto: port 1883, WebSocket on 9001, for $([[ $BROKER == lan ]] && echo 'the whole network' || echo 'this machine only')"
        # Not there until Mosquitto has it: an interrupted run comes back here.
        rm -f -- "$BROKER_CONFIG"
        restart_needed
        put "$OPT/broker.conf" "$BROKER_CONFIG" 0644 root:root
        quietly systemctl enable mosquitto.service || true
        if ! quietly systemctl restart mosquitto.service; then
            rm -f -- "$BROKER_CONFIG" "$OPT/broker.conf"
            BROKER_USER=
            quietly systemctl restart mosquitto.service || true
            mend "Mosquitto does not start with $BROKER_CONFIG, which was taken away again: sudo tail /var/log/mosquitto/mosquitto.log"
            return
        fi
    fi
    rm -f -- "$OPT/broker.conf"
    if ! systemctl -q is-active mosquitto.service; then
        todo 'Starting Mosquitto'
        quietly systemctl enable --now mosquitto.service || mend 'Mosquitto does not start: journalctl -u mosquitto'
    fi
    if [[ -e $CONFIG && -z $(toml_get "$CONFIG" mqtt username) ]]; then
        mend "$CONFIG is yours: put username = \"edged\" under its [mqtt] (edged finds the password itself)," \
            "then sudo systemctl restart edged"
    fi
}

# The end of an installation with a broker: it takes a name and a password to listen to it.
tell_how_to_listen() {
    local prefix
    if [[ -z $BROKER || -z $BROKER_USER || ! -s $PASSWORD_FILE ]]; then return; fi
    prefix=$(toml_get "$CONFIG" mqtt prefix)
    say "To listen: mosquitto_sub -u $BROKER_USER -P \"\$(sudo cat $PASSWORD_FILE)\" -v -t '${prefix:-edged}/#'"
}

# The password is made once. Mosquitto keeps a hash of it, and edged the password, for itself.
step_broker_password() {
    BROKER_STALE=
    if [[ -s $PASSWORD_FILE && -s $BROKER_PASSWORDS ]]; then
        fine "the password of edged in $PASSWORD_FILE"
        return
    fi
    BROKER_STALE=yes
    todo "Making a password for edged: sudo cat $PASSWORD_FILE shows it" || return 0
    keep_directory "$ETC/credentials" 0700 root:root
    restart_needed
    if [[ ! -s $PASSWORD_FILE ]]; then
        rm -f -- "$BROKER_PASSWORDS"
        (umask 077 && head -c 18 /dev/urandom | base64 | tr '+/' '-_' >"$OPT/password")
        put "$OPT/password" "$PASSWORD_FILE" 0600 root:root
    fi
    # -U turns "name:password" lines into hashes, and keeps the password off the command line.
    (umask 077 && printf 'edged:%s\n' "$(<"$PASSWORD_FILE")" >"$OPT/password")
    quietly mosquitto_passwd -U "$OPT/password" || die "mosquitto_passwd failed: $(tail -n 1 "$LOG")"
    put "$OPT/password" "$BROKER_PASSWORDS" 0640 root:mosquitto
    rm -f -- "$OPT/password"
}
