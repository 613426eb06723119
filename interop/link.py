#!/usr/bin/env python3
"""An IP path that can be made bad: two network namespaces, a TUN in each, and between them one
process that carries the packets and delays, drops, reorders, doubles, damages or cuts them as told.

It needs root and /dev/net/tun, and nothing else: no kernel module, no program but nsenter. The
namespaces have no names and live no longer than the processes in them, so a run that is killed
leaves none behind, and as many links as wanted exist at once with the same addresses.

As a program (`link.py SEED MTU [SYSCTL=VALUE...]`) it is the process in the middle: it prints its
namespaces' descriptors, then answers each line of JSON on its standard input, {"up": {"loss": 0.2}},
with a line of counters once the change is in force, and ends with its input.
"""

import ctypes
import fcntl
import functools
import heapq
import json
import os
import random
import select
import shutil
import socket
import struct
import subprocess
import sys
import time

# RFC 5737: addresses that nobody has.
ADDRESSES = ("192.0.2.1", "192.0.2.2")
MASK = "255.255.255.0"
NAMES = ("near", "far")
CLONE_NEWNET = 0x40000000
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
SIOCSIFADDR, SIOCSIFNETMASK, SIOCSIFMTU = 0x8916, 0x891C, 0x8922
SIOCGIFFLAGS, SIOCSIFFLAGS, SIOCSIFTXQLEN = 0x8913, 0x8914, 0x8943
IFF_UP = 1
# Packets that the kernel keeps for us: what is lost is to be lost by our dice.
QUEUE = 10_000
LONGEST = 65536
# How far a packet is thrown back by reordering, in seconds.
THROWN = 0.010
LIBC = ctypes.CDLL(None, use_errno=True)


