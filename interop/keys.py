"""Keys of every type in the formats of the peers, and a destination that shows that bytes go through."""

import os
import socket
import subprocess
import threading

from lab import HOST, Failed
from peers import exactly

# A short name for a key, and how ssh-keygen is asked for it.
KEYS = {
    "ed25519": ("ed25519",),
    "ecdsa256": ("ecdsa", "-b", "256"),
    "ecdsa384": ("ecdsa", "-b", "384"),
    "rsa": ("rsa", "-b", "2048"),
}
TEXT = bytes(range(256)) * 40


class Keys:
    """A host key and a user key of each type, in the formats of the peers."""

    def __init__(self, lab):
        self.lab = lab
        lines = []
        for name, how in KEYS.items():
            for role in ("host", "user"):
                path = self.path(role, name)
                if not os.path.exists(path):
                    argv = ["ssh-keygen", "-q", "-t", *how, "-N", "", "-C", name, "-f", path]
                    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL)
            lines.append(open(self.path("user", name) + ".pub").read())
        self.authorized = lab.file("".join(lines), "authorized_matrix")

    def path(self, role, name):
        return self.lab.path(f"matrix_{role}_{name}")

    def public(self, role, name):
        return " ".join(open(self.path(role, name) + ".pub").read().split()[:2])

    def fingerprint(self, role, name):
        return self.lab.fingerprint(self.path(role, name))

    def dropbear(self, role, name):
        return self.lab.dropbear_key(self.path(role, name))

    def putty(self, name):
        return self.lab.putty_key(self.path("user", name))


class Echo:
    """The destination of all tunnels: sends back what it gets."""

    def __init__(self):
        self.listener = socket.create_server((HOST, 0), backlog=128)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            sock, _ = self.listener.accept()
            threading.Thread(target=self._copy, args=(sock,), daemon=True).start()

    @staticmethod
    def _copy(sock):
        with sock:
            try:
                while data := sock.recv(65536):
                    sock.sendall(data)
            except OSError:
                pass


def through(port, echo_first=TEXT):
    with socket.create_connection((HOST, port), 15) as sock:
        sock.settimeout(15)
        sock.sendall(echo_first)
        if exactly(sock, len(echo_first)) != echo_first:
            raise Failed("other bytes came back")
