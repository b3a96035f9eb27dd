"""Many simulated devices in one process: one loop for all their sockets and all that is due."""

from __future__ import annotations

import contextlib
import heapq
import os
import random
import resource
import select
import ssl
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, SimpleQueue

import msgspec

from edged.errors import EdgedError
from edged.fleet.device import Device, Job, Load
from edged.fleet.figures import Meter
from edged.fleet.person import poses
from edged.fleet.voice import Voice
from edged.fleet.wire import Wire
from edged.messages.encoding import encoder
from edged.messages.topics import Topics
from edged.mqtt.reasons import NoConnectionError
from edged.mqtt.retry import Retry
from edged.mqtt.session import PROTOCOLS
from edged.mqtt.tls import tls_context
from edged.sections import Mqtt

NAME = "sim-{:04d}"
USER = "{device}"
"""Stands for the device's name in the user name of a broker."""
CONNECTS_PER_S = 100.0
"""At the start, give or take: a fleet does not come all at once either."""
OPENERS = 16
"""Threads that connect, since name servers and handshakes are waited for."""
TICK_S = 0.002
"""What is due within it is done together."""
MOST_WAIT_S = 0.1
SPARE_DESCRIPTORS = 64
DRAIN_S = 10.0
"""At the end, for events that wait for an acknowledgement."""
FAREWELL_S = 10.0


