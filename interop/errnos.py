"""System calls that fail: strace has one call of a running program, or of one that starts, fail with
an errno that it may well have. One connection may suffer, or the session, and who uses it is told;
no program panics, hangs, spins, or passes on less than it says."""

import os
import random
import signal
import time

from lab import Failed, Process, Wrapped, seeds
from road import WAITS, Road, sane
from stream import both, whole
from together import together
from traffic import check

# What is passing: nobody may notice it. strace does not do the call, and it is made again.
PASSING = ("EINTR",)
# What each takes a connection with it: there are not so many.
EACH = ("ECONNABORTED", "EPROTO")

READ = ("EINTR", "ECONNRESET", "ETIMEDOUT", "EHOSTUNREACH", "ENOBUFS", "ENOMEM", "EIO")
WRITE = ("EINTR", "EPIPE", "ECONNRESET", "ETIMEDOUT", "EHOSTUNREACH", "ENOBUFS", "ENOMEM", "EIO")
SOCKET = ("EMFILE", "ENFILE", "ENOBUFS", "ENOMEM", "EACCES", "EAFNOSUPPORT")
FILE = ("EMFILE", "ENFILE", "ENOENT", "EACCES", "EIO", "ENOMEM")
OPTION = ("ENOBUFS", "ENOMEM", "ENOPROTOOPT", "EPERM")

# In a loop that carries connections. Both have all of them at times, the client or the server.
LOOP = {
    "recvfrom": READ,
    "sendto": WRITE,
    "writev": WRITE,
    "write": ("EINTR", "EPIPE", "EIO", "ENOSPC"),
    "read": ("EINTR", "EIO"),
    "poll": ("EINTR", "ENOMEM"),
    "epoll_wait": ("EINTR",),
    "epoll_ctl": ("ENOMEM", "ENOSPC"),
    "accept4": ("EINTR", "ECONNABORTED", "EPROTO", "EPERM", "EMFILE", "ENFILE", "ENOBUFS", "ENOMEM", "EINVAL"),
    "socket": SOCKET,
    "connect": ("ECONNREFUSED", "ENETUNREACH", "EADDRNOTAVAIL", "EACCES", "EPERM", "ENOBUFS", "EAGAIN"),
    "setsockopt": OPTION,
    "getsockopt": ("ENOBUFS", "ENOMEM"),
    "getpeername": ("ENOBUFS",),
    "getsockname": ("ENOBUFS",),
    "shutdown": ("ENOTCONN", "ENOBUFS"),
    "getrandom": ("EINTR",),
    "futex": ("EINTR",),
}

# Of a program that starts, and of its first session.
START = {
    **{call: errnos for call, errnos in LOOP.items() if call not in ("mmap", "write")},
    "openat": FILE,
    "statx": ("EACCES", "EIO", "ENOMEM"),
    "newfstatat": ("EACCES", "EIO", "ENOMEM"),
    # Of others, what wakes the loop is none that can fail, and endings.py breaks standard error.
    "write": ("EINTR",),
    "bind": ("EADDRINUSE", "EACCES", "EADDRNOTAVAIL", "ENOBUFS"),
    "listen": ("EADDRINUSE",),
    "ioctl": ("EINVAL", "ENOTTY"),
    "fcntl": ("EINVAL",),
    "prctl": ("EINVAL", "EPERM"),
    "prlimit64": ("EPERM",),
    "epoll_create1": ("EMFILE", "ENFILE", "ENOMEM"),
    "eventfd2": ("EMFILE", "ENFILE", "ENOMEM"),
    "signalfd4": ("EMFILE", "ENFILE", "ENOMEM"),
    "clone3": ("EAGAIN", "ENOMEM"),
}
PROGRAMS = ("adit", "aditd")
SIZE = 150_000
# A call that fails is not made again and again: so often at most in all that happens here.
CALLS_MAX = 3000


def strace(world, call, errno, when):
    """The command, and its log."""
    log = world.lab.file("", "strace")
    inject = f"inject={call}:error={errno}:when={when}"
    return [world.strace, "-f", "-qq", "-o", log, "-e", f"trace={call}", "-e", inject], log


