"""Where forwards listen, and where they cannot: addresses under GatewayPorts, ports of the server's or
of adit's choosing, paths that are in use, left over, or not a socket's. Each case has a
kinds_refusals.Pair, which has made no server yet."""

import os
import re
import socket
import stat

from kinds import is_over
from kinds_ends import LOCAL, REMOTE, TCP, UNIX, gone, wait_for
from lab import HOST, Port
from programs import has_ipv6
from stream import whole
from traffic import check

GOES_ON = "ExitOnForwardFailure=no"


def works(forward):
    whole(forward.pair(), 1000, 1000)


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
            gone(path)
            stale(path)
        words = ["-L", f"{paths[0]}:{HOST}:{server.port}", "-R", f"{paths[1]}:{HOST}:{server.port}"]
        with pair.session(server, words=words, options=options):
            for path in paths:
                wait_for(lambda: answers(path), f"{path} is not taken")  # noqa: B023
        for path in paths:
            gone(path)


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


EVERYBODY = [
    ports_that_the_server_chooses,
    ports_that_the_server_cannot_have,
    paths_have_the_mode_that_is_asked_for,
    a_path_in_use_is_not_taken,
    a_stale_path_is_taken,
]
OURS = [what_is_no_socket_is_left_alone, only_its_own_path_is_removed]
ADIT = [local_ports_that_adit_chooses]
