#!/usr/bin/env python3
"""Writes data/openssh_signatures.txt: keys that ssh-keygen made, and what ssh-agent signed with them.

    pip install cryptography==48.0.0
    python3 record_signatures.py

Needs ssh-keygen, ssh-agent and ssh-add. Every run makes other keys, all of them good; they are for
this file and nothing else.
"""

import base64
import os
import re
import socket
import subprocess
import tempfile

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding, PublicFormat, load_ssh_private_key)

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data", "openssh_signatures.txt")
SOURCE = """\
# Keys of ssh-keygen and signatures of ssh-agent, by record_signatures.py, with
# {version}. `algorithm` is the name in US-ASCII, `key` and
# `signature` are blobs; then the numbers of the private key, if they are not in an earlier record:
# d_p and d_q are OpenSSL's, since the files have none.
"""
SIGN_REQUEST, SIGN_RESPONSE = 13, 14
# draft-ietf-sshm-ssh-agent: flags that choose the hash.
RSA_FLAGS = ((b"rsa-sha2-512", 4), (b"rsa-sha2-256", 2))


def string(data):
    return len(data).to_bytes(4, "big") + data


def first_string(data):
    return data[4 : 4 + int.from_bytes(data[:4], "big")]


def read(agent, count):
    data = b""
    while len(data) < count:
        more = agent.recv(count - len(data))
        assert more, "the agent left"
        data += more
    return data


def sign(agent, key, message, flags):
    agent.sendall(string(
        bytes([SIGN_REQUEST]) + string(key) + string(message) + flags.to_bytes(4, "big")))
    answer = read(agent, int.from_bytes(read(agent, 4), "big"))
    assert answer[0] == SIGN_RESPONSE
    return first_string(answer[1:])


def bare(number):
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def private_parts(path):
    with open(path, "rb") as file:
        key = load_ssh_private_key(file.read(), None)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        public = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        private = key.private_numbers().private_value
        return dict(private=private.to_bytes((key.key_size + 7) // 8, "big"), public=public)
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size <= 4096:
        numbers = key.private_numbers()
        return {name: bare(number) for name, number in (
            ("n", numbers.public_numbers.n), ("e", numbers.public_numbers.e), ("d", numbers.d),
            ("p", numbers.p), ("q", numbers.q), ("iqmp", numbers.iqmp), ("d_p", numbers.dmp1),
            ("d_q", numbers.dmq1))}
    return {}


def records(folder, agent):
    for kind, bits in (("ed25519", 0), ("ecdsa", 256), ("ecdsa", 384), ("rsa", 2048),
                       ("rsa", 3072), ("rsa", 4096), ("rsa", 8192)):
        path = os.path.join(folder, f"{kind}{bits}")
        size = ["-b", str(bits)] if bits else []
        subprocess.run(["ssh-keygen", "-q", "-t", kind, *size, "-N", "", "-C", "", "-f", path],
                       check=True)
        subprocess.run(["ssh-add", "-q", path], check=True)
        with open(path + ".pub") as file:
            key = base64.b64decode(file.read().split()[1])
        parts = private_parts(path)
        name = first_string(key)
        for algorithm, flags in RSA_FLAGS if kind == "rsa" else ((name, 0),):
            message = f"signed with {algorithm.decode()}".encode()
            signature = sign(agent, key, message, flags)
            assert first_string(signature) == algorithm
            yield dict(algorithm=algorithm, key=key, message=message, signature=signature) | parts
            parts = {}


with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "agent")
    daemon = subprocess.Popen(["ssh-agent", "-D", "-a", path], stdout=subprocess.PIPE)
    daemon.stdout.readline()
    os.environ["SSH_AUTH_SOCK"] = path
    try:
        version = subprocess.run(["ssh", "-V"], capture_output=True, text=True).stderr
        with socket.socket(socket.AF_UNIX) as agent, open(OUT, "w") as out:
            agent.connect(path)
            out.write(SOURCE.format(version=re.match(r"[\w.]+", version)[0]))
            for record in records(folder, agent):
                out.write("\n")
                for name, value in record.items():
                    out.write(f"{name} = {value.hex()}\n")
    finally:
        daemon.terminate()
