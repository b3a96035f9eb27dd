# shellcheck shell=bash
# libedgetpu, the library of the Coral. Google's own build of 2021 crashes the runtimes of today; the
# community's is built for each system, and comes from the release page of its project.

EDGETPU= # set by --edgetpu: std, max or none; empty: std where a Coral is attached
EDGETPU_PAGE=https://github.com/feranick/libedgetpu/releases
EDGETPU_TAG=16.0TF2.19.1-1
# As two projects that pin them have published; the others are not known.
declare -gA EDGETPU_SHA256=( # -g: sourced in a function
    [libedgetpu1-std_16.0tf2.19.1-1.bookworm_amd64.deb]=23be53c72eff4d44afc2f727700da185791d3ca0867bd0b5e082ec3a0de21925
    [libedgetpu1-std_16.0tf2.19.1-1.bookworm_arm64.deb]=46ab47310d6de120bda4678febe5eb6143f5c7d7dd17c0d017ae5f6cd67dfec5
    [libedgetpu1-std_16.0tf2.19.1-1.trixie_arm64.deb]=df9e9b16c802f4e4ad6fd8d9d0866d25eff8ddef989813f398794546d267bd11
)

installed_edgetpu() { # prints std or max
    local which
    for which in std max; do
        if is_installed "libedgetpu1-$which"; then
            echo "$which"
            return
        fi
    done
}

step_coral() {
    local wanted=$EDGETPU there attached=
    if has_usb_coral; then attached=USB; fi
    if has_pcie_coral; then attached=${attached:+$attached and }PCIe; fi
    there=$(installed_edgetpu)
    if [[ $wanted == none ]]; then
        fine 'no Edge TPU library, as asked'
        return
    elif [[ -z $wanted && -z $attached ]]; then
        fine 'no Coral is attached, so no Edge TPU library'
        return
    fi
    if [[ $attached == *PCIe* && ! -e /dev/apex_0 ]]; then
        mend 'the PCIe Coral has no driver (/dev/apex_0 is not there): docs/install.md tells how to get gasket'
    fi
    if [[ -n $there && ${wanted:-$there} == "$there" ]]; then
        fine "the Edge TPU library libedgetpu1-$there"
    elif [[ -n $DRY ]]; then
        todo "Installing libedgetpu1-${wanted:-std} from $EDGETPU_PAGE" || true
    else
        say "Getting libedgetpu1-${wanted:-std} from $EDGETPU_PAGE${attached:+ for the $attached Coral}"
        install_edgetpu "${wanted:-std}" || mend "${EDGETPU_TROUBLE}. Without it edged runs on the CPU;" \
            "run this again, or install the package libedgetpu1-${wanted:-std} for $CODENAME and $ARCHITECTURE yourself from $EDGETPU_PAGE"
    fi
}

# Sets EDGETPU_TROUBLE when it fails.
install_edgetpu() { # std or max
    local file=libedgetpu1-$1_${EDGETPU_TAG,,}.${CODENAME}_$ARCHITECTURE.deb folder=$CACHE/edgetpu path sum known
    path=$folder/$file
    mkdir -p -- "$folder"
    chmod 755 -- "$CACHE" "$folder" # apt reads it as a user of its own
    known=${EDGETPU_SHA256[$file]-}
    if [[ -z $known && -z $EDGETPU ]]; then
        EDGETPU_TROUBLE="the checksum of $file is not known here, so it is installed only when asked for: --edgetpu $1"
        return 1
    fi
    if ! quietly timeout 300 "$PYTHON3" -c '
import shutil, sys, urllib.request
with urllib.request.urlopen(sys.argv[1], timeout=30) as answer, open(sys.argv[2], "wb") as file:
    shutil.copyfileobj(answer, file)' "${EDGED_EDGETPU_URL:-$EDGETPU_PAGE/download/$EDGETPU_TAG}/$file" "$path.part"; then
        EDGETPU_TROUBLE="$file cannot be downloaded ($(tail -n 1 "$LOG"))"
        return 1
    fi
    sum=$(sha256sum <"$path.part")
    sum=${sum%% *}
    note "$file has the sha256 $sum"
    if [[ -z $known ]]; then
        mend "the checksum of $file is not known here; that of what was downloaded, $sum, is in $LOG"
    elif [[ $sum != "$known" ]]; then
        rm -f -- "$path.part"
        EDGETPU_TROUBLE="$file is not what it should be (sha256 $sum), and was thrown away"
        return 1
    fi
    mv -fT -- "$path.part" "$path"
    CHANGED=yes
    restart_needed
    # std and max exclude each other: apt takes the other one away.
    if ! apt_install "$path"; then
        EDGETPU_TROUBLE="apt-get did not install $file ($LOG)"
        return 1
    fi
    rm -rf -- "$folder"
}
