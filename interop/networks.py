"""Cases in a network of their own, where anything may be done to routes, names and buffers."""

import os
import re
import shutil
import socket
import struct
import subprocess
import threading
import time
from collections import Counter

from lab import HOST, Port, Wrapped
from link import leave_network
from peers import Client
from road import Road, Stopped, slowest_round_trip
from stream import ALL, both, whole
from together import titled, together
from traffic import MIB, Task, check, ended

# Nobody may be held up by what others wait for: a loop that waited would do so for seconds.
HELD_UP_MAX = 0.5
# What adit waits for a name, and for a connection, before it gives up.
GIVEN_UP = 10


def apart(function, *arguments, commands=()):
    """Calls it on a thread with a network of its own, which has a loopback interface and nothing
    else. Threads and processes that are started there are there too."""

    def there():
        leave_network()
        for command in ("ip link set lo up", *commands):
            subprocess.run(command, shell=True, check=True, capture_output=True, timeout=10)
        return function(*arguments)

    return Task(there).result(120)


# Destinations, what the client's application gets in which time, and what both logs say of it.
UNREACHABLE = {
    "127.0.0.1:9": "Connection refused",
    "203.0.113.1:80": "Network is unreachable",
    "203.0.113.2:80": "No route to host",
    "203.0.113.3:80": "Permission denied",
    "203.0.113.4:80": "[Cc]onnection timed out",
}
ROUTES = (
    "ip route add unreachable 203.0.113.2",
    "ip route add prohibit 203.0.113.3",
    # Sent, looped back, and dropped, as it is nobody's here.
    "ip route add 203.0.113.4 dev lo",
)


def a_destination_that_cannot_be_reached_is_named(world, build):
    apart(_unreachable, world, build, commands=ROUTES)


def _unreachable(world, build):
    with Road(world, build, more=UNREACHABLE) as road:
        tries = [Task(ends_in, road, road.more[to]) for to in UNREACHABLE]
        over = lambda: not any(each.is_alive() for each in tries)  # noqa: E731
        slowest = slowest_round_trip(road.pair(), over)
        check(slowest < HELD_UP_MAX, f"held up for {slowest:.2f} s")
        for (to, words), each in zip(UNREACHABLE.items(), tries):
            how, took = each.result()
            check(how == "RST", f"{to}: {how}")
            expected = GIVEN_UP if "timed" in words else 0
            check(expected <= took < expected + 3, f"{to}: ends after {took:.1f} s")
            host, port = to.rsplit(":", 1)
            road.client.process.wait_line(f"open failed: connect failed: {words}", 2)
            said = rf"connect_to {re.escape(host)} port {port}: failed\. \({words}\)"
            road.server.process.wait_line(said, 2)


def ends_in(road, port):
    """How a connection whose destination is not reached ends, and when."""
    start = time.monotonic()
    try:
        sock = road.connect(port)
        how = ended(sock, 40)
        sock.close()
    except ConnectionError:
        how = "RST"
    return how, time.monotonic() - start


# Names, and what comes of them: how many addresses of which family, an error code, or no answer.
A, AAAA = 1, 28
NAMES = {
    "many.test": (A, [f"127.0.1.{n}" for n in range(1, 51)]),
    "six.test": (AAAA, ["::1"]),
    "nobody.test": 3,
    "broken.test": 2,
    "silent.test": None,
    # Whoever asks again is told the second.
    "moves.test": (A, ["127.0.2.1", "127.0.2.2"]),
}
# Of fifty addresses only one takes connections; ::1 is the other.
TAKEN = "127.0.1.7"


class Names:
    """A server of names at port 53, over UDP and, for what is too long for that, TCP."""

    def __init__(self):
        self.questions = Counter()
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind((HOST, 53))
        self.tcp = socket.create_server((HOST, 53))
        for work in (self._udp, self._tcp):
            threading.Thread(target=work, daemon=True).start()

    def _udp(self):
        while True:
            question, who = self.udp.recvfrom(2000)
            answer = self.answer(question)
            if answer:
                # The header alone, with TC: ask again over TCP.
                short = answer[:2] + b"\x87\x80" + answer[4:6] + bytes(6) + self.asked(question)
                self.udp.sendto(answer if len(answer) <= 512 else short, who)

    def _tcp(self):
        while True:
            sock, _ = self.tcp.accept()
            stream = sock.makefile("rwb")
            # One after another, each behind its length (RFC 1035 §4.2.2).
            while length := stream.read(2):
                answer = self.answer(stream.read(*struct.unpack(">H", length)))
                stream.write(struct.pack(">H", len(answer)) + answer)
                stream.flush()
            sock.close()

    @staticmethod
    def asked(question):
        """The question's own section (RFC 1035 §4.1.2)."""
        return question[12 : question.index(b"\0", 12) + 5]

    def answer(self, question):
        asked = self.asked(question)
        labels, at = [], 0
        while asked[at]:
            labels.append(asked[at + 1 : at + 1 + asked[at]].decode())
            at += 1 + asked[at]
        (kind,) = struct.unpack(">H", asked[-4:-2])
        name = ".".join(labels).lower()
        self.questions[name, kind] += 1
        what = NAMES.get(name, 3)
        if what is None:
            return None
        code, records = (what, []) if isinstance(what, int) else (0, what[1] if what[0] == kind else [])
        if name == "moves.test" and records:
            records = [records[min(self.questions[name, kind], len(records)) - 1]]
        family = socket.AF_INET if kind == A else socket.AF_INET6
        body = b""
        for record in records:
            data = socket.inet_pton(family, record)
            body += b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 60, len(data)) + data
        return question[:2] + struct.pack(">HHHHH", 0x8580 | code, 1, len(records), 0, 0) + asked + body


