"""Figures of very many channels: what ten thousand idle ones cost, and what happens when descriptors
run out."""

import contextlib
import os
import resource
import socket
import statistics
import sys
import time

from lab import HOST, Port, Process, cpu_seconds, rss
from peers import Client, Server, exactly
from traffic import check

CHANNELS = 10_000
# Descriptors beside those of the channels: the listening sockets, epoll, the session, three standard ones.
SPARE = 100
BYTES_EACH_MAX = 1024
SLOWER_MAX = 1.2
ROUND_TRIPS = 3000


def destination(world):
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "echo_server.py")
    process = Process([sys.executable, script], env=world.lab.env)
    return process, int(process.wait_line(r"^\d+$").group())


def connect(port):
    sock = socket.create_connection((HOST, port), 30)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def opened(port, count):
    """That many channels, each open end to end: a byte went there and came back."""
    socks = []
    while len(socks) < count:
        some = [connect(port) for _ in range(min(500, count - len(socks)))]
        for sock in some:
            sock.sendall(b"?")
        for sock in some:
            exactly(sock, 1)
        socks += some
    return socks


def round_trip(sock):
    """The median of many, in seconds."""
    times = []
    for _ in range(ROUND_TRIPS):
        start = time.perf_counter()
        sock.sendall(b"!")
        sock.recv(1)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def ten_thousand_idle_channels(world, build):
    """A round trip among them beside one of another pair of programs that has nothing else to do, in
    turn: what else the machine does then meets both. On one processor, as where the system puts each
    program moves a round trip by a third."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    count = min(CHANNELS, hard - SPARE)
    everywhere = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(everywhere)})
    target, target_port = destination(world)
    try:
        with probed(world, build, target_port) as quiet, probed(world, build, target_port) as full:
            return crowded(quiet, full, count)
    finally:
        target.stop()
        os.sched_setaffinity(0, everywhere)


@contextlib.contextmanager
def probed(world, build, target_port):
    """A pair of programs with one channel: that, their pids, and the port that leads to more."""
    listen = Port()
    with Server(world, "aditd", build) as server:
        forward = [(listen.number, target_port)]
        client = Client(world, "adit", server, forward, build=build, verbose=False)
        try:
            probe = connect(listen.number)
            # What a session needs once, whatever the number of its channels, is there by then.
            round_trip(probe)
            yield probe, {"adit": client.process.pid, "aditd": server.process.pid}, listen.number
        finally:
            client.stop()
            listen.close()


def crowded(quiet, full, count):
    (probe, pids, port), socks = full, []
    try:
        before = {name: rss(pid) for name, pid in pids.items()}
        socks = opened(port, count)
        each = {name: (rss(pid) - before[name]) / count for name, pid in pids.items()}
        turns = [(round_trip(quiet[0]), round_trip(probe)) for _ in range(5)]
        slower = statistics.median(among / alone for alone, among in turns)
        alone, among = (statistics.median(times) * 1e6 for times in zip(*turns))
        idle = {name: cpu_seconds(pid) for name, pid in pids.items()}
        time.sleep(1)
        busy = {name: cpu_seconds(pid) - idle[name] for name, pid in pids.items()}
        note = (
            f"{count} idle channels in one session: adit {each['adit']:.0f} bytes each, "
            f"aditd {each['aditd']:.0f}; a round trip {alone:.0f} µs alone, "
            f"{among:.0f} µs among them (x {slower:.2f}); "
            f"CPU in a second of nothing {busy['adit']:.2f} and {busy['aditd']:.2f} s"
        )
        check(count == CHANNELS, f"RLIMIT_NOFILE allows {count} only: {note}")
        check(max(each.values()) <= BYTES_EACH_MAX, f"too much memory: {note}")
        check(slower <= SLOWER_MAX, f"too slow: {note}")
        check(max(busy.values()) <= 0.05, f"not idle: {note}")
        return note
    finally:
        for sock in socks:
            sock.close()


def connections_beyond_the_descriptors_wait(world, build):
    """With 64 descriptors, 100 applications connect: who is not served waits, and costs nothing."""
    target, target_port = destination(world)
    listen, socks = Port(), []
    try:
        with Server(world, "aditd", build) as server:
            client = Client(
                world,
                "adit",
                server,
                [(listen.number, target_port)],
                build=build,
                verbose=False,
                wrap=("prlimit", "--nofile=64:64"),
            )
            try:
                pid = client.process.pid
                socks = [connect(listen.number) for _ in range(100)]
                for sock in socks:
                    sock.settimeout(10)
                    sock.sendall(b"?")
                # All that fit are served; then nothing happens.
                served = []
                waiting = list(socks)
                for sock in list(waiting)[:40]:
                    exactly(sock, 1)
                    served.append(sock)
                    waiting.remove(sock)
                time.sleep(0.5)
                before = cpu_seconds(pid)
                time.sleep(2)
                busy = cpu_seconds(pid) - before
                check(busy <= 0.05, f"{busy:.2f} s of CPU in 2 s while connections wait")
                # Each that leaves lets the next one in, and in the end all were served.
                for sock in served:
                    sock.close()
                while waiting:
                    sock = waiting.pop(0)
                    exactly(sock, 1)
                    sock.close()
                return f"out of descriptors: {busy:.2f} s of CPU in 2 s, and all 100 were served in the end"
            finally:
                client.stop()
    finally:
        for sock in socks:
            sock.close()
        target.stop()
        listen.close()