def room_for(devices: int) -> None:
    """Raise the limit of open files to what so many connections take.

    Raises:
        EdgedError: it cannot be raised so far.
    """
    wanted = devices + OPENERS + SPARE_DESCRIPTORS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        if hard != resource.RLIM_INFINITY and hard < wanted:
            raise EdgedError(
                f"{devices} devices need {wanted} open files, and this machine allows {hard}: "
                "raise it (ulimit -Hn), or simulate fewer"
            )
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class Swarm:
    """Belongs to one thread. `close` ends it, whatever has happened."""

    def __init__(
        self,
        devices: int,
        brokers: Sequence[Mqtt],
        load: Load,
        *,
        retry: Retry | None = None,
        connects_per_s: float = CONNECTS_PER_S,
    ) -> None:
        """Connect nobody yet.

        Args:
            devices: how many.
            brokers: the devices are spread over them; one that has lost its own tries the next.
                Prefix and encoding are those of the first.
            load: what each does.
            retry: when to connect again.
            connects_per_s: at the start.

        Raises:
            EdgedError: there are not so many open files to be had.
            BrokerError: a certificate or key cannot be used.
        """
        room_for(devices)
        self.meter = Meter(devices)
        self.problem: str | None = None
        """Why the last connection was not made, or ended; None: none has failed."""
        self._brokers = brokers
        self._contexts: list[ssl.SSLContext | None] = [tls_context(one) for one in brokers]
        self._retry = retry or Retry()
        self._is_ending = False
        shown = poses(max(load.poses_per_s, 1.0))
        encode = encoder(brokers[0].encoding)
        self.devices = [
            Device(
                Topics(brokers[0].prefix, NAME.format(number)),
                Voice(shown, encode, random.Random(number)),  # noqa: S311 - numbers to show
                load,
                self.meter,
            )
            for number in range(1, devices + 1)
        ]
        self._due: list[tuple[float, int, Job]] = []
        self._device_of: dict[int, int] = {}
        """The number of the device by its socket's descriptor."""
        self._writing: set[int] = set()
        """Descriptors of which the wire is waited for."""
        self._opened: SimpleQueue[tuple[int, Wire, Exception | None]] = SimpleQueue()
        now = time.monotonic()
        for number, device in enumerate(self.devices):
            device.place = number % len(brokers)
            self._at(now + number / connects_per_s * random.uniform(0.9, 1.1), number, Job.CONNECT)  # noqa: S311
        with contextlib.ExitStack() as stack:
            self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
            stack.callback(os.close, self._wake)
            self._epoll = stack.enter_context(contextlib.closing(select.epoll()))
            self._epoll.register(self._wake, select.EPOLLIN)
            self._openers = ThreadPoolExecutor(OPENERS, "fleet-open")
            self._stack = stack.pop_all()

    @property
    def unacknowledged(self) -> int:
        """Events that no broker may have."""
        return self.meter.events - self.meter.acknowledged - self.meter.refused

    @property
    def never_connected(self) -> int:
        """Devices that no broker has ever taken."""
        return sum(not device.was_connected for device in self.devices)

    def run(self, is_over: Callable[[], bool]) -> None:
        """Let them all do what they do, until it `is_over`, which is asked every MOST_WAIT_S."""
        until = 0.0
        while True:
            now = time.monotonic()
            if now >= until:
                if is_over():
                    return
                until = now + MOST_WAIT_S
            self._turn()

    def drain(self, timeout_s: float = DRAIN_S) -> None:
        """Nothing new: let the events that wait be acknowledged, by whom it takes, if in time."""
        self._nothing_new()

        def is_done() -> bool:
            waiting = any(device.unacknowledged for device in self.devices)
            away = any(device.was_connected > device.is_connected for device in self.devices)
            return not waiting and not away

        self._turns_until(timeout_s, is_done)

    def say_goodbye(self, timeout_s: float = FAREWELL_S) -> int:
        """Have the brokers forget all devices.

        Returns how many that had been connected are not now, or got no answer in time: brokers
        still retain what these have told.
        """
        self._is_ending = True
        self._nothing_new()
        for device in self.devices:
            device.say_goodbye()
        for number in range(len(self.devices)):
            self._look(number)
        connected = [device for device in self.devices if device.is_connected]

        def is_done() -> bool:
            wires = [device.wire for device in connected]
            return all(wire is None or not wire.unacknowledged for wire in wires)

        self._turns_until(timeout_s, is_done)
        forgotten = 0
        for device in connected:
            if device.wire is not None and not device.wire.unacknowledged:
                device.wire.client.disconnect()
                forgotten += 1
        return sum(device.was_connected for device in self.devices) - forgotten

    def close(self) -> None:
        """Let go of all sockets and threads. The brokers tell the will of who said no goodbye."""
        self._is_ending = True
        self._openers.shutdown(wait=True, cancel_futures=True)
        with contextlib.suppress(Empty):
            while True:
                _, wire, _ = self._opened.get_nowait()
                wire.close()
        for device in self.devices:
            device.ended()
        self._stack.close()

    def _nothing_new(self) -> None:
        self._due = [entry for entry in self._due if entry[2] in (Job.CONNECT, Job.MISC)]
        heapq.heapify(self._due)

    def _turns_until(self, timeout_s: float, is_done: Callable[[], bool]) -> None:
        until = time.monotonic() + timeout_s
        while not is_done() and time.monotonic() < until:
            self._turn()

    def _at(self, due: float, number: int, job: Job) -> None:
        heapq.heappush(self._due, (due, number, job))

    def _turn(self) -> None:
        """Wait for the next thing, and do all that is due."""
        next_due = self._due[0][0] if self._due else time.monotonic() + MOST_WAIT_S
        wait_s = min(max(next_due - time.monotonic(), TICK_S), MOST_WAIT_S)
        for fd, event in self._epoll.poll(wait_s, len(self.devices) + 1):
            if fd == self._wake:
                os.eventfd_read(fd)
                self._take_opened()
            elif fd in self._device_of:
                self._happened(self._device_of[fd], event)
        now = time.monotonic()
        while self._due and self._due[0][0] <= now:
            due, number, job = heapq.heappop(self._due)
            if job is Job.CONNECT:
                self._connect(number)
            else:
                self._do(number, job, due, now)

    def _do(self, number: int, job: Job, due: float, now: float) -> None:
        device = self.devices[number]
        try:
            self._at(device.do(job, due, now), number, job)
        except NoConnectionError as error:
            self._at(now + 1.0, number, job)
            self._lost(number, error)
        else:
            self._look(number)

    def _connect(self, number: int) -> None:
        device = self.devices[number]
        if self._is_ending or device.is_connecting or device.wire is not None:
            return
        place = device.place % len(self._brokers)
        settings = self._brokers[place]
        user = settings.username.replace(USER, device.topics.device)
        settings = msgspec.structs.replace(settings, username=user)
        wire = Wire(
            settings, device.topics, device.protocol, self._contexts[place], device.acknowledged
        )
        wire.is_wanted = lambda: not self._is_ending
        device.is_connecting = True
        self._openers.submit(self._open, number, wire)

    def _open(self, number: int, wire: Wire) -> None:
        """Connect; by a thread of the pool."""
        problem: Exception | None = None
        try:
            wire.open()
        except Exception as error:  # noqa: BLE001 - whatever it is, the loop tries again
            problem = error
        self._opened.put((number, wire, problem))
        os.eventfd_write(self._wake, 1)

    def _take_opened(self) -> None:
        with contextlib.suppress(Empty):
            while True:
                number, wire, problem = self._opened.get_nowait()
                device = self.devices[number]
                device.is_connecting = False
                device.wire = wire
                if problem is None and wire.is_open:
                    fd = device.fd = wire.check().fileno()
                    self._device_of[fd] = number
                    self._writing.discard(fd)
                    self._epoll.register(fd, select.EPOLLIN)
                    self._look(number)
                else:
                    self._lost(number, problem or NoConnectionError("the connection ended at once"))

    def _happened(self, number: int, event: int) -> None:
        device = self.devices[number]
        wire = device.wire
        if wire is None:
            return
        try:
            if event & ~select.EPOLLOUT:
                wire.read()
            if event & select.EPOLLOUT:
                wire.write()
            wire.check()
        except (NoConnectionError, OSError, ValueError) as error:
            self._lost(number, error)
            return
        if wire.is_ready and not device.is_connected:
            if not device.was_connected:
                for due, job in device.first_due(time.monotonic()):
                    self._at(due, number, job)
            self.meter.connected += 1
            device.established(wire)
        self._look(number)

    def _look(self, number: int) -> None:
        """Wait for the wire where it has not taken all; notice when it has ended meanwhile."""
        device = self.devices[number]
        if device.wire is None:
            return
        try:
            device.wire.check()
        except NoConnectionError as error:
            self._lost(number, error)
            return
        fd, wants = device.fd, device.wire.client.want_write()
        if wants != (fd in self._writing):
            self._epoll.modify(fd, select.EPOLLIN | (select.EPOLLOUT if wants else 0))
            (self._writing.add if wants else self._writing.discard)(fd)

    def _lost(self, number: int, error: Exception) -> None:
        """Note that a connection has ended, or was not made, and when the next is tried."""
        device = self.devices[number]
        if self._device_of.get(device.fd) == number:  # else another one's socket has it already
            del self._device_of[device.fd]
            self._writing.discard(device.fd)
            # The kernel has done so where paho has closed the socket.
            with contextlib.suppress(OSError, ValueError):
                self._epoll.unregister(device.fd)
        if device.is_connected:
            self.meter.connected -= 1
            self.meter.lost += 1
        device.ended()
        if self._is_ending:
            return
        device.failures += 1
        then = error.then if isinstance(error, NoConnectionError) else "soon"
        if then == "older" and device.protocol != PROTOCOLS[-1]:
            device.protocol = PROTOCOLS[-1]
            self._at(time.monotonic(), number, Job.CONNECT)
            return
        self.problem = str(error) or type(error).__name__
        self.meter.error(self.problem)
        device.protocol = PROTOCOLS[0]
        device.place += 1
        all_refuse = then == "slowly" and device.failures >= len(self._brokers)
        wait_s = self._retry.wait_s(device.failures, slowly=all_refuse)
        self._at(time.monotonic() + wait_s, number, Job.CONNECT)
