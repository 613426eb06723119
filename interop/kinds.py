"""Every kind of forward between every two programs that have it: bytes both ways, ends in both orders,
destinations that refuse, and what is left when it is cancelled and when its client ends."""

import os
import socket
import subprocess
import time
from contextlib import ExitStack
from functools import partial

from cases import half_close
from kinds_ends import LOCAL, REMOTE, TCP, UNIX, Forward, Target, TcpEnd, wait_for
from lab import HOST, Failed, listening
from peers import Client, Server
from stream import whole
from traffic import Task, check, ended

SIZE = 300_000
SHAPES = [(TCP, TCP), (TCP, UNIX), (UNIX, TCP), (UNIX, UNIX)]
EVERY = [(way, *shape) for way in (LOCAL, REMOTE) for shape in SHAPES]
PORTS = [(LOCAL, TCP, TCP), (REMOTE, TCP, TCP)]
# What each program can do in its role. A path at the other's end is no concern of a client's or of a
# server's: these have the ends that they make themselves.
CLIENTS = {
    "adit": EVERY,
    "ssh": EVERY,
    "asyncssh": EVERY,
    "paramiko": PORTS,
    "dbclient": PORTS,
    "plink": PORTS,
}
# With these only the client has paths: what they connect to and where they listen are ports.
NO_PATHS = ("dropbear", "paramiko")
PYTHON = ("asyncssh", "paramiko")
CANCELS = ("asyncssh", "paramiko", "ssh")
LETS = {"aditd": ("AllowStreamLocalForwarding=yes",)}


def kinds(client, server):
    """What both of them have."""
    for way, listen, to in CLIENTS[client]:
        if server in NO_PATHS and UNIX == (to if way == LOCAL else listen):
            continue
        yield way, listen, to


class Session:
    """One client with some forwards."""

    def __init__(self, world, client, server, build=None, wanted=(), words=(), wait=True, **how):
        self.server, self.kind, self.lab = server, client, world.lab
        self.forwards = [Forward(world.lab, *kind) for kind in wanted]
        more = list(words)
        for forward in self.forwards:
            more += spoken(client, forward)
        self.control = None
        if client == "ssh":
            # What it takes to have ssh cancel one.
            self.control = world.lab.path(f"control.{server.port}.{world.lab.count}")
            more += ["-M", "-S", self.control]
        how.setdefault("stdin", subprocess.PIPE if client in PYTHON else subprocess.DEVNULL)
        self.world = world
        self.client = Client(world, client, server, [], build=build, more=more, wait=False, **how)
        self.process = self.client.process
        try:
            for forward in self.forwards if wait else ():
                self.wait_listening(forward)
        except BaseException:
            self.stop()
            raise

    def wait_listening(self, forward):
        self.wait_for_end(forward.listen)

    def wait_for_end(self, end):
        def ready():
            if self.process.child.poll() is not None:
                self.process.reader.join(2)
                raise Failed(f"ended before it listened on {end.name}\n{self.report()}")
            return end.listens()

        try:
            wait_for(ready, f"nobody listens on {end.name}")
        except Failed as failed:
            raise Failed(f"{failed}\n{self.report()}") from None

    def cancel(self):
        """Asks for the end of what listens, while the session stays."""
        if self.kind in PYTHON:
            self.process.child.stdin.write(b"cancel\n")
            self.process.child.stdin.flush()
            self.process.wait_line("^cancelled$")
            return
        for forward in self.forwards:
            words = [forward.way, forward.spec(), "-O", "cancel", "nobody"]
            argv = [self.world.ssh, "-F", "none", "-S", self.control, *words]
            done = subprocess.run(argv, capture_output=True, env=self.lab.env, timeout=10, check=False)
            check(done.returncode == 0 and not done.stderr, f"{forward.kind}: {done}")

    def report(self):
        return self.process.report() + "\n" + self.server.process.report()

    def stop_client(self):
        """In order, so that it removes what it made."""
        if self.process.child.poll() is None:
            self.process.signal(15)
            if self.kind == "ssh":
                # ssh 9.2 looks for signals before it waits for its sockets, and one between the two
                # is seen only when something else happens.
                wait_for(self.is_over, "ssh still runs", 15)
            self.process.wait_exit()

    def is_over(self):
        try:
            return self.process.child.wait(1) is not None
        except subprocess.TimeoutExpired:
            self.process.signal(15)
            return False

    def stop(self):
        self.client.stop()
        for forward in self.forwards:
            forward.close()

    def __enter__(self):
        return self

    def __exit__(self, _kind, error, _trace):
        if isinstance(error, (Failed, OSError)):
            error.args = (f"{error}\n{self.report()}",)
        self.stop()


def spoken(client, forward):
    """A forward in the client's own words."""
    if client not in PYTHON:
        return [forward.way, forward.spec()]
    way = "--local" if forward.way == LOCAL else "--remote"
    return [way, f"{forward.listen.short}={forward.target.end.short}"]


def carries(session, forward):
    """Bytes both ways, an end of either side first, a destination that refuses and is there again."""
    whole(forward.pair(), SIZE, SIZE)
    half_close(*forward.pair(), SIZE)
    half_close(*reversed(forward.pair()), SIZE)
    forward.target.refuse()
    try:
        ended(connected(forward))
    except ConnectionError:
        pass
    forward.target.again()
    whole(forward.pair(), 1000, 1000)


def connected(forward):
    sock = forward.listen.socket()
    sock.settimeout(10)
    sock.connect(forward.listen.address)
    return sock


