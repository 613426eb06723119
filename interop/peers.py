"""How each program is started: the same tunnel, said in each one's own words."""

import os
import shutil
import socket
import subprocess

from lab import HERE, HOST, USER, Failed, Port, Process
from traffic import TIMEOUT, ended

GCM256 = "aes256-gcm@openssh.com"
GCM128 = "aes128-gcm@openssh.com"
CHACHA = "chacha20-poly1305@openssh.com"
CIPHERS = (GCM256, GCM128, CHACHA)
MLKEM = "mlkem768x25519-sha256"
CURVE = "curve25519-sha256"
CURVE_LIBSSH = "curve25519-sha256@libssh.org"
KEXES = (MLKEM, CURVE, CURVE_LIBSSH)
# OpenSSH 9.2 has no ML-KEM.
KEXES_OF = {"ssh": KEXES[1:], "sshd": KEXES[1:]}


def kexes(*kinds):
    return [k for k in KEXES if all(k in KEXES_OF.get(kind, KEXES) for kind in kinds)]


class World:
    """Which programs there are on this machine."""

    def __init__(self, lab, builds, python):
        path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
        self.lab = lab
        self.builds = builds
        self.python = python
        self.ssh = shutil.which("ssh", path=path)
        self.sshd = shutil.which("sshd", path=path)
        self.strace = shutil.which("strace", path=path)
        self.ssh_agent = shutil.which("ssh-agent", path=path)
        self.dropbear = shutil.which("dropbear", path=path)
        self.dbclient = shutil.which("dbclient", path=path)
        self.plink = shutil.which("plink", path=path)
        self.curl = shutil.which("curl", path=path)

    def has(self, kind):
        return {
            "ssh": self.ssh,
            "sshd": self.sshd,
            "asyncssh": self.python,
            "adit": self.builds,
            "aditd": self.builds,
            # As a server it reads keys from a home directory that only root can stand in for.
            "dropbear": self.dropbear and os.getuid() == 0,
            "dbclient": self.dbclient,
            "plink": self.plink,
            "paramiko": self.python,
            "curl": self.curl,
        }[kind]

    def python_peer(self, kind, role, *arguments):
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), f"{kind}_peer.py")
        return [self.python, script, role, *arguments]

    def asyncssh(self, role, *arguments):
        return self.python_peer("asyncssh", role, *arguments)


def dropbear(world, port, host_keys, authorized):
    """It reads keys from the home directory that the system names: a private view of it."""
    folder = world.lab.path(f"dropbear_home.{port}")
    os.makedirs(os.path.join(folder, ".ssh"), mode=0o700)
    shutil.copy(authorized, os.path.join(folder, ".ssh", "authorized_keys"))
    argv = [world.dropbear, "-F", "-E", "-s", "-p", f"{HOST}:{port}", "-P", os.path.join(folder, "pid")]
    argv += [a for path in host_keys for a in ("-r", path)]
    script = 'mount --bind "$0" "$1" && shift && exec "$@"'
    return ["unshare", "-m", "sh", "-c", script, folder, os.path.expanduser(f"~{USER}"), *argv]


