"""A tunnel whose connections may go through proxies that do harm."""

import select
import socket
import time

from lab import HERE, HOST, Failed, Port
from peers import Client, Server, exactly
from proxy import Proxy
from stream import BROKEN, PATIENCE
from traffic import check, ended

# How a connection may be instead of made and reset.
WAITS = "waits"
# As /proc/net/tcp has it.
SYN_SENT = "02"
TOKEN = b"who is that?"


class Road:
    """application - near - adit - ssh - aditd - far - destination: a proxy at each dash where
    faults are given for it, and a socket where not."""

    def __init__(self, world, build, near=None, ssh=None, far=None, **how):
        self.proxies = {}
        self.parts = []
        try:
            self._build(world, build, near, ssh, far, **how)
        except BaseException:
            self.close()
            raise

    def _build(
        self,
        world,
        build,
        near,
        ssh,
        far,
        client="adit",
        server="aditd",
        options=(),
        server_options=(),
        wait=True,
        place=HERE,
        more=(),
        **how,
    ):
        self.target = self._part(socket.create_server((HOST, 0), backlog=256))
        self.target.settimeout(PATIENCE)
        self.server = Server(
            world,
            server,
            build if server == "aditd" else None,
            options=server_options,
            place=place,
        )
        self.parts.append(Stopped(self.server))
        self.listen = self._part(Port())
        far_port = self._through("far", far, self.target.getsockname()[1])
        # Local ports of further destinations, each of them host:port.
        self.more = {to: self._part(Port()).number for to in more}
        forwards = [(self.listen.number, far_port)]
        forwards += [(port, to) for to, port in self.more.items()]
        self.door = Door(self.server, self._through("ssh", ssh, self.server.port))
        self.again = lambda: Client(
            world,
            client,
            self.door,
            forwards,
            build=build,
            options=options,
            wait=False,
            **how,
        )
        self.client = self.again()
        self.parts.append(Stopped(self.client))
        if wait:
            self.client.process.wait_listening(self.listen.number)
        self.near = self._through("near", near, self.listen.number)

    def _part(self, part):
        self.parts.append(part)
        return part

    def _through(self, name, faults, port):
        if faults is None:
            return port
        self.proxies[name] = self._part(Proxy(port, faults))
        return self.proxies[name].port

    def connect(self, port=None):
        sock = socket.create_connection((HOST, port or self.near), PATIENCE)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    def accept(self):
        sock, _ = self.target.accept()
        sock.settimeout(PATIENCE)
        return sock

    def pair(self):
        a = self.connect()
        return a, self.accept()

    def knock(self):
        """A connection to the destination that goes through no tunnel."""
        sock = socket.socket()
        sock.setblocking(False)
        sock.connect_ex(self.target.getsockname())
        return sock

    def wait_connecting(self):
        """Until somebody's connection to the destination has been begun and waits."""
        there = ":%04X" % self.target.getsockname()[1]
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            for line in open("/proc/thread-self/net/tcp").read().splitlines()[1:]:
                fields = line.split()
                if fields[2].endswith(there) and fields[3] == SYN_SENT:
                    return
            time.sleep(0.002)
        raise Failed("nobody connects to the destination")

    def pair_with_room_for(self, count):
        """A connection both of whose ends take hardly more than so many bytes unread."""
        self.target.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, count)
        a = socket.socket()
        a.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, count)
        a.settimeout(PATIENCE)
        a.connect((HOST, self.near))
        return a, self.accept()

    def pair_if_any(self, timeout):
        """A connection and its other end; or how it ended instead, or WAITS when it did not."""
        self._drain()
        try:
            a = self.connect()
        except ConnectionError:
            return BROKEN
        ready, _, _ = select.select([a, self.target], [], [], timeout)
        if self.target in ready:
            return a, self.accept()
        if ready:
            check(ended(a) == "RST", "a connection that was not made ends cleanly")
        a.close()
        return BROKEN if ready else WAITS

    def _drain(self):
        """Forgets connections that came without anybody's waiting for them."""
        self.target.settimeout(0)
        try:
            while True:
                self.target.accept()[0].close()
        except BlockingIOError:
            self.target.settimeout(PATIENCE)

    def matched(self):
        """A connection and its other end, whatever came before and waits to be accepted."""
        a = self.connect()
        a.sendall(TOKEN)
        while True:
            b = self.accept()
            try:
                if exactly(b, len(TOKEN)) == TOKEN:
                    return a, b
            except (Failed, ConnectionError):
                pass
            b.close()

    def begins(self, timeout=PATIENCE):
        """Whether the client comes to listen, instead of ending."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            try:
                self.client.process.wait_listening(self.listen.number, 0.05)
                return True
            except Failed:
                if self.client.process.child.poll() is not None:
                    return False
        raise Failed("neither listens nor ends")

    def reconnect(self):
        """Another client in place of one that has ended."""
        self.client.stop()
        self.client = self.again()
        self.parts.append(Stopped(self.client))
        self.client.process.wait_listening(self.listen.number)

    def report(self):
        return self.client.process.report() + "\n" + self.server.process.report()

    def close(self):
        for part in reversed(self.parts):
            part.close()

    def __enter__(self):
        return self

    def __exit__(self, kind, error, _):
        if isinstance(error, (Failed, OSError)):
            error.args = (f"{error}\n{self.report()}",)
        self.close()


class Stopped:
    """Something whose end is called stop."""

    def __init__(self, what):
        self.close = what.stop


class Door:
    """A server behind a proxy, as a client takes it."""

    def __init__(self, server, port):
        self.port, self.process, self.kind = port, server.process, server.kind


def sane(process, expected):
    """How a program ended that had to."""
    code = process.wait_exit()
    check("panicked" not in process.output(), f"panicked\n{process.report()}")
    check(code in expected, f"ends with {code}\n{process.report()}")
    check(process.output().strip(), f"ends without a word\n{process.report()}")


def slowest_round_trip(pair, until):
    """Bytes there and back, again and again; the longest time that one of them took, in seconds."""
    slowest, (a, b) = 0, pair
    while not until():
        start = time.monotonic()
        a.sendall(b"?")
        b.sendall(exactly(b, 1))
        exactly(a, 1)
        slowest = max(slowest, time.monotonic() - start)
        time.sleep(0.001)
    return slowest
