"""A TCP proxy that does harm at places that are said beforehand: by bytes, not by time, so that a
seed is a place. What it was not told to break it passes on faithfully: every byte, FIN, and RST.

One thread works all connections of a proxy, so that nobody reads a socket that another one resets.
"""

import random
import select
import socket
import threading
import time

from lab import HOST
from traffic import reset

CHUNK = 64 * 1024

# What may happen to one direction of a connection.
DELAY = "delay"  # nothing passes for `amount` seconds
STALL = "stall"  # nothing passes, and nothing is read, before Proxy.release
TRICKLE = "trickle"  # `amount` bytes pass one at a time
BLACKHOLE = "blackhole"  # from here on all is taken, and nothing passes
CORRUPT = "corrupt"  # one bit of the next byte is turned
LOSE = "lose"  # the next `amount` bytes are left out
HALF_CLOSE = "half-close"  # the receiver gets FIN here; the other direction goes on
RESET = "reset"  # both ends get RST

UP, DOWN = "up", "down"


class Fault:
    """`kind` happens once `at` bytes have passed in a direction: UP leads to the target."""

    def __init__(self, kind, way, at, amount=0):
        self.kind, self.way, self.at, self.amount = kind, way, at, amount

    def __repr__(self):
        amount = f" x {self.amount:.6g}" if self.amount else ""
        return f"{self.kind}{amount} {self.way} at {self.at}"


def anywhere(seed, kind, below):
    """A fault of this kind at a place that the seed chooses. Half of the places are among the
    first few thousand bytes, where an SSH connection is made."""
    dice = random.Random(f"{kind} {seed}")
    at = dice.randrange(min(below, 4000) if dice.random() < 0.5 else below)
    amount = {
        DELAY: dice.uniform(0.05, 0.5),
        TRICKLE: dice.randrange(100, 5000),
        LOSE: dice.choice((1, 16, 1000)),
    }.get(kind, 0)
    return Fault(kind, dice.choice((UP, DOWN)), at, amount)


class Proxy:
    """Passes connections to `port` on to `target`. `faults` are for each connection, or a function
    of its number that gives them."""

    def __init__(self, target, faults=()):
        self.target = target
        self.faults = faults if callable(faults) else lambda _: faults
        self.listener = socket.create_server((HOST, 0), backlog=256)
        self.listener.setblocking(False)
        self.port = self.listener.getsockname()[1]
        self.ways = []
        self.made = 0
        self.asked = []
        self.bell, self.waker = socket.socketpair()
        self.thread = threading.Thread(target=self._work, daemon=True)
        self.thread.start()

    def release(self):
        """What is stalled goes on, and stalls no more."""
        self._ask("release")

    def reset(self, number):
        """Ends one connection with RST, counted from 0."""
        self._ask("reset", number)

    def close(self):
        self._ask("close")
        self.thread.join(10)
        for sock in (self.listener, self.bell, self.waker):
            sock.close()

    def _ask(self, *what):
        self.asked.append(what)
        self.waker.send(b"!")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _work(self):
        while True:
            self._wait()
            while self.asked:
                what, *number = self.asked.pop(0)
                for way in self.ways:
                    if what == "release":
                        way.release()
                    elif not number or number == [way.number]:
                        way.broken = True
                if what == "close":
                    return self._sweep()
            self._accept()
            for way in self.ways:
                way.move()
            self._sweep()

    def _wait(self):
        poll, now, due = select.poll(), time.monotonic(), []
        poll.register(self.listener, select.POLLIN)
        poll.register(self.bell, select.POLLIN)
        wanted = {}
        for way in self.ways:
            if way.wants_to_read():
                wanted[way.source] = wanted.get(way.source, 0) | select.POLLIN
            if way.until > now:
                due.append(way.until - now)
            elif way.wants_to_write():
                wanted[way.sink] = wanted.get(way.sink, 0) | select.POLLOUT
        for sock, events in wanted.items():
            poll.register(sock, events)
        poll.poll(min(due) * 1000 + 1 if due else None)
        self.bell.setblocking(False)
        try:
            self.bell.recv(100)
        except BlockingIOError:
            pass

    def _accept(self):
        try:
            near, _ = self.listener.accept()
        except OSError:
            return
        try:
            far = socket.create_connection((HOST, self.target), 10)
        except OSError:
            reset(near)
            return
        for sock in (near, far):
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        faults, number = list(self.faults(self.made)), self.made
        self.made += 1
        up = Way(number, near, far, [f for f in faults if f.way == UP])
        down = Way(number, far, near, [f for f in faults if f.way == DOWN])
        up.other, down.other = down, up
        self.ways += [up, down]

    def _sweep(self):
        """Closes what is over in both directions, or broken in one."""
        for way in list(self.ways):
            if way not in self.ways:
                continue
            if way.broken or way.other.broken:
                for sock in (way.source, way.sink):
                    reset(sock)
            elif way.over and way.other.over:
                way.source.close()
                way.sink.close()
            else:
                continue
            self.ways.remove(way)
            self.ways.remove(way.other)


