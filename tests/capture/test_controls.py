"""What a Pi camera is told: what is configured, and what it has."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edged.capture.controls import Controls, Value, controls, mirrors, sensor, software_part
from edged.sections import Camera

MODULE_3 = {
    *("FrameDurationLimits", "ExposureTime", "AnalogueGain", "AfMode", "AfTrigger"),
    *("LensPosition", "AwbEnable", "AwbMode", "ColourGains"),
}
PERIOD: dict[str, Value] = {"FrameDurationLimits": (33333, 33333)}


def test_what_is_not_configured_is_left_to_the_camera() -> None:
    assert controls(Camera(), MODULE_3) == Controls(PERIOD)


@pytest.mark.parametrize(
    ("settings", "before", "after"),
    [
        ({"fps": 50.0}, {"FrameDurationLimits": (20000, 20000)}, {}),
        ({"exposure_us": 8000}, {**PERIOD, "ExposureTime": 8000}, {}),
        ({"gain": 2.5}, {**PERIOD, "AnalogueGain": 2.5}, {}),
        ({"af_mode": "continuous"}, {**PERIOD, "AfMode": 2}, {}),
        ({"af_mode": "auto"}, {**PERIOD, "AfMode": 1}, {"AfTrigger": 0}),
        (
            {"af_mode": "manual", "lens_position": 0.0},
            {**PERIOD, "AfMode": 0, "LensPosition": 0.0},
            {},
        ),
        ({"lens_position": 3.0}, PERIOD, {}),  # of a manual focus only
        ({"awb": "tungsten"}, {**PERIOD, "AwbEnable": True, "AwbMode": 2}, {}),
        ({"red_gain": 1.5, "blue_gain": 2.0}, {**PERIOD, "ColourGains": (1.5, 2.0)}, {}),
    ],
)
def test_what_is_configured_is_told(
    settings: dict[str, Any], before: dict[str, Value], after: dict[str, Value]
) -> None:
    assert controls(Camera(**settings), MODULE_3) == Controls(before, after)


def test_what_a_camera_does_not_have_is_left_out_and_named() -> None:
    settings = Camera(
        exposure_us=8000, gain=2.0, af_mode="manual", awb="indoor", red_gain=1, blue_gain=1
    )
    told = controls(settings, {"AnalogueGain"})
    assert told.before == {"AnalogueGain": 2.0}
    assert told.left_out == (
        *("exposure_us", "af_mode", "lens_position", "awb", "red_gain and blue_gain"),
    )
    assert controls(Camera(hdr="night"), {"HdrMode"}).before == {"HdrMode": 4}


def test_a_sensor_mode_is_a_size_and_maybe_bits() -> None:
    assert sensor(Camera()) == {}
    assert sensor(Camera(sensor_mode="1640x1232")) == {"output_size": (1640, 1232)}
    assert sensor(Camera(sensor_mode="2304x1296:10")) == {
        "output_size": (2304, 1296),
        "bit_depth": 10,
    }


@given(st.sampled_from([0, 90, 180, 270]), st.sampled_from(["none", "horizontal", "vertical"]))
def test_the_camera_mirrors_and_only_a_quarter_turn_is_left(rotate: Any, flip: Any) -> None:
    settings = Camera(rotate=rotate, flip=flip)
    left = software_part(settings)
    if rotate in {90, 270}:
        assert mirrors(settings) == (False, False)
        assert left == settings
    else:
        assert left == Camera()
        assert mirrors(settings) == (
            (rotate == 180) != (flip == "horizontal"),
            (rotate == 180) != (flip == "vertical"),
        )
