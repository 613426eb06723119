"""A thousand readers that are slow, and a writer for each that is not: what both programs hold of it
stays within what one session may have in its windows, and all of it arrives."""

import os
import resource
import selectors
import socket
import time

from lab import rss
from peers import Client, Server
from traffic import MIB, check

READERS = 1000
# What a session has for its windows: `Limits` in connection/src/budget.rs.
WINDOWS = {"adit": 64 * MIB, "aditd": 32 * MIB}
# For each channel, beside its bytes: a chunk at either end of what is held that is partly used
# (forward/src/spill.rs), and the channel.
BESIDE = 2 * 4096 + 1024
# So much is there to be sent to each of them: ten times what may be held.
OFFERED = MIB
PIECE = 64 * 1024
# What each of them reads in a pass, and after so many passes it has not read a tenth.
SIP, PASSES = 4096, 20
# Descriptors of everything else.
SPARE = 100
PATIENCE = 60


def a_thousand_slow_readers(world, build, writer):
    """`writer`: "application" or "destination"."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    # Both ends of the tunnel lead to Unix sockets: what the kernel holds for each of those is little.
    here, there = (os.path.join(world.lab.folder, f"slow-{end}") for end in ("here", "there"))
    target = socket.socket(socket.AF_UNIX)
    target.bind(there)
    target.listen(256)
    target.settimeout(10)
    socks = []
    try:
        with Server(world, "aditd", build, options=("AllowStreamLocalForwarding=yes",)) as server:
            more = ("-L", f"{here}:{there}")
            client = Client(world, "adit", server, (), build=build, verbose=False, more=more)
            try:
                pids = {"adit": client.process.pid, "aditd": server.process.pid}
                for _ in range(READERS):
                    a = connected(here)
                    socks.append((a, target.accept()[0]))
                before = {name: rss(pid) for name, pid in pids.items()}
                order = 1 if writer == "application" else -1
                flows = [Flow(*pair[::order]) for pair in socks]
                held = sipped(flows, pids)
                grown = {name: held[name] - before[name] for name in pids}
                note = (
                    f"{READERS} slow readers, {writer}s write: adit grew by {grown['adit'] // 1024} KiB, "
                    f"aditd by {grown['aditd'] // 1024} KiB, of {READERS * OFFERED // MIB} MiB offered"
                )
                for name, growth in grown.items():
                    check(growth <= WINDOWS[name] + READERS * BESIDE, f"{name}: too much: {note}")
                emptied(flows)
                return note
            finally:
                client.stop()
    finally:
        for sock in (target, *(sock for pair in socks for sock in pair)):
            sock.close()
        os.unlink(there)


class Flow:
    """One way of one connection."""

    def __init__(self, source, sink):
        self.source, self.sink = source, sink
        self.given = self.got = 0
        source.setblocking(False)
        sink.setblocking(False)

    def give(self):
        """As much as is taken now."""
        try:
            while self.given < OFFERED:
                self.given += self.source.send(bytes(min(PIECE, OFFERED - self.given)))
        except BlockingIOError:
            pass

    def take(self, most):
        try:
            data = self.sink.recv(most)
        except BlockingIOError:
            return
        check(data, f"an end after {self.got} bytes")
        self.got += len(data)


def sipped(flows, pids):
    """Everybody writes what is taken and reads a little, so many times: the most that each program had."""
    for _ in range(PASSES):
        for flow in flows:
            flow.give()
            flow.take(SIP)
    # What was taken from the writers is on its way until nobody moves any more of it.
    still = None
    while still != (still := [flow.given for flow in flows]):
        time.sleep(0.1)
        for flow in flows:
            flow.give()
    return {name: rss(pid, "VmHWM") for name, pid in pids.items()}


def emptied(flows):
    """Everything that is offered arrives."""
    deadline = time.monotonic() + PATIENCE
    with selectors.DefaultSelector() as selector:
        for flow in flows:
            selector.register(flow.sink, selectors.EVENT_READ, flow)
        left = len(flows)
        while left:
            check(time.monotonic() < deadline, f"{left} have not got all")
            for key, _ in selector.select(1):
                flow = key.data
                flow.give()
                flow.take(PIECE)
                if flow.got == OFFERED:
                    selector.unregister(flow.sink)
                    left -= 1


def connected(path, timeout=10):
    """To a path on which somebody listens, or will soon."""
    deadline = time.monotonic() + timeout
    while True:
        sock = socket.socket(socket.AF_UNIX)
        try:
            sock.connect(path)
            return sock
        except (FileNotFoundError, ConnectionRefusedError):
            sock.close()
            check(time.monotonic() < deadline, f"nothing listens on {path}")
            time.sleep(0.001)


def all_cases(run, world, build):
    for writer in ("application", "destination"):
        name = f"figures: a thousand slow readers, {writer}s write"
        run.case(name, a_thousand_slow_readers, world, build, writer)
