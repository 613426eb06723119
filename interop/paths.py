"""Bad paths: packets are late, lost, out of order, doubled, damaged or too long, and a tunnel is only
slower for it. How much slower is compared with plain TCP over the same path, turn by turn."""

import random
import socket
import time

from lab import seeds
from link import Link, missing
from peers import Server, Tunnel
from stream import Streams, carry
from together import titled, together
from traffic import MIB, Task, check

# Bits a second: what one process in between carries for several links at once.
RATE = 40e6
# Of what plain TCP carries over the same path, at least. Looked at in the full form alone: in the
# short one a path is crossed once, others at the same time, and chance decides.
SHARE_MIN = 0.7
# Name: bytes each way, and what happens to packets.
PROFILES = {
    "one in a hundred lost": (2 * MIB, {"delay": 0.010, "loss": 0.01}),
    "one in twenty lost, with jitter": (MIB, {"delay": 0.025, "jitter": 0.010, "loss": 0.05}),
    "one in five lost": (MIB // 4, {"delay": 0.005, "loss": 0.20}),
    "a quarter out of order": (2 * MIB, {"delay": 0.020, "reorder": 0.25}),
    "doubled and damaged": (2 * MIB, {"delay": 0.010, "duplicate": 0.05, "corrupt": 0.02}),
    "half a second there and back": (2 * MIB, {"delay": 0.250}),
}
# Of each of them the long form carries so much at one go as well; as much as TCP carries in minutes.
AT_ONE_GO = 64 * MIB
LESS_AT_ONE_GO = {"one in twenty lost, with jitter": 8 * MIB, "one in five lost": MIB}
# Where so much is lost TCP stands still for seconds by chance, with a tunnel or without.
BY_CHANCE = "one in five lost"
# Which counter shows that a setting did something.
EFFECTS = {"loss": "lost", "reorder": "thrown", "duplicate": "doubled", "corrupt": "damaged"}


def plain(link):
    """A TCP connection over the link, without a tunnel."""
    with link.far:
        listener = socket.create_server((link.far.host, 0))
    with link.near:
        a = socket.create_connection(listener.getsockname(), 60)
    # Where the last segment of its beginning is lost, only one that has something to say goes on
    # saying so: without it the two could wait for each other for ever.
    a.sendall(b"!")
    listener.settimeout(60)
    b, _ = listener.accept()
    b.settimeout(60)
    check(b.recv(1) == b"!", "another byte arrives")
    b.settimeout(None)
    listener.close()
    for sock in (a, b):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return a, b


def seconds(pair, size, seed):
    start = time.monotonic()
    carry([pair], size, size, seed, 120)
    return time.monotonic() - start


def crossed(world, build, name, seed, rounds):
    """One path, and how long plain TCP and the tunnel took for the same bytes."""
    size, settings = PROFILES[name]
    size = size if rounds > 1 else size // 4
    took = [0.0, 0.0]
    with Link(seed, rate=RATE, **settings) as link, Server(world, "aditd", build, place=link.far) as server:
        with Tunnel(world, "adit", server, place=link.near, build=build, verbose=False) as tunnel:
            for number in range(rounds):
                start = time.monotonic()
                pairs = plain(link), tunnel.pair()
                check(time.monotonic() - start >= 2 * settings["delay"], "packets are not late")
                for which, pair in enumerate(pairs):
                    took[which] += seconds(pair, size, 100 * seed + number)
            code = tunnel.client.process.child.poll()
            check(code is None, f"seed {seed}: the client ended with {code}")
        counters = link.counters()
    for setting, counter in EFFECTS.items():
        for way, counts in counters.items():
            happened = counts[counter] > 0 or setting not in settings
            check(happened, f"seed {seed}: nothing was {counter} on the way {way}")
    return took


def every_byte_crosses_a_bad_path(world, build, name, seed, rounds, took):
    took[name, seed] = crossed(world, build, name, seed, rounds)


def keeps_up(profile, both):
    """With plain TCP, over all seeds of a profile."""
    check(both, "no path was crossed to the end")
    plain_took, tunnel_took = (sum(times) for times in zip(*both))
    share = plain_took / tunnel_took
    note = f"{profile}: the tunnel has {share:.2f} of plain TCP's speed"
    check(share >= SHARE_MIN, note)
    return note


def every_byte_of_a_long_stream_crosses_a_bad_path(world, build, name):
    """Long enough for every window on the way to have grown."""
    size = LESS_AT_ONE_GO.get(name, AT_ONE_GO)
    with Link(1, rate=RATE, **PROFILES[name][1]) as link, Server(world, "aditd", build, place=link.far) as server:
        with Tunnel(world, "adit", server, place=link.near, build=build, verbose=False) as tunnel:
            carry([tunnel.pair()], size, size, 1, 300)


def every_byte_crosses_a_path_that_changes_all_the_time(world, build, seed):
    """Each direction for itself, and for moments it is cut; the keys change as well."""
    dice = random.Random(f"weather {seed}")
    with Link(seed, rate=RATE) as link, Server(world, "aditd", build, place=link.far, rekey="256K") as server:
        how = {"place": link.near, "build": build, "rekey": "256K"}
        with Tunnel(world, "adit", server, **how) as tunnel:
            streams = Streams(tunnel.pairs(10), MIB // 8, MIB // 8, seed)
            work = Task(streams.run, 120)
            while work.is_alive():
                link.tell(up=weather(dice), down=weather(dice))
                work.join(dice.uniform(0.02, 0.3))
            work.result()
            check(streams.whole(), f"seed {seed}: broken: {streams.report()}")


def weather(dice):
    return {
        "cut": dice.random() < 0.1,
        "delay": dice.uniform(0, 0.05),
        "jitter": dice.choice((0, 0.02)),
        "loss": dice.choice((0, 0.01, 0.1)),
        "reorder": dice.choice((0, 0.25)),
        "duplicate": dice.choice((0, 0.05)),
        "corrupt": dice.choice((0, 0.02)),
        "rate": dice.choice((RATE, RATE / 10)),
    }


def packets_of_576_bytes(world, build):
    """RFC 879's size that every path carries."""
    with Link(1, mtu=576, delay=0.005) as link, Server(world, "aditd", build, place=link.far) as server:
        with Tunnel(world, "adit", server, place=link.near, build=build) as tunnel:
            carry([tunnel.pair(), tunnel.pair()], MIB, MIB)


def a_path_that_swallows_long_packets_is_found_dead(world, build):
    """Nobody says that they are too long, and their sender does not guess it: questions for a sign of
    life wait behind them, and the tunnel must not hang for ever."""
    options = ["ServerAliveInterval=1", "ServerAliveCountMax=3"]
    sysctls = ["net.ipv4.tcp_mtu_probing=0"]
    with Link(1, sysctls=sysctls, delay=0.005) as link, Server(world, "aditd", build, place=link.far) as server:
        with Tunnel(world, "adit", server, place=link.near, build=build, options=options) as tunnel:
            a, b = tunnel.pair()
            link.tell(up={"longest": 1000})
            a.settimeout(10)
            a.sendall(bytes(MIB))
            check(tunnel.client.process.wait_exit(12) == 255, "ends with 0")
            a.close()
            b.close()


def a_path_that_swallows_long_packets_is_crossed_where_the_kernel_probes(world, build):
    with Link(1, sysctls=["net.ipv4.tcp_mtu_probing=1"], delay=0.005) as link:
        with Server(world, "aditd", build, place=link.far) as server:
            with Tunnel(world, "adit", server, place=link.near, build=build) as tunnel:
                pair = tunnel.pair()
                link.set(longest=1000)
                carry([pair], MIB // 4, MIB // 4)


PACKETS = [
    packets_of_576_bytes,
    a_path_that_swallows_long_packets_is_found_dead,
    a_path_that_swallows_long_packets_is_crossed_where_the_kernel_probes,
]


def all_cases(run, world, build, size):
    why = missing()
    if why:
        print(f"skip: paths: {why}")
        return
    full = size == "full"
    cross, took, some = every_byte_crosses_a_bad_path, {}, []
    for profile in PROFILES:
        for seed in seeds(1, 8):
            some.append((titled("paths", cross), cross, (world, build, profile, seed, 3 if full else 1, took)))
    changes = every_byte_crosses_a_path_that_changes_all_the_time
    some += [(titled("paths", changes), changes, (world, build, seed)) for seed in seeds(1, 8)]
    for profile in PROFILES if full else ():
        long = every_byte_of_a_long_stream_crosses_a_bad_path
        some.append((titled("paths", long), long, (world, build, profile)))
    some += [(titled("paths", function), function, (world, build)) for function in PACKETS]
    # What is measured has the machine to itself, or nearly so.
    together(run, some, workers=3 if full else len(some))
    for profile in [name for name in PROFILES if full and name != BY_CHANCE]:
        both = [times for (name, _), times in took.items() if name == profile]
        run.case(f"{titled('paths', keeps_up)}, {profile}", keeps_up, profile, both)
