"""What there is not enough of: descriptors, ports, and room for everybody who connects at once."""

import os
import socket
import threading
import time

from lab import HOST, Port, Wrapped, cpu_seconds
from peers import Client, Server, exactly
from programs import has_ipv6
from road import Road, slowest_round_trip
from stream import whole
from together import titled, together
from traffic import Task, check, reset

# Of one processor, while nothing can be done but wait.
IDLE_MAX = 0.05
# What lets a program have only so many descriptors: a server on two processors has a few for each.
FEW = ("prlimit", "--nofile=28:28")
# A neighbour's round trip while thousands knock, Python's own share of two processors included.
HELD_UP_MAX = 0.5


def idle(process, seconds):
    """The share of a processor that it takes."""
    before = cpu_seconds(process.pid)
    time.sleep(seconds)
    return (cpu_seconds(process.pid) - before) / seconds


def a_server_without_descriptors_refuses_destinations(world, build):
    """It says so, serves those it has, and serves others as soon as it can."""
    with Road(world, build, place=Wrapped(*FEW)) as road:
        pairs, refused = [], 0
        for _ in range(40):
            pair = road.pair_if_any(10)
            if isinstance(pair, tuple):
                pairs.append(pair)
            else:
                refused += 1
        check(pairs and refused, f"{len(pairs)} served and {refused} refused")
        road.client.process.wait_line("open failed: resource shortage: no descriptors are left here")
        road.server.process.wait_line(r"connect_to .*: failed")
        share = idle(road.server.process, 1)
        check(share <= IDLE_MAX, f"it takes {share:.0%} of a processor to refuse nobody")
        check(len(pairs) > 5, f"only {len(pairs)} served")
        whole(pairs.pop())
        full = settled(road.server.process, 0, 0)
        for pair in pairs[:5]:
            for sock in pair:
                sock.close()
        check(settled(road.server.process, full - 5) <= full - 5, "descriptors are not given back")
        whole(road.matched())


def a_server_without_descriptors_leaves_clients_waiting(world, build):
    """More clients than it has descriptors for: they wait, cost nothing, and are served in the end."""
    options = ["MaxStartups=1000", "LoginGraceTime=0"]
    with Road(world, build, place=Wrapped(*FEW), server_options=options) as road:
        steady = road.pair()
        crowd = [socket.create_connection((HOST, road.server.port), 10) for _ in range(40)]
        road.server.process.wait_line(r"accept: Too many open files")
        share = idle(road.server.process, 1.5)
        check(share <= IDLE_MAX, f"it takes {share:.0%} of a processor to wait")
        said = road.server.process.output().count("accept: Too many open files")
        check(said <= 4, f"said {said} times in two seconds")
        served = 0
        while crowd:
            sock = crowd.pop(0)
            sock.settimeout(10)
            check(exactly(sock, 4) == b"SSH-", "not SSH")
            served += 1
            sock.close()
        whole(steady)


def a_client_without_descriptors_leaves_applications_waiting(world, build):
    with Road(world, build, wrap=FEW) as road:
        target = Task(answer, road)
        crowd = [road.connect() for _ in range(60)]
        for sock in crowd:
            sock.sendall(b"?")
        for sock in crowd[:8]:
            exactly(sock, 1)
        time.sleep(0.3)
        share = idle(road.client.process, 1)
        check(share <= IDLE_MAX, f"it takes {share:.0%} of a processor to wait")
        road.client.process.wait_line(r"accept.*Too many open files")
        for n, sock in enumerate(crowd):
            if n >= 8:
                exactly(sock, 1)
            sock.close()
        road.target.shutdown(socket.SHUT_RDWR)
        target.join(5)


def answer(road):
    """Sends every byte back, until nobody listens."""
    try:
        while True:
            sock, _ = road.target.accept()
            threading.Thread(target=echo, args=(sock,), daemon=True).start()
    except OSError:
        return


def echo(sock):
    try:
        while data := sock.recv(4096):
            sock.sendall(data)
    except OSError:
        pass
    sock.close()


