"""What a long or narrow path costs: a copy over it beside plain TCP's, and what is typed beside a copy
beside ssh's. Both are bound by windows: too small a one leaves the path idle, and behind too large a
one everything waits."""

import threading
import time

from link import Link, missing
from paths import plain
from peers import Server, Tunnel, exactly
from traffic import check

# Of what plain TCP carries over the same path, at least.
SHARE_MIN = 0.8
LONG = {"rate": 50e6, "delay": 0.1}
# Of the time that ssh needs for a byte there and back, at most, and of a router's queue as usual.
WAIT_MAX = 0.5
NARROW = {"rate": 20e6, "delay": 0.025, "queue": 0.2}
# Until TCP and the windows have grown.
WARM = 3


class Copy:
    """Bytes from one socket to another, without end."""

    def __init__(self, writer, reader):
        self.ends, self.count = (writer, reader), 0
        for function in (self._write, self._read):
            threading.Thread(target=function, daemon=True).start()

    def _write(self):
        try:
            while True:
                self.ends[0].sendall(bytes(65536))
        except OSError:
            pass  # closed

    def _read(self):
        try:
            while data := self.ends[1].recv(262144):
                self.count += len(data)
        except OSError:
            pass

    def close(self):
        for sock in self.ends:
            sock.close()


def speed(pair, seconds=4):
    """Bytes a second once it is warm."""
    copy = Copy(*pair)
    time.sleep(WARM)
    before, start = copy.count, time.monotonic()
    time.sleep(seconds)
    count, took = copy.count - before, time.monotonic() - start
    copy.close()
    return count / took


def a_path_of_200_ms_is_filled(world, build, order):
    with Link(1, **LONG) as link, Server(world, "aditd", build, place=link.far) as server:
        alone = speed(order(*plain(link)))
        with Tunnel(world, "adit", server, place=link.near, build=build, verbose=False) as tunnel:
            share = speed(order(*tunnel.pair())) / alone
    note = f"200 ms there and back at 50 Mbit/s: {share:.2f} of plain TCP's speed"
    check(share >= SHARE_MIN, note)
    return note


def waits(world, client, kind, build, order, seconds=6):
    """How long a byte there and back takes beside a copy, from the shortest to the longest."""
    took = []
    with Link(1, **NARROW) as link, Server(world, kind, build, place=link.far) as server:
        with Tunnel(world, client, server, place=link.near, build=build, verbose=False) as tunnel:
            pair, (near, far) = tunnel.pair(), tunnel.pair()
            copy = Copy(*order(*pair))
            time.sleep(WARM)
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                start = time.monotonic()
                near.sendall(b"?")
                far.sendall(exactly(far, 1))
                exactly(near, 1)
                took.append(time.monotonic() - start)
            copy.close()
    return sorted(took)


def typed_beside_a_copy(world, build, order):
    ours, theirs = (waits(world, *who, build, order) for who in (("adit", "aditd"), ("ssh", "sshd")))
    middle = lambda took: took[len(took) // 2]  # noqa: E731
    note = (
        f"a byte there and back beside a copy, 20 Mbit/s and 50 ms: median {middle(ours) * 1e3:.0f} ms, "
        f"longest {ours[-1] * 1e3:.0f} ms; ssh to sshd {middle(theirs) * 1e3:.0f} and {theirs[-1] * 1e3:.0f} ms"
    )
    check(middle(ours) <= WAIT_MAX * middle(theirs), note)
    return note


def all_cases(run, world, build, size):
    why = missing()
    if why:
        print(f"skip: figures: distances: {why}")
        return
    ways = {"upward": lambda a, b: (a, b), "downward": lambda a, b: (b, a)}
    for way, order in ways.items():
        run.case(f"figures: a path of 200 ms is filled, {way}", a_path_of_200_ms_is_filled, world, build, order)
        if world.ssh and world.sshd:
            run.case(f"figures: typed beside a copy, {way}", typed_beside_a_copy, world, build, order)
        else:
            print("skip: figures: typed beside a copy: no ssh and no sshd here")
