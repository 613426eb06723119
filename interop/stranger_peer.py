"""Clients that have no key of the server's, on paramiko: many that stop on the way to a login, and
one that measures how it is refused. Runs under the Python that has it."""

import argparse
import json
import socket
import struct
import sys
import time

import paramiko

NAME_LISTS = (
    b"curve25519-sha256",
    b"ssh-ed25519",
    b"aes256-gcm@openssh.com",
    b"aes256-gcm@openssh.com",
    b"hmac-sha2-256",
    b"hmac-sha2-256",
    b"none",
    b"none",
    b"",
    b"",
)


def kexinit():
    """A packet in clear (RFC 4253 §6, §7.1)."""
    payload = b"\x14" + bytes(16)
    payload += b"".join(struct.pack(">I", len(names)) + names for names in NAME_LISTS)
    payload += bytes(5)
    padding = 8 - (5 + len(payload)) % 8
    padding += 8 if padding < 4 else 0
    return struct.pack(">IB", 1 + len(payload) + padding, padding) + payload + bytes(padding)


def heard(sock):
    """The server's identification and KEXINIT have come."""
    whole = b""
    while True:
        line, end, behind = whole.partition(b"\n")
        if end and len(behind) >= 4 and len(behind) >= 4 + struct.unpack(">I", behind[:4])[0]:
            return
        piece = sock.recv(65536)
        if not piece:
            raise SystemExit(f"the server hung up behind {whole[:100]!r}")
        whole += piece


def step(name):
    """Says where all of them are, and waits until that is looked at."""
    print(name, flush=True)
    sys.stdin.readline()


def connect(port):
    return socket.create_connection(("127.0.0.1", port), 30)


def park(options):
    """All of them at one point, and then all of them at the next."""
    sockets = [connect(options.port) for _ in range(options.count)]
    for sock in sockets:
        heard(sock)
    step("connected")
    for sock in sockets:
        sock.sendall(b"SSH-2.0-stranger\r\n" + kexinit())
    # Behind all of them: the server has taken turns.
    time.sleep(0.2)
    step("kexinit")
    for sock in sockets:
        sock.close()
    step("gone")
    transports = []
    for _ in range(options.count):
        transport = paramiko.ServiceRequestingTransport(connect(options.port))
        transport.start_client(timeout=30)
        transports.append(transport)
    step("keys")
    key = paramiko.Ed25519Key.from_private_key_file(options.key)
    for transport in transports:
        refused(transport, options.user, key)
    step("login")
    for transport in transports:
        transport.close()
    step("ended")


def refused(transport, user, key):
    try:
        transport.auth_publickey(user, key)
    except paramiko.AuthenticationException:
        return
    raise SystemExit("let in")


class Watch:
    """When a request left, and when and as what its answer came."""

    def __init__(self, transport):
        self.seen = []
        packetizer = transport.packetizer
        send, read = packetizer.send_message, packetizer.read_message

        def send_message(message):
            if message.asbytes()[:1] == b"\x32":
                self.sent = time.monotonic()
            send(message)

        def read_message():
            number, message = read()
            if number == 51:
                now = time.monotonic()
                self.seen.append((now - self.sent, len(message.asbytes()), message.asbytes().hex()))
            return number, message

        packetizer.send_message, packetizer.read_message = send_message, read_message


def times(options):
    """A line each from above: a user name. A line each back: what the attempts came to."""
    key = paramiko.Ed25519Key.from_private_key_file(options.key)
    # This one asks for the service before each attempt, as most programs on paramiko do.
    for line in sys.stdin:
        transport = paramiko.Transport(connect(options.port))
        watch = Watch(transport)
        transport.start_client(timeout=30)
        for _ in range(options.count):
            refused(transport, line.strip(), key)
        transport.close()
        print(json.dumps(watch.seen), flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("role", choices=["park", "times"])
    parser.add_argument("--port", type=int)
    parser.add_argument("--count", type=int)
    parser.add_argument("--key")
    parser.add_argument("--user", default="stranger")
    options = parser.parse_args()
    {"park": park, "times": times}[options.role](options)


main()
