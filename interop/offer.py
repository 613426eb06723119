"""What a peer offers, read from its own KEXINIT (RFC 4253 §7.1), so that no table of versions rots."""

import socket
import struct

from lab import HOST, Failed

IDENT = b"SSH-2.0-interop_1\r\n"
KEXINIT = 20
LISTS = ("kex", "host_key", "cipher", "cipher_back", "mac", "mac_back")


def exactly(sock, count):
    data = b""
    while len(data) < count:
        piece = sock.recv(count - len(data))
        if not piece:
            raise Failed("the peer left before its KEXINIT was complete")
        data += piece
    return data


def read(sock):
    """The name-lists of the KEXINIT that comes first on a connection, by name."""
    line = b""
    while not (line.startswith(b"SSH-") and line.endswith(b"\n")):
        if line.endswith(b"\n"):
            line = b""
        line += exactly(sock, 1)
    length, padding = struct.unpack(">IB", exactly(sock, 5))
    payload = exactly(sock, length - 1)[: length - 1 - padding]
    if payload[0] != KEXINIT:
        raise Failed(f"message {payload[0]} where KEXINIT is due")
    offer, at = {}, 1 + 16
    for name in LISTS:
        (size,) = struct.unpack_from(">I", payload, at)
        offer[name] = payload[at + 4 : at + 4 + size].decode().split(",")
        at += 4 + size
    return offer


def of_server(port):
    with socket.create_connection((HOST, port), 10) as sock:
        sock.sendall(IDENT)
        return read(sock)


def of_client(start):
    """`start` gets a port and gives a process that connects to it as a client."""
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        listener.listen()
        listener.settimeout(15)
        process = start(listener.getsockname()[1])
        try:
            sock, _ = listener.accept()
            with sock:
                sock.settimeout(15)
                sock.sendall(IDENT)
                return read(sock)
        finally:
            process.stop()