class Server:
    """A server on a port of its own that lets the user in and forwards anywhere on loopback."""

    def __init__(
        self, world, kind, build=None, rekey=None, options=(), forwarding=True, place=HERE
    ):
        self.kind = kind
        self.build = build
        self.place = place
        self.host = place.host
        lab = world.lab
        with place:
            self.reserved = Port(self.host)
        self.port = self.reserved.number
        if kind == "sshd":
            if os.getuid() == 0:
                os.makedirs("/run/sshd", mode=0o755, exist_ok=True)
            # The first value of a keyword is the one that counts: a case's before ours.
            lines = [
                *options,
                f"Port {self.port}",
                f"ListenAddress {self.host}",
                f"HostKey {lab.path('host')}",
                f"AuthorizedKeysFile {lab.path('authorized_keys')}",
                "StrictModes no",
                "UsePAM no",
                "PermitRootLogin prohibit-password",
                "PasswordAuthentication no",
                "KbdInteractiveAuthentication no",
                "AllowTcpForwarding yes" if forwarding else "",
                "PidFile none",
                "MaxStartups 1000",
                f"RekeyLimit {rekey}" if rekey else "",
            ]
            config = lab.file("\n".join(lines) + "\n", "sshd_config")
            argv = [world.sshd, "-D", "-e", "-f", config]
        elif kind == "aditd":
            argv = [build.aditd, "-D", "-e", "-p", self.port, "-h", lab.path("host")]
            argv += [a for option in options for a in ("-o", option)]
            argv += ["-o", f"ListenAddress={self.host}"]
            argv += ["-o", f"AuthorizedKeysFile={lab.path('authorized_keys')}"]
            # The folder of this run is below /tmp, which everybody may write.
            argv += ["-o", "StrictModes=no"]
            if forwarding:
                argv += ["-o", "AllowTcpForwarding=yes"]
            if rekey:
                argv += ["-o", f"RekeyLimit={rekey}"]
            # Many fail from this one address.
            argv += ["-o", "PerSourcePenalties=no"]
        elif kind == "dropbear":
            keys = [lab.dropbear_key(lab.path("host"))]
            argv = dropbear(world, self.port, keys, lab.path("authorized_keys"))
        else:
            argv = world.python_peer(kind, "server", "--port", self.port, "--host-key", lab.path("host"))
            argv += ["--authorized-keys", lab.path("authorized_keys"), *options]
            if rekey:
                argv += ["--rekey", in_bytes(rekey)]
        self.process = Process([*place.wrap, *argv], env=lab.env)
        self.process.wait_listening(self.port)

    def stop(self):
        self.process.stop()
        self.reserved.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def __str__(self):
        return f"{self.kind}[{self.build.name}]" if self.build else self.kind


def in_bytes(size):
    return int(size[:-1]) * {"K": 1024, "M": 1024**2, "G": 1024**3}[size[-1]]


def client_argv(
    world,
    kind,
    server,
    forwards=(),
    build=None,
    kex=None,
    cipher=None,
    rekey=None,
    key="user",
    known_hosts=None,
    options=(),
    verbose=True,
    config=None,
    more=(),
):
    """The command line of a client. `forwards` are pairs of a local port and a destination's, or its
    host:port; `more` is in the client's own words. With a configuration file, that has the rest."""
    lab = world.lab
    host = getattr(server, "host", HOST)
    known_hosts = known_hosts or lab.known_hosts(server.port, host=host)
    if kind in ("adit", "ssh"):
        chosen = {
            "BatchMode": "yes",
            "StrictHostKeyChecking": "yes",
            "UserKnownHostsFile": known_hosts,
            "GlobalKnownHostsFile": "/dev/null",
            "IdentitiesOnly": "yes",
            "ExitOnForwardFailure": "yes",
        }
        chosen = {**({} if config else chosen), **dict(option.split("=", 1) for option in options)}
        if rekey:
            chosen["RekeyLimit"] = rekey
        if kex:
            chosen["KexAlgorithms"] = kex
        if cipher:
            chosen["Ciphers"] = cipher
        argv = [build.adit if kind == "adit" else world.ssh, "-N", "-F", config or "none"]
        argv += ["-v"] if verbose else []
        argv += [a for item in chosen.items() for a in ("-o", "=".join(item))]
        argv += ["-i", lab.path(key)] if key and not config else []
        argv += ["-p", server.port]
        for listen, destination in forwards:
            to = destination if ":" in str(destination) else f"{HOST}:{destination}"
            argv += ["-L", f"{HOST}:{listen}:{to}"]
        return [*argv, *more, f"{USER}@{host}"]
    if kind == "dbclient":
        # It accepts any host key (-y -y): it keeps no file that could be given to it.
        argv = [world.dbclient, "-y", "-y", "-N", "-i", lab.dropbear_key(lab.path(key))]
        return [*argv, "-p", server.port, *more, f"{USER}@{host}"]
    if kind == "plink":
        argv = [world.plink, "-batch", "-noagent", "-N", "-i", lab.putty_key(lab.path(key))]
        argv += ["-hostkey", lab.fingerprint(lab.path("host"))]
        return [*argv, "-P", server.port, *more, f"{USER}@{host}"]
    argv = world.python_peer(kind, "client", "--port", server.port, "--user", USER, *more)
    argv += ["--key", lab.path(key), "--known-hosts", known_hosts]
    argv += ["--kex", kex] if kex else []
    argv += ["--ciphers", cipher] if cipher else []
    argv += ["--rekey", in_bytes(rekey)] if rekey else []
    for listen, destination in forwards:
        argv += ["--forward", f"{listen}:{destination}"]
    return argv


