"""What a home gym wants to know: `exercise`, the state, and the events `rep`, `set`, `workout`."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta

from edged.messages.fields import Count, NonNegative, Payload, Unit, WallTime

EventId: TypeAlias = Annotated[
    str,
    Meta(
        min_length=36,
        max_length=36,
        description="A UUID, version 7. The same event may come twice: its id tells.",
    ),
]
ExerciseName: TypeAlias = Annotated[
    str,
    Meta(
        description="As in `info.exercises`: small letters, digits and `-`. A hold may also be "
        "a label of the model that `[fitness] classifier` names, such as `tree`."
    ),
]
PersonId: TypeAlias = Annotated[int, Meta(description="Who it is, as in `pose.poses[].id`.")]
Ranges: TypeAlias = Annotated[
    float, Meta(description="How far it went, as a share of the textbook's full range.")
]
Phase: TypeAlias = Annotated[
    Literal["nobody", "idle", "set", "rep", "hold", "rest"],
    Meta(
        description="nobody: nobody is seen; idle: somebody is, and does nothing that counts; set: "
        "between two reps; rep: in the middle of one; hold: something is held; rest: after a set, "
        "before the next one or the end of the workout, whoever is seen."
    ),
]


class RepFigures(msgspec.Struct, frozen=True, kw_only=True):
    """How one rep was."""

    side: Annotated[str, Meta(pattern="^(left|right|both)$", description="That did it.")]
    duration_s: NonNegative
    eccentric_s: Annotated[NonNegative, Meta(description="Seconds of lowering the weight.")]
    concentric_s: Annotated[NonNegative, Meta(description="Seconds of lifting it.")]
    range: Ranges
    measured: Annotated[
        str,
        Meta(
            description="What the next two keys are of, such as `knee`: see config/exercises.toml. "
            "Angles are in degrees, all else in body heights."
        ),
    ]
    start_value: Annotated[float | None, Meta(description="At the start; null: not seen.")]
    peak_value: Annotated[float | None, Meta(description="At the farthest place.")]
    symmetry: Annotated[
        Unit | None,
        Meta(description="The lesser side's range as a share of the other's; null: not seen."),
    ]
    peak_speed: Annotated[NonNegative, Meta(description="Textbook's ranges a second.")]
    flags: Annotated[
        tuple[str, ...], Meta(description="What is not good, in plain words; empty: nothing.")
    ]


class ExerciseState(Payload, frozen=True, kw_only=True):
    """What is being done now. Retained; told again at every change."""

    ts: WallTime
    exercise: Annotated[ExerciseName | None, Meta(description="null: nobody knows yet.")]
    wanted: Annotated[
        str, Meta(description="`auto`: it is recognized; else the exercise that was chosen.")
    ]
    phase: Phase
    present: Annotated[
        bool | None, Meta(description="Somebody is seen; null: no picture tells, as in a pause.")
    ]
    person: Annotated[PersonId | None, Meta(description="Who exercises; null: nobody.")]
    reps: Annotated[Count, Meta(description="Of the set under way; in a rest, of the last one.")]
    partial_reps: Annotated[Count, Meta(description="That did not go far enough to count.")]
    held_s: Annotated[NonNegative, Meta(description="Of a hold.")]
    set: Annotated[Count, Meta(description="Its number in the workout, from 1; 0: none yet.")]
    sets: Annotated[Count, Meta(description="Done in this workout.")]
    last_rep: Annotated[RepFigures | None, Meta(description="null: no full rep in this set.")]
    target_reps: Annotated[Count, Meta(description="Of a set; 0: no goal.")]
    is_target_reached: bool
    rest_s: Annotated[NonNegative, Meta(description="To rest between two sets; 0: no goal.")]
    rest_since: Annotated[
        WallTime | None, Meta(description="When the last rep ended; null: it is no rest.")
    ]
    workout_since: Annotated[WallTime | None, Meta(description="null: no workout.")]


class Event(Payload, frozen=True, kw_only=True):
    """Something that happened, and is told until the broker has it."""

    id: EventId
    ts: WallTime
    exercise: ExerciseName
    person: Annotated[PersonId | None, Meta(description="null: not known any more.")]
    workout: Annotated[EventId, Meta(description="The id that its workout's event will have.")]


class RepEvent(Event, frozen=True, kw_only=True):
    """A rep, or a part of one, is done."""

    set: Annotated[EventId, Meta(description="The id that its set's event will have.")]
    count: Annotated[Count, Meta(description="Full reps of the set up to now.")]
    is_full: Annotated[bool, Meta(description="false: a partial rep, which is not counted.")]
    rep: Annotated[RepFigures, Meta(description="How it was.")]
    replaces: Annotated[
        tuple[EventId, ...],
        Meta(
            description="Earlier events that this one tells better, or that were of another "
            "exercise: forget them."
        ),
    ] = ()


class SetEvent(Event, frozen=True, kw_only=True):
    """A set is over. Its numbers count, whatever the events of its reps said.

    A set of nothing (no reps, nothing held) was reset, or corrected away: its reps never were.
    """

    number: Annotated[int, Meta(ge=1, description="In the workout.")]
    reps: Annotated[Count, Meta(description="Full ones, as counted and corrected.")]
    partial_reps: Count
    held_s: NonNegative
    began: WallTime
    duration_s: Annotated[NonNegative, Meta(description="To the end of the last rep.")]
    mean_rep_s: Annotated[NonNegative | None, Meta(description="Of full reps; null: none.")]
    mean_range: Annotated[Ranges | None, Meta(description="Of full reps; null: none.")]
    flags: Annotated[dict[str, Count], Meta(description="How often what was not good.")]
    target_reps: Annotated[Count, Meta(description="0: no goal.")]


class WorkoutEvent(Payload, frozen=True, kw_only=True):
    """A workout is over."""

    id: EventId
    ts: WallTime
    began: WallTime
    duration_s: Annotated[NonNegative, Meta(description="To the end of the last rep.")]
    sets: Count
    reps: Annotated[dict[str, Count], Meta(description="Full ones of each exercise.")]
    held_s: Annotated[dict[str, NonNegative], Meta(description="Of each hold.")]
