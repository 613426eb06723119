"""What is not to be: forwards that the server's policy forbids, and what each of the programs says and
does then. OpenSSH's own pair shows what is expected. Ports and paths that cannot be had are in
kinds_places."""

import os
import re
import socket
from functools import partial

import kinds_places
from kinds import LETS, Session, connected
from kinds_ends import LOCAL, REMOTE, TCP, UNIX, TcpEnd, UnixEnd, gone, wait_for
from kinds_places import GOES_ON, works
from lab import HOST, Failed, Port, Process, listening
from peers import Server, client_argv
from traffic import check, ended

PROHIBITED = "open failed: administratively prohibited"
# sshd has no other word for a path that it does not allow.
FAILED = "open failed: connect failed"
SHAPES = {"t-t": (TCP, TCP), "t-u": (TCP, UNIX), "u-t": (UNIX, TCP), "u-u": (UNIX, UNIX)}


class Pair:
    """A client and a server, each of which may be ours."""

    def __init__(self, world, client, kind, build):
        self.world, self.client, self.kind, self.build = world, client, kind, build

    def server(self, *options, paths=True):
        """With this policy and no other; each option is Key=value."""
        options = list(options)
        if self.kind == "aditd" and paths and not any("StreamLocalForwarding" in o for o in options):
            options += LETS.get("aditd", ())
        if self.kind == "sshd":
            options = [option.replace("=", " ", 1) for option in options]
        return Server(self.world, self.kind, self.build, options=options, forwarding=False)

    def session(self, server, *kinds, options=(GOES_ON,), words=(), wait=True):
        how = {"build": self.build, "wanted": kinds, "words": words, "options": options}
        return Session(self.world, self.client, server, wait=wait, **how)

    def ends(self, server, pattern, *words, options=(), code=255):
        """A client that has to end by itself, and says why."""
        argv = client_argv(
            self.world, self.client, server, build=self.build, options=options, more=words
        )
        process = Process(argv, env=self.world.lab.env)
        try:
            check(process.wait_exit() == code, f"ends with another code than {code}\n{process.report()}")
            process.wait_line(pattern, 1)
        finally:
            process.stop()


def prohibited(session, forward):
    """It listens, and what connects is refused by the server, which the client says."""
    path = isinstance(forward.target.end.address, str)
    word = FAILED if path and session.server.kind == "sshd" else PROHIBITED
    before = session.process.output().count(word)
    try:
        ended(connected(forward))
    except ConnectionError:
        pass
    found = session.process.wait_count(word, before + 1)
    check(found > before, f"{forward.kind} is not prohibited")


def not_listening(session, forward):
    """The server does not listen for it, which the client says, and goes on."""
    name = forward.listen.address
    what = f"path {re.escape(name)}" if isinstance(name, str) else f"port {name[1]}"
    session.process.wait_line(f"^Warning: remote port forwarding failed for listen {what}")
    check(not forward.listen.listens(), f"{forward.kind} listens")


# What a policy allows of the kinds: L and R, and t-u is from a port to a path. Where sshd's meaning is
# another, that is said as well.
POLICIES = {
    ("AllowTcpForwarding=no", "AllowStreamLocalForwarding=no"): "",
    ("AllowTcpForwarding=yes", "AllowStreamLocalForwarding=no"): "L t-t, L u-t, R t-t, R t-u",
    ("AllowTcpForwarding=no", "AllowStreamLocalForwarding=yes"): {
        "aditd": "L t-u, L u-u, R u-t, R u-u",
        # The lists of destinations and listeners are one for ports and paths, and empty then.
        "sshd": "",
    },
    ("AllowTcpForwarding=local", "AllowStreamLocalForwarding=local"): "L t-t, L t-u, L u-t, L u-u",
    ("AllowTcpForwarding=remote", "AllowStreamLocalForwarding=remote"): "R t-t, R t-u, R u-t, R u-u",
    ("AllowTcpForwarding=all", "AllowStreamLocalForwarding=all"): (
        "L t-t, L t-u, L u-t, L u-u, R t-t, R t-u, R u-t, R u-u"
    ),
}


def what_each_switch_allows(pair):
    for policy, allowed in POLICIES.items():
        with pair.server(*policy) as server:
            every = [(way, *shape) for way in (LOCAL, REMOTE) for shape in SHAPES.values()]
            with pair.session(server, *every, wait=False) as session:
                judged(session, policy, allowed)


