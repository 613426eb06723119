"""-D and -R with a port alone: SOCKS 4, 4a and 5 and HTTP's CONNECT, by curl and by hand."""

import http.server
import socket
import struct
import subprocess
import threading
from functools import partial

from cases import half_close
from kinds import LETS, PYTHON, Session
from kinds_ends import ENDS, TCP, Target, wait_for
from lab import HOST, Failed, Port, listening
from peers import Server, exactly
from stream import content, start_of, whole
from traffic import Task, check

SIZE = 300_000
# How curl says each, and the name it is to be given: whoever is at the other end looks names up.
CURL = {
    "--socks4": HOST,
    "--socks4a": "localhost",
    "--socks5": HOST,
    "--socks5-hostname": "localhost",
    "--proxytunnel": "localhost",
}
# Programs that know SOCKS and no CONNECT.
SOCKS = [how for how in CURL if how != "--proxytunnel"]
DYNAMIC = {"adit": list(CURL), "ssh": SOCKS, "plink": SOCKS, "asyncssh": SOCKS}
FORWARD, REVERSE = "-D", "-R port"
REVERSES = ("adit", "ssh")


class Web:
    """A page for whoever sends it the right bytes."""

    def __init__(self):
        self.server = http.server.ThreadingHTTPServer((HOST, 0), Page)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Page(http.server.BaseHTTPRequestHandler):
    """POST: one stream for another one."""

    def do_POST(self):
        sent = self.rfile.read(int(self.headers["Content-Length"]))
        good = sent == content(start_of(1), 0, SIZE)
        body = content(start_of(2), 0, SIZE)
        self.send_response(200 if good else 400)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def curl(world, how, port, url, *more):
    """What curl got, and what it ended with."""
    proxy = ["-p", "-x", f"http://{HOST}:{port}"] if how == "--proxytunnel" else [how, f"{HOST}:{port}"]
    argv = [world.curl, "-sS", "-m", "20", "--noproxy", "", *proxy, *more, url]
    return subprocess.run(argv, capture_output=True, env=world.lab.env, timeout=30, check=False)


def by_curl(world, session, port, hows):
    web, upload = Web(), world.lab.path("upload")
    with open(upload, "wb") as file:
        file.write(content(start_of(1), 0, SIZE))
    try:
        for how in hows:
            url = f"http://{CURL[how]}:{web.port}/"
            got = curl(world, how, port, url, "-f", "-H", "Expect:", "--data-binary", f"@{upload}")
            check(got.returncode == 0, f"{how}: {got.returncode} {got.stderr}")
            check(got.stdout == content(start_of(2), 0, SIZE), f"{how}: other bytes came back")
    finally:
        web.close()


def by_hand(world, session, port):
    """All that connections do, behind a request."""
    target = Target(ENDS[TCP](world.lab))
    try:
        whole(through(port, target), SIZE, SIZE)
        half_close(*through(port, target), SIZE)
        half_close(*reversed(through(port, target)), SIZE)
        tasks = [Task(whole, through(port, target), SIZE, SIZE, n) for n in range(8)]
        for task in tasks:
            task.result()
    finally:
        target.close()


def through(port, target):
    return asked(port, target.end.address[1])[0], target.accept()


def asked(port, to):
    """A connection for which SOCKS 5 (RFC 1928) was asked, and the code of the answer."""
    sock = socket.create_connection((HOST, port), 20)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.sendall(b"\x05\x01\x00")
    check(exactly(sock, 2) == b"\x05\x00", "no SOCKS 5 without a password")
    sock.sendall(b"\x05\x01\x00\x01" + socket.inet_aton(HOST) + struct.pack(">H", to))
    answer = exactly(sock, 10)
    return sock, answer[1]


# What adit's answers say, since they come behind the server's.
GENERAL, NOT_ALLOWED, REFUSED, UNSUPPORTED = 1, 2, 5, 7