class Way:
    """One direction of one connection."""

    def __init__(self, number, source, sink, faults):
        self.number = number
        self.source, self.sink = source, sink
        self.faults = sorted(faults, key=lambda fault: fault.at)
        self.held = bytearray()
        self.passed = 0
        self.single = 0
        self.lost = 0
        self.until = 0.0
        self.stalled = self.swallows = self.silent = False
        self.ended = self.over = self.broken = False
        self.other = None

    def release(self):
        self.stalled = False
        self.faults = [fault for fault in self.faults if fault.kind != STALL]

    def wants_to_read(self):
        return not self.ended and not self.stalled and len(self.held) < CHUNK

    def wants_to_write(self):
        if self.over or self.stalled or self.silent:
            return False
        return bool(self.held or self.ended)

    def move(self):
        try:
            self._read()
            self._write()
        except BlockingIOError:
            pass
        except OSError:
            self.broken = True

    def _read(self):
        if not self.wants_to_read():
            return
        try:
            data = self.source.recv(CHUNK)
        except BlockingIOError:
            return
        self.ended = not data
        if not self.swallows:
            self.held += data

    def _write(self):
        while not self.over and not self.broken:
            self._strike()
            if self.stalled or self.until > time.monotonic():
                return
            if not self.held:
                break
            size = len(self.held)
            if self.faults:
                size = min(size, max(self.faults[0].at - self.passed, 1))
            if self.lost:
                size = min(size, self.lost)
                self.lost -= size
            else:
                if self.single:
                    size, self.single = 1, self.single - 1
                size = self.sink.send(self.held[:size])
            del self.held[:size]
            self.passed += size
        if self.ended and not self.over and not self.held and not self.silent:
            self._finish()

    def _finish(self):
        self.over = True
        if not self.swallows:
            self.sink.shutdown(socket.SHUT_WR)

    def _strike(self):
        """What is to happen at this very place."""
        while self.faults and self.faults[0].at <= self.passed:
            fault = self.faults[0]
            if fault.kind in (CORRUPT, LOSE) and not self.held:
                return
            del self.faults[0]
            if fault.kind == DELAY:
                self.until = time.monotonic() + fault.amount
            elif fault.kind == STALL:
                self.stalled = True
            elif fault.kind == TRICKLE:
                self.single = fault.amount
            elif fault.kind == CORRUPT:
                self.held[0] ^= 1 << fault.at % 8
            elif fault.kind == LOSE:
                self.lost = fault.amount
            elif fault.kind == RESET:
                self.broken = True
            elif fault.kind in (BLACKHOLE, HALF_CLOSE):
                if fault.kind == HALF_CLOSE:
                    self.sink.shutdown(socket.SHUT_WR)
                self.silent = fault.kind == BLACKHOLE
                self.swallows = True
                self.held.clear()
