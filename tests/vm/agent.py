"""The way into an emulated machine: QEMU's guest agent, over a virtual serial port.

The protocol is lines of JSON, see <https://www.qemu.org/docs/master/interop/qemu-ga-ref.html>.
"""

from __future__ import annotations

import base64
import itertools
import json
import socket
import time
from pathlib import Path
from typing import Any

from vm.guests import Ended, GuestError

PIECE = 48_000  # bytes of a file in one message: well below what the agent takes
ANSWER_S = 60.0  # an emulated processor is slow, and slower while the guest is busy


class Agent:
    """A connection to the agent in the guest.

    Args:
        path: The socket that QEMU serves.
    """

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(path))
        self._buffer = b""
        self._numbers = itertools.count(1)

    def wait(self, timeout_s: float) -> None:
        """Waits until the guest's agent answers.

        Raises:
            GuestError: It does not in time.
        """
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            # What an earlier boot left unread comes first: the number tells the answers apart.
            number = next(self._numbers)
            try:
                self._send("guest-sync-delimited", {"id": number})
                self._answer(number, 2.0)
            except GuestError:
                continue
            return
        raise GuestError(f"the guest's agent did not answer within {timeout_s:g} s")

    def ask(self, command: str, timeout_s: float) -> Ended:
        """Runs a shell line and waits for its end.

        Raises:
            GuestError: It did not end in time, or the guest is gone.
        """
        started = time.monotonic()
        line = ["-k", "5", f"{timeout_s:g}", "sh", "-c", f"exec 2>&1; {command}"]
        request = {"path": "/usr/bin/timeout", "arg": line, "capture-output": True}
        pid = self._call("guest-exec", request)["pid"]
        pause_s = 0.02
        while True:
            state = self._call("guest-exec-status", {"pid": pid})
            seconds = time.monotonic() - started
            if state["exited"]:
                output = base64.b64decode(state.get("out-data", "")).decode(errors="replace")
                status = state.get("exitcode", -int(state.get("signal", 0)))
                if status in {124, 137} and seconds >= timeout_s:
                    raise GuestError(f"$ {command}\n{output}\nnot done within {timeout_s:g} s")
                return Ended(command, status, output, seconds)
            if seconds > timeout_s + 15:
                raise GuestError(f"$ {command}\nno end within {timeout_s:g} s")
            time.sleep(pause_s)
            pause_s = min(pause_s * 1.5, 0.5)

    def put(self, path: str, content: bytes) -> None:
        """Writes a file."""
        handle = self._call("guest-file-open", {"path": path, "mode": "w"})
        for start in range(0, len(content), PIECE):
            piece = base64.b64encode(content[start : start + PIECE]).decode()
            self._call("guest-file-write", {"handle": handle, "buf-b64": piece})
        self._call("guest-file-close", {"handle": handle})

    def shut_down(self, mode: str) -> None:
        """Asks for `powerdown` or `reboot`; no answer comes."""
        self._send("guest-shutdown", {"mode": mode})

    def close(self) -> None:
        """Ends the connection."""
        self._socket.close()

    def _call(self, name: str, arguments: dict[str, Any]) -> Any:
        number = next(self._numbers)
        self._send(name, arguments, number)
        return self._answer(number, ANSWER_S)

    def _send(self, name: str, arguments: dict[str, Any], number: int | None = None) -> None:
        request: dict[str, Any] = {"execute": name, "arguments": arguments}
        if number is not None:
            request["id"] = number
        # A leading 0xFF makes the agent forget half a line that an earlier connection left.
        try:
            self._socket.settimeout(ANSWER_S)
            self._socket.sendall(b"\xff" * (number is None) + json.dumps(request).encode() + b"\n")
        except OSError as error:
            raise GuestError(f"the guest is gone: {error}") from error

    def _answer(self, number: int, timeout_s: float) -> Any:
        deadline = time.monotonic() + timeout_s
        while True:
            message = self._line(deadline)
            if message.get("return") == number:  # of a sync, which has no id
                return number
            if message.get("id") == number:
                if "error" in message:
                    raise GuestError(f"the guest's agent: {message['error']['desc']}")
                return message["return"]

    def _line(self, deadline: float) -> dict[str, Any]:
        while b"\n" not in self._buffer:
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                raise GuestError("the guest's agent does not answer")
            self._socket.settimeout(left_s)
            try:
                piece = self._socket.recv(1 << 16)
            except TimeoutError:
                continue
            except OSError as error:
                raise GuestError(f"the guest is gone: {error}") from error
            if not piece:
                raise GuestError("the guest is gone: its serial port was closed")
            self._buffer += piece
        line, _, self._buffer = self._buffer.partition(b"\n")
        try:
            message: dict[str, Any] = json.loads(line.rpartition(b"\xff")[2])
        except ValueError:
            return {}
        return message
