"""Bytes through a tunnel: numbered, so that a lost, doubled or moved one changes the digest."""

import errno
import hashlib
import random
import socket
import struct
import threading

from lab import Failed

TIMEOUT = 60
CHUNK = 256 * 1024
MIB = 1024 * 1024


def stream(seed, total):
    """Yields `total` bytes in pieces no two of which are alike."""
    block = bytearray(random.Random(seed).randbytes(CHUNK))
    number = 0
    while total > 0:
        struct.pack_into(">QQ", block, 0, seed & (2**64 - 1), number)
        n = min(total, CHUNK)
        yield memoryview(block)[:n]
        total -= n
        number += 1


def send(sock, seed, total, finish=True):
    """Sends a stream, ends the direction, and returns the digest of what was sent."""
    digest = hashlib.sha256()
    for piece in stream(seed, total):
        digest.update(piece)
        sock.sendall(piece)
    if finish:
        sock.shutdown(socket.SHUT_WR)
    return digest.hexdigest()


def receive(sock, total=None):
    """Reads to the end (or `total` bytes) and returns how many bytes and their digest."""
    digest = hashlib.sha256()
    buffer = bytearray(CHUNK)
    view = memoryview(buffer)
    count = 0
    while total is None or count < total:
        want = CHUNK if total is None else min(CHUNK, total - count)
        n = sock.recv_into(view, want)
        if n == 0:
            break
        digest.update(view[:n])
        count += n
    return count, digest.hexdigest()


class Task(threading.Thread):
    """A function on a thread of its own; `result` waits for it and raises what it raised."""

    def __init__(self, function, *args):
        super().__init__(daemon=True)
        self.call, self.value, self.error = (function, args), None, None
        self.start()

    def run(self):
        function, args = self.call
        try:
            self.value = function(*args)
        except Exception as error:  # noqa: BLE001 - handed to whoever waits
            self.error = error

    def result(self, timeout=TIMEOUT):
        self.join(timeout)
        if self.is_alive():
            raise Failed(f"{self.call[0].__name__} is not done after {timeout} s")
        if self.error:
            raise Failed(f"{self.call[0].__name__}: {self.error!r}")
        return self.value


def check(condition, text):
    if not condition:
        raise Failed(text)


def both_ways(pairs, up, down, timeout=TIMEOUT):
    """Sends `up` bytes from each application and `down` bytes from each destination, at once, and
    compares every digest."""
    tasks = []
    for index, (a, b) in enumerate(pairs):
        for sock in (a, b):
            sock.settimeout(timeout)
        tasks.append((Task(send, a, 2 * index, up), Task(receive, b), up, "up"))
        tasks.append((Task(send, b, 2 * index + 1, down), Task(receive, a), down, "down"))
    for index, (sent, got, total, way) in enumerate(tasks):
        digest = sent.result(timeout)
        count, seen = got.result(timeout)
        check(count == total, f"connection {index // 2} {way}: {count} of {total} bytes arrived")
        check(seen == digest, f"connection {index // 2} {way}: SHA-256 differs")
    for a, b in pairs:
        a.close()
        b.close()


def reset(sock):
    """Ends a connection with RST."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def ended(sock, timeout=10):
    """How the other side ended: 'FIN' or 'RST'; fails when it did neither."""
    sock.settimeout(timeout)
    try:
        while sock.recv(65536):
            pass
        return "FIN"
    except OSError as error:
        if error.errno in (errno.ECONNRESET, errno.EPIPE):
            return "RST"
        raise Failed(f"the connection did not end: {error!r}") from None
