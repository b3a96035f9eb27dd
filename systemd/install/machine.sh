# shellcheck shell=bash
# What this machine is, and whether edged can be installed on it. Nothing here changes anything.

SYSTEM=${EDGED_SYSTEM_ROOT-} # where /etc/os-release, /proc and /sys are looked for; tests set it
CODENAME=                    # bookworm or trixie
ARCHITECTURE=                # Debian's word: amd64 or arm64
SYSTEM_NAME=                 # for people

# Prints a value of os-release.
os_release() { # key
    local line
    line=$(grep -m 1 "^$1=" "$SYSTEM/etc/os-release" 2>/dev/null) || return 0
    line=${line#*=}
    line=${line#\"}
    printf '%s' "${line%\"}"
}

is_pi() { [[ -e $SYSTEM/etc/rpi-issue || $(pi_model) == 'Raspberry Pi'* ]]; }

# Prints the board's name; nothing on what is no board.
pi_model() {
    if [[ -r $SYSTEM/proc/device-tree/model ]]; then tr -d '\0' <"$SYSTEM/proc/device-tree/model"; fi
}

# Stops on a machine that edged cannot be installed on.
look_at_machine() {
    local id supported='Raspberry Pi OS 12 and 13 (64-bit) and Debian 12 and 13 are supported'
    id=$(os_release ID)
    SYSTEM_NAME=$(os_release PRETTY_NAME)
    : "${SYSTEM_NAME:=an unknown system}"
    if [[ -e $SYSTEM/etc/rpi-issue ]]; then SYSTEM_NAME="Raspberry Pi OS on ${SYSTEM_NAME}"; fi
    ARCHITECTURE=$(dpkg --print-architecture 2>/dev/null) || ARCHITECTURE=
    case $id:$ARCHITECTURE in
        debian:amd64 | debian:arm64) ;;
        raspbian:* | debian:armhf | debian:armel | debian:i386)
            if [[ $(uname -m) == *64 ]]; then
                die "the kernel is a 64-bit one, but this system ($SYSTEM_NAME, $ARCHITECTURE) is 32-bit, and the model" \
                    "runtimes exist for 64-bit systems only: install the 64-bit edition. $supported"
            fi
            die "this is a 32-bit system ($SYSTEM_NAME, $ARCHITECTURE), and the model runtimes exist for 64-bit" \
                "systems only: install the 64-bit edition. $supported"
            ;;
        debian:*) die "this is Debian for ${ARCHITECTURE:-an unknown machine}, which is not supported: amd64 and arm64 are" ;;
        *) die "this is $SYSTEM_NAME, which is not supported: $supported; ./install.sh demo may work here" ;;
    esac
    case $(os_release VERSION_ID) in
        12) CODENAME=bookworm ;;
        13) CODENAME=trixie ;;
        *) die "this is $SYSTEM_NAME, which is not supported: $supported" ;;
    esac
    [[ -d ${SYSTEM}/run/systemd/system ]] ||
        die "systemd does not run here (a container or chroot?), and edged is a service of it"
}

# ---- what is attached -------------------------------------------------------------------------

has_usb_coral() { # before its firmware is loaded it has another id than after
    local device id
    for device in "$SYSTEM"/sys/bus/usb/devices/*; do
        [[ -r $device/idVendor && -r $device/idProduct ]] || continue
        id=$(<"$device/idVendor"):$(<"$device/idProduct")
        if [[ $id == 1a6e:089a || $id == 18d1:9302 ]]; then return; fi
    done
    return 1
}

has_pcie_coral() {
    local device
    for device in "$SYSTEM"/sys/bus/pci/devices/*; do
        [[ -r $device/vendor && -r $device/device ]] || continue
        if [[ $(<"$device/vendor"):$(<"$device/device") == 0x1ac1:0x089a ]]; then return; fi
    done
    return 1
}

# Prints the name of the first USB webcam that takes pictures, such as /dev/video0. A Pi has video
# nodes for its codecs and its camera as well, which are none.
usb_webcam() {
    local node
    while IFS= read -r node; do
        # The second node of a webcam, with index 1, carries metadata only.
        [[ $(readlink -f "$node/device") == */usb* && $(<"$node/index") == 0 ]] || continue
        echo "/dev/${node##*/}"
        return
    done < <(printf '%s\n' "$SYSTEM"/sys/class/video4linux/video* | sort -V)
    return 1
}
