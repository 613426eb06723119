#!/usr/bin/env python3
"""Writes data/exchange.txt: key exchanges between two asyncssh, which shares no code with adit.

    pip install asyncssh==2.24.1 cryptography==48.0.0
    python3 record_exchange.py

Both ends run in this process; what they hashed, and the keys that came of it, are written down as
the server saw them. Every run gives other values, all of them good.
"""

import asyncio
import os

import asyncssh
from asyncssh.connection import SSHConnection
from asyncssh.kex_dh import _KexDHBase

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data", "exchange.txt")
SOURCE = """\
# Key exchanges of asyncssh 2.24.1 with itself, by record_exchange.py. `kex` is the name of the
# method in US-ASCII, `secret` K before it is encoded, `h` the exchange hash, `iv_c` .. `mac_s` what
# RFC 4253 7.2 derives with the letters A to F. Where `session_id` is not `h`, it was a later
# exchange of the same connection.
"""
seen = []


def strings(data, count):
    for _ in range(count):
        length = int.from_bytes(data[:4], "big")
        yield data[4 : 4 + length]
        data = data[4 + length :]


compute_hash, send_newkeys = _KexDHBase._compute_hash, SSHConnection.send_newkeys


def recorded_hash(self, k_s, k):
    h = compute_hash(self, k_s, k)
    if not self._conn.is_client():
        v_c, v_s, i_c, i_s = strings(self._conn.get_hash_prefix(), 4)
        shares = self._format_client_key() + self._format_server_key()
        q_c, q_s = strings(shares, 2)
        (secret,) = strings(k, 1)
        seen.append(dict(kex=self.algorithm, v_c=v_c, v_s=v_s, i_c=i_c, i_s=i_s, k_s=k_s,
                         q_c=q_c, q_s=q_s, secret=secret, h=h))
    return h


def recorded_newkeys(self, k, h):
    kex = self._kex
    send_newkeys(self, k, h)
    if not self.is_client():
        derive = lambda letter, n: kex.compute_key(k, h, letter, self._session_id, n)
        seen[-1].update(session_id=self._session_id, iv_c=derive(b"A", 12), iv_s=derive(b"B", 12),
                        key_c=derive(b"C", 64), key_s=derive(b"D", 64),
                        mac_c=derive(b"E", 64), mac_s=derive(b"F", 64))


_KexDHBase._compute_hash, SSHConnection.send_newkeys = recorded_hash, recorded_newkeys


async def exchange(kex, times):
    """The records of a connection with so many exchanges."""
    seen.clear()
    options = dict(kex_algs=[kex], encryption_algs=["chacha20-poly1305@openssh.com"],
                   mac_algs=["hmac-sha2-256"], compression_algs=["none"])
    key = asyncssh.generate_private_key("ssh-ed25519")

    class Open(asyncssh.SSHServer):
        def begin_auth(self, username):
            return False

    server = await asyncssh.create_server(Open, "127.0.0.1", 0, server_host_keys=[key], **options)
    async with asyncssh.connect("127.0.0.1", server.get_port(), known_hosts=None, username="x",
                                client_keys=[], rekey_bytes=1, **options) as client:
        while len(seen) < times:
            client.send_debug("a packet, after which new keys are due")
            await asyncio.sleep(0.005)
    server.close()
    return list(seen)


async def main():
    records = await exchange("curve25519-sha256", 2)
    records += (await exchange("mlkem768x25519-sha256", 1))[:1]
    records += (await exchange("ecdh-sha2-nistp256", 1))[:1]
    records += (await exchange("ecdh-sha2-nistp384", 2))[:2]
    # A secret with a set top bit has a zero before it as an mpint, one that begins with a zero
    # byte is shorter.
    wanted = {"top": lambda k: len(k) == 33, "short": lambda k: len(k) < 32}
    while wanted:
        for record in await exchange("curve25519-sha256", 40):
            for name in [n for n, fits in wanted.items() if fits(record["secret"])]:
                del wanted[name]
                records.append(record)
    with open(OUT, "w") as out:
        out.write(SOURCE)
        for record in records:
            length = 48 if record["kex"].endswith(b"384") else 32
            record["secret"] = record["secret"].rjust(length, b"\0")[-length:]
            out.write("\n" + "".join(f"{k} = {v.hex()}\n" for k, v in record.items()))


asyncio.run(main())
