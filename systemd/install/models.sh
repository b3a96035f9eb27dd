# shellcheck shell=bash
# Models for the service, in /var/lib/edged/models.

USUAL_MODEL=movenet-lightning
SHIPPED_MODEL=athlete-pose # comes with edged, for machines without a network
MODEL=$USUAL_MODEL         # for a new configuration
MODELS_S=900               # a pull over a slow line

has_model() { release_run "$RELEASE" edged models path "$1" >/dev/null 2>&1; }

step_models() {
    local reason
    if has_model "$USUAL_MODEL" && release_run "$RELEASE" edged models path --edgetpu "$USUAL_MODEL" >/dev/null 2>&1; then
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
    if has_model "$SHIPPED_MODEL"; then
        MODEL=$SHIPPED_MODEL
        mend "$USUAL_MODEL could not be pulled (${reason#edged: }). The smaller model that comes with edged," \
            "$SHIPPED_MODEL, works without a network; to have the other: sudo edged models pull $USUAL_MODEL," \
            "and [pose] model = \"$USUAL_MODEL\" in $CONFIG"
    else
        mend "$USUAL_MODEL could not be pulled (${reason#edged: }): without a model edged sees nothing;" \
            "sudo edged models pull $USUAL_MODEL, then sudo systemctl restart edged"
    fi
}
