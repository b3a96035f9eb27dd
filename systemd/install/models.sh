# shellcheck shell=bash
# Models for the service, in /var/lib/edged/models.

USUAL_MODEL=movenet-lightning
SHIPPED_MODEL=athlete-pose # comes with edged, for machines without a network
MODEL=$USUAL_MODEL         # for a new configuration
MODELS_S=900               # a pull over a slow line

has_model() { release_run "$RELEASE" edged models path "$1" >/dev/null 2>&1; }

# Prints the model that the configuration names, when it is another one.
other_model() {
    local named
    named=$(toml_get "$CONFIG" pose model)
    if [[ -n $named && $named != "$USUAL_MODEL" ]]; then echo "$named"; fi
}

step_models() {
    local reason other
    other=$(other_model)
    if [[ $other == "$SHIPPED_MODEL" ]]; then
        fine "the model $other, which $CONFIG names and which knows drawn athletes only"
        return
    elif [[ -n $other ]]; then
        fine "$CONFIG names the model $other"
        return
    elif has_model "$USUAL_MODEL" && release_run "$RELEASE" edged models path --edgetpu "$USUAL_MODEL" >/dev/null 2>&1; then
        fine "the model $USUAL_MODEL"
        return
    elif [[ -n $DRY ]]; then
        todo "Pulling the model $USUAL_MODEL into $STATE/models" || return 0
    fi
    say "Pulling the model $USUAL_MODEL into $STATE/models"
    if quietly timeout "$MODELS_S" env PYTHONDONTWRITEBYTECODE=1 \
        "$RELEASE/bin/edged" models pull "$USUAL_MODEL"; then
        CHANGED=yes
        return
    fi
    reason=$(tail -n 1 "$LOG")
    reason="$USUAL_MODEL could not be pulled (${reason#edged: })"
    if [[ ! -e $CONFIG ]] && has_model "$SHIPPED_MODEL"; then
        MODEL=$SHIPPED_MODEL
        mend "$reason. For trying edged out there is $SHIPPED_MODEL, which comes with it and needs no network, but" \
            'knows drawn athletes only ([camera] source = "athlete"): it sees no people. Once there is a network:' \
            "sudo edged models pull $USUAL_MODEL, model = \"$USUAL_MODEL\" under [pose] in $CONFIG, and" \
            'sudo systemctl restart edged'
    else
        mend "$reason, and without a model edged sees nothing:" \
            "sudo edged models pull $USUAL_MODEL, then sudo systemctl restart edged"
    fi
}