def refusals_say_why(world, session, port):
    nobody = Port()
    sock, code = asked(port, nobody.number)
    # From Python's servers there are other words, or none; with -R the client connects itself.
    unsaid = session.way == FORWARD and session.server.kind in PYTHON
    expected = GENERAL if unsaid else REFUSED
    check(code == expected, f"SOCKS 5 answers {code} where nobody listens")
    sock.close()
    url = f"http://{HOST}:{nobody.number}/"
    for how in SOCKS:
        got = curl(world, how, port, url)
        check(got.returncode == 97, f"{how}: ends with {got.returncode} {got.stderr}")
    got = curl(world, "--proxytunnel", port, url)
    check(b"CONNECT tunnel failed, response 5" in got.stderr, f"CONNECT: {got.stderr}")
    nobody.close()
    for request in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"GET http://x/ HTTP/1.0\r\n\r\n"):
        with socket.create_connection((HOST, port), 10) as sock:
            sock.sendall(request)
            first = sock.makefile("rb").read()
            check(first.startswith(b"HTTP/1.") and first[9:10] == b"4", f"GET is answered {first!r}")
            check(b"SOCKS" in first, f"not said what this port is: {first!r}")
    for command in (2, 3):
        with socket.create_connection((HOST, port), 10) as sock:
            sock.sendall(b"\x05\x01\x00" + bytes([5, command, 0, 1, 127, 0, 0, 1, 0, 9]))
            check(exactly(sock, 12)[3] == UNSUPPORTED, f"command {command} has no answer of its own")


def denials_say_so(world, session, port):
    sock, code = asked(port, 9)
    check(code == NOT_ALLOWED, f"SOCKS 5 answers {code} to what the server forbids")
    sock.close()
    got = curl(world, "--proxytunnel", port, f"http://{HOST}:9/")
    check(b"CONNECT tunnel failed, response 4" in got.stderr, f"CONNECT: {got.stderr}")


def words(client, way, port):
    if client == "asyncssh":
        return ["--socks", port]
    return ["-D" if way == FORWARD else "-R", f"{HOST}:{port}"]


class Dynamic(Session):
    """A client that listens for SOCKS, or has its server do so."""

    def __init__(self, world, client, server, way, **how):
        self.way, self.port = way, Port()
        super().__init__(world, client, server, words=words(client, way, self.port.number), **how)
        try:
            wait_for(lambda: listening(self.port.number), f"{way} does not listen")
        except Failed as failed:
            text = f"{failed}\n{self.report()}"
            self.stop()
            raise Failed(text) from None

    def stop(self):
        super().stop()
        self.port.close()


def pair(run, world, client, kind, build=None):
    name = f"kinds: {client} -> {kind}"
    if not all(map(world.has, (client, kind, "curl"))) or not wants(run, name):
        return
    ways = [FORWARD] + ([REVERSE] if client in REVERSES else [])
    try:
        with Server(world, kind, build, options=LETS.get(kind, ())) as server:
            for way in ways:
                case(run, world, client, server, way, f"{name}: {way}", build)
        if client == "adit" and kind in DENIES and run.wants(f"{name}: {FORWARD}, what is denied"):
            with Server(world, kind, build, options=DENIES[kind], forwarding=False) as server:
                with Dynamic(world, client, server, FORWARD, build=build) as session:
                    given = (world, session, session.port.number)
                    run.case(f"{name}: {FORWARD}, what is denied", denials_say_so, *given)
    except Failed as failed:
        run.failed += 1
        print(f"FAIL {name}: {failed}", flush=True)


DENIES = {
    "sshd": ("PermitOpen 127.0.0.1:1",),
    "aditd": ("PermitOpen=127.0.0.1:1",),
}


def wants(run, name):
    return any(run.wants(f"{name}: {way}{more}") for way in (FORWARD, REVERSE) for more in MORE)


MORE = (" by curl", " by hand", ", what is refused", ", what is denied")


def case(run, world, client, server, way, name, build):
    if not any(run.wants(name + more) for more in MORE):
        return
    with Dynamic(world, client, server, way, build=build) as session:
        given = (world, session, session.port.number)
        run.case(f"{name} by curl", by_curl, *given, DYNAMIC[client])
        run.case(f"{name} by hand", by_hand, *given)
        # Others say yes before they know, or nothing.
        if client == "adit":
            run.case(f"{name}, what is refused", refusals_say_why, *given)


SERVERS = ("sshd", "dropbear", "asyncssh", "paramiko", "aditd")
PAIRS = [("adit", server) for server in SERVERS if server != "aditd"]
PAIRS += [(client, "aditd") for client in DYNAMIC]
STOCK = [("ssh", server) for server in SERVERS[:-1]] + [("asyncssh", "sshd"), ("plink", "sshd")]


def jobs(build):
    return [partial(pair, client=client, kind=server, build=build) for client, server in PAIRS]


def stock():
    return [partial(pair, client=client, kind=server) for client, server in STOCK]
