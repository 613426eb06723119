"""Programs that are killed, and programs whose surroundings are not as they should be: signals,
standard files that are closed, full or gone."""

import os
import random
import signal
import socket
import time

from lab import Wrapped, listening, seeds
from peers import exactly
from road import Road
from stream import BROKEN, follow, pour, whole
from together import titled, together
from traffic import MIB, Task, check, ended

PROGRAMS = ("adit", "aditd")
# More than all sockets and windows on the way hold.
ENDLESS = 64 * MIB


def started_by(who, *wrap):
    """The words for a Road one of whose programs is started by another one."""
    return {"wrap": wrap} if who == "adit" else {"place": Wrapped(*wrap)}


def a_killed_program_ends_no_stream_cleanly(world, build, who, client, server, seed):
    """kill -9 once so many bytes have passed, with data under way, and none, and one half closed."""
    at = random.Random(f"{who} {seed}").randrange(8 * MIB)
    with Road(world, build, client=client, server=server) as road:
        idle, flowing, half = road.pair(), road.pair(), road.pair()
        # Both ends of the idle one have something, so that nobody has unread bytes at the end.
        for one, two in (idle, idle[::-1]):
            one.sendall(b"!")
            exactly(two, 1)
        half[0].shutdown(socket.SHUT_WR)
        check(half[1].recv(1) == b"", "the first half")
        process = (road.client if who == client else road.server).process
        pid = process.pid
        floods = [Task(pour, flowing[0], 1, ENDLESS), Task(pour, half[1], 2, ENDLESS)]
        other = Task(follow, half[0], 2, ENDLESS)
        kill = lambda: os.kill(pid, signal.SIGKILL)  # noqa: E731
        up = follow(flowing[1], 1, ENDLESS, at=at, then=kill)
        down = other.result()
        # What other programs make of it is not ours to say.
        if client == "adit":
            check(down[0] == BROKEN, f"downward: {down}; killed at {at}")
            check(ended(idle[0]) == "RST", "the idle application hears of a clean end")
        if server == "aditd":
            check(up[0] == BROKEN, f"upward: {up}; killed at {at}")
            check(ended(idle[1]) == "RST", "the idle destination hears of a clean end")
        for flood in floods:
            check(flood.result()[0] == BROKEN, "a writer hears nothing of it")
        survivor = road.server if who == client else road.client
        if survivor is road.client:
            check(survivor.process.wait_exit() == 255, "the client ends with 0")
        else:
            check(survivor.process.child.poll() is None, "the server is gone")


# Standard input, output and error: what sh makes of them. Without any of them, sockets could come
# to stand where they were.
FILES = {
    "closed": 'exec "$0" "$@" <&- >&- 2>&-',
    "full": 'exec "$0" "$@" >/dev/full 2>&1',
    "a pipe whose reader has gone": '"$0" "$@" 2>&1 | head -c 1',
}


def sigpipe_kills_nobody(world, build, who, action):
    """As whoever starts us may leave it: ends of connections, and of the log's reader."""
    wrap = ("env", f"--{action}-signal=PIPE", "sh", "-c", FILES["a pipe whose reader has gone"])
    with Road(world, build, **started_by(who, *wrap)) as road:
        process = (road.client if who == "adit" else road.server).process
        for one, two in (road.pair(), road.pair()[::-1]):
            flood = Task(pour, one, 1, ENDLESS)
            exactly(two, MIB)
            two.close()
            check(flood.result()[0] == BROKEN, "it all went to somebody who had gone")
        for _ in range(3):
            whole(road.pair(), 1000, 1000)
        check(process.child.poll() is None, "it is gone")


def standard_files_need_not_be_there(world, build, who, kind):
    with Road(world, build, **started_by(who, "sh", "-c", FILES[kind])) as road:
        for _ in range(2):
            whole(road.pair(), MIB, MIB)
        check(road.client.process.child.poll() is None, "the client is gone")
        check(road.server.process.child.poll() is None, "the server is gone")


def the_background_needs_no_standard_files(world, build):
    """-f with all of them closed: 0 at once, and a tunnel that stays as long as its session."""
    command = 'exec "$0" -f "$@" <&- >&- 2>&-'
    with Road(world, build, wrap=("sh", "-c", command), wait=False) as road:
        code = road.client.process.wait_exit()
        check(code == 0, f"-f ends with {code}")
        whole(road.pair(), MIB, MIB)
        road.server.process.signal(signal.SIGTERM)
        deadline = time.monotonic() + 10
        while listening(road.listen.number):
            check(time.monotonic() < deadline, "it listens though its session has ended")
            time.sleep(0.01)


def all_cases(run, world, build, size):
    which = seeds(2, 20)
    pairs = [("adit", "adit", "aditd"), ("aditd", "adit", "aditd")]
    pairs += [("adit", "adit", "sshd")] if world.has("sshd") else []
    pairs += [("aditd", "ssh", "aditd")] if world.has("ssh") else []
    function = a_killed_program_ends_no_stream_cleanly
    given = [(world, build, *pair, seed) for pair in pairs for seed in which]
    together(run, [(titled("endings", function), function, each) for each in given], 3)
    for function, kinds in (
        (sigpipe_kills_nobody, ("default", "ignore")),
        (standard_files_need_not_be_there, FILES),
    ):
        given = [(world, build, who, kind) for who in PROGRAMS for kind in kinds]
        together(run, [(titled("endings", function), function, each) for each in given], 4)
    function = the_background_needs_no_standard_files
    run.case(titled("endings", function), function, world, build)
