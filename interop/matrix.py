"""Every key exchange × cipher with MAC × host key × user key that adit and a peer both have, in both
roles. What a peer has is read from its own KEXINIT; which of it is taken, adit's end decides.

The short form crosses (key exchange × cipher) with one pair of keys, and (host key × user key) with
one cipher; the full form crosses everything with everything for the provider ring, which is the one
that ships. The pure one meets ring's every algorithm in the unit tests."""

import os
import subprocess
from functools import partial

import offer
from keys import KEYS, Echo, Keys, through
from lab import HOST, USER, Failed, Port, Process
from peers import dropbear

KEX = (
    "mlkem768x25519-sha256",
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp384",
)
AEAD = ("aes256-gcm@openssh.com", "aes128-gcm@openssh.com", "chacha20-poly1305@openssh.com")
CTR = ("aes256-ctr", "aes192-ctr", "aes128-ctr")
MAC = ("hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com")
HOST_KEY = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "rsa-sha2-512", "rsa-sha2-256")
KEY_OF = dict(zip(HOST_KEY, ("ed25519", "ecdsa256", "ecdsa384", "rsa", "rsa")))
STRICT = ("kex-strict-c-v00@openssh.com", "kex-strict-s-v00@openssh.com")


class Combo:
    """One row of the matrix."""

    def __init__(self, kex, cipher, mac, host_key, user_key):
        self.kex, self.cipher, self.mac = kex, cipher, mac
        self.host_key, self.user_key = host_key, user_key

    def __str__(self):
        return " ".join(x for x in (self.kex, self.cipher, self.mac, self.host_key, self.user_key) if x)

    def options(self, keywords):
        """For `-o` of adit or aditd: this row and nothing else."""
        values = {"KexAlgorithms": self.kex, "Ciphers": self.cipher, "MACs": self.mac}
        values["HostKeyAlgorithms"] = self.host_key
        return [a for k in keywords if values[k] for a in ("-o", f"{k}={values[k]}")]


KEYWORDS = ("KexAlgorithms", "Ciphers", "MACs", "HostKeyAlgorithms")


def common(theirs, ours):
    """What of ours a peer has: methods, (cipher, MAC) pairs, host key algorithms. `ours` are those that
    our end has keys for."""
    kex = [k for k in KEX if k in theirs["kex"]]
    strict = any(marker in theirs["kex"] for marker in STRICT)
    ciphers = [(c, None) for c in AEAD if c in theirs["cipher"]]
    ciphers += [(c, m) for c in CTR if c in theirs["cipher"] for m in MAC if m in theirs["mac"]]
    if not strict:
        # adit then takes nothing that a man in the middle can cut (CVE-2023-48795).
        ciphers = [(c, m) for c, m in ciphers if "gcm" in c]
    host_keys = [h for h in ours if h in theirs["host_key"]]
    if not (kex and ciphers and host_keys):
        raise Failed(f"nothing in common with {theirs}")
    return kex, ciphers, host_keys


def rows(theirs, full, ours=HOST_KEY):
    kexes, ciphers, host_keys = common(theirs, ours)
    if full:
        return [
            Combo(k, c, m, h, u) for h in host_keys for k in kexes for c, m in ciphers for u in KEYS
        ]
    found = [Combo(k, c, m, host_keys[0], "ed25519") for k in kexes for c, m in ciphers]
    found += [Combo(kexes[0], *ciphers[0], h, u) for h in host_keys for u in KEYS]
    return found


# -- adit as the client ---------------------------------------------------------------------------


class PeerServer:
    """A stock server with a host key of every type, that lets in every user key of the matrix."""

    def __init__(self, world, keys, kind, options=()):
        self.reserved = Port()
        self.port = port = self.reserved.number
        lab = world.lab
        paths = [keys.path("host", name) for name in KEYS]
        env = lab.env
        if kind == "sshd":
            os.makedirs("/run/sshd", mode=0o755, exist_ok=True)
            lines = [f"Port {port}", f"ListenAddress {HOST}", *(f"HostKey {p}" for p in paths)]
            lines += [f"AuthorizedKeysFile {keys.authorized}", "StrictModes no", "UsePAM no"]
            lines += ["PermitRootLogin prohibit-password", "PasswordAuthentication no"]
            lines += ["PidFile none", "MaxStartups 1000", *options]
            config = lab.file("\n".join(lines) + "\n", "sshd_config")
            argv = [world.sshd, "-D", "-e", "-f", config]
        elif kind == "dropbear":
            argv = dropbear(world, port, [keys.dropbear("host", name) for name in KEYS], keys.authorized)
        else:
            argv = world.python_peer(kind, "server", "--port", port)
            argv += [a for p in paths for a in ("--host-key", p)]
            argv += ["--authorized-keys", keys.authorized, *options]
        self.process = Process(argv, env=env)
        self.process.wait_listening(port)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stop()
        self.reserved.close()