def a_flood_of_connections_holds_up_nobody_else(world, build, count):
    """Applications that connect as fast as they can: a neighbour's bytes pass between them."""
    with Road(world, build, verbose=False) as road:
        steady = road.pair()
        # One that has been there is taken as it comes, so that only the tunnel is busy.
        target = Task(answer, road)
        floods = [Task(knock, road, count // 2) for _ in range(2)]
        over = lambda: not any(each.is_alive() for each in floods)  # noqa: E731
        slowest = slowest_round_trip(steady, over)
        served = sum(flood.result() for flood in floods)
        check(served == count, f"{served} of {count} were served")
        check(slowest < HELD_UP_MAX, f"held up for {slowest:.2f} s")
        whole(steady)
        road.target.shutdown(socket.SHUT_RDWR)
        target.join(5)
        for process in (road.client.process, road.server.process):
            left = settled(process, 30)
            check(left <= 30, f"{left} descriptors are left")
        return f"{count} connections: a neighbour's slowest round trip {slowest * 1e3:.0f} ms"


def settled(process, enough, patience=5):
    """How many descriptors it has, once they are few enough or the time is over."""
    deadline = time.monotonic() + patience
    while True:
        count = len(os.listdir(f"/proc/{process.pid}/fd"))
        if count <= enough or time.monotonic() > deadline:
            return count
        time.sleep(0.02)


def knock(road, count):
    """Some end in order behind an answer, some are reset at once."""
    served = 0
    for n in range(count):
        sock = road.connect()
        if n % 4:
            sock.sendall(b"?")
            exactly(sock, 1)
            sock.close()
        else:
            reset(sock)
        served += 1
    return served


# Ports.


def listening_on(world, build, spec, fatal, wrap=()):
    """A client with one forward that works and one that is asked for."""
    server = Server(world, "aditd", build)
    good = Port()
    options = [f"LocalForward={spec} {HOST}:9", f"ExitOnForwardFailure={fatal}"]
    client = Client(
        world, "adit", server, [(good.number, 9)], build=build, options=options, wait=False, wrap=wrap
    )
    return server, good, client


def a_port_that_cannot_be_had_is_named(world, build, spec, words, wrap=()):
    """With ExitOnForwardFailure the client ends with 255; without it the other forwards stand."""
    for fatal in ("yes", "no"):
        server, good, client = listening_on(world, build, spec, fatal, wrap)
        try:
            client.process.wait_line(words, 5)
            if fatal == "yes":
                check(client.process.wait_exit() == 255, "ends with 0")
            else:
                client.process.wait_line("Could not request local forwarding", 5)
                client.process.wait_listening(good.number)
                check(client.process.child.poll() is None, "it is gone")
        finally:
            client.stop()
            server.stop()
            good.close()


def ports_that_cannot_be_had(run, world, build):
    function = a_port_that_cannot_be_had_is_named
    name = titled("scarce", function)
    with socket.socket() as four, socket.socket(socket.AF_INET6) as six:
        four.bind((HOST, 0))
        four.listen()
        busy = four.getsockname()[1]
        in_use = "Address already in use"
        low = ("setpriv", "--bounding-set=-net_bind_service", "--inh-caps=-all")
        specs = [
            (f"{HOST}:{busy}", rf"{busy}.*{in_use}"),
            (f"localhost:{busy}", rf"127\.0\.0\.1.*{busy}.*{in_use}"),
            (f"*:{busy}", rf"{busy}.*{in_use}"),
            (f"192.0.2.1:{busy}", r"192\.0\.2\.1.*Cannot assign requested address"),
        ]
        if os.getuid() == 0:
            specs.append((f"{HOST}:99", r"99.*Permission denied", low))
        if has_ipv6():
            six.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            six.bind(("::1", 0))
            six.listen()
            busy = six.getsockname()[1]
            specs.append((f"[::1]:{busy}", rf"::1.*{busy}.*{in_use}"))
            # Half a localhost would send some to whoever has the other half.
            specs.append((f"localhost:{busy}", rf"::1.*{busy}.*{in_use}"))
        together(run, [(name, function, (world, build, *spec)) for spec in specs])


def all_cases(run, world, build, size):
    full = size == "full"
    waiting = (
        a_server_without_descriptors_refuses_destinations,
        a_server_without_descriptors_leaves_clients_waiting,
        a_client_without_descriptors_leaves_applications_waiting,
    )
    together(run, [(titled("scarce", function), function, (world, build)) for function in waiting])
    ports_that_cannot_be_had(run, world, build)
    function = a_flood_of_connections_holds_up_nobody_else
    count = 10_000 if full else 1000
    run.case(titled("scarce", function), function, world, build, count)
