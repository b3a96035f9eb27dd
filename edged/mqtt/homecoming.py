"""Looks whether the first broker is there again, while a fallback serves."""

from __future__ import annotations

import os
import ssl
import threading
from collections.abc import Callable

from edged.mqtt.brokers import Brokers
from edged.mqtt.reasons import NoConnectionError
from edged.mqtt.session import Protocol, Session, with_first_that_works

STEP_S = 0.1
SUFFIX = ".home"
"""No device's name has a point in it: nobody else is called so."""
CLOSE_S = 0.2
"""What a look that is under way gets of the end; a name server may take longer, and the thread then
ends by itself."""


class Homecoming:
    """A thread that logs in to the first broker, and out again, until that works.

    Only a broker that lets us in is one that we can go back to; nothing is told there, and there is
    no will. The login has a name of its own, because where both are one cluster, our own would end
    the connection that serves; where no other name is let in, it is our own.
    """

    def __init__(
        self,
        brokers: Brokers,
        protocols: tuple[Protocol, ...],
        context: ssl.SSLContext | None,
        client_id: str,
        wake: int,
    ) -> None:
        """`wake`, an eventfd, is written to when there is news: that has to outlive this."""
        self.is_possible = False
        """The first broker has accepted us."""
        self.problem: str | None = None
        """Why it has not; None: not tried yet."""
        self._home = brokers.each[0]
        self._wait_s: Callable[[int, bool], float] = lambda looks, slowly: brokers.look_home_s(
            looks, slowly=slowly
        )
        self._protocols = protocols
        self._context = context
        self._client_id = client_id
        self._wake = wake
        self._waking = threading.Lock()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mqtt-home", daemon=True)

    def start(self) -> None:
        """Begin to look. Once only."""
        self._thread.start()

    def close(self) -> None:
        """Stop within CLOSE_S; nothing is written to `wake` afterwards."""
        with self._waking:
            self._closing.set()
        if self._thread.ident is not None:
            self._thread.join(CLOSE_S)

    def _run(self) -> None:
        looks, slowly = 0, False
        while not self._closing.wait(self._wait_s(looks, slowly)):
            try:
                self._look()
            except Exception as error:  # noqa: BLE001 - whatever it is, the next look may succeed
                looks += 1
                slowly = isinstance(error, NoConnectionError) and error.then == "slowly"
                self._tell(_in_words(error))
            else:
                self.is_possible = True
                self._tell(None)
                return

    def _look(self) -> None:
        """Log in and out. Raises `NoConnectionError`."""
        try:
            self._visit(self._client_id + SUFFIX)
        except NoConnectionError as error:
            if error.then != "slowly":
                raise
            self._visit(self._client_id)

    def _visit(self, name: str) -> None:
        with_first_that_works(self._protocols, lambda protocol: self._log_in(protocol, name))

    def _log_in(self, protocol: Protocol, name: str) -> None:
        session = Session(self._home, protocol, self._context, name)
        session.is_wanted = lambda: not self._closing.is_set()
        try:
            session.open()
            while not session.is_ready:
                session.client.loop(STEP_S)
                session.check()
                if self._closing.is_set():
                    raise NoConnectionError("not wanted any more")
            session.client.disconnect()
        finally:
            session.close()

    def _tell(self, problem: str | None) -> None:
        with self._waking:
            if not self._closing.is_set():
                self.problem = problem
                os.eventfd_write(self._wake, 1)


def _in_words(error: Exception) -> str:
    if isinstance(error, NoConnectionError):
        return str(error)
    return f"mqtt: {type(error).__name__}: {error}"
