"""What every case stands on: a private folder with keys, ports of the system's choosing, and
processes whose output is kept and which never outlive the run."""

import atexit
import getpass
import os
import pty
import re
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

USER = getpass.getuser()
HOST = "127.0.0.1"


def seeds(short, long):
    """The seeds from 1 on: so many, or the one in ADIT_SEED, which failed before."""
    one = os.environ.get("ADIT_SEED")
    return [int(one)] if one else range(1, (long if "ADIT_LONG" in os.environ else short) + 1)


class Failed(Exception):
    """A case that did not go as it must."""


class Port:
    """A loopback port kept for us: bound, not listening. Whoever gets the number may listen on it,
    as SO_REUSEADDR allows beside a socket that does not, and until then it refuses connections."""

    def __init__(self, host=HOST):
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind((host, 0))
        self.number = self.socket.getsockname()[1]

    def close(self):
        self.socket.close()


class Here:
    """Where programs run and sockets are made: this machine as it is. A side of a link is another
    such place, with a network of its own."""

    host = HOST
    wrap = ()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


HERE = Here()


class Wrapped(Here):
    """Where programs are started by another one: `wrap` stands before their command lines."""

    def __init__(self, *wrap):
        self.wrap = wrap


def listening(port, pid="self"):
    """Whether some socket listens on the port, where the process is."""
    suffix = ":%04X" % port
    for table in ("tcp", "tcp6"):
        try:
            lines = open(f"/proc/{pid}/net/{table}").read().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if fields[3] == "0A" and fields[1].endswith(suffix):
                return True
    return False


class Process:
    """A program with everything that it prints."""

    everyone = []

    def __init__(self, argv, env=None, stdin=subprocess.DEVNULL, strace=None):
        self.argv = [str(a) for a in argv]
        self.lines = []
        self.news = threading.Condition()
        self.child = subprocess.Popen(
            self.argv,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=env,
            start_new_session=True,
        )
        self.pid = self.child.pid
        Process.everyone.append(self)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for raw in self.child.stdout:
            with self.news:
                self.lines.append(raw.decode("utf-8", "replace").rstrip())
                self.news.notify_all()
        with self.news:
            self.lines.append(None)
            self.news.notify_all()

    def output(self):
        with self.news:
            return "\n".join(l for l in self.lines if l is not None)

    def wait_line(self, pattern, timeout=10):
        """The first match of `pattern` in what the program prints, now or within the time."""
        compiled = re.compile(pattern)
        deadline = time.monotonic() + timeout
        seen = 0
        with self.news:
            while True:
                for line in self.lines[seen:]:
                    if line is None:
                        raise Failed(f"ended without a line like {pattern!r}\n{self.report()}")
                    found = compiled.search(line)
                    if found:
                        return found
                seen = len(self.lines)
                left = deadline - time.monotonic()
                if left <= 0 or not self.news.wait(left):
                    raise Failed(f"no line like {pattern!r} in {timeout} s\n{self.report()}")

    def wait_count(self, word, count, timeout=5):
        """How many lines have `word`, once there are `count` or the time is over."""
        deadline = time.monotonic() + timeout
        with self.news:
            while True:
                found = sum(word in line for line in self.lines if line is not None)
                left = deadline - time.monotonic()
                if found >= count or left <= 0 or not self.news.wait(left):
                    return found

    def wait_listening(self, port, timeout=15):
        deadline = time.monotonic() + timeout
        while not listening(port, self.pid):
            if self.child.poll() is not None:
                self.reader.join(2)
                raise Failed(f"ended with {self.child.returncode} before it listened on {port}\n{self.report()}")
            if time.monotonic() > deadline:
                raise Failed(f"does not listen on {port} after {timeout} s\n{self.report()}")
            time.sleep(0.002)

    def wait_exit(self, timeout=15):
        try:
            code = self.child.wait(timeout)
        except subprocess.TimeoutExpired:
            raise Failed(f"still runs after {timeout} s\n{self.report()}") from None
        self.reader.join(2)
        return code

    def signal(self, number):
        self.child.send_signal(number)

    def report(self):
        lines = [l for l in self.lines if l is not None][-40:]
        return "    $ " + " ".join(self.argv) + "".join("\n    | " + l for l in lines)

    def stop(self):
        """Ends it and everything that it started."""
        for number in (signal.SIGCONT, signal.SIGTERM):
            self._signal_group(number)
        try:
            self.child.wait(3)
        except subprocess.TimeoutExpired:
            pass
        self._signal_group(signal.SIGKILL)
        self.child.wait()
        if self in Process.everyone:
            Process.everyone.remove(self)

    def _signal_group(self, number):
        try:
            os.killpg(self.pid, number)
        except (ProcessLookupError, PermissionError):
            pass