ZERO = "-R 0"
# Who asks for any port and says which it was given.
ALLOCATED = {
    **dict.fromkeys(("adit", "ssh", "dbclient"), r"Allocated port (\d+) for remote forward to "),
    **dict.fromkeys(PYTHON, r"^allocated (\d+)$"),
}


def any_port(world, client, server, build):
    """A port that the server chooses: it listens there, for as long as its client."""
    with ExitStack() as stack:
        target = Target(TcpEnd(world.lab))
        stack.callback(target.close)
        to = target.end
        words = ["--remote", f"0={to.short}"] if client in PYTHON else ["-R", f"{HOST}:0:{to.name}"]
        session = stack.enter_context(Session(world, client, server, words=words, build=build))
        port = int(session.process.wait_line(ALLOCATED[client]).group(1))
        wait_for(lambda: listening(port), f"nobody listens on {port}")
        for size in (SIZE, 1000):
            whole((socket.create_connection((HOST, port), 10), target.accept()), size, size)
        session.stop_client()
        wait_for(lambda: not listening(port), f"{port} still listens", 5)


def is_over(forward):
    wait_for(lambda: not forward.listen.listens(), f"{forward.kind} still listens", 5)


def cancelled(session):
    """What listens ends, and what was opened through it goes on."""
    pairs = [forward.pair() for forward in session.forwards]
    session.cancel()
    for forward in cancellable(session):
        is_over(forward)
    for pair in pairs:
        whole(pair, SIZE, SIZE)


def cancellable(session):
    """paramiko has no local forwards: those are threads of its script."""
    return [f for f in session.forwards if (session.kind, f.way) != ("paramiko", LOCAL)]


def cancelled_while_connections_are_made(session):
    """Each of them is served or refused, and the session goes on."""
    forwards = cancellable(session)
    drains = [Task(drain, forward.target.listener) for forward in forwards]
    knocks = [Task(knock, forward) for forward in forwards]
    wait_for(lambda: all(k.is_alive() for k in knocks), "connections are refused before")
    session.cancel()
    for each in knocks:
        each.result(10)
    check(session.process.child.poll() is None, "the client is gone")
    check(session.server.process.child.poll() is None, "the server is gone")
    for forward in forwards:
        forward.target.refuse()
    for each in drains:
        each.join(1)


def knock(forward):
    for _ in range(5000):
        try:
            connected(forward).close()
        except (ConnectionError, FileNotFoundError):
            return
        except BlockingIOError:
            pass  # As many wait at the path as may.
        time.sleep(0.001)
    raise Failed(f"{forward.kind} takes connections for ever")


def drain(listener):
    listener.settimeout(0.05)
    while listener.fileno() >= 0:
        try:
            listener.accept()[0].close()
        except TimeoutError:
            pass
        except OSError:
            return


def ends_with_its_client(session):
    """What listens ends with the session; a path that ours made is gone."""
    session.stop_client()
    for forward in session.forwards:
        is_over(forward)
        made_by = session.kind if forward.way == LOCAL else session.server.kind
        if made_by in ("adit", "aditd") and isinstance(forward.listen.address, str):
            gone = lambda: not os.path.lexists(forward.listen.address)  # noqa: B023, E731
            wait_for(gone, f"{forward.kind} leaves its path", 5)


def pair(run, world, client, kind, build=None):
    """One client and one server: one session for all that both have."""
    name = f"kinds: {client} -> {kind}"
    wanted = [k for k in kinds(client, kind) if run.wants(f"{name}: {k[0]} {k[1]} to {k[2]}")]
    missing = [k for k in (client, kind) if not world.has(k)]
    if missing:
        print(f"skip: {name}: no {' and no '.join(missing)} here", flush=True)
        return
    zero = run.wants(f"{name}: {ZERO}") and client in ALLOCATED
    if not wanted and not zero:
        return
    try:
        with Server(world, kind, build, options=LETS.get(kind, ())) as server:
            if zero:
                run.case(f"{name}: {ZERO}", any_port, world, client, server, build)
            if not wanted:
                return
            how = {"build": build, "wanted": wanted}
            with Session(world, client, server, **how) as session:
                for forward in session.forwards:
                    run.case(f"{name}: {forward.kind}", carries, session, forward)
                run.case(f"{name}: {len(wanted)} kinds end with their client", ends_with_its_client, session)
            # dropbear 2022.83 answers a cancellation with success and goes on listening.
            if client in CANCELS and kind != "dropbear":
                with Session(world, client, server, **how) as session:
                    run.case(f"{name}: {len(wanted)} kinds are cancelled", cancelled, session)
                with Session(world, client, server, **how) as session:
                    title = f"{name}: {len(wanted)} kinds are cancelled while connections are made"
                    run.case(title, cancelled_while_connections_are_made, session)
    except Failed as failed:
        run.failed += 1
        print(f"FAIL {name}: {failed}", flush=True)


SERVERS = ("sshd", "dropbear", "asyncssh", "paramiko", "aditd")
PAIRS = [("adit", server) for server in SERVERS if server != "aditd"]
PAIRS += [(client, "aditd") for client in CLIENTS]
STOCK = [("ssh", server) for server in SERVERS[:-1]]
STOCK += [(client, "sshd") for client in ("asyncssh", "paramiko", "dbclient", "plink")]


def jobs(build):
    """One for each pair: they take turns with others."""
    return [partial(pair, client=client, kind=server, build=build) for client, server in PAIRS]


def stock():
    return [partial(pair, client=client, kind=server) for client, server in STOCK]
