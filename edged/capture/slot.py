"""The slot: one place for one frame, where the newest wins."""

from __future__ import annotations

from threading import Condition
from typing import Self

from edged.types import Frame


class LatestFrame:
    """One place between the capture thread and the pipeline. A newer frame replaces an older one.

    Replaced frames are released and counted. Any number of threads may use it.
    """

    def __init__(self) -> None:
        self._changed = Condition()
        self._frame: Frame | None = None
        self._closed = False
        self._dropped = 0

    @property
    def dropped(self) -> int:
        """Frames that were replaced before anyone took them."""
        return self._dropped

    @property
    def closed(self) -> bool:
        """Whether there will be no more frames."""
        return self._closed

    def put(self, frame: Frame) -> None:
        """Place the newest frame. After `close` the frame is only released."""
        with self._changed:
            if self._closed:
                unwanted: Frame | None = frame
            else:
                unwanted, self._frame = self._frame, frame
                if unwanted is not None:
                    self._dropped += 1
                self._changed.notify_all()
        if unwanted is not None:
            unwanted.release()

    def take(self, timeout_s: float) -> Frame | None:
        """The newest frame, waiting for one; it is the caller's to release.

        Returns None when the slot is closed and empty: there will be no more.

        Raises:
            TimeoutError: no frame within `timeout_s`.
        """
        with self._changed:
            if not self._changed.wait_for(self._is_settled, timeout_s):
                raise TimeoutError
            frame, self._frame = self._frame, None
            self._changed.notify_all()
            return frame

    def _is_settled(self) -> bool:
        return self._frame is not None or self._closed

    def wait_empty(self, timeout_s: float) -> bool:
        """Wait until the frame was taken, for a source that drops none.

        False: it is still there, after `timeout_s` or when the slot was closed.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._frame is None or self._closed, timeout_s)
            return self._frame is None

    def close(self) -> None:
        """Wake everyone. A frame that is still there can be taken."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def discard(self) -> None:
        """Give back the frame that is there, if there is one."""
        with self._changed:
            frame, self._frame = self._frame, None
            self._changed.notify_all()
        if frame is not None:
            frame.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
        self.discard()
