"""What is not to be: forwards that the server's policy forbids, ports and paths that cannot be had, and
what each of the programs says and does then. OpenSSH's own pair shows what is expected."""

import os
import re
import socket
import stat
from functools import partial

from kinds import LETS, Session, connected, is_over
from kinds_ends import LOCAL, REMOTE, TCP, UNIX, TcpEnd, wait_for
from lab import HOST, Failed, Port, Process
from peers import Server, client_argv
from programs import has_ipv6
from stream import whole
from traffic import check, ended

GOES_ON = "ExitOnForwardFailure=no"
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


def works(forward):
    whole(forward.pair(), 1000, 1000)


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


# GatewayPorts, and for each address that is asked for, what is bound: wildcards or loopback, of which family.
ANY, LOOP = {"0.0.0.0", "::"}, {HOST, "::1"}
BOUND = {
    "no": {"": LOOP, ":": LOOP, "*:": LOOP, "localhost:": LOOP, f"{HOST}:": {HOST}, "[::1]:": {"::1"}, "0.0.0.0:": LOOP},
    "yes": {"": ANY, ":": ANY, "*:": ANY, "localhost:": ANY, f"{HOST}:": ANY, "[::1]:": ANY, "0.0.0.0:": ANY},
    "clientspecified": {
        "": LOOP,
        ":": ANY,
        "*:": ANY,
        "localhost:": LOOP,
        f"{HOST}:": {HOST},
        "[::1]:": {"::1"},
        "0.0.0.0:": {"0.0.0.0"},
    },
}


def listening_at(port):
    """The addresses at which somebody listens on a port."""
    found = set()
    for table, family in (("tcp", socket.AF_INET), ("tcp6", socket.AF_INET6)):
        for line in open(f"/proc/net/{table}").read().splitlines()[1:]:
            fields = line.split()
            address, number = fields[1].split(":")
            if fields[3] != "0A" or int(number, 16) != port:
                continue
            raw = bytes.fromhex(address)
            # Words of the machine's own order.
            turned = b"".join(raw[n : n + 4][::-1] for n in range(0, len(raw), 4))
            found.add(socket.inet_ntop(family, turned))
    return found


def where_the_server_listens(pair):
    """GatewayPorts crossed with every way to name an address."""
    for value, table in BOUND.items():
        ports = {bind: Port() for bind in table}
        with pair.server("AllowTcpForwarding=yes", f"GatewayPorts={value}") as server:
            words = [w for bind, port in ports.items() for w in ("-R", f"{bind}{port.number}:{HOST}:9")]
            with pair.session(server, words=words) as session:
                for bind, port in ports.items():
                    expected = table[bind] if has_ipv6() else {a for a in table[bind] if ":" not in a}
                    wait_for(
                        lambda: listening_at(port.number) == expected,  # noqa: B023
                        f"GatewayPorts={value}, -R {bind}PORT: not at {expected}",
                        2,
                    )
                check(session.process.child.poll() is None, "the client is gone")
        for port in ports.values():
            port.close()


def ports_that_the_server_chooses(pair):
    target = Port()
    with pair.server("AllowTcpForwarding=yes") as server:
        words = ["-R", f"{HOST}:0:{HOST}:{target.number}", "-R", "0:localhost:9"]
        with pair.session(server, words=words) as session:
            said = r"Allocated port (\d+) for remote forward to "
            first = int(session.process.wait_line(said + f"{HOST}:{target.number}").group(1))
            second = int(session.process.wait_line(said + "localhost:9").group(1))
            check(listening_at(first) == {HOST}, f"{first} at {listening_at(first)}")
            both = {HOST, "::1"} if has_ipv6() else {HOST}
            check(listening_at(second) == both, f"{second} at {listening_at(second)}")
            listener = socket.socket()
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((HOST, target.number))
            listener.listen()
            a = socket.create_connection((HOST, first), 10)
            whole((a, listener.accept()[0]), 100_000, 100_000)
            listener.close()
    target.close()


def ports_that_the_server_cannot_have(pair):
    with socket.socket() as busy, pair.server("AllowTcpForwarding=yes") as server:
        busy.bind((HOST, 0))
        busy.listen()
        port = busy.getsockname()[1]
        words = ["-R", f"{HOST}:{port}:{HOST}:9"]
        failed = f"remote port forwarding failed for listen port {port}"
        pair.ends(server, f"^Error: {failed}", *words)
        with pair.session(server, (LOCAL, TCP, TCP), words=words) as session:
            session.process.wait_line(f"^Warning: {failed}")
            works(session.forwards[0])


def paths_have_the_mode_that_is_asked_for(pair):
    """The server's for -R, the client's for -L."""
    for mask, mode in ((None, 0o600), ("0111", 0o666)):
        options = [f"StreamLocalBindMask={mask}"] if mask else []
        with pair.server("AllowTcpForwarding=yes", *options) as server:
            with pair.session(server, (LOCAL, UNIX, TCP), (REMOTE, UNIX, TCP), options=options) as session:
                for forward in session.forwards:
                    found = stat.S_IMODE(os.stat(forward.listen.address).st_mode)
                    check(found == mode, f"{forward.kind}: {found:o} for a mask of {mask}")
                    works(forward)