def judged(session, policy, allowed):
    allowed = (allowed if isinstance(allowed, str) else allowed[session.server.kind]).split(", ")
    short = {shape: name for name, shape in SHAPES.items()}
    for forward in session.forwards:
        _, listen, _, to = forward.kind.split()
        name = f"{forward.way[1]} {short[listen, to]}"
        try:
            if name in allowed:
                session.wait_listening(forward)
                works(forward)
            elif forward.way == LOCAL:
                session.wait_listening(forward)
                prohibited(session, forward)
            else:
                not_listening(session, forward)
        except (Failed, OSError) as failed:
            raise Failed(f"{policy}, {name}: {failed}") from None


def lists_of_destinations_and_listeners(pair):
    """PermitOpen and PermitListen, each with one that it names and one that it does not."""
    end = TcpEnd(pair.world.lab)
    port = end.address[1]
    policies = [
        ([f"PermitListen={HOST}:{port}"], f"{HOST}:{port}", True),
        ([f"PermitListen={port}"], f"{port}", True),
        ([f"PermitListen=localhost:{port}"], f"{port}", True),
        ([f"PermitListen=*:{port}"], f"{HOST}:{port}", True),
        ([f"PermitListen={HOST}:{port}"], f"{port}", False),
        (["PermitListen=1"], f"{HOST}:{port}", False),
        (["PermitListen=none"], f"{HOST}:{port}", False),
    ]
    for options, listen, good in policies:
        with pair.server("AllowTcpForwarding=yes", *options) as server:
            words = ["-R", f"{listen}:{HOST}:9"]
            if good:
                with pair.session(server, words=words) as session:
                    wait_for(end.listens, f"{options}: {listen} does not listen")
                    check(session.process.child.poll() is None, "the client is gone")
            else:
                pattern = f"^Error: remote port forwarding failed for listen port {port}"
                pair.ends(server, pattern, *words)
                check(not end.listens(), f"{options}: {listen} listens")
    end.close()
    for option, good in (("{}", True), ("127.0.0.1:*", True), ("localhost:*", False), ("127.0.0.1:1", False)):
        forward_to = Port()
        name = option.format(f"{HOST}:{forward_to.number}")
        with pair.server("AllowTcpForwarding=yes", f"PermitOpen={name}") as server:
            with pair.session(server, (LOCAL, TCP, TCP)) as session:
                (forward,) = session.forwards
                if good and option != "{}":
                    works(forward)
                elif not good:
                    prohibited(session, forward)
        forward_to.close()


def options_of_a_key(pair):
    """authorized_keys: what a line takes away, and what it gives back."""
    lab = pair.world.lab
    key = open(lab.path("user.pub")).read()
    every = [(LOCAL, TCP, TCP), (LOCAL, TCP, UNIX), (REMOTE, TCP, TCP), (REMOTE, UNIX, TCP)]
    lines = {
        "restrict": "",
        "no-port-forwarding": "",
        "restrict,port-forwarding": "L t-t, L t-u, R t-t, R u-t",
        "no-pty,no-X11-forwarding,no-agent-forwarding": "L t-t, L t-u, R t-t, R u-t",
        'restrict,permitopen="*:*"': "",
        # A list names all there is: with one of ports there are no paths. In sshd's permitlisten there are.
        'permitopen="127.0.0.1:*"': "L t-t, R t-t, R u-t",
        'permitopen="localhost:1"': "R t-t, R u-t",
        'permitlisten="*:*"': {"aditd": "L t-t, L t-u, R t-t", "sshd": "L t-t, L t-u, R t-t, R u-t"},
        'restrict,port-forwarding,permitlisten="1"': {"aditd": "L t-t, L t-u", "sshd": "L t-t, L t-u, R u-t"},
    }
    for line, allowed in lines.items():
        path = lab.file(f"{line} {key}", "authorized_keys")
        with pair.server("AllowTcpForwarding=yes", f"AuthorizedKeysFile={path}") as server:
            with pair.session(server, *every, wait=False) as session:
                judged(session, line, allowed)
    for line in ('permitopen="nonsense"', "no-such-option", 'permitlisten="x:y"'):
        path = lab.file(f"{line} {key}", "authorized_keys")
        with pair.server("AllowTcpForwarding=yes", f"AuthorizedKeysFile={path}") as server:
            pair.ends(server, "Permission denied")


