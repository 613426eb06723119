"""What every tunnel must do, whoever is at its two ends."""

import os
import threading

from lab import HOST, Port
from peers import Client, Tunnel, exactly
from stream import ALL, BROKEN, carry, follow, pour
from traffic import MIB, Task, check, ended, reset


def echo(tunnel):
    a, b = tunnel.pair()
    for text in (b"x", b"hello, other side", bytes(range(256)) * 5):
        a.sendall(text)
        check(exactly(b, len(text)) == text, "the destination reads something else")
        b.sendall(text[::-1])
        check(exactly(a, len(text)) == text[::-1], "the application reads something else")
    a.close()
    check(ended(b) == "FIN", "a clean end arrives as a reset")
    b.close()


def bulk(tunnel, size=4 * MIB):
    carry([tunnel.pair()], size, size)


def application_half_close(tunnel):
    half_close(*tunnel.pair())


def destination_half_close(tunnel):
    half_close(*reversed(tunnel.pair()))


def half_close(first, second, size=MIB):
    sent = Task(pour, first, 1, size)
    check(follow(second, 1, size) == (ALL, size), "what came before the first half's end")
    check(sent.result() == (ALL, size), "not all is taken")
    # One half is closed, the other must still carry everything.
    answer = Task(pour, second, 2, 2 * size)
    check(follow(first, 2, 2 * size) == (ALL, 2 * size), "what came after the first half's end")
    check(answer.result() == (ALL, 2 * size), "not all of the answer is taken")
    first.close()
    second.close()


def application_reset(tunnel):
    a, b = tunnel.pair()
    a.sendall(b"hello")
    exactly(b, 5)
    reset(a)
    ended(b)
    b.close()
    echo(tunnel)


def destination_reset(tunnel):
    a, b = tunnel.pair()
    a.sendall(b"hello")
    exactly(b, 5)
    reset(b)
    ended(a)
    a.close()
    echo(tunnel)


def reset_while_it_flows(tunnel):
    """A neighbour that breaks with full buffers takes nobody with it."""
    steady = tunnel.pair()
    broken = tunnel.pair()
    flood = Task(drown, broken[0])
    exactly(broken[1], MIB)
    reset(broken[1])
    flood.result()
    carry([steady], MIB, MIB)
    echo(tunnel)


def drown(sock):
    check(pour(sock, 9, 64 * MIB)[0] == BROKEN, "64 MiB went to a destination that had gone")
    sock.close()


def refused_destination(tunnel):
    tunnel.refused(tunnel.listen_refused.number)
    echo(tunnel)


def sixty_four_at_once(tunnel, size=256 * 1024):
    carry(tunnel.pairs(64), size, size)


def one_stalls(tunnel):
    """A destination that does not read holds up itself alone."""
    stalled = tunnel.pair()
    stop = threading.Event()
    flood = Task(push_until_full, stalled[0], stop)
    carry([tunnel.pair()], 4 * MIB, 4 * MIB)
    stop.set()
    reset(stalled[1])
    flood.result()
    stalled[0].close()


def push_until_full(sock, stop):
    sock.settimeout(0.2)
    total = 0
    while not stop.is_set():
        try:
            total += sock.send(bytes(65536))
        except OSError:
            pass
    return total


# What a client says with -v at the end of a key exchange.
EXCHANGED = {"adit": "rekeying done", "ssh": "SSH2_MSG_NEWKEYS received"}


def rekeying(tunnel, size=8 * MIB):
    """Data in flight both ways while keys change after each MiB of it."""
    carry([tunnel.pair()], size, size)
    word = EXCHANGED.get(tunnel.kind)
    if word:
        # What is sealed before the limit is looked at again goes out under the old keys.
        expected = 3 * size // (4 * MIB)
        done = tunnel.client.process.wait_count(word, expected)
        check(done >= expected, f"keys were changed {done} times in {size // MIB} MiB")


EVERY = [
    echo,
    bulk,
    application_half_close,
    destination_half_close,
    application_reset,
    destination_reset,
    reset_while_it_flows,
    refused_destination,
    sixty_four_at_once,
    one_stalls,
]


# Cases that start their own client: how a server and its key are trusted, and who is let in.


def refusal(world, client, server, build, pattern, **how):
    """A client that must end by itself with 255 and words that say why."""
    listen = Port()
    started = Client(world, client, server, [(listen.number, 9)], build=build, wait=False, **how)
    try:
        code = started.process.wait_exit()
        started.process.wait_line(pattern, 1)
        check(code == 255, f"ends with {code} instead of 255\n{started.process.report()}")
    finally:
        started.stop()
        listen.close()


def wrong_user_key(world, client, server, build):
    refusal(world, client, server, build, r"Permission denied \(publickey", key="stranger")


def changed_host_key(world, client, server, build):
    known = world.lab.known_hosts(server.port, "other_host")
    pattern = r"Host key verification failed"
    refusal(world, client, server, build, pattern, known_hosts=known)
    if client != "asyncssh":
        # No setting lifts this for a client that only forwards; ssh goes on without forwards.
        for strict in ("accept-new",) + (("no",) if client == "adit" else ()):
            refusal(
                world,
                client,
                server,
                build,
                pattern,
                known_hosts=known,
                options=[f"StrictHostKeyChecking={strict}"],
            )


def unknown_host_key_in_batch(world, client, server, build):
    known = world.lab.file("", "known_hosts")
    options = ["StrictHostKeyChecking=ask"]
    if client == "asyncssh":
        options = []
    pattern = r"Host key verification failed"
    refusal(world, client, server, build, pattern, known_hosts=known, options=options)


def accept_new(world, client, server, build):
    known = os.path.join(world.lab.folder, f"accepted.{client}.{server.port}")
    how = {"known_hosts": known, "options": ["StrictHostKeyChecking=accept-new"], "build": build}
    with Tunnel(world, client, server, **how) as tunnel:
        tunnel.client.process.wait_line("Permanently added")
        echo(tunnel)
    line = open(known).read()
    expected = f"[{HOST}]:{server.port} {world.lab.public_key('host')}"
    check(line.split()[:3] == expected.split(), f"known_hosts holds {line!r}")
    how["options"] = ["StrictHostKeyChecking=yes"]
    with Tunnel(world, client, server, **how) as tunnel:
        echo(tunnel)


TRUST = [wrong_user_key, changed_host_key, unknown_host_key_in_batch, accept_new]