@atexit.register
def _stop_everyone():
    for process in [*Process.everyone, *Terminal.everyone]:
        process.stop()


class Terminal:
    """A program on a terminal of its own, and somebody who types."""

    def __init__(self, argv, env):
        self.argv = [str(a) for a in argv]
        self.seen = b""
        self.at = 0
        pid, self.master = pty.fork()
        if pid == 0:
            try:
                os.execve(self.argv[0], self.argv, env)
            finally:
                os._exit(127)
        self.pid = pid
        Terminal.everyone.append(self)

    everyone = []

    def expect(self, text, timeout=10):
        """Reads until `text` was shown behind what was expected before."""
        deadline = time.monotonic() + timeout
        while (found := self.seen.find(text.encode(), self.at)) < 0:
            left = deadline - time.monotonic()
            if left <= 0 or not self._read(left):
                raise Failed(f"no {text!r} on the terminal\n{self.report()}")
        self.at = found + len(text)

    def _read(self, timeout):
        if not select.select([self.master], [], [], timeout)[0]:
            return False
        try:
            data = os.read(self.master, 4096)
        except OSError:
            return False
        self.seen += data
        return bool(data)

    def sees(self, text):
        """Whether `text` was shown already, behind what was expected before."""
        while self._read(0):
            pass
        return self.seen.find(text.encode(), self.at) >= 0

    def type(self, text):
        os.write(self.master, text.encode())

    def wait_exit(self, timeout=15):
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.pid = None
                while self._read(0):
                    pass
                return os.waitstatus_to_exitcode(status)
            self._read(0.02)
        raise Failed(f"still runs after {timeout} s\n{self.report()}")

    def report(self):
        lines = self.seen.decode("utf-8", "replace").splitlines()[-40:]
        return "    $ " + " ".join(self.argv) + "".join("\n    | " + l for l in lines)

    def stop(self):
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self.pid = None
        if self.master is not None:
            os.close(self.master)
            self.master = None
        if self in Terminal.everyone:
            Terminal.everyone.remove(self)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Lab:
    """A folder of our own, with two user keys (one that servers know) and two host keys."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="adit-interop-")
        atexit.register(shutil.rmtree, self.folder, True)
        for name in ("user", "stranger", "host", "other_host"):
            subprocess.run(
                ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", self.path(name)],
                check=True,
                stdin=subprocess.DEVNULL,
            )
        shutil.copy(self.path("user.pub"), self.path("authorized_keys"))
        os.chmod(self.path("authorized_keys"), 0o600)
        os.mkdir(self.path("home"), 0o700)
        # Nothing of the person who runs this: no agent, no files under their home.
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("SSH_")}
        self.env["HOME"] = self.path("home")
        self.count = 0

    def path(self, name):
        return os.path.join(self.folder, name)

    def file(self, text, name="file"):
        self.count += 1
        path = self.path(f"{name}.{self.count}")
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
        return path

    def converted(self, path, suffix, *argv):
        """A key in the format of another program, made once."""
        if not os.path.exists(path + suffix):
            done = [*(str(a) for a in argv), path + suffix]
            subprocess.run(done, check=True, capture_output=True)
        return path + suffix

    def dropbear_key(self, path):
        return self.converted(path, ".db", "dropbearconvert", "openssh", "dropbear", path)

    def putty_key(self, path):
        return self.converted(path, ".ppk", "puttygen", path, "-o")

    def fingerprint(self, path):
        argv = ["ssh-keygen", "-lf", path]
        return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.split()[1]

    def public_key(self, name):
        return " ".join(open(self.path(name + ".pub")).read().split()[:2])

    def known_hosts(self, port, host_key="host", host=HOST):
        return self.file(f"[{host}]:{port} {self.public_key(host_key)}\n", "known_hosts")


def rss(pid, field="VmRSS"):
    """Resident memory of a process in bytes."""
    for line in open(f"/proc/{pid}/status"):
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    raise Failed(f"no {field} for process {pid}")


def cpu_seconds(pid):
    """User and system time of a process and of the children that it waited for."""
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return sum(int(f) for f in fields[11:15]) / os.sysconf("SC_CLK_TCK")


def descendants(pid):
    """The process and all that come from it: sshd forks for each connection."""
    children = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                parent = int(open(f"/proc/{name}/stat").read().rsplit(")", 1)[1].split()[1])
            except (OSError, IndexError):
                continue
            children.setdefault(parent, []).append(int(name))
    found, queue = [], [pid]
    while queue:
        found.append(queue.pop())
        queue += children.get(found[-1], [])
    return found