def exact_duplicates_are_one_forward(pair):
    with pair.server("AllowTcpForwarding=yes") as server, pair.session(
        server, (LOCAL, TCP, TCP), (REMOTE, TCP, TCP)
    ) as first:
        words = [w for forward in first.forwards for w in (forward.way, forward.spec())]
        first.stop_client()
        with pair.session(server, words=words + words, options=["ExitOnForwardFailure=yes"]) as session:
            for forward in first.forwards:
                session.wait_listening(forward)
                works(forward)


def clear_all_forwardings_does(pair):
    with pair.server("AllowTcpForwarding=yes") as server:
        shapes = (LOCAL, TCP, TCP), (REMOTE, TCP, TCP)
        options = ["ClearAllForwardings=yes"]
        with pair.session(server, *shapes, options=options, wait=False) as session:
            session.process.wait_line("[Aa]uthenticated|[Aa]uthentication succeeded")
            check(not any(f.listen.listens() for f in session.forwards), "something listens")


def as_root_a_server_keeps_for_root_what_is_roots(pair):
    """Ports below 1024 and Unix sockets, unless its configuration names them."""
    if os.geteuid() != 0:
        return "what a server does as root: left out, since this is not root"
    port = unused_port_of_roots()
    path, near = UnixEnd(pair.world.lab).address, UnixEnd(pair.world.lab).address
    forwards = ["-R", f"{port}:{HOST}:9", "-R", f"{path}:{HOST}:9", "-L", f"{near}:/run/nobody"]
    named = [f"PermitListen={port} {path}", "PermitOpen=/run/nobody"]
    for user, options, good in (("ann", [], False), ("root", [], True), ("ann", named, True)):
        with pair.server("AllowTcpForwarding=yes", *options) as server:
            words = ["-l", user, *forwards]
            with pair.session(server, words=words) as session:
                if good:
                    wait_for(lambda: listening(port), f"{user} {options}: {port} is not there")  # noqa: B023
                    wait_for(lambda: os.path.exists(path), f"{user} {options}: {path} is not there")  # noqa: B023
                else:
                    not_there = "remote port forwarding failed for listen"
                    session.process.wait_line(f"Warning: {not_there} port {port}")
                    session.process.wait_line(f"Warning: {not_there} path {path}")
                    session.process.wait_line("ports below 1024 are for root")
                    check(not os.path.exists(path), f"{path} was made")
                wait_for(lambda: os.path.exists(near), f"{near} is not there")
                with socket.socket(socket.AF_UNIX) as sock:
                    sock.settimeout(10)
                    sock.connect(near)
                    ended(sock)
                session.process.wait_line("connect failed" if good else "runs as root")
                session.stop_client()
            gone(near)
    return None


def unused_port_of_roots():
    """Another one in each of the processes that take cases."""
    first = 600 + os.getpid() % 400
    for port in range(first, first + 20):
        with socket.socket() as sock:
            try:
                sock.bind((HOST, port))
                return port
            except OSError:
                pass
    raise Failed(f"the ports from {first} on are in use")


# About the server alone: in the short form ssh asks.
POLICY = [
    what_each_switch_allows,
    lists_of_destinations_and_listeners,
    options_of_a_key,
    kinds_places.where_the_server_listens,
]
EVERYBODY = [*kinds_places.EVERYBODY, exact_duplicates_are_one_forward, clear_all_forwardings_does]


def cases(run, world, client, kind, build=None, full=True):
    name = f"kinds: {client} -> {kind}"
    if not (world.has(client) and world.has(kind)):
        print(f"skip: {name}: what is not to be: not here", flush=True)
        return
    pair = Pair(world, client, kind, build)
    some = EVERYBODY + (kinds_places.OURS if build else [])
    if not build or (kind == "aditd" and (full or client == "ssh")):
        some += POLICY
    if kind == "aditd":
        some.append(as_root_a_server_keeps_for_root_what_is_roots)
    for function in some + (kinds_places.ADIT if client == "adit" else []):
        run.case(f"{name}: {function.__name__.replace('_', ' ')}", function, pair)


PAIRS = (("adit", "aditd"), ("adit", "sshd"), ("ssh", "aditd"))


def jobs(build, full):
    return [partial(cases, client=c, kind=k, build=build, full=full) for c, k in PAIRS]


def stock():
    return [partial(cases, client="ssh", kind="sshd")]