def asking(world):
    """Where a program asks that server, and nobody else, for names."""
    resolv = world.lab.file(f"nameserver {HOST}\noptions timeout:30 attempts:1\n", "resolv.conf")
    switch = world.lab.file("hosts: dns\n", "nsswitch.conf")
    mounts = f"mount --bind {resolv} /etc/resolv.conf && mount --bind {switch} /etc/nsswitch.conf"
    return Wrapped("unshare", "-m", "sh", "-c", f'{mounts} && exec "$0" "$@"')


UNKNOWN = {
    "nobody.test:80": "Name or service not known",
    "broken.test:80": "Temporary failure in name resolution",
}
SILENT = [f"silent.test:{port}" for port in (80, 81, 82, 83)]


def names_that_are_not_answered_hold_nobody_up(world, build):
    apart(_names, world, build)


def _names(world, build):
    Names()
    reached = {}
    for name, address in (("many.test", TAKEN), ("six.test", "::1")):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        listener = socket.create_server((address, 0), family=family)
        listener.settimeout(20)
        reached[f"{name}:{listener.getsockname()[1]}"] = listener
    more = [*reached, *UNKNOWN, *SILENT]
    with Road(world, build, more=more, place=asking(world)) as road:
        for to, listener in reached.items():
            a = road.connect(road.more[to])
            check(both(a, listener.accept()[0], MIB, MIB) == [ALL, ALL], f"{to} is not reached")
        for to, words in UNKNOWN.items():
            how, took = ends_in(road, road.more[to])
            check(how == "RST" and took < 3, f"{to}: {how} after {took:.1f} s")
            road.client.process.wait_line(f"open failed: connect failed: {words}", 2)
            road.server.process.wait_line(words, 2)
        # All that one session may ask at once go to names without an answer.
        tries = [Task(ends_in, road, road.more[to]) for to in SILENT]
        over = lambda: not any(each.is_alive() for each in tries)  # noqa: E731
        spare = Port()
        other = Client(world, "adit", road.door, [(spare.number, "nobody.test:80")], build=build)
        road.parts.append(Stopped(other))
        slowest = Task(slowest_round_trip, road.pair(), over)
        how, took = ends_in(road, spare.number)
        check(how == "RST" and took < 3, f"another session's name: {how} after {took:.1f} s")
        for to, each in zip(SILENT, tries):
            how, took = each.result(40)
            check(how == "RST", f"{to}: {how}")
            check(GIVEN_UP <= took < GIVEN_UP + 3, f"{to}: ends after {took:.1f} s")
        check(slowest.result() < HELD_UP_MAX, f"held up for {slowest.result():.2f} s")
        road.client.process.wait_line("open failed: connect failed: the name could not be looked up in time", 2)


def an_allowed_name_is_looked_up_once(world, build):
    """A name that means something else when it is asked for again leads nowhere but where it led."""
    apart(_moves, world, build)


def _moves(world, build):
    names = Names()
    first, second = NAMES["moves.test"][1]
    listener = socket.create_server((second, 0))
    listener.settimeout(20)
    to = f"moves.test:{listener.getsockname()[1]}"
    with Road(world, build, more=[to], place=asking(world), server_options=[f"PermitOpen={to}"]) as road:
        how, took = ends_in(road, road.more[to])
        check(how == "RST" and took < 3, f"{how} after {took:.1f} s")
        road.client.process.wait_line("open failed: connect failed: Connection refused", 2)
        asked = names.questions["moves.test", A]
        check(asked == 1, f"asked {asked} times for one connection to {first}")
        # The next connection has a look-up of its own, and is the first that arrives.
        a = road.connect(road.more[to])
        check(both(a, listener.accept()[0], 1000, 1000) == [ALL, ALL], f"{to} is not reached")
        check(names.questions["moves.test", A] == 2, "the second connection asked for no name, or twice")


def sockets_that_take_next_to_nothing_carry_everything(world, build, client, server):
    """Every buffer of the network holds a page: writes are short, and sockets full all the time."""
    small = [f"sysctl -w net.ipv4.tcp_{which}='4096 4096 4096'" for which in ("rmem", "wmem")]
    apart(_narrow, world, build, client, server, commands=small)


def _narrow(world, build, client, server):
    how = {"client": client, "server": server, "options": ["RekeyLimit=64K"]}
    with Road(world, build, **how) as road:
        tasks = [Task(whole, road.pair(), MIB // 2, MIB // 2, n) for n in range(4)]
        for task in tasks:
            task.result()


def all_cases(run, world, build, size):
    if os.getuid() != 0:
        print("skip: networks: root is needed")
        return
    if not shutil.which("ip"):
        print("skip: networks: no ip here")
        return
    # They wait for what is given up after ten seconds.
    waiting = (
        a_destination_that_cannot_be_reached_is_named,
        names_that_are_not_answered_hold_nobody_up,
        an_allowed_name_is_looked_up_once,
    )
    together(run, [(titled("networks", function), function, (world, build)) for function in waiting])
    function = sockets_that_take_next_to_nothing_carry_everything
    for client, server in (("adit", "aditd"), ("adit", "sshd"), ("ssh", "aditd")):
        name = f"{titled('networks', function)}, {client} -> {server}"
        if world.has(client) and world.has(server):
            run.case(name, function, world, build, client, server)
