"""Peers that fall silent: the path is cut, in both directions or in one, for a while or for good, or
a program is stopped or killed behind it. What lasts less than the patience of both ends is lived
through; what lasts longer ends the tunnel at both, in sight of everybody, and leaves nothing."""

import os
import signal
import time

from lab import Failed
from link import Link, missing
from peers import Server, Tunnel
from stream import Streams, carry
from together import titled, together
from traffic import MIB, Task, check, ended

INTERVAL, COUNT = 1, 3
PATIENCE = INTERVAL * COUNT
# Until then all of a dead session is gone.
FREED = PATIENCE + 5
ASKS = [f"ServerAliveInterval={INTERVAL}", f"ServerAliveCountMax={COUNT}"]
SERVER_ASKS = [f"ClientAliveInterval={INTERVAL}", f"ClientAliveCountMax={COUNT}"]
# For what is to be lived through: TCP doubles the time between its tries, so the first one after a
# silence comes as late as twice the silence and a try's time, and later where the processor is busy.
LONGER = {
    "options": [f"ServerAliveInterval={INTERVAL}", f"ServerAliveCountMax={2 * COUNT}"],
    "server_options": [f"ClientAliveInterval={INTERVAL}", f"ClientAliveCountMax={2 * COUNT}"],
}
RATE = 40e6
CUTS = {
    "both ways": {"up": {"cut": True}, "down": {"cut": True}},
    "towards the server": {"up": {"cut": True}},
    "towards the client": {"down": {"cut": True}},
}
IDLE, BUSY, REKEYING = "idle", "busy", "busy and in a key exchange"
# An exchange takes round trips, and the data between two of them less: whenever the path is cut, it
# is most probably in one.
RATHER_OFTEN = {REKEYING: "16K"}
LISTEN = "0A"
TIME_WAIT = "06"


class Path:
    """A tunnel over a link."""

    def __init__(
        self,
        world,
        build,
        client="adit",
        kind="aditd",
        options=ASKS,
        server_options=SERVER_ASKS,
        rekey=None,
    ):
        # Nobody guesses that packets are too long.
        sysctls = ["net.ipv4.tcp_mtu_probing=0"]
        self.link = Link(1, sysctls=sysctls, delay=0.005, rate=RATE, queue=0.02)
        self.server = self.tunnel = None
        try:
            style = [o.replace("=", " ") for o in server_options] if kind == "sshd" else server_options
            far = self.link.far
            server_build = build if kind == "aditd" else None
            self.server = Server(
                world, kind, server_build, options=style, place=far, rekey=rekey
            )
            self.empty = self.descriptors()
            how = {"place": self.link.near, "build": build, "options": options, "rekey": rekey}
            self.tunnel = Tunnel(world, client, self.server, **how)
        except BaseException:
            self.close()
            raise

    def client(self):
        return self.tunnel.client.process

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.server.process.pid}/fd"))

    def sockets(self):
        """States of the server's connections, those among them that only the kernel has left."""
        states = []
        for line in open(f"/proc/{self.server.process.pid}/net/tcp").read().splitlines()[1:]:
            fields = line.split()
            if int(fields[1].split(":")[1], 16) == self.server.port:
                states.append(fields[3])
        return [state for state in states if state not in (LISTEN, TIME_WAIT)]

    def wait_freed(self, since):
        """Until the server has nothing left of its session; how long after `since`."""
        while time.monotonic() < since + FREED:
            if not self.sockets() and self.descriptors() <= self.empty:
                return time.monotonic() - since
            time.sleep(0.02)
        raise Failed(
            f"after {FREED} s the server has {self.descriptors()} descriptors instead of "
            f"{self.empty}, and connections in the states {self.sockets()}"
        )

    def close(self):
        if self.tunnel:
            self.tunnel.stop()
        if self.server:
            self.server.stop()
        self.link.close()

    def __enter__(self):
        return self

    def __exit__(self, _kind, error, _trace):
        if isinstance(error, (Failed, OSError)):
            error.args = (f"{error}\n{self.tunnel.report()}",)
        self.close()


class Load:
    """What the connections of a tunnel do while things happen to its path."""

    def __init__(self, tunnel, load, size=64 * MIB):
        self.pairs = tunnel.pairs(3)
        self.streams = self.task = None
        if load != IDLE:
            self.streams = Streams(self.pairs, size, size)
            self.task = Task(self.streams.run, 90)
            self.streams.wait_bytes(MIB)

    def broken(self):
        """Both ends of each connection see that it broke."""
        if self.task:
            self.task.result(FREED + 5)
            check(self.streams.broken(), f"ended as if nothing had happened: {self.streams.report()}")
            return
        for pair in self.pairs:
            for name, sock in zip(("application", "destination"), pair):
                check(ended(sock, FREED) == "RST", f"the {name} takes a broken tunnel for a clean end")
                sock.close()

    def whole(self):
        if self.task:
            self.task.result(60)
            check(self.streams.whole(), f"broken: {self.streams.report()}")
        else:
            carry(self.pairs, 1000, 1000)


def a_silence_longer_than_the_patience_ends_both_sides(world, build, client, kind, cut, load):
    with Path(world, build, client, kind, rekey=RATHER_OFTEN.get(load)) as path:
        work = Load(path.tunnel, load)
        start = time.monotonic()
        path.link.tell(**CUTS[cut])
        check(path.client().wait_exit(FREED) == 255, "the client ends with 0")
        took = time.monotonic() - start
        check(took >= PATIENCE - INTERVAL, f"the client gives up after {took:.1f} s")
        if cut == "both ways":
            path.client().wait_line(rf"Timeout, server {path.server.host} not responding\.", 1)
        refused(path)
        work.broken()
        # What sshd has not sent its kernel tries to send for minutes: it sets no time for that.
        if kind == "aditd":
            path.wait_freed(start)


