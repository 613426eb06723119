"""The one question to every tunnel: a seeded stream goes each way, and its reader compares every byte
with the one that belongs at its place. All of it arrives, once and in order, or there is a break that
can be seen. Bytes that are wrong, and a clean end before the last one, are failures whatever happened
on the way.

`pour` and `follow` are one end of one direction, for cases that do something in between. `Streams`
carries both directions of any number of connections on one thread, and compares digests as well.
"""

import hashlib
import random
import select
import socket
import threading
import time

from lab import Failed
from traffic import MIB, check

# A prime: what is moved by any size that programs work in is found.
PERIOD = 1_048_583
_ONCE = random.Random("stream").randbytes(PERIOD)
BLOCK = _ONCE + _ONCE
PIECE = 64 * 1024
PATIENCE = 30
# How a stream ends: after its last byte, with FIN ahead of it, or with RST; or it does not, so far.
ALL, CLEAN, BROKEN, OPEN = "all", "clean end", "reset", "open"


def content(start, offset, count):
    """The bytes of a stream that begins at `start`; `count` is at most PERIOD."""
    at = (start + offset) % PERIOD
    return BLOCK[at : at + count]


def start_of(seed):
    """Where in it the stream of a seed begins."""
    return random.Random(f"stream {seed}").randrange(PERIOD)


def pour(sock, seed, total):
    """Sends a stream and ends the direction; says how many bytes were taken, and whether all."""
    start, taken = start_of(seed), 0
    try:
        while taken < total:
            piece = content(start, taken, min(PIECE, total - taken))
            sock.sendall(piece)
            taken += len(piece)
        sock.shutdown(socket.SHUT_WR)
    except TimeoutError:
        raise Failed(f"nothing is taken after {taken} of {total} bytes") from None
    except OSError:
        return BROKEN, taken
    return ALL, taken


def follow(sock, seed, total, begin=0, at=None, then=None):
    """Reads a stream to its end: how it ended and after how many bytes. Fails on a wrong byte. The
    first `begin` bytes were read before; `then` is called once `at` bytes are here."""
    start, count = start_of(seed), begin
    while True:
        try:
            data = sock.recv(PIECE)
        except TimeoutError:
            raise Failed(f"neither bytes nor an end after {count} of {total}") from None
        except ConnectionError:
            return BROKEN, count
        if not data:
            return (ALL if count == total else CLEAN), count
        compare(data, start, count, total, "the stream")
        count += len(data)
        if at is not None and count >= at:
            at = then()


def compare(data, start, offset, total, name):
    """Fails where a byte is not the one that belongs there."""
    expected = content(start, offset, len(data))
    if data != expected or offset + len(data) > total:
        wrong = next((i for i, (x, y) in enumerate(zip(data, expected)) if x != y), len(data))
        raise Failed(f"{name}: byte {min(offset + wrong, total)} of {total} is wrong")


class Way:
    """One direction of one connection: who writes, who reads, and how far both are."""

    def __init__(self, seed, total):
        self.start = start_of(seed)
        self.total = total
        self.judged = True
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
            self.state = ALL if self.got == self.total else CLEAN
            if self.state == CLEAN:
                check(
                    not self.judged,
                    f"{name} ends cleanly after {self.got} of {self.total} bytes ({self.sent} written)",
                )
                return
            same = self.got_digest.digest() == self.sent_digest.digest()
            check(same, f"{name}: SHA-256 differs")
            return
        compare(data, self.start, self.got, self.total, name)
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
        return sum(way.state == ALL for way in self.ways)

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
        over = end.broken or (end.into.state != OPEN and end.out.finished)
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
        return all(way.state == ALL for way in self.ways)

    def broken(self):
        return all(way.state != ALL for way in self.ways)

    def report(self):
        done = sum(way.state == ALL for way in self.ways)
        some = [f"{w.sent}/{w.got}/{w.total} {w.state}" for w in self.ways if w.state != ALL][:4]
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
    finish(Streams(pairs, up, down, seed), timeout)


def finish(streams, timeout=60):
    streams.run(timeout)
    check(streams.whole(), f"broken: {streams.report()}")


def both(a, b, up, down, seed=1, timeout=PATIENCE, judged=("upward", "downward")):
    """Streams both ways at once. How each ended: upward at b, downward at a. Those that are `judged`
    must not end cleanly ahead of their end; the others are up to a program that is not ours."""
    streams = Streams([(a, b)], up, down, seed)
    for name, way in zip(("upward", "downward"), streams.ways):
        way.judged = name in judged
    streams.run(timeout)
    return [way.state for way in streams.ways]


def whole(pair, up=MIB, down=MIB, seed=1):
    """All of it on one connection."""
    carry([pair], up, down, seed)