class Way:
    """One direction. Probabilities from 0 to 1, seconds, bits a second; what is 0 does not happen."""

    def __init__(self, seed):
        self.dice = random.Random(seed)
        self.delay = self.jitter = self.loss = self.reorder = self.duplicate = self.corrupt = 0
        self.rate = 0  # and what waits for it longer than `queue` is dropped
        self.queue = 0.2
        self.longest = LONGEST  # longer packets vanish without a word, as behind a bad tunnel
        self.cut = False
        self.free = self.last = 0.0
        self.seen = self.lost = self.damaged = self.doubled = self.thrown = self.bytes = 0

    def change(self, settings):
        for name, value in settings.items():
            if name not in vars(self):
                raise KeyError(name)
            setattr(self, name, value)

    def counters(self):
        names = ("seen", "lost", "damaged", "doubled", "thrown", "bytes")
        return {name: getattr(self, name) for name in names}

    def happens(self, probability):
        return probability > 0 and self.dice.random() < probability

    def take(self, packet, now):
        """When which packets come out at the other end."""
        self.seen += 1
        if self.cut or len(packet) > self.longest or self.happens(self.loss):
            self.lost += 1
            return []
        due = now
        if self.rate:
            self.free = max(self.free, now)
            if self.free - now > self.queue:
                self.lost += 1
                return []
            self.free += len(packet) * 8 / self.rate
            due = self.free
        due += self.delay
        if self.jitter:
            due += self.dice.uniform(0, self.jitter)
        # Jitter alone keeps the order, as a queue does.
        self.last = due = max(due, self.last)
        if self.happens(self.reorder):
            self.thrown += 1
            due += self.dice.uniform(0, THROWN)
        if self.happens(self.corrupt):
            self.damaged += 1
            packet = bytearray(packet)
            bit = self.dice.randrange(len(packet) * 8)
            packet[bit // 8] ^= 1 << bit % 8
        if self.happens(self.duplicate):
            self.doubled += 1
            return [(due, packet), (due + self.dice.uniform(0, THROWN), packet)]
        return [(due, packet)]


def request(name, value=b""):
    """struct ifreq."""
    return struct.pack("16s24s", name.encode(), value)


def leave_network():
    """The thread that calls this, and what it starts, has a network of its own from now on: a loopback
    interface that is down."""
    if LIBC.unshare(CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "no network of its own")


def new_namespace(name, address, mtu, sysctls):
    """Moves this process into a namespace of its own with one TUN; the descriptors of both."""
    leave_network()
    tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    for text in ("net.ipv6.conf.all.disable_ipv6=1", *sysctls):
        path, value = text.split("=")
        try:
            with open("/proc/sys/" + path.replace(".", "/"), "w") as file:
                file.write(value)
        except FileNotFoundError:
            pass  # a kernel without IPv6
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        of = lambda text: struct.pack("HH4s16x", socket.AF_INET, 0, socket.inet_aton(text))  # noqa: E731
        fcntl.ioctl(sock, SIOCSIFMTU, request(name, struct.pack("i", mtu)))
        fcntl.ioctl(sock, SIOCSIFTXQLEN, request(name, struct.pack("i", QUEUE)))
        fcntl.ioctl(sock, SIOCSIFADDR, request(name, of(address)))
        fcntl.ioctl(sock, SIOCSIFNETMASK, request(name, of(MASK)))
        for interface in ("lo", name):
            flags = fcntl.ioctl(sock, SIOCGIFFLAGS, request(interface))
            (bits,) = struct.unpack_from("H", flags, 16)
            fcntl.ioctl(sock, SIOCSIFFLAGS, request(interface, struct.pack("H", bits | IFF_UP)))
    return os.open("/proc/self/ns/net", os.O_RDONLY), tun


def deliver(tun, packet):
    try:
        os.write(tun, packet)
    except OSError:
        pass  # a damaged packet that is none any more


def carry(seed, mtu, sysctls):
    try:
        made = [new_namespace(n, a, mtu, sysctls) for n, a in zip(NAMES, ADDRESSES)]
    except OSError as error:
        print(json.dumps(f"no namespace with a TUN can be made: {error}"), flush=True)
        return
    near, far = (tun for _, tun in made)
    ways = {"up": Way(f"{seed} up"), "down": Way(f"{seed} down")}
    leads = {near: (far, ways["up"]), far: (near, ways["down"])}
    print(json.dumps([namespace for namespace, _ in made]), flush=True)
    waiting, number, line = [], 0, b""
    while True:
        now = time.monotonic()
        while waiting and waiting[0][0] <= now:
            _, _, tun, way, packet = heapq.heappop(waiting)
            if way.cut:
                way.lost += 1
            else:
                way.bytes += len(packet)
                deliver(tun, packet)
        timeout = waiting[0][0] - now if waiting else None
        ready, _, _ = select.select([near, far, 0], [], [], timeout)
        now = time.monotonic()
        for tun in ready:
            if tun == 0:
                data = os.read(0, 4096)
                if not data:
                    return
                line += data
                while b"\n" in line:
                    text, line = line.split(b"\n", 1)
                    for name, settings in json.loads(text).items():
                        ways[name].change(settings)
                    print(json.dumps({n: w.counters() for n, w in ways.items()}), flush=True)
                continue
            other, way = leads[tun]
            for _ in range(32):
                try:
                    packet = os.read(tun, LONGEST)
                except BlockingIOError:
                    break
                for due, copy in way.take(packet, now):
                    number += 1
                    heapq.heappush(waiting, (due, number, other, way, copy))


class Unavailable(Exception):
    """Why there can be no link on this machine."""


HOME = os.open("/proc/self/ns/net", os.O_RDONLY) if os.path.exists("/proc/self/ns/net") else None


def enter(namespace):
    """The thread that calls this makes its sockets there from now on."""
    if LIBC.setns(namespace, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


class Side:
    """One end: `with side:` makes sockets there, `wrap` before a command line starts it there."""

    def __init__(self, host, path):
        self.host = host
        self.wrap = ("nsenter", f"--net={path}")
        self.namespace = os.open(path, os.O_RDONLY)

    def __enter__(self):
        enter(self.namespace)
        return self

    def __exit__(self, *_):
        enter(HOME)

    def close(self):
        os.close(self.namespace)


class Link:
    """A link and its two sides, `near` (where "up" begins) and `far`."""

    def __init__(self, seed=1, mtu=1500, sysctls=(), **settings):
        argv = [sys.executable, os.path.abspath(__file__), str(seed), str(mtu), *sysctls]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(argv, stdin=pipe, stdout=pipe, text=True, bufsize=1)
        answer = json.loads(self.process.stdout.readline())
        if isinstance(answer, str):
            self.process.wait()
            raise Unavailable(answer)
        folder = f"/proc/{self.process.pid}/fd"
        sides = [Side(a, f"{folder}/{fd}") for a, fd in zip(ADDRESSES, answer)]
        self.near, self.far = sides
        if settings:
            self.set(**settings)

    def tell(self, **ways):
        """Changes directions; when it returns the change is in force. Gives the counters."""
        self.process.stdin.write(json.dumps(ways) + "\n")
        return json.loads(self.process.stdout.readline())

    def set(self, **settings):
        """The same for both directions."""
        return self.tell(up=settings, down=settings)

    def counters(self):
        return self.tell()

    def close(self):
        self.process.stdin.close()
        self.process.wait(5)
        self.process.stdout.close()
        self.near.close()
        self.far.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


@functools.cache
def missing():
    """Why no link can be made on this machine, or None."""
    if os.getuid() != 0:
        return "root is needed"
    if not shutil.which("nsenter"):
        return "no nsenter here"
    try:
        Link().close()
    except Unavailable as why:
        return str(why)
    return None


if __name__ == "__main__":
    carry(sys.argv[1], int(sys.argv[2]), sys.argv[3:])
