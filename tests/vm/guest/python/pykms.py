"""Stands in for the Pi's display library, which Debian has not and picamera2 imports."""

from __future__ import annotations


class _Names(type):
    def __getattr__(cls, name: str) -> str:
        return name


class PixelFormat(metaclass=_Names):
    """Every pixel format's name is its value: nothing is ever displayed."""
