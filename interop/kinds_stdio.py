"""-W: standard input and output as the one connection, whatever they are."""

import os
import signal
import socket
import subprocess
from functools import partial

from cases import half_close
from kinds import LETS
from kinds_ends import ENDS, TCP, Target, wait_for
from lab import HOST, Failed, Port
from peers import Server, client_argv
from stream import ALL, content, follow, pour, start_of, whole
from traffic import Task, check

SIZE = 300_000
# How each says it.
WORDS = {"adit": "-W", "ssh": "-W", "dbclient": "-B", "plink": "-nc"}
# Who ends by itself, with 0, when both directions have ended.
ENDS_WITH_0 = ("adit", "ssh")
# Who goes on reading its input behind the destination's last byte; others end there.
KEEPS_HALF_CLOSE = ("adit", "plink")


class Stdio:
    """A client whose standard input and output are the connection to a destination of ours."""

    def __init__(self, world, client, server, build, stdin, stdout, to=None):
        self.target = Target(ENDS[TCP](world.lab))
        self.log = world.lab.file("", "stderr")
        more = [WORDS[client], to or self.target.end.name]
        argv = client_argv(world, client, server, build=build, verbose=False, more=more)
        if client == "plink":
            argv.remove("-N")
        self.argv = [str(a) for a in argv]
        with open(self.log, "w") as stderr:
            self.child = subprocess.Popen(
                self.argv,
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                env=world.lab.env,
                start_new_session=True,
            )

    def wait_exit(self, expected=0):
        try:
            code = self.child.wait(15)
        except subprocess.TimeoutExpired:
            raise Failed("still runs after 15 s") from None
        check(code == expected, f"ends with {code}")

    def said(self):
        return open(self.log).read()

    def __enter__(self):
        return self

    def __exit__(self, _kind, error, _):
        if self.child.poll() is None:
            # It may have started others.
            os.killpg(self.child.pid, signal.SIGKILL)
        self.child.wait()
        for pipe in (self.child.stdin, self.child.stdout):
            if pipe:
                pipe.close()
        self.target.close()
        if isinstance(error, (Failed, OSError)):
            error.args = (f"{error}\n    $ {' '.join(self.argv)}\n{self.said()}",)


class Pipe:
    """A pipe as half of a socket, so that `pour` and `follow` take it."""

    def __init__(self, file):
        self.file = file

    def sendall(self, data):
        self.file.write(data)
        self.file.flush()

    def recv(self, count):
        return self.file.read1(count)

    def shutdown(self, _):
        self.file.close()


def a_socket(client, *given):
    cases = [partial(half_close, size=SIZE)]
    for case in cases + ([whole_of] if client in KEEPS_HALF_CLOSE else []):
        ours, theirs = socket.socketpair()
        with Stdio(*given, theirs, theirs) as stdio:
            theirs.close()
            ours.settimeout(20)
            case(ours, stdio.target.accept())
            if client in ENDS_WITH_0:
                stdio.wait_exit()


def whole_of(a, b):
    whole((a, b), SIZE, SIZE)


def pipes(client, *given):
    """The destination ends first, or last."""
    for first in ("input", "destination") if client in KEEPS_HALF_CLOSE else ("input",):
        with Stdio(*given, subprocess.PIPE, subprocess.PIPE) as stdio:
            stdin, stdout = Pipe(stdio.child.stdin), Pipe(stdio.child.stdout)
            b = stdio.target.accept()
            ways = [(b, stdout), (stdin, b)]
            for n, (one, two) in enumerate(ways if first == "destination" else reversed(ways)):
                sent = Task(pour, one, n, SIZE)
                came = follow(two, n, SIZE)
                check(came == (ALL, SIZE), f"{first} first: direction {n}: {came}")
                check(sent.result() == (ALL, SIZE), "not all is taken")
            b.close()
            if client in ENDS_WITH_0:
                stdio.wait_exit()


def files(client, *given):
    world = given[0]
    path, out = world.lab.path(f"input.{client}"), world.lab.file("", "output")
    with open(path, "wb") as file:
        file.write(content(start_of(1), 0, SIZE))
    for source in (path, os.devnull):
        with open(source, "rb") as stdin, open(out, "wb") as stdout:
            with Stdio(*given, stdin, stdout) as stdio:
                b = stdio.target.accept()
                size = SIZE if source == path else 0
                check(follow(b, 1, size) == (ALL, size), f"what {source} holds does not arrive")
                check(pour(b, 2, SIZE) == (ALL, SIZE), "not all is taken")
                b.close()
                if client in ENDS_WITH_0:
                    stdio.wait_exit()
                else:
                    wait_for(lambda: os.path.getsize(out) >= SIZE, "not all is in the file")
        with open(out, "rb") as file:
            check(file.read() == content(start_of(2), 0, SIZE), "the file holds something else")


def nobody_there(client, *given):
    nobody = Port()
    with Stdio(*given, subprocess.DEVNULL, subprocess.PIPE, to=f"{HOST}:{nobody.number}") as stdio:
        stdio.wait_exit(255)
        for text in ("open failed: connect failed: ", "stdio forwarding failed"):
            check(text in stdio.said(), f"does not say {text!r}")
        check(stdio.child.stdout.read() == b"", "says something to its output")
    nobody.close()


def nobody_reads(client, *given):
    """As before `| head -c 1`: it ends, sooner or later, when there is more to write."""
    with Stdio(*given, subprocess.PIPE, subprocess.PIPE) as stdio:
        b = stdio.target.accept()
        flood = Task(pour, b, 1, 64 << 20)
        stdio.child.stdout.read1(1)
        stdio.child.stdout.close()
        stdio.child.stdin.close()
        flood.result()
        stdio.child.wait(15)
        b.close()


CASES = [a_socket, pipes, files]
OURS = [nobody_there, nobody_reads]


def pair(run, world, client, kind, build=None):
    name = f"kinds: {client} -> {kind}: -W"
    cases = CASES + (OURS if client in ENDS_WITH_0 else [])
    if client == "dbclient":
        cases = [files]
    titles = {case: f"{name}, {case.__name__.replace('_', ' ')}" for case in cases}
    if not all(map(world.has, (client, kind))) or not any(map(run.wants, titles.values())):
        return
    try:
        with Server(world, kind, build, options=LETS.get(kind, ())) as server:
            for case, title in titles.items():
                run.case(title, case, client, world, client, server, build)
    except Failed as failed:
        run.failed += 1
        print(f"FAIL {name}: {failed}", flush=True)


SERVERS = ("sshd", "dropbear", "asyncssh", "paramiko", "aditd")
PAIRS = [("adit", server) for server in SERVERS if server != "aditd"]
PAIRS += [(client, "aditd") for client in WORDS]
STOCK = [("ssh", server) for server in SERVERS[:-1]] + [("dbclient", "sshd"), ("plink", "sshd")]


def jobs(build):
    return [partial(pair, client=client, kind=server, build=build) for client, server in PAIRS]


def stock():
    return [partial(pair, client=client, kind=server) for client, server in STOCK]
