"""When a live frame was taken: by the driver's stamp, the stream's position, or its arrival.

Frames wait in buffers while we, or the network, stand still. They are told from new ones here.
No IO: time comes in.
"""

from __future__ import annotations

import math
from typing import Protocol

BELIEVED_NS = 1_000_000_000
"""A webcam's stamp that is so old at most when it is opened is by the monotonic clock."""

FIRST_FRAMES = 5
"""So many frames tell by which clock a webcam stamps."""

RISE = 0.001
"""The part of a stream's time by which it may fall behind ours and count as a slower clock: that of
a camera is off by less than 0.0002. A stall of ten seconds is told to 10 ms."""

GAP_NS = 250_000_000
"""Frames without a time of their own that come so late, or three times as late as usual, may be the
first of many that had to wait."""

CATCH_UP_NS = 5_000_000_000
"""So long are frames left out after a gap; then the camera has become faster."""


SETTLED_NS = 60_000_000_000
"""A lag that has not become less for so long is none: frames that wait are read faster than they
come. The stream's clock has stood still for a while."""
SHRINKING = 0.05
"""A lag becomes less when it does by this part of the time that passes."""


def since_boot(stamp_ns: int, monotonic_ns: int, boottime_ns: int) -> int:
    """The monotonic time of a stamp that counts from the boot, with or without time in suspend.

    libcamera defines its `SensorTimestamp` by CLOCK_BOOTTIME, and hands on what a driver gives,
    mostly CLOCK_MONOTONIC. They differ by the time that the machine has slept, so that by the wrong
    one a frame is of the future or far older. 0, and what is of the future by both: now.

    Args:
        stamp_ns: when the frame was taken.
        monotonic_ns: now.
        boottime_ns: now, by the other clock.
    """
    ages = (boottime_ns - stamp_ns, monotonic_ns - stamp_ns)
    return monotonic_ns - min((age for age in ages if age >= 0 and stamp_ns > 0), default=0)


class Clock(Protocol):
    """Sees every frame of a device or stream in its order."""

    def sensor_ns(self, position_ms: float, arrived_ns: int) -> int | None:
        """The monotonic time at which a frame was taken; None: long ago, nobody knows when.

        Args:
            position_ms: the frame's own time, by a clock that may be any; 0: none.
            arrived_ns: monotonic time at which it was read.
        """


class StreamClock:
    """Frames carry their time, by a clock that began at any moment.

    The frame that came fastest tells how the two clocks stand to each other (the way through the
    network is not seen); what another one took longer is its age.
    """

    def __init__(self) -> None:
        self._position_ns = 0.0
        self._offset_ns = 0.0
        """Our time minus the stream's."""
        self._lag_ns = 0.0
        self._lagging_since_ns = 0

    def sensor_ns(self, position_ms: float, arrived_ns: int) -> int:
        """See `Clock`. A clock that stands still or goes back begins anew."""
        position_ns = position_ms * 1e6
        if not math.isfinite(position_ns):
            return arrived_ns
        offset_ns = arrived_ns - position_ns
        elapsed_ns = position_ns - self._position_ns
        if self._position_ns > 0 and elapsed_ns > 0:
            self._offset_ns = min(offset_ns, self._offset_ns + elapsed_ns * RISE)
        else:
            self._offset_ns = offset_ns
        self._position_ns = position_ns
        if self._is_settled(offset_ns - self._offset_ns, arrived_ns):
            self._offset_ns = offset_ns
        return arrived_ns - round(offset_ns - self._offset_ns)

    def _is_settled(self, lag_ns: float, arrived_ns: int) -> bool:
        """Whether a lag has stayed too long to be one."""
        waited_ns = arrived_ns - self._lagging_since_ns
        if lag_ns < GAP_NS or lag_ns < self._lag_ns - SHRINKING * waited_ns:
            self._lag_ns, self._lagging_since_ns = lag_ns, arrived_ns
            return False
        return waited_ns > SETTLED_NS


class DriverClock:
    """A webcam: V4L2 mostly stamps by the monotonic clock, else by the wall clock, or with 0.

    The first frames tell; from then on it is believed, so that a frame that lay in the driver's
    buffers is as old as it is.
    """

    def __init__(self) -> None:
        self._left = FIRST_FRAMES
        self._is_monotonic = False
        self._other = StreamClock()

    def sensor_ns(self, position_ms: float, arrived_ns: int) -> int:
        """See `Clock`."""
        age_ns = arrived_ns - position_ms * 1e6
        if self._left and not self._is_monotonic:
            self._left -= 1
            self._is_monotonic = 0 <= age_ns < BELIEVED_NS
        if not self._is_monotonic:
            return self._other.sensor_ns(position_ms, arrived_ns)
        return arrived_ns - round(age_ns) if position_ms > 0 and age_ns > 0 else arrived_ns


class ArrivalClock:
    """Frames carry no time, as a series of JPEGs over HTTP does not.

    After a gap they are left out until one has to be waited for: those before it lay in a buffer.
    """

    def __init__(self) -> None:
        self._arrived_ns: int | None = None
        self._usual_ns = 0.0
        """Between two frames."""
        self._gap_ns: int | None = None
        """When the gap ended; None: nothing has to be caught up with."""

    def sensor_ns(self, position_ms: float, arrived_ns: int) -> int | None:  # noqa: ARG002
        """See `Clock`."""
        before_ns, self._arrived_ns = self._arrived_ns, arrived_ns
        if before_ns is None:
            return arrived_ns
        waited_ns = arrived_ns - before_ns
        self._usual_ns = self._usual_ns or float(waited_ns)
        if self._gap_ns is None:
            if waited_ns > max(GAP_NS, 3 * self._usual_ns):
                self._gap_ns = arrived_ns
                return None
        elif waited_ns < self._usual_ns / 2 and arrived_ns - self._gap_ns < CATCH_UP_NS:
            return None
        self._gap_ns = None
        self._usual_ns += (waited_ns - self._usual_ns) / 8
        return arrived_ns