def told(road, process, who):
    """That a program which is gone said why, and with the right code."""
    expected = (255,) if who == "adit" else (255, 1)
    sane(process, expected)


def in_the_loop(world, build, who, call, errno, when):
    """A call fails while connections are made, used and ended."""
    with Road(world, build) as road:
        steady = road.pair()
        # Nobody can be told who is not accepted.
        waits = call == "accept4" and when == "1+"
        process = (road.client if who == "adit" else road.server).process
        argv, log = strace(world, call, errno, when)
        tracer = Process([*argv, "-p", process.pid], env=world.lab.env)
        try:
            attached(process.pid, tracer.pid)
            ends = []
            for n in range(3):
                ends += connection(road, n, 1 if waits else 8)
            check(WAITS not in ends or waits, f"a connection neither arrives nor ends: {ends}")
            ends += both(*steady, SIZE, SIZE, 9, 10)
        finally:
            tracer.signal(signal.SIGINT)
            tracer.child.wait(10)
            tracer.stop()
        lines = open(log).read().splitlines()
        hit = sum("(INJECTED)" in line for line in lines)
        check(len(lines) < CALLS_MAX, f"{len(lines)} calls of {call}: it spins")
        if errno in PASSING:
            check(set(ends) == {"all"}, f"{ends} though {errno} is no failure")
        # And then all is well again, or it has ended with a word.
        if process.child.poll() is None:
            if road.client.process.child.poll() is not None:
                told(road, road.client.process, "adit")
                road.reconnect()
            whole(road.matched(), SIZE, SIZE)
        else:
            told(road, process, who)
        for each in (road.client.process, road.server.process):
            check("panicked" not in each.output(), f"panicked\n{each.report()}")
        return hit


def connection(road, n, timeout):
    """One more connection, and how its streams ended."""
    pair = road.pair_if_any(timeout)
    return both(*pair, SIZE, SIZE, n + 1, 10) if isinstance(pair, tuple) else [pair]


def attached(pid, tracer):
    """Waits until a process is traced."""
    for _ in range(5000):
        for line in open(f"/proc/{pid}/status"):
            if line.startswith("TracerPid:") and int(line.split()[1]) == tracer:
                return
        time.sleep(0.001)
    raise Failed("strace does not attach")


def at_the_start(world, build, who, call, errno, when):
    """A call fails while a program starts, logs in, and serves its first connections."""
    argv, _ = strace(world, call, errno, when)
    how = {"wrap": argv} if who == "adit" else {"place": Wrapped(*argv)}
    try:
        road = Road(world, build, wait=False, **how)
    except Failed as failed:
        check(who == "aditd" and "ended with" in str(failed), f"{failed}")
        check("panicked" not in str(failed), f"{failed}")
        check("|" in str(failed), f"not a word: {failed}")
        return
    with road:
        if not road.begins():
            sane(road.client.process, (255, 127))
            return
        ends = []
        for n in range(2):
            ends += connection(road, n, 8)
        if errno in PASSING:
            check(set(ends) == {"all"}, f"{ends} though {errno} is no failure")
        for each in (road.client.process, road.server.process):
            check("panicked" not in each.output(), f"panicked\n{each.report()}")


def sweep(table, whens):
    return [
        (who, call, errno, when)
        for who in PROGRAMS
        for call, errnos in table.items()
        for errno in errnos
        for when in whens
        if not (errno in PASSING + EACH and str(when).endswith("+"))
    ]


def sampled(all_of_it, count):
    """The long form takes all, the short one as many as the seed chooses."""
    if "ADIT_LONG" in os.environ:
        return all_of_it
    return random.Random(seeds(1, 1)[0]).sample(all_of_it, count)


def all_cases(run, world, build, size):
    if not world.strace or os.getuid() != 0:
        print("skip: errnos: strace and root are needed")
        return
    loop = sampled(sweep(LOOP, (1, 2, 5, "1+", "3+7")), 24)
    start = sampled(sweep(START, (1, 2, 3, 5, 8, 13, "4+")), 16)
    for name, function, given in (
        ("errnos: a call of a loop at work fails", in_the_loop, loop),
        ("errnos: a call of a program that starts fails", at_the_start, start),
    ):
        together(run, [(name, function, (world, build, *each)) for each in given], 6)
