"""How connections end and stand still: half-closes in every order, ends behind full sockets, readers
that do not read. What is said on one side of a tunnel is heard on the other, after the same byte."""

import ctypes
import os
import socket
import struct

import figures
from lab import rss
from peers import exactly
from road import Road
from stream import ALL, BROKEN, content, follow, pour, start_of, whole
from together import titled, together
from traffic import MIB, Task, check, ended

# TCP_CORK holds a segment back, so that FIN leaves with the bytes before it.
HOW = ("apart", "in one segment")
FIRST = ("application", "destination")
SMALL = 10_000
PAIRS = (("adit", "aditd"), ("adit", "sshd"), ("ssh", "aditd"))


def a_half_close_leaves_the_other_half_open(world, build, client, server, size):
    """One side sends its last byte; what the other one says afterwards still arrives, all of it."""
    with Road(world, build, client=client, server=server) as road:
        for first in FIRST:
            for how in HOW:
                a, b = road.pair()
                one, two = (a, b) if first == "application" else (b, a)
                if how == HOW[1]:
                    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
                what = f"{first} first, {how}"
                check(pour(one, 1, SMALL) == (ALL, SMALL), f"{what}: not taken")
                check(follow(two, 1, SMALL) == (ALL, SMALL), f"{what}: the first half")
                answer = Task(pour, two, 2, size)
                check(follow(one, 2, size) == (ALL, size), f"{what}: the second half")
                check(answer.result() == (ALL, size), f"{what}: the answer is not taken")
                a.close()
                b.close()
        whole(road.pair())


def both_may_end_at_once(world, build, client, server, size):
    with Road(world, build, client=client, server=server) as road:
        for up, down in ((0, 0), (1, 1), (0, size), (size, 0), (size, size)):
            whole(road.pair(), up, down)


def an_end_ahead_of_the_connection_is_passed_on(world, build, client, server):
    """The application has said all and ended before its destination is connected."""
    with Road(world, build, client=client, server=server) as road:
        # A listener with room for one has the next SYN wait until that one is taken.
        road.target.listen(0)
        first = road.knock()
        a = road.connect()
        check(pour(a, 1, SMALL) == (ALL, SMALL), "not taken")
        road.wait_connecting()
        taken = road.accept()
        b = road.accept()
        check(follow(b, 1, SMALL) == (ALL, SMALL), "what was said before is not all there")
        check(pour(b, 2, SMALL) == (ALL, SMALL), "the answer is not taken")
        check(follow(a, 2, SMALL) == (ALL, SMALL), "the answer is not all there")
        for sock in (a, b, first, taken):
            sock.close()


def an_end_behind_a_full_socket_comes_after_the_last_byte(world, build, client, server, size):
    """Data, EOF and CLOSE arrive together for a socket that has room for a fraction of it."""
    with Road(world, build, client=client, server=server) as road:
        for first in FIRST:
            a, b = road.pair_with_room_for(4096)
            reader, writer = (a, b) if first == "application" else (b, a)
            # Its own end first: with the writer's end the channel is over.
            reader.shutdown(socket.SHUT_WR)
            check(writer.recv(1) == b"", "the first end")
            poured = Task(pour, writer, 1, size)
            check(exactly(reader, 1) == content(start_of(1), 0, 1), "the first byte")
            other = road.pair()
            whole(other)
            check(follow(reader, 1, size, begin=1) == (ALL, size), f"{first} reads less")
            check(poured.result() == (ALL, size), "not all is taken")
            reader.close()
            writer.close()


def a_reset_of_either_end_reaches_the_other(world, build, client, server):
    """SO_LINGER 0 while nobody writes, while the other end does, and while both do."""
    with Road(world, build, client=client, server=server) as road:
        steady = road.pair()
        for first in FIRST:
            for writers in ("none", "other", "both"):
                a, b = road.pair()
                one, two = (a, b) if first == "application" else (b, a)
                floods = []
                if writers != "none":
                    floods.append(Task(pour, two, 1, 32 * MIB))
                    exactly(one, 1000)
                if writers == "both":
                    floods.append(Task(pour, one, 2, 32 * MIB))
                    exactly(two, 1000)
                reset_while_others_use(one)
                if writers == "none":
                    check(ended(two) == "RST", f"{first}: a reset becomes a clean end")
                for flood in floods:
                    check(flood.result()[0] == BROKEN, "32 MiB went to a connection that had gone")
                two.close()
                one.close()
        whole(steady)
        check(road.client.process.child.poll() is None, "the client is gone")
        check(road.server.process.child.poll() is None, "the server is gone")


def reset_while_others_use(sock):
    """RST at once, though another thread may be in a call: close(2) would wait for that one."""
    copy = socket.socket(fileno=os.dup(sock.fileno()))
    copy.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    # connect(2) to AF_UNSPEC, which Linux takes for the end of what there is.
    ctypes.CDLL(None).connect(copy.fileno(), bytes(16), 16)
    copy.close()


def readers_that_do_not_read_stop_nobody_else(world, build, count):
    """One stuck each way among many: they are held up at their writers, and cost their windows."""
    with Road(world, build, verbose=False) as road:
        whole(road.pair(), 8 * MIB, 8 * MIB)
        ends = {"adit": road.client.process.pid, "aditd": road.server.process.pid}
        before = {name: rss(pid) for name, pid in ends.items()}
        stuck = []
        for first in FIRST:
            a, b = road.pair()
            writer, reader = (a, b) if first == "application" else (b, a)
            writer.setblocking(False)
            stuck.append((writer, reader, figures.flood(writer)))
        pairs = [road.pair() for _ in range(count)]
        tasks = [Task(whole, pair, 512 * 1024, 512 * 1024, n) for n, pair in enumerate(pairs)]
        for task in tasks:
            task.result()
        grown = {name: rss(pid) - before[name] for name, pid in ends.items()}
        for name, growth in grown.items():
            most = figures.SLOW_READER_MAX[name] + 2 * MIB
            check(growth <= most, f"{name} grew by {growth // 1024} KiB")
        for writer, reader, taken in stuck:
            reader.settimeout(30)
            check(figures.drained(reader, taken) == taken, "bytes of the stuck one are lost")
            reader.close()
            writer.close()


def all_cases(run, world, build, size):
    full = size == "full"
    big = 100 * MIB if full else MIB
    pairs = [(c, s) for c, s in PAIRS if world.has(c) and world.has(s)]
    for function, more in (
        (a_half_close_leaves_the_other_half_open, (big,)),
        (both_may_end_at_once, (MIB,)),
        (an_end_ahead_of_the_connection_is_passed_on, ()),
        (an_end_behind_a_full_socket_comes_after_the_last_byte, (2 * MIB,)),
    ):
        name = titled("closes", function)
        together(run, [(name, function, (world, build, c, s, *more)) for c, s in pairs], 3)
    function = a_reset_of_either_end_reaches_the_other
    # SSH has no message for it: only between our own two.
    run.case(titled("closes", function), function, world, build, "adit", "aditd")
    function = readers_that_do_not_read_stop_nobody_else
    run.case(titled("closes", function), function, world, build, 100 if full else 20)
