"""Where forwards begin and end: a port or a path, said as each program wants it."""

import os
import socket
import time
from contextlib import suppress

from lab import HOST, Failed, Port, listening
from stream import PATIENCE

TCP, UNIX = "tcp", "unix"
# Of a socket that listens, as /proc/net/unix has it (__SO_ACCEPTCON).
ACCEPTS = "00010000"


class TcpEnd:
    """A port of loopback."""

    def __init__(self, lab):
        self.port = Port()
        self.name = f"{HOST}:{self.port.number}"
        self.short = str(self.port.number)
        self.address = (HOST, self.port.number)

    def socket(self):
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return sock

    def listens(self):
        return listening(self.address[1])

    def close(self):
        self.port.close()


class UnixEnd:
    """A path of our folder."""

    def __init__(self, lab):
        lab.count += 1
        self.name = self.short = self.address = lab.path(f"{lab.count}.sock")

    def socket(self):
        return socket.socket(socket.AF_UNIX)

    def listens(self):
        for line in open("/proc/net/unix").read().splitlines()[1:]:
            fields = line.split()
            if fields[3] == ACCEPTS and fields[7:] == [self.address]:
                return True
        return False

    def close(self):
        gone(self.address)


def gone(path):
    """Removes what is left there. The program that listened may be doing that at this very moment."""
    with suppress(FileNotFoundError):
        os.unlink(path)


ENDS = {TCP: TcpEnd, UNIX: UnixEnd}


def connected(end):
    """A connection to whoever listens there."""
    sock = end.socket()
    sock.settimeout(PATIENCE)
    sock.connect(end.address)
    no_delay(sock)
    return sock


def no_delay(sock):
    if sock.family != socket.AF_UNIX:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class Target:
    """The destination of a forward, which takes connections and may cease to."""

    def __init__(self, end):
        self.end, self.listener = end, None
        self.open()

    def open(self):
        self.listener = self.end.socket()
        self.listener.bind(self.end.address)
        self.listener.listen(256)
        self.listener.settimeout(PATIENCE)

    def refuse(self):
        """Nobody listens any more; a path stays, as it does when a program ends."""
        self.listener.close()

    def again(self):
        self.refuse()
        if isinstance(self.end, UnixEnd):
            self.end.close()
        self.open()

    def accept(self):
        sock, _ = self.listener.accept()
        sock.settimeout(PATIENCE)
        no_delay(sock)
        return sock

    def close(self):
        self.listener.close()
        self.end.close()


class Forward:
    """One forward: LOCAL or REMOTE, the end that listens, and the destination. Whose end it is, the
    client's or the server's, is all the same here: both are on this machine."""

    def __init__(self, lab, way, listen, to):
        self.way = way
        self.listen, self.target = ENDS[listen](lab), Target(ENDS[to](lab))
        self.kind = f"{way} {listen} to {to}"

    def spec(self):
        """As ssh and all that follow it want it."""
        return f"{self.listen.name}:{self.target.end.name}"

    def pair(self):
        a = connected(self.listen)
        return a, self.target.accept()

    def close(self):
        self.listen.close()
        self.target.close()


LOCAL, REMOTE = "-L", "-R"


def wait_for(condition, text, timeout=10):
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise Failed(f"{text} after {timeout} s")
        time.sleep(0.005)