class Client:
    """A client that runs; `wait` is for its forwards."""

    def __init__(
        self,
        world,
        kind,
        server,
        forwards,
        wrap=(),
        wait=True,
        place=HERE,
        stdin=subprocess.DEVNULL,
        **how,
    ):
        argv = client_argv(world, kind, server, forwards, **how)
        self.process = Process([*place.wrap, *wrap, *argv], env=world.lab.env, stdin=stdin)
        if wait:
            try:
                for listen, _ in forwards:
                    self.process.wait_listening(listen)
            except Failed as failed:
                raise Failed(f"{failed}\n{server.process.report()}") from None

    def stop(self):
        self.process.stop()


class Tunnel:
    """A client, a server it did not start, a destination of ours, and one that refuses."""

    def __init__(self, world, client, server, place=HERE, **how):
        self.place = place
        with place:
            self.listen = Port()
            self.listen_refused = Port()
        with getattr(server, "place", HERE):
            self.nobody = Port()
            self.target = socket.socket()
        self.target.bind((HOST, 0))
        self.target.listen(256)
        self.target.settimeout(TIMEOUT)
        self.server = server
        self.kind = client
        forwards = [
            (self.listen.number, self.target.getsockname()[1]),
            (self.listen_refused.number, self.nobody.number),
        ]
        try:
            self.client = Client(world, client, server, forwards, place=place, **how)
        except Exception:
            self._close()
            raise

    def connect(self, port=None):
        with self.place:
            sock = socket.create_connection((HOST, port or self.listen.number), TIMEOUT)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    def refused(self, port):
        """A connection to a local port that the tunnel ends at once, however soon."""
        try:
            ended(self.connect(port))
        except ConnectionError:
            pass

    def accept(self, timeout=TIMEOUT):
        self.target.settimeout(timeout)
        sock, _ = self.target.accept()
        sock.settimeout(TIMEOUT)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    def pair(self):
        """A connection through the tunnel: the application's end and the destination's."""
        a = self.connect()
        return a, self.accept()

    def pairs(self, count):
        """Many at once; who belongs to whom is said by the first four bytes."""
        applications = [self.connect() for _ in range(count)]
        for index, a in enumerate(applications):
            a.sendall(index.to_bytes(4, "big"))
        destinations = {}
        for _ in range(count):
            b = self.accept()
            destinations[int.from_bytes(exactly(b, 4), "big")] = b
        return [(a, destinations[index]) for index, a in enumerate(applications)]

    def report(self):
        return self.client.process.report() + "\n" + self.server.process.report()

    def _close(self):
        for port in (self.listen, self.listen_refused, self.nobody):
            port.close()
        self.target.close()

    def stop(self):
        self.client.stop()
        self._close()

    def __enter__(self):
        return self

    def __exit__(self, kind, error, _):
        if isinstance(error, (Failed, OSError)):
            error.args = (f"{error}\n{self.report()}",)
        self.stop()


def exactly(sock, count):
    data = b""
    while len(data) < count:
        piece = sock.recv(count - len(data))
        if not piece:
            raise Failed(f"the connection ended after {len(data)} of {count} bytes")
        data += piece
    return data
