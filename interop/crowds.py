"""Very many connections in one session: while keys change all the time, when all of them work at
once, and as they come and go."""

import os
import resource
import time
from contextlib import ExitStack

from channels import connect, destination
from lab import Port, rss
from link import Link, missing
from peers import Client, Server, Tunnel
from programs import settled
from stream import Echoes, Streams, carry, finish
from traffic import MIB, check, reset

# So often that there is hardly a moment without a key exchange.
REKEY = "64K 1s"
REKEY_BYTES = 64 * 1024
BATCH = 200
# The most that one connection may have carried for each byte of another.
UNFAIR_MAX = 2
# What a program may have grown by when all connections are gone again.
GROWTH_MAX = MIB
# Four times what it takes: everybody reads what there is, so hardly anything is to be held.
PEAK_MAX = 16 * MIB
# Descriptors of everything else.
SPARE = 200


def many(tunnel, count):
    """So many connections, no more of them at once than wait for a listener."""
    pairs = []
    while len(pairs) < count:
        pairs += tunnel.pairs(min(BATCH, count - len(pairs)))
    return pairs


def exchanges(process):
    """How often keys were changed, as both clients say with -v."""
    lines = process.output().splitlines()
    return sum("rekeying done" in line or "SSH2_MSG_NEWKEYS received" in line for line in lines)


