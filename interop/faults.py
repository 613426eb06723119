"""Faults between the real programs: the SSH connection, and those to the application and to the
destination, go through proxies that do harm at seeded places."""

import threading

from lab import Failed, seeds
from proxy import BLACKHOLE, CORRUPT, DELAY, DOWN, HALF_CLOSE, LOSE, RESET, STALL, TRICKLE, UP, anywhere
from road import Road, sane
from stream import ALL, BROKEN, CLEAN, PATIENCE, both, follow, pour, whole
from together import together
from traffic import Task, check

# Both ends notice a silent one within three seconds of it.
QUICK = ["ServerAliveInterval=1", "ServerAliveCountMax=1"]
QUICK_SERVER = ["ClientAliveInterval=1", "ClientAliveCountMax=1"]

# The SSH connection.

HARMLESS = (DELAY, TRICKLE)
DEADLY = (RESET, CORRUPT, LOSE, HALF_CLOSE)
SILENT = (STALL, BLACKHOLE)
# Where faults begin to come too late to be noticed: what the streams below need and more.
REACH = 300_000
# Who answers for the end of a stream: whoever its reader is connected to.
JUDGED = {"upward": "aditd", "downward": "adit"}


def ssh_connection(world, build, kind, seed, client="adit", server="aditd"):
    """One fault at one place of the SSH connection, which may be before anybody is logged in."""
    fault = anywhere(seed, kind, REACH)
    ours = {"client": client, "server": server, "build": build}
    options = [*QUICK, "ConnectTimeout=3"]
    server_options = QUICK_SERVER + (["LoginGraceTime=3"] if server == "aditd" else [])
    if server == "sshd":
        server_options = ["ClientAliveInterval 1", "ClientAliveCountMax 1", "LoginGraceTime 3"]
    with Road(
        world, ssh=[fault], options=options, server_options=server_options, wait=False, **ours
    ) as road:
        process = road.client.process
        if not road.begins():
            check(kind not in HARMLESS, f"no tunnel though nothing was lost: {fault}")
            if client == "adit":
                sane(process, (255,))
            return
        road.target.settimeout(6)
        try:
            pairs = [road.pair() for _ in range(2)]
        except (OSError, Failed):
            check(kind not in HARMLESS, f"no connection though nothing was lost: {fault}")
            return
        # One of them in one direction only: there nobody but the reader can hear of a reset.
        sizes = [(REACH // 2, REACH // 2), (REACH // 2, 0) if seed % 2 else (0, REACH // 2)]
        judged = [way for way, end in JUDGED.items() if end in (client, server)]
        results = [
            Task(both, a, b, up, down, 10 * seed + n, 15, judged)
            for n, ((a, b), (up, down)) in enumerate(zip(pairs, sizes))
        ]
        ends = [how for result in results for how in result.result(20)]
        broken = ends != [ALL] * len(ends)
        check(not (kind in HARMLESS and broken), f"broken though nothing was lost: {fault}")
        if broken and client == "adit":
            sane(process, (255,))
        check("panicked" not in road.server.process.output(), "the server panicked")


# The connections to the application and to the destination.

TOTAL = 400_000


def application_connection(world, build, kind, seed):
    local_connection(world, build, "near", kind, seed)


def destination_connection(world, build, kind, seed):
    local_connection(world, build, "far", kind, seed)


def local_connection(world, build, where, kind, seed):
    """One fault at one place of a local connection: what passes the tunnel is what it was given,
    and no other connection notices."""
    fault = anywhere(seed, kind, TOTAL)
    with Road(world, build, **{where: lambda n: [fault] if n == 1 else []}) as road:
        other = road.pair()
        a, b = road.pair()
        # A half close or a blackhole in one direction says nothing about the other.
        ends = local_ends(road, where, fault, a, b, seed)
        if kind in HARMLESS:
            check(ends == (ALL, ALL), f"{ends} though nothing was lost")
        if kind == RESET:
            check(ends[fault.way == DOWN] == BROKEN, f"{ends} behind {fault}")
            check(CLEAN not in ends, f"{ends}: a reset becomes a clean end")
        whole(other)
        whole(road.pair())
        check(road.client.process.child.poll() is None, "the client is gone")


def local_ends(road, where, fault, a, b, seed):
    """Streams both ways, and how they ended."""
    for sock in (a, b):
        sock.settimeout(PATIENCE)
    pours = [Task(pour, a, seed, TOTAL), Task(pour, b, seed + 1, TOTAL)]
    reads = {UP: (b, seed), DOWN: (a, seed + 1)}
    if fault.kind == HALF_CLOSE:
        # Who reads that direction gets FIN at that very byte; the other one is whole.
        cut, whole_way = fault.way, DOWN if fault.way == UP else UP
        whole_read = Task(follow, *reads[whole_way], TOTAL)
        check(follow(*reads[cut], TOTAL) == (CLEAN, fault.at), f"not cut at {fault.at}")
        check(whole_read.result() == (ALL, TOTAL), "the other direction is not whole")
        ends = (CLEAN, ALL)
    elif fault.kind in SILENT:
        whole_way = DOWN if fault.way == UP else UP
        whole_read = Task(follow, *reads[whole_way], TOTAL)
        so_far = threading.Event()
        stuck = Task(follow, *reads[fault.way], TOTAL, 0, fault.at, so_far.set)
        check(whole_read.result() == (ALL, TOTAL), "the other direction is not whole")
        if fault.kind == STALL:
            road.proxies[where].release()
            check(stuck.result() == (ALL, TOTAL), "what was stalled does not arrive")
            ends = (ALL, ALL)
        else:
            check(fault.at == 0 or so_far.wait(PATIENCE), f"not even {fault.at} bytes arrive")
            road.proxies[where].reset(1)
            how, count = stuck.result()
            check((how, count) == (BROKEN, fault.at), f"{how} at {count} behind a blackhole")
            ends = (BROKEN, ALL)
    else:
        tasks = [Task(follow, *reads[way], TOTAL) for way in (UP, DOWN)]
        poured = [pour_.result() for pour_ in pours]
        ends = []
        for n, task in enumerate(tasks):
            how, count = task.result()
            heard = poured[1 - n][0] == BROKEN
            ends.append(BROKEN if how == CLEAN and heard else how)
        ends = tuple(ends)
    for pour_ in pours:
        pour_.result()
    for sock in (a, b):
        sock.close()
    return ends


# Of two programs, ours is the one that is looked at.
PAIRS = (("adit", "aditd"), ("adit", "sshd"), ("ssh", "aditd"))
LOCAL = (DELAY, TRICKLE, STALL, BLACKHOLE, HALF_CLOSE, RESET)


def all_cases(run, world, build, size):
    for client, server in PAIRS:
        if not (world.has(client) and world.has(server)):
            print(f"skip: faults: {client} -> {server}: not here")
            continue
        which = seeds(2, 40) if (client, server) == ("adit", "aditd") else seeds(1, 10)
        kinds = HARMLESS + DEADLY + SILENT
        given = [(world, build, kind, seed, client, server) for kind in kinds for seed in which]
        name = f"faults: {client} -> {server}: the SSH connection suffers at seeded places"
        together(run, [(name, ssh_connection, each) for each in given])
    for other in world.builds[1:]:
        kinds = (TRICKLE, RESET, CORRUPT, LOSE, BLACKHOLE)
        given = [(world, other, kind, seed) for kind in kinds for seed in seeds(1, 8)]
        name = f"faults: {other.name} build: the SSH connection suffers at seeded places"
        together(run, [(name, ssh_connection, each) for each in given])
    for function in (application_connection, destination_connection):
        given = [(world, build, kind, seed) for kind in LOCAL for seed in seeds(1, 20)]
        name = f"faults: the {function.__name__.replace('_', ' ')} suffers at seeded places"
        together(run, [(name, function, each) for each in given])
