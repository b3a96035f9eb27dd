# shellcheck shell=bash
# /etc/edged/edged.toml: made once, the administrator's from then on.

ETC=/etc/edged
CONFIG=$ETC/edged.toml
OFFERED=$ETC/edged.toml.dist # the template that the configuration, or the .new beside it, was made from
BROKER_USER=              # set by the broker's step

# Prints "source|why" for a new configuration.
choose_source() {
    local cameras webcam
    # libcamera lists USB webcams as well, by the path of their USB device.
    if cameras=$(timeout 60 env PYTHONDONTWRITEBYTECODE=1 LIBCAMERA_LOG_LEVELS='*:ERROR' "$RELEASE/bin/python" -c '
from picamera2 import Picamera2
for camera in Picamera2.global_camera_info():
    if "/usb" not in camera["Id"] and "usb@" not in camera["Id"]:
        print(camera["Model"])' 2>>"$LOG"); then
        cameras=${cameras:-none}
    else
        cameras= # no picamera2
    fi
    if [[ -n $cameras && $cameras != none ]]; then
        echo "picamera|the camera ${cameras%%$'\n'*}, by libcamera"
    elif webcam=$(usb_webcam); then
        echo "$webcam|the USB webcam that is attached"
    elif [[ -n $cameras ]] && is_pi; then
        echo "picamera|no camera is attached now, and a Pi camera is likely"
    else
        echo '/dev/video0|no camera is attached now; edged waits for a webcam there'
    fi
}

step_settings() {
    local choice='' template=$ROOT/config/edged.toml
    if [[ -n $DRY ]]; then
        if [[ -e $CONFIG ]]; then fine "$CONFIG"; else todo "Writing $CONFIG" || true; fi
        return
    fi
    keep_directory "$ETC" 0755 root:root
    rm -f -- "$CONFIG.edged-part" "$CONFIG.new.edged-part"
    if [[ -e $CONFIG ]] && cmp -s -- "$template" "$OFFERED"; then
        fine "$CONFIG, which stays as it is"
        return
    fi
    choice=$(choose_source)
    toml_set camera source "\"${choice%%|*}\"" <"$template" | toml_set pose model "\"$MODEL\"" >"$OPT/edged.toml"
    if [[ -n $BROKER_USER ]]; then
        toml_set mqtt username "\"$BROKER_USER\"" <"$OPT/edged.toml" >"$OPT/edged.toml.part"
        mv -fT -- "$OPT/edged.toml.part" "$OPT/edged.toml"
    fi
    if [[ ! -e $CONFIG ]]; then
        todo "Writing $CONFIG: source ${choice%%|*} (${choice#*|}), model $MODEL"
        restart_needed
        put "$OPT/edged.toml" "$CONFIG" 0640 root:edged
    elif [[ ! -e $OFFERED ]] && cmp -s -- "$OPT/edged.toml" "$CONFIG"; then
        fine "$CONFIG" # an earlier run was interrupted right here
    else
        todo "Writing $CONFIG.new, the template of this release; $CONFIG stays as it is"
        put "$OPT/edged.toml" "$CONFIG.new" 0640 root:edged
    fi
    rm -f -- "$OPT/edged.toml"
    put "$template" "$OFFERED" 0644 root:root
}
