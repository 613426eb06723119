"""Many forwards in a row, many connections of every kind in one session, and many one after another."""

import itertools
import os
import resource
import time
from contextlib import ExitStack
from functools import partial

from kinds import EVERY, LETS, Session
from kinds_ends import ENDS, LOCAL, REMOTE, TCP, UNIX, Target, connected
from kinds_socks import Dynamic, asked
from lab import rss
from peers import Server
from programs import settled
from stream import Streams, carry, finish, whole
from traffic import MIB, check, reset

LENGTH = 9
# Who carries each link of a chain, in turn.
LINKS = (("ssh", "aditd"), ("adit", "sshd"), ("adit", "aditd"), ("ssh", "sshd"))
# What a program may have grown by when all connections are gone again.
GROWTH_MAX = MIB
BATCH = 50


def chain(world, build, family, links):
    """From end to end: each link listens where the one before it connects to, as -L and -R in turn."""
    with ExitStack() as stack:
        servers = {}
        for kind in dict.fromkeys(kind for _, kind in links):
            servers[kind] = stack.enter_context(Server(world, kind, build, options=LETS.get(kind, ())))
        ends = [ENDS[family](world.lab) for _ in range(LENGTH + 1)]
        for end in ends[:-1]:
            stack.callback(end.close)
        target = Target(ends[-1])
        stack.callback(target.close)
        sessions, ways = [], itertools.cycle((LOCAL, REMOTE))
        for (client, kind), way, one, two in zip(itertools.cycle(links), ways, ends, ends[1:]):
            words = [way, f"{one.name}:{two.name}"]
            session = Session(world, client, servers[kind], build=build, words=words)
            sessions.append(stack.enter_context(session))
        for session, end in zip(sessions, ends):
            session.wait_for_end(end)
        pair = lambda: (connected(ends[0]), target.accept())  # noqa: E731
        whole(pair(), MIB, MIB)
        carry([pair() for _ in range(20)], 50_000, 50_000)
        a, b = pair()
        a.sendall(b"?")
        b.recv(1)
        reset(b) if family == TCP else b.close()
        a.close()
        whole(pair(), 1000, 1000)


class Mixed:
    """A session with every kind of forward there is, and ways to make a connection of each."""

    def __init__(self, world, build, client, kind):
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        self.parts = ExitStack()
        try:
            options = LETS.get(kind, ())
            self.server = self.parts.enter_context(Server(world, kind, build, options=options))
            how = {"build": build, "wanted": EVERY, "verbose": False}
            self.session = self.parts.enter_context(Dynamic(world, client, self.server, "-D", **how))
            self.target = Target(ENDS[TCP](world.lab))
            self.parts.callback(self.target.close)
        except BaseException:
            self.parts.close()
            raise
        self.ways = [forward.pair for forward in self.session.forwards] + [self.dynamic]
        self.pids = {
            name: process.pid
            for name, process in ((client, self.session.process), (kind, self.server.process))
            if name in ("adit", "aditd")
        }

    def dynamic(self):
        sock, code = asked(self.session.port.number, self.target.end.address[1])
        check(code == 0, f"SOCKS answers {code}")
        return sock, self.target.accept()

    def pairs(self, count):
        return [way() for way, _ in zip(itertools.cycle(self.ways), range(count))]

    def descriptors(self):
        return {name: settled(f"/proc/{pid}/fd") for name, pid in self.pids.items()}

    def memory(self):
        return {name: rss(pid) for name, pid in self.pids.items()}

    def __enter__(self):
        return self

    def __exit__(self, *given):
        self.parts.__exit__(*given)


def channels_of_every_kind_at_once(world, build, client, kind, count):
    with Mixed(world, build, client, kind) as mixed:
        before = mixed.descriptors()
        pairs = mixed.pairs(count)
        finish(Streams(pairs, 16 * 1024, 16 * 1024), 120)
        after = mixed.descriptors()
        check(after == before, f"descriptors: {before} before, {after} after")
        whole(mixed.pairs(1)[0])


def cycles_of_every_kind_leave_nothing(world, build, client, kind, count):
    """Connections are made, used and ended; every tenth breaks off."""
    with Mixed(world, build, client, kind) as mixed:
        come_and_go(mixed, 20 * len(mixed.ways))
        memory, before = mixed.memory(), mixed.descriptors()
        start = time.monotonic()
        come_and_go(mixed, count)
        rate = count / (time.monotonic() - start)
        after = mixed.descriptors()
        check(after == before, f"descriptors: {before} before, {after} after")
        growth = {name: now - memory[name] for name, now in mixed.memory().items()}
        check(max(growth.values()) <= GROWTH_MAX, f"{count} connections left {growth} bytes")
        return (
            f"{client} -> {kind}: {count} connections of nine kinds opened and closed, "
            f"{rate:.0f} a second, left {growth} bytes"
        )


def come_and_go(mixed, count):
    for number in range(0, count, BATCH):
        pairs = mixed.pairs(BATCH)
        for n, (a, b) in enumerate(pairs[::10]):
            a.sendall(b"gone in a moment")
            for sock in (a, b) if n % 2 else (b, a):
                sock.close()
        carry([pair for n, pair in enumerate(pairs) if n % 10], 500, 500, number)


def cases(run, world, build, client, kind, full):
    name = f"kinds: {client} -> {kind}"
    if not (world.has(client) and world.has(kind)):
        return
    function = channels_of_every_kind_at_once
    # OpenSSH looks at every connection for each packet: a thousand take it half a minute.
    count = 1000 if full or (client, kind) == ("adit", "aditd") else 50
    run.case(f"{name}: {count} channels of nine kinds at once", function, world, build, client, kind, count)
    if os.getuid() == 0 and build and (full or kind != "sshd"):
        function = cycles_of_every_kind_leave_nothing
        # By the client, whose memory is looked at with each server; ssh's is its own affair.
        count = (100_000 if client == "adit" else 10_000) if full else 1000
        run.case(f"{name}: {function.__name__.replace('_', ' ')}", function, world, build, client, kind, count)


def chains(run, world, build, links):
    if not all(world.has(program) for link in links for program in link):
        print("skip: kinds: chains: not all of their programs are here", flush=True)
        return
    for family in (TCP, UNIX):
        name = f"kinds: {LENGTH} forwards in a row, {family}, " + ", ".join(map(" -> ".join, links))
        run.case(name, chain, world, build, family, links)


PAIRS = (("adit", "aditd"), ("adit", "sshd"), ("ssh", "aditd"))


def jobs(build, full):
    some = [partial(cases, build=build, client=c, kind=k, full=full) for c, k in PAIRS]
    return [partial(chains, build=build, links=LINKS), *some]


def stock():
    return [
        partial(chains, build=None, links=LINKS[-1:]),
        partial(cases, build=None, client="ssh", kind="sshd", full=False),
    ]