def a_path_in_use_is_not_taken(pair):
    """Somebody listens there: neither end takes it away."""
    path = pair.world.lab.path(f"in_use.{pair.client}.{pair.kind}")
    with socket.socket(socket.AF_UNIX) as other, pair.server("AllowTcpForwarding=yes") as server:
        other.bind(path)
        other.listen()
        inode = os.stat(path).st_ino
        said = f"{re.escape(path)}.*Address already in use|cannot bind to path {re.escape(path)}"
        pair.ends(server, said, "-L", f"{path}:{HOST}:9")
        failed = f"^Error: remote port forwarding failed for listen path {re.escape(path)}"
        pair.ends(server, failed, "-R", f"{path}:{HOST}:9")
        check(os.stat(path).st_ino == inode, "it was replaced")
    os.unlink(path)


def stale(path):
    """The socket of a program that has ended."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(path)


def a_stale_path_is_taken(pair):
    """By adit and aditd always, by others where StreamLocalBindUnlink says so."""
    unlink = "StreamLocalBindUnlink=yes"
    served = [unlink] if pair.kind == "sshd" else []
    options = [GOES_ON] + ([unlink] if pair.client == "ssh" else [])
    with pair.server("AllowTcpForwarding=yes", *served) as server:
        shapes = (LOCAL, UNIX, TCP), (REMOTE, UNIX, TCP)
        with pair.session(server, *shapes, options=options) as session:
            paths = [forward.listen.address for forward in session.forwards]
            session.stop_client()
        for path in paths:
            if os.path.lexists(path):
                os.unlink(path)
            stale(path)
        words = ["-L", f"{paths[0]}:{HOST}:{server.port}", "-R", f"{paths[1]}:{HOST}:{server.port}"]
        with pair.session(server, words=words, options=options):
            for path in paths:
                wait_for(lambda: answers(path), f"{path} is not taken")  # noqa: B023
        for path in paths:
            if os.path.lexists(path):
                os.unlink(path)


def answers(path):
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(5)
        try:
            sock.connect(path)
            return sock.recv(4) == b"SSH-"
        except OSError:
            return False


# Of ours alone.


def what_is_no_socket_is_left_alone(pair):
    """A file where a socket was to be, whatever StreamLocalBindUnlink says."""
    path = pair.world.lab.file("a letter", "letter")
    unlink = "StreamLocalBindUnlink=yes"
    with pair.server("AllowTcpForwarding=yes", unlink) as server:
        if pair.client == "adit":
            pair.ends(server, re.escape(path), "-L", f"{path}:{HOST}:9", options=[unlink])
        if pair.kind == "aditd":
            failed = f"^Error: remote port forwarding failed for listen path {re.escape(path)}"
            pair.ends(server, failed, "-R", f"{path}:{HOST}:9", options=[unlink])
        check(open(path).read() == "a letter", "it is gone")


def only_its_own_path_is_removed(pair):
    """Somebody else's socket has come to be where ours was."""
    with pair.server("AllowTcpForwarding=yes") as server:
        shapes = [(LOCAL, UNIX, TCP)] if pair.client == "adit" else []
        shapes += [(REMOTE, UNIX, TCP)] if pair.kind == "aditd" else []
        with pair.session(server, *shapes) as session:
            for forward in session.forwards:
                os.unlink(forward.listen.address)
                stale(forward.listen.address)
            session.process.signal(15)
            session.process.wait_exit()
            for forward in session.forwards:
                is_over(forward)
                check(os.path.lexists(forward.listen.address), f"{forward.kind}: removed")


def local_ports_that_adit_chooses(pair):
    with pair.server("AllowTcpForwarding=yes") as server:
        words = ["-L", f"0:{HOST}:{server.port}", "-D", "0"]
        with pair.session(server, words=words) as session:
            said = rf"Allocated port (\d+) for local forward to {HOST}:{server.port}"
            port = int(session.process.wait_line(said).group(1))
            both = {HOST, "::1"} if has_ipv6() else {HOST}
            wait_for(lambda: listening_at(port) == both, f"{port} is not at {both}")
            for host in both:
                with socket.create_connection((host, port), 10) as sock:
                    check(sock.recv(4) == b"SSH-", "nothing comes through")


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


# About the server alone: in the short form ssh asks.
POLICY = [
    what_each_switch_allows,
    lists_of_destinations_and_listeners,
    options_of_a_key,
    where_the_server_listens,
]
EVERYBODY = [
    ports_that_the_server_chooses,
    ports_that_the_server_cannot_have,
    paths_have_the_mode_that_is_asked_for,
    a_path_in_use_is_not_taken,
    a_stale_path_is_taken,
    exact_duplicates_are_one_forward,
    clear_all_forwardings_does,
]
OURS = [what_is_no_socket_is_left_alone, only_its_own_path_is_removed]
ADIT = [local_ports_that_adit_chooses]


def cases(run, world, client, kind, build=None, full=True):
    name = f"kinds: {client} -> {kind}"
    if not (world.has(client) and world.has(kind)):
        print(f"skip: {name}: what is not to be: not here", flush=True)
        return
    pair = Pair(world, client, kind, build)
    some = EVERYBODY + (OURS if build else [])
    if not build or (kind == "aditd" and (full or client == "ssh")):
        some += POLICY
    for function in some + (ADIT if client == "adit" else []):
        run.case(f"{name}: {function.__name__.replace('_', ' ')}", function, pair)


PAIRS = (("adit", "aditd"), ("adit", "sshd"), ("ssh", "aditd"))


def jobs(build, full):
    return [partial(cases, client=c, kind=k, build=build, full=full) for c, k in PAIRS]


def stock():
    return [partial(cases, client="ssh", kind="sshd")]