class Agent:
    """Signs with RSA for a build that does not."""

    def __init__(self, world, keys):
        path = world.lab.path("matrix_agent")
        self.process = Process([world.ssh_agent, "-D", "-a", path], env=world.lab.env)
        self.process.wait_line("SSH_AUTH_SOCK")
        self.env = {**world.lab.env, "SSH_AUTH_SOCK": path}
        argv = ["ssh-add", "-q", keys.path("user", "rsa")]
        subprocess.run(argv, env=self.env, check=True, capture_output=True)

    def stop(self):
        self.process.stop()


def adit_through(world, keys, build, server, echo, combo, agent):
    known = world.lab.file(
        f"[{HOST}]:{server.port} {keys.public('host', KEY_OF[combo.host_key])}\n", "known_hosts"
    )
    listen = Port()
    argv = [build.adit, "-F", "none", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes"]
    argv += ["-o", f"UserKnownHostsFile={known}", "-o", "IdentitiesOnly=yes"]
    argv += combo.options(KEYWORDS)
    suffix = ".pub" if agent and combo.user_key == "rsa" else ""
    argv += ["-i", keys.path("user", combo.user_key) + suffix, "-p", server.port]
    argv += ["-L", f"{HOST}:{listen.number}:{HOST}:{echo.port}", f"{USER}@{HOST}"]
    adit = Process(argv, env=agent.env if agent else world.lab.env)
    try:
        adit.wait_listening(listen.number)
        through(listen.number)
    except (Failed, OSError) as failed:
        raise Failed(f"{combo}: {failed}\n{adit.report()}\n{server.process.report()}") from None
    finally:
        adit.stop()
        listen.close()
        os.unlink(known)


def as_client(world, keys, echo, build, kind, full):
    agent = Agent(world, keys) if build.name == "pure" else None
    try:
        with PeerServer(world, keys, kind) as server:
            combos = rows(offer.of_server(server.port), full)
            for combo in combos:
                adit_through(world, keys, build, server, echo, combo, agent)
    finally:
        if agent:
            agent.stop()
    return combos


# -- aditd as the server --------------------------------------------------------------------------


def host_keys(build):
    """What that build of aditd can sign with."""
    return [name for name in KEYS if name != "rsa" or build.name != "pure"]


def start_aditd(world, keys, build, combo):
    reserved = Port()
    argv = [build.aditd, "-D", "-e", "-p", reserved.number, "-o", f"ListenAddress={HOST}"]
    argv += [a for name in host_keys(build) for a in ("-h", keys.path("host", name))]
    argv += ["-o", f"AuthorizedKeysFile={keys.authorized}", "-o", "StrictModes=no"]
    argv += ["-o", "AllowTcpForwarding=yes", "-o", "PerSourcePenalties=no"]
    argv += combo.options(KEYWORDS)
    process = Process(argv, env=world.lab.env)
    process.reserved = reserved
    process.port = reserved.number
    process.wait_listening(process.port)
    return process


class CommandClient:
    """A client that is a program of its own for each connection."""

    def __init__(self, world, keys, kind, echo):
        self.world, self.keys, self.kind, self.echo = world, keys, kind, echo

    def start(self, port, combo, listen):
        world, keys, lab = self.world, self.keys, self.world.lab
        forward = f"{HOST}:{listen}:{HOST}:{self.echo.port}"
        host = KEY_OF[combo.host_key]
        env = lab.env
        if self.kind == "ssh":
            known = lab.file(f"[{HOST}]:{port} {keys.public('host', host)}\n", "known_hosts")
            argv = [world.ssh, "-N", "-F", "none", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes"]
            argv += ["-o", f"UserKnownHostsFile={known}", "-o", "IdentitiesOnly=yes"]
            argv += ["-o", "ExitOnForwardFailure=yes", "-i", keys.path("user", combo.user_key)]
            argv += ["-p", port, "-L", forward, f"{USER}@{HOST}"]
        elif self.kind == "dbclient":
            # It accepts any host key (-y -y): it keeps no file that could be given to it.
            argv = [world.dbclient, "-y", "-y", "-N", "-i", keys.dropbear("user", combo.user_key)]
            argv += ["-p", port, "-L", forward, f"{USER}@{HOST}"]
        else:
            argv = [world.plink, "-batch", "-noagent", "-N", "-i", keys.putty(combo.user_key)]
            argv += ["-hostkey", keys.fingerprint("host", host), "-P", port, "-L", forward, f"{USER}@{HOST}"]
        return Process(argv, env=env)

    def offer(self):
        combo = Combo(None, None, None, HOST_KEY[0], "ed25519")
        return offer.of_client(lambda port: self.start(port, combo, 1))

    def run(self, server, combo):
        listen = Port()
        client = self.start(server.port, combo, listen.number)
        try:
            client.wait_listening(listen.number)
            through(listen.number)
        except (Failed, OSError) as failed:
            raise Failed(f"{combo}: {failed}\n{client.report()}\n{server.report()}") from None
        finally:
            client.stop()
            listen.close()

    def stop(self):
        pass


class JobClient:
    """A client in Python: one process that goes through all connections."""

    def __init__(self, world, keys, kind, echo):
        self.keys, self.echo = keys, echo
        argv = world.python_peer(kind, "jobs", "--user", USER)
        self.start = lambda: subprocess.Popen(
            [str(a) for a in argv],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=world.lab.env,
            text=True,
        )
        self.child = self.start()

    def job(self, child, port, combo):
        host = self.keys.public("host", KEY_OF[combo.host_key]).split()[1]
        key = self.keys.path("user", combo.user_key)
        print(port, key, host, self.echo.port, file=child.stdin, flush=True)

    def offer(self):
        child = self.start()

        class Stop:
            stop = staticmethod(child.kill)

        def start(port):
            self.job(child, port, Combo(None, None, None, HOST_KEY[0], "ed25519"))
            return Stop

        try:
            return offer.of_client(start)
        finally:
            child.wait()

    def run(self, server, combo):
        self.job(self.child, server.port, combo)
        result = self.child.stdout.readline().strip()
        if result != "ok":
            raise Failed(f"{combo}: {result or 'the client ended'}\n{server.report()}")

    def stop(self):
        self.child.kill()
        self.child.wait()


def as_server(world, keys, echo, build, kind, full):
    client = (JobClient if kind in ("asyncssh", "paramiko") else CommandClient)(world, keys, kind, echo)
    try:
        ours = [h for h in HOST_KEY if KEY_OF[h] in host_keys(build)]
        combos = rows(client.offer(), full, ours)
        last, server = None, None
        for combo in combos:
            # Rows that differ in the user key alone share a server.
            this = str(combo).rpartition(" ")[0]
            if this != last:
                stop_aditd(server)
                last, server = this, start_aditd(world, keys, build, combo)
            client.run(server, combo)
        stop_aditd(server)
    finally:
        client.stop()
    return combos


def stop_aditd(server):
    if server:
        server.stop()
        server.reserved.close()


SERVERS = ("sshd", "dropbear", "asyncssh", "paramiko")
CLIENTS = ("ssh", "dbclient", "plink", "asyncssh", "paramiko")


def summary(name, combos):
    count = lambda of: len({of(c) for c in combos})
    kexes, ciphers = count(lambda c: c.kex), count(lambda c: (c.cipher, c.mac))
    host_keys, user_keys = count(lambda c: c.host_key), count(lambda c: c.user_key)
    return (
        f"matrix {name}: {len(combos)} connections; {kexes} key exchanges, {ciphers} ciphers with "
        f"their MACs, {host_keys} host key algorithms, {user_keys} user keys"
    )


def jobs(builds, full):
    """One for each program and build, in either direction."""
    return [
        partial(one, build=build, kind=kind, direction=direction, full=full and build.name == "ring")
        for build in builds
        for kinds, direction in ((SERVERS, as_client), (CLIENTS, as_server))
        for kind in kinds
    ]


def one(run, world, build, kind, direction, full):
    ends = (f"adit[{build.name}]", kind) if direction is as_client else (kind, f"aditd[{build.name}]")
    name = " -> ".join(ends)
    if not run.wants(f"matrix {name}"):
        return
    if not world.has(kind):
        print(f"skip: matrix {name}: no {kind} here", flush=True)
        return
    keys, echo = Keys(world.lab), Echo()
    run.case(
        f"matrix {name}",
        lambda: summary(name, direction(world, keys, echo, build, kind, full)),
    )