def refused(path):
    """The client's listeners are closed."""
    try:
        path.tunnel.connect().close()
    except ConnectionRefusedError:
        return
    raise Failed("a client that has ended is still listening")


def a_silence_shorter_than_the_patience_is_lived_through(world, build, client, kind, cut, load):
    with Path(world, build, client, kind, rekey=RATHER_OFTEN.get(load), **LONGER) as path:
        work = Load(path.tunnel, load, 2 * MIB)
        path.link.tell(**CUTS[cut])
        time.sleep(INTERVAL)
        path.link.set(cut=False)
        work.whole()
        a, b = path.tunnel.pair()
        carry([(a, b)], 1000, 1000)
        check(path.client().child.poll() is None, "the client ended")


def bytes_that_nobody_acknowledges_end_a_client_that_still_hears_its_server(world, build):
    """What is long vanishes on its way to the server, which has all the time in the world and goes on
    asking. The client hears something every second, and its answers wait behind what nobody gets."""
    patient = [f"ClientAliveInterval={INTERVAL}", "ClientAliveCountMax=1000"]
    with Path(world, build, server_options=patient) as path:
        a, b = path.tunnel.pair()
        path.link.tell(up={"longest": 1000})
        a.sendall(bytes(64 * 1024))
        check(path.client().wait_exit(FREED + 2) == 255, "the client ends with 0")
        check(ended(a) == "RST", "the application takes a broken tunnel for a clean end")
        b.close()


def bytes_that_nobody_acknowledges_end_the_session_of_a_server_that_still_hears_its_client(world, build):
    """The same seen from the other end."""
    patient = [f"ServerAliveInterval={INTERVAL}", "ServerAliveCountMax=1000"]
    with Path(world, build, options=patient) as path:
        a, b = path.tunnel.pair()
        path.link.tell(down={"longest": 1000})
        b.sendall(bytes(64 * 1024))
        path.wait_freed(time.monotonic() + 2)
        check(ended(b) == "RST", "the destination takes a broken tunnel for a clean end")
        a.close()


def a_client_killed_behind_a_cut_path_leaves_nothing(world, build, load):
    with Path(world, build) as path:
        work = Load(path.tunnel, load)
        start = time.monotonic()
        path.link.set(cut=True)
        path.client().signal(signal.SIGKILL)
        path.wait_freed(start)
        work.broken()


def a_server_killed_behind_a_cut_path_ends_its_client(world, build, load):
    with Path(world, build) as path:
        work = Load(path.tunnel, load)
        path.link.set(cut=True)
        path.server.process.signal(signal.SIGKILL)
        check(path.client().wait_exit(FREED) == 255, "the client ends with 0")
        path.client().wait_line(rf"Timeout, server {path.server.host} not responding\.", 1)
        work.broken()


def a_killed_peer_is_known_as_soon_as_the_path_is_back(world, build):
    with Path(world, build, options=[], server_options=[]) as path:
        work = Load(path.tunnel, BUSY)
        path.link.set(cut=True)
        path.server.process.signal(signal.SIGKILL)
        path.server.process.wait_exit()
        path.link.set(cut=False)
        check(path.client().wait_exit(FREED) == 255, "the client ends with 0")
        work.broken()


def a_client_that_was_stopped_asks_before_it_gives_its_server_up(world, build, load):
    stopped(world, build, load, lambda path: path.client(), {"server_options": []})


def a_server_that_was_stopped_asks_before_it_gives_its_client_up(world, build, load):
    stopped(world, build, load, lambda path: path.server.process, {"options": ["ServerAliveInterval=0"]})


def stopped(world, build, load, who, patient):
    """One end is stopped for longer than its own patience; the other one waits for ever."""
    with Path(world, build, **patient) as path:
        work = Load(path.tunnel, load, 2 * MIB)
        who(path).signal(signal.SIGSTOP)
        time.sleep(PATIENCE + 2 * INTERVAL)
        who(path).signal(signal.SIGCONT)
        work.whole()
        carry([path.tunnel.pair()], 1000, 1000)


PAIRS = [("adit", "aditd"), ("ssh", "aditd"), ("adit", "sshd")]


def jobs(world, size):
    """Function and arguments of every case, by name."""
    some = [("adit", "aditd", cut, load) for cut in CUTS for load in (IDLE, BUSY)]
    some.append(("adit", "aditd", "both ways", REKEYING))
    for client, kind in PAIRS[1:]:
        if world.has(client) and world.has(kind):
            cuts = CUTS if size == "full" else ["both ways"]
            some += [(client, kind, cut, BUSY) for cut in cuts]
    for how in some:
        yield a_silence_longer_than_the_patience_ends_both_sides, how
        yield a_silence_shorter_than_the_patience_is_lived_through, how
    yield bytes_that_nobody_acknowledges_end_a_client_that_still_hears_its_server, ()
    yield bytes_that_nobody_acknowledges_end_the_session_of_a_server_that_still_hears_its_client, ()
    yield a_killed_peer_is_known_as_soon_as_the_path_is_back, ()
    for load in (IDLE, BUSY):
        yield a_client_killed_behind_a_cut_path_leaves_nothing, (load,)
        yield a_server_killed_behind_a_cut_path_ends_its_client, (load,)
        yield a_client_that_was_stopped_asks_before_it_gives_its_server_up, (load,)
        yield a_server_that_was_stopped_asks_before_it_gives_its_client_up, (load,)


def all_cases(run, world, build, size):
    why = missing()
    if why:
        print(f"skip: silences: {why}")
        return
    some = []
    for function, how in jobs(world, size):
        some.append((titled("silences", function), function, (world, build, *how)))
    together(run, some, workers=24)
