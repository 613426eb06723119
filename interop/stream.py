"""The oracle of bad days: seeded streams both ways over any number of connections, on one thread.

The reader compares every byte with the one that belongs at its place, and at the end the digests.
All of it arrives, once and in order, or there is a break that can be seen. Bytes that are wrong, and
a clean end before the last one, are failures whatever happened on the way.
"""

import hashlib
import random
import select
import socket
import threading
import time

from lab import Failed
from traffic import check

# A prime: what is moved by any size that programs work in is found.
PERIOD = 1_048_583
_ONCE = random.Random("stream").randbytes(PERIOD)
BLOCK = _ONCE + _ONCE
PIECE = 64 * 1024
WHOLE, BROKEN, OPEN = "whole", "broken", "open"


def content(start, offset, count):
    """The bytes of a stream that begins at `start`; `count` is at most PERIOD."""
    at = (start + offset) % PERIOD
    return BLOCK[at : at + count]


class Way:
    """One direction of one connection: who writes, who reads, and how far both are."""

    def __init__(self, seed, total):
        self.start = random.Random(f"stream {seed}").randrange(PERIOD)
        self.total = total
        self.sent = self.got = 0
        self.finished = False  # FIN is sent
        self.state = OPEN
        self.sent_digest, self.got_digest = hashlib.sha256(), hashlib.sha256()

    def write(self, sock):
        """As much as the socket takes, which is at most one piece."""
        if self.sent < self.total:
            piece = content(self.start, self.sent, min(PIECE, self.total - self.sent))
            n = sock.send(piece)
            self.sent_digest.update(piece[:n] if n < len(piece) else piece)
            self.sent += n
        if self.sent == self.total and not self.finished:
            sock.shutdown(socket.SHUT_WR)
            self.finished = True

    def read(self, sock, name):
        data = sock.recv(PIECE)
        if not data:
            check(
                self.got == self.total,
                f"{name} ends cleanly after {self.got} of {self.total} bytes ({self.sent} written)",
            )
            self.state = WHOLE
            same = self.got_digest.digest() == self.sent_digest.digest()
            check(same, f"{name}: SHA-256 differs")
            return
        expected = content(self.start, self.got, len(data))
        if data != expected or self.got + len(data) > self.total:
            wrong = next((i for i, (x, y) in enumerate(zip(data, expected)) if x != y), len(data))
            raise Failed(f"{name}: byte {min(self.got + wrong, self.total)} of {self.total} is wrong")
        self.got_digest.update(data)
        self.got += len(data)


class End:
    """One socket: the end of one direction and the beginning of the other."""

    def __init__(self, sock, out, into, name):
        self.sock, self.out, self.into, self.name = sock, out, into, name
        self.wanted = select.EPOLLIN | select.EPOLLOUT
        self.broken = False


class Streams:
    """Streams over pairs of sockets: `up` bytes from each first one, `down` from each second.

    `run` carries them to their ends; meanwhile others may wait with `wait_bytes`. Sockets are
    closed when both their directions are over.
    """

    def __init__(self, pairs, up, down, seed=1):
        self.ways, self.ends = [], {}
        self.poll = select.epoll()
        self.news = threading.Condition()
        self.moved = 0
        for index, (a, b) in enumerate(pairs):
            forth, back = Way(f"{seed} {index} up", up), Way(f"{seed} {index} down", down)
            self.ways += [forth, back]
            self._add(End(a, forth, back, f"connection {index} down"))
            self._add(End(b, back, forth, f"connection {index} up"))

    def _add(self, end):
        end.sock.setblocking(False)
        self.ends[end.sock.fileno()] = end
        self.poll.register(end.sock, end.wanted)

    def run(self, timeout=60):
        """Until everything is over, one way or the other. Gives how many ways are whole."""
        deadline = time.monotonic() + timeout
        try:
            while self.ends:
                left = deadline - time.monotonic()
                check(left > 0, f"not over after {timeout} s: {self.report()}")
                self.turn(min(left, 1))
        finally:
            for end in self.ends.values():
                end.sock.close()
            self.ends.clear()
            self.poll.close()
            with self.news:
                self.moved = float("inf")
                self.news.notify_all()
        return sum(way.state == WHOLE for way in self.ways)

    def turn(self, timeout):
        before = self.moved
        for number, events in self.poll.poll(timeout):
            end = self.ends.get(number)
            if end:
                self._serve(end, events)
        if self.moved != before:
            with self.news:
                self.news.notify_all()

    def _serve(self, end, events):
        for action, wanted in ((self._write, select.EPOLLOUT), (self._read, ~select.EPOLLOUT)):
            if not events & wanted or end.broken:
                continue
            try:
                action(end)
            except BlockingIOError:
                pass
            except OSError:
                # Who hears of it first, reader or writer: nobody will hear of it again.
                end.broken = True
                if end.into.state == OPEN:
                    end.into.state = BROKEN
        over = end.broken or (end.into.state == WHOLE and end.out.finished)
        if over:
            self.poll.unregister(end.sock)
            del self.ends[end.sock.fileno()]
            end.sock.close()

    def _write(self, end):
        if end.out.finished:
            return
        before = end.out.sent
        end.out.write(end.sock)
        self.moved += end.out.sent - before
        self._want(end)

    def _read(self, end):
        if end.into.state != OPEN:
            return
        before = end.into.got
        end.into.read(end.sock, end.name)
        self.moved += end.into.got - before
        self._want(end)

    def _want(self, end):
        """Nothing that has ended wakes us again."""
        wanted = 0 if end.out.finished else select.EPOLLOUT
        if end.into.state == OPEN:
            wanted |= select.EPOLLIN
        if wanted != end.wanted:
            end.wanted = wanted
            self.poll.modify(end.sock, wanted)

    def wait_bytes(self, count, timeout=30):
        """Until so many more bytes were written or read, in all."""
        with self.news:
            goal = self.moved + count
            enough = self.news.wait_for(lambda: self.moved >= goal, timeout)
        check(enough, f"{self.moved - goal + count} of {count} bytes moved in {timeout} s")

    def whole(self):
        return all(way.state == WHOLE for way in self.ways)

    def broken(self):
        return all(way.state != WHOLE for way in self.ways)

    def report(self):
        done = sum(way.state == WHOLE for way in self.ways)
        some = [f"{w.sent}/{w.got}/{w.total} {w.state}" for w in self.ways if w.state != WHOLE][:4]
        return f"{done} of {len(self.ways)} streams whole; written/read/total {', '.join(some)}"


class Echoes(Streams):
    """Streams to destinations that send back what they get: each socket reads what it wrote."""

    def __init__(self, socks, total, seed=1):
        super().__init__([], 0, 0)
        for index, sock in enumerate(socks):
            way = Way(f"{seed} {index} echo", total)
            self.ways.append(way)
            self._add(End(sock, way, way, f"connection {index}"))


def carry(pairs, up, down, seed=1, timeout=60):
    """All of it, each way, or a failure."""
    whole(Streams(pairs, up, down, seed), timeout)


def whole(streams, timeout=60):
    streams.run(timeout)
    check(streams.whole(), f"broken: {streams.report()}")