def keys_change_all_the_time_under_many_connections(world, build, client, kind, count):
    """Both ends ask for it, often in the same moment."""
    each = 4 * REKEY_BYTES
    server_build = build if kind == "aditd" else None
    with Server(world, kind, server_build, rekey=REKEY) as server:
        with Tunnel(world, client, server, build=build, rekey=REKEY) as tunnel:
            carry(many(tunnel, count), each, each, timeout=120)
            done = exchanges(tunnel.client.process)
            # Most of what is sent is on its way already when a limit is passed.
            check(done >= count // 16, f"keys were changed {done} times in {count * each} bytes each way")
            ours = {"adit": tunnel.client.process, "aditd": server.process}
            peak = max(rss(p.pid, "VmHWM") for name, p in ours.items() if name in (client, kind))
            check(peak <= PEAK_MAX, f"one of the programs had {peak // MIB} MiB")
            return (
                f"{client} -> {kind}, {count} connections, {count * each // MIB} MiB each way: "
                f"{done} key exchanges, {peak / MIB:.0f} MiB at most in one of ours"
            )


def keys_change_all_the_time_on_a_path_that_loses_packets(world, build, client, kind):
    server_build = build if kind == "aditd" else None
    with Link(1, delay=0.005, loss=0.02, rate=40e6) as link:
        with Server(world, kind, server_build, rekey=REKEY, place=link.far) as server:
            how = {"build": build, "rekey": REKEY, "place": link.near}
            with Tunnel(world, client, server, **how) as tunnel:
                carry(tunnel.pairs(8), 2 * REKEY_BYTES, 2 * REKEY_BYTES, timeout=120)
                done = exchanges(tunnel.client.process)
                check(done >= 4, f"keys were changed {done} times")


def keys_change_by_the_clock_where_nothing_is_sent(world, build):
    with Server(world, "aditd", build, rekey="1G 1s") as server:
        with Tunnel(world, "adit", server, build=build, rekey="1G 1s") as tunnel:
            pairs = tunnel.pairs(10)
            found = tunnel.client.process.wait_count("rekeying done", 2, 15)
            check(found >= 2, f"keys were changed {found} times in 15 s")
            carry(pairs, 1000, 1000)


class Crowd:
    """A tunnel to a destination that sends back what it gets, both with all descriptors there are."""

    def __init__(self, world, build):
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        self.room = hard - SPARE
        self.listen = Port()
        self.echo, port = destination(world)
        self.server = Server(world, "aditd", build)
        how = {"build": build, "verbose": False}
        self.client = Client(world, "adit", self.server, [(self.listen.number, port)], **how)
        self.pids = {"adit": self.client.process.pid, "aditd": self.server.process.pid}

    def connect(self, count):
        return [connect(self.listen.number) for _ in range(count)]

    def memory(self):
        return {name: rss(pid) for name, pid in self.pids.items()}

    def descriptors(self):
        """What is open once the number stays the same. The programs show it to root alone."""
        return {name: settled(f"/proc/{pid}/fd") for name, pid in self.pids.items()}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for part in (self.client, self.server, self.echo):
            part.stop()
        self.listen.close()


def all_of_very_many_connections_work_at_once(world, build, count):
    with Crowd(world, build) as crowd:
        count = min(count, crowd.room)
        before = crowd.descriptors()
        start = time.monotonic()
        finish(Echoes(crowd.connect(count), 16 * 1024), 180)
        took = time.monotonic() - start
        after = crowd.descriptors()
        check(after == before, f"descriptors: {before} before, {after} after")
        return f"{count} connections at once, 16 KiB there and back on each: {took:.1f} s"


def connections_that_come_and_go_leave_nothing(world, build, count):
    """Every tenth is reset while it works."""
    with Crowd(world, build) as crowd:
        come_and_go(crowd, 1000)
        memory, open_before = crowd.memory(), crowd.descriptors()
        start = time.monotonic()
        come_and_go(crowd, count)
        rate = count / (time.monotonic() - start)
        open_after = crowd.descriptors()
        check(open_after == open_before, f"descriptors: {open_before} before, {open_after} after")
        growth = {name: now - memory[name] for name, now in crowd.memory().items()}
        check(max(growth.values()) <= GROWTH_MAX, f"{count} connections left {growth} bytes")
        return f"{count} connections opened and closed, {rate:.0f} a second, left {growth} bytes"


def come_and_go(crowd, count):
    for number in range(0, count, BATCH):
        socks = crowd.connect(BATCH)
        for sock in socks[::10]:
            sock.sendall(b"gone in a moment")
        for sock in socks[::10]:
            reset(sock)
        finish(Echoes([s for n, s in enumerate(socks) if n % 10], 1000, number))


def connections_that_want_all_they_can_get_share_alike(world, build, count, seconds):
    with Server(world, "aditd", build) as server:
        with Tunnel(world, "adit", server, build=build, verbose=False) as tunnel:
            pairs = many(tunnel, count)
            streams = Streams(pairs, 1024 * MIB, 1024 * MIB)
            for part in (1, seconds):
                before = [way.got for way in streams.ways]
                until = time.monotonic() + part
                while time.monotonic() < until:
                    streams.turn(0.1)
            got = [way.got - b for way, b in zip(streams.ways, before)]
            for a, b in pairs:
                a.close()
                b.close()
            note = []
            for name, some in (("up", got[0::2]), ("down", got[1::2])):
                note.append(f"{name} {max(some) / max(min(some), 1):.2f}")
                check(max(some) < UNFAIR_MAX * min(some), f"{name}: from {min(some)} to {max(some)} bytes")
            return f"{count} connections at full speed, the most carried to the least: {', '.join(note)}"


PAIRS = (("adit", "aditd"), ("adit", "sshd"), ("ssh", "aditd"))


def watched(pid):
    """How many descriptors each event loop of a process waits for, by the lowest of them."""
    loops = {}
    for fd in os.listdir(f"/proc/{pid}/fd"):
        if "eventpoll" in os.readlink(f"/proc/{pid}/fd/{fd}"):
            with open(f"/proc/{pid}/fdinfo/{fd}", encoding="ascii") as info:
                waited = {int(line.split()[1]) for line in info if line.startswith("tfd:")}
            loops[min(waited)] = len(waited)
    return loops


def sessions_are_spread_evenly_over_the_loops(world, build, client):
    """Each is on one of them, with its connections."""
    with Server(world, "aditd", build, options=["Loops=2"]) as server, ExitStack() as stack:
        before = watched(server.process.pid)
        check(len(before) == 2, f"{len(before)} loops")
        tunnels = [
            stack.enter_context(Tunnel(world, client, server, build=build)) for _ in range(8)
        ]
        now = watched(server.process.pid)
        spread = [now[loop] - before[loop] for loop in before]
        check(spread == [4, 4], f"sessions of each loop: {spread}")
        for tunnel in tunnels:
            carry(tunnel.pairs(2), 65536, 65536)


def all_cases(run, world, build, size):
    full = size == "full"

    def case(function, *arguments):
        name = function.__name__.replace("_", " ")
        words = " ".join(str(argument) for argument in arguments)
        run.case(f"crowds: {name}, {words}".rstrip(", "), function, world, build, *arguments)

    for client, kind in PAIRS:
        if world.has(client) and world.has(kind):
            # OpenSSH looks at every connection for each packet: a thousand take it minutes.
            most = 1000 if (client, kind) == ("adit", "aditd") else 200
            count = most if full else 100
            case(keys_change_all_the_time_under_many_connections, client, kind, count)
            if not missing():
                case(keys_change_all_the_time_on_a_path_that_loses_packets, client, kind)
    for other in world.builds[1:]:
        name = f"crowds: {other.name} build: keys change all the time under many connections"
        function = keys_change_all_the_time_under_many_connections
        run.case(name, function, world, other, "adit", "aditd", 200 if full else 20)
    case(keys_change_by_the_clock_where_nothing_is_sent)
    for client in ("adit", "ssh") if full else ("adit",):
        case(sessions_are_spread_evenly_over_the_loops, client)
    case(connections_that_want_all_they_can_get_share_alike, 200 if full else 50, 10 if full else 1)
    if os.getuid() == 0:
        case(all_of_very_many_connections_work_at_once, 10_000 if full else 1000)
        case(connections_that_come_and_go_leave_nothing, 200_000 if full else 2000)
    else:
        print("skip: crowds: descriptors are counted by root alone")
