"""What appears in Home Assistant, an entry each: where its value is from and how it is shown."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeVar, get_args

from edged.messages.exercise import Phase
from edged.messages.topics import Topics
from edged.mqtt import templates
from edged.mqtt.commands import AUTO, LONGEST_REST_S, MOST_REPS
from edged.mqtt.components import (
    BinarySensor,
    Button,
    Component,
    Event,
    Number,
    Select,
    Sensor,
    Switch,
    platform,
)

PHASES: tuple[str, ...] = get_args(get_args(Phase)[0])
REPS = ("rep", "partial_rep")

Kind = TypeVar("Kind", bound=Component)


@dataclass(frozen=True, slots=True)
class Maker:
    """Makes the entities of one device."""

    topics: Topics
    id: str
    """Of the device: `edged_gym`."""
    expire_after_s: int
    """Seconds without a health message after which its figures are unknown."""

    def fitness(self, exercises: tuple[str, ...]) -> dict[str, Component]:
        """What is being done, and what may be asked of it, where reps are counted.

        Args:
            exercises: those that are counted.
        """
        now = self.topics.exercise
        return {
            "exercise": self._make(
                Sensor,
                "exercise",
                "Exercise",
                state_topic=now,
                value_template=templates.one_of(exercises, "exercise"),
                device_class="enum",
                options=exercises,
                icon="mdi:weight-lifter",
            ),
            "phase": self._make(
                Sensor,
                "phase",
                "Phase",
                state_topic=now,
                value_template=templates.one_of(PHASES, "phase"),
                device_class="enum",
                options=PHASES,
                icon="mdi:state-machine",
            ),
            "reps": self._count("reps", "Reps", "mdi:counter", "reps"),
            "partial_reps": self._count("partial_reps", "Partial reps", "mdi:circle-half", "reps"),
            "set": self._count("set", "Set", "mdi:format-list-numbered"),
            "sets": self._count("sets", "Sets done", "mdi:check-all", "sets"),
            "held": self._seconds("held", "Held", now, templates.value("held_s")),
            "tempo": self._seconds(
                "tempo", "Tempo", now, templates.value("last_rep", "duration_s")
            ),
            "lowering": self._seconds(
                "lowering", "Lowering", now, templates.value("last_rep", "eccentric_s")
            ),
            "lifting": self._seconds(
                "lifting", "Lifting", now, templates.value("last_rep", "concentric_s")
            ),
            "range": self._share("range", "Range of motion", "mdi:arrow-expand-vertical"),
            "symmetry": self._share("symmetry", "Symmetry", "mdi:scale-balance"),
            "rest_since": self._make(
                Sensor,
                "rest_since",
                "Resting since",
                state_topic=now,
                value_template=templates.computed("rest_since", "(x | as_datetime).isoformat()"),
                device_class="timestamp",
            ),
            "person": self._make(
                BinarySensor,
                "person",
                "Person",
                state_topic=now,
                value_template=templates.either("present"),
                device_class="occupancy",
            ),
            "rep": self._event("rep", "Rep", self.topics.event_rep, REPS),
            "set_done": self._event("set_done", "Set done", self.topics.event_set, ("set",)),
            "workout_done": self._event(
                "workout_done", "Workout done", self.topics.event_workout, ("workout",)
            ),
            "wanted_exercise": self._make(
                Select,
                "wanted_exercise",
                "Exercise to count",
                state_topic=now,
                value_template=templates.one_of((AUTO, *exercises), "wanted"),
                command_topic=self.topics.set("exercise"),
                options=(AUTO, *exercises),
                icon="mdi:dumbbell",
            ),
            "target_reps": self._make(
                Number,
                "target_reps",
                "Target reps",
                state_topic=now,
                value_template=templates.value("target_reps"),
                command_topic=self.topics.set("target_reps"),
                min=0,
                max=MOST_REPS,
                step=1,
                mode="box",
                unit_of_measurement="reps",
                entity_category="config",
                icon="mdi:bullseye-arrow",
            ),
            "target_rest": self._make(
                Number,
                "target_rest",
                "Target rest",
                state_topic=now,
                value_template=templates.value("rest_s"),
                command_topic=self.topics.set("rest_s"),
                min=0,
                max=LONGEST_REST_S,
                step=1,
                mode="box",
                unit_of_measurement="s",
                device_class="duration",
                entity_category="config",
            ),
            "reset": self._make(
                Button,
                "reset",
                "Reset",
                command_topic=self.topics.set("reset"),
                icon="mdi:restart",
            ),
        }

    def device(self) -> dict[str, Component]:
        """What every device has: the switch for privacy, and how the device is."""
        health = self.topics.health
        return {
            "pause": self._make(
                Switch,
                "pause",
                "Pause",
                state_topic=self.topics.paused,
                command_topic=self.topics.set("pause"),
                icon="mdi:eye-off",
            ),
            "problem": self._make(
                BinarySensor,
                "problem",
                "Problem",
                state_topic=health,
                value_template=templates.either("problems"),
                json_attributes_topic=health,
                json_attributes_template=templates.PROBLEMS,
                device_class="problem",
                entity_category="diagnostic",
                expire_after=self.expire_after_s,
            ),
            "fps": self._diagnosis("fps", "Frame rate", "fps", precision=1, icon="mdi:speedometer"),
            "inference": self._diagnosis(
                "inference", "Inference time", "ms", "invoke_ms", "p50", device_class="duration"
            ),
            "age": self._diagnosis(
                "age", "Age of poses", "ms", "age_ms", "p50", device_class="duration"
            ),
            "memory": self._diagnosis(
                "memory", "Memory", "MB", "rss_mb", precision=0, device_class="data_size"
            ),
            "accelerator": self._make(
                Sensor,
                "accelerator",
                "Accelerator",
                state_topic=health,
                value_template=templates.value("accelerator"),
                entity_category="diagnostic",
                expire_after=self.expire_after_s,
                icon="mdi:chip",
            ),
        }

    def temperatures(self, sensors: Iterable[str]) -> dict[str, Component]:
        """A temperature each.

        Args:
            sensors: as `health` names them; of names that differ in their signs only, the first.
        """
        found: dict[str, Component] = {}
        for sensor in sensors:
            key = f"temperature_{_slug(sensor)}"
            if key not in found:
                found[key] = self._diagnosis(
                    key,
                    f"Temperature {sensor}",
                    "°C",
                    "temperatures",
                    sensor,
                    device_class="temperature",
                )
        return found

    def _make(self, kind: type[Kind], key: str, name: str, **details: Any) -> Kind:
        return kind(
            unique_id=f"{self.id}_{key}",
            name=name,
            default_entity_id=f"{platform(kind)}.{_slug(self.topics.device)}_{key}",
            **details,
        )

    def _count(self, key: str, name: str, icon: str, unit: str = "") -> Sensor:
        return self._make(
            Sensor,
            key,
            name,
            state_topic=self.topics.exercise,
            value_template=templates.value(key),
            state_class="measurement",
            unit_of_measurement=unit,
            icon=icon,
        )

    def _seconds(self, key: str, name: str, topic: str, template: str) -> Sensor:
        return self._make(
            Sensor,
            key,
            name,
            state_topic=topic,
            value_template=template,
            device_class="duration",
            unit_of_measurement="s",
            state_class="measurement",
            suggested_display_precision=1,
        )

    def _share(self, key: str, name: str, icon: str) -> Sensor:
        return self._make(
            Sensor,
            key,
            name,
            state_topic=self.topics.exercise,
            value_template=templates.computed("last_rep", "(x * 100) | round(1)", key),
            unit_of_measurement="%",
            state_class="measurement",
            suggested_display_precision=0,
            icon=icon,
        )

    def _event(self, key: str, name: str, topic: str, types: tuple[str, ...]) -> Event:
        return self._make(
            Event,
            key,
            name,
            state_topic=topic,
            value_template=templates.happened(types),
            event_types=types,
            qos=1,
            icon="mdi:bell-ring",
        )

    def _diagnosis(
        self,
        key: str,
        name: str,
        unit: str,
        *path: str,
        precision: int = 1,
        device_class: str = "",
        icon: str = "",
    ) -> Sensor:
        return self._make(
            Sensor,
            key,
            name,
            state_topic=self.topics.health,
            value_template=templates.value(*(path or (key,))),
            unit_of_measurement=unit,
            state_class="measurement",
            suggested_display_precision=precision,
            device_class=device_class,
            icon=icon,
            entity_category="diagnostic",
            expire_after=self.expire_after_s,
        )


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")
