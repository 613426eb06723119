#!/usr/bin/env python3
"""Writes data/*.txt: vectors of RFCs and NIST as they are, and what SSH makes of them.

    pip install bcrypt==5.0.0 cryptography==48.0.0 cryptography-vectors==48.0.0
    python3 derive.py

Everything is computed by, or checked against, OpenSSL's code in the package `cryptography`, which
shares nothing with the two providers. The published files come from `cryptography_vectors`.
"""

import base64
import hashlib
import hmac
import os
import re

import bcrypt
import cryptography_vectors
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, poly1305
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature, encode_dss_signature)
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data")
unhex = bytes.fromhex


def published(path):
    with cryptography_vectors.open_vector_file(path, "r") as file:
        return file.read()


def write(name, source, records):
    with open(os.path.join(DATA, name), "w") as out:
        for line in source.strip().splitlines():
            out.write(f"# {line.strip()}".rstrip() + "\n")
        for record in records:
            out.write("\n")
            for key, value in record.items():
                out.write(f"{key} = {value.hex()}".rstrip() + "\n")


def fields(text):
    """Blocks of `key = hex`, divided by empty lines."""
    for block in re.split(r"\n\s*\n", text):
        found = dict(re.findall(r"^(\w+) = ?([0-9a-fA-F]*)$", block, re.M))
        if found:
            yield found


def counting(n, start=0):
    return bytes((start + i) % 256 for i in range(n))


# --- Ed25519 ---

def ed25519():
    lines = published("asymmetric/Ed25519/sign.input").split()
    chosen = lines[:4] + lines[63::192] + lines[-1:]
    for line in chosen:
        secret, public, message, signed = line.split(":")[:4]
        yield unhex(secret)[:32], unhex(public), unhex(message), unhex(signed)[:64]
    seed = unhex("833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42")
    message = hashlib.sha512(b"abc").digest()
    key = Ed25519PrivateKey.from_private_bytes(seed)
    yield seed, key.public_key().public_bytes_raw(), message, key.sign(message)


def ed25519_records():
    for seed, public, message, signature in ed25519():
        key = Ed25519PrivateKey.from_private_bytes(seed)
        assert key.public_key().public_bytes_raw() == public and key.sign(message) == signature
        yield dict(seed=seed, public=public, message=message, signature=signature)


def ed25519_refused_records():
    order = 2**252 + 27742317777372353535851937790883648493
    for seed, public, message, _ in list(ed25519())[:3]:
        # RFC 8032 §5.1.6 with r = 0: R is the neutral element, and S = k a.
        h = bytearray(hashlib.sha512(seed).digest()[:32])
        h[0] &= 248
        h[31] = h[31] & 127 | 64
        neutral = (1).to_bytes(32, "little")
        k = int.from_bytes(hashlib.sha512(neutral + public + message).digest(), "little")
        s = k * int.from_bytes(h, "little") % order
        signature = neutral + s.to_bytes(32, "little")
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)  # OpenSSL takes it
        yield dict(public=public, message=message, signature=signature)


P25519 = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P25519) % P25519


def plus(a, b):
    (x, y), (u, v) = a, b
    t = D * x * u * y * v % P25519
    return ((x * v + y * u) * pow(1 + t, -1, P25519) % P25519,
            (y * v + x * u) * pow(1 - t, -1, P25519) % P25519)


def times(n, point):
    out = (0, 1)
    while n:
        if n & 1:
            out = plus(out, point)
        point, n = plus(point, point), n >> 1
    return out


def encoded(point):
    return (point[1] | (point[0] & 1) << 255).to_bytes(32, "little")


def decoded(data):
    n = int.from_bytes(data, "little")
    y, sign = n % 2**255, n >> 255
    square = (y * y - 1) * pow(D * y * y + 1, -1, P25519) % P25519
    x = pow(square, (P25519 + 3) // 8, P25519)
    if x * x % P25519 != square:
        x = x * pow(2, (P25519 - 1) // 4, P25519) % P25519
    assert x * x % P25519 == square
    return (x if x % 2 == sign else P25519 - x, y)


def ed25519_mixed_records():
    base = decoded(unhex("58" + "66" * 31))
    order_8 = decoded(unhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"))
    assert encoded(base)[0] == 0x58 and times(8, order_8) == (0, 1) != times(4, order_8)
    for of_a in range(8):
        for of_r in range(8):
            if of_a == of_r == 0:
                continue
            a, r = (int.from_bytes(hashlib.sha512(word + bytes([of_a, of_r])).digest(), "little")
                    for word in (b"a", b"r"))
            public = encoded(plus(times(a % ORDER, base), times(of_a, order_8)))
            first = encoded(plus(times(r % ORDER, base), times(of_r, order_8)))
            verdicts = set()
            for message in (bytes([i]) for i in range(256)):
                k = int.from_bytes(hashlib.sha512(first + public + message).digest(), "little")
                signature = first + ((r + k * a) % ORDER).to_bytes(32, "little")
                good = (k % ORDER * of_a + of_r) % 8 == 0
                try:
                    Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
                    assert good
                except InvalidSignature:
                    assert not good
                if good not in verdicts:
                    verdicts.add(good)
                    yield dict(public=public, message=message, signature=signature,
                               good=bytes([good]))


# --- ECDSA ---

CURVES = {
    "P-256": (ec.SECP256R1(), hashes.SHA256(), 32),
    "P-384": (ec.SECP384R1(), hashes.SHA384(), 48),
}


def is_ecdsa(curve, public, message, r, s):
    curve, algorithm, _ = CURVES[curve]
    key = ec.EllipticCurvePublicKey.from_encoded_point(curve, public)
    try:
        key.verify(encode_dss_signature(r, s), message, ec.ECDSA(algorithm))
        return True
    except InvalidSignature:
        return False


# RFC 6979 A.2.5 and A.2.6: the private key, and r and s of "sample" and of "test".
RFC6979 = {
    "P-256": ("C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721", (
        ("EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716",
         "F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8"),
        ("F1ABB023518351CD71D881567B1EA663ED3EFCF6C5132B354F28D3B0B7D38367",
         "019F4113742A2B14BD25926B49C649155F267E60D3814B4C0CC84250E46F0083"))),
    "P-384": ("6B9D3DAD2E1B8C1C05B19875B6659F4DE23C3B667BF297BA9AA47740787137D8"
              "96D5724E4C70A825F872C9EA60D2EDF5", (
        ("94EDBB92A5ECB8AAD4736E56C691916B3F88140666CE9FA73D64C4EA95AD133C"
         "81A648152E44ACF96E36DD1E80FABE46",
         "99EF4AEB15F178CEA1FE40DB2603138F130E740A19624526203B6351D0A3A94F"
         "A329C145786E679E7B82C71A38628AC8"),
        ("8203B63D3C853E8D77227FB377BCF7B7B772E97892A80F36AB775D509D7A5FEB"
         "0542A7F0812998DA8F1DD3CA3CF023DB",
         "DDD0760448D42D8A43AF45AF836FCE4DE8BE06B485E9B61B827C2F13173923E0"
         "6A739F040649A667BF3B828246BAA5A5"))),
}


def ecdsa_records():
    for name, (private, signatures) in RFC6979.items():
        curve, algorithm, _ = CURVES[name]
        key = ec.derive_private_key(int(private, 16), curve)
        public = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        for message, (r, s) in zip((b"sample", b"test"), signatures):
            made = key.sign(message, ec.ECDSA(algorithm, deterministic_signing=True))
            assert decode_dss_signature(made) == (int(r, 16), int(s, 16))
            yield dict(private=unhex(private), public=public, message=message, r=unhex(r),
                       s=unhex(s))


def ecdsa_published_records(wanted):
    sections = re.split(r"(?=\[[PKB]-)", published("asymmetric/ECDSA/FIPS_186-3/SigVer.rsp"))
    for section in sections:
        if not section.startswith(("[P-256,SHA-256]", "[P-384,SHA-384]")):
            continue
        name = section[1:6]
        size = CURVES[name][2]
        for block in re.split(r"\n\s*\n", section):
            found = dict(re.findall(r"^(\w+) = (\w+)", block, re.M))
            if "Result" not in found:
                continue
            x, y, r, s = (int(found[k], 16) for k in ("Qx", "Qy", "R", "S"))
            public = b"\4" + x.to_bytes(size, "big") + y.to_bytes(size, "big")
            message = unhex(found["Msg"])
            assert is_ecdsa(name, public, message, r, s) == (found["Result"] == "P")
            if found["Result"] == wanted:
                yield dict(public=public, message=message, r=r.to_bytes(size, "big"),
                           s=s.to_bytes(size, "big"))


# --- RSA ---

def is_rsa(n, e, bits, message, signature):
    algorithm = hashes.SHA256() if bits == 256 else hashes.SHA512()
    try:
        rsa.RSAPublicNumbers(e, n).public_key().verify(
            signature, message, padding.PKCS1v15(), algorithm)
        return True
    except InvalidSignature:
        return False


def bare(number):
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def rsa_published(path):
    for section in re.split(r"(?=\[mod = )", published(f"asymmetric/RSA/{path}")):
        # Three keys a section, each with its signatures behind it.
        for part in re.split(r"^(?=n = )", section, flags=re.M):
            n, p, q = (re.search(rf"^{k} = (\w+)", part, re.M) for k in "npq")
            if not n:
                continue
            n, p, q = (int(number[1], 16) for number in (n, p, q))
            for block in re.split(r"\n\s*\n", part):
                found = dict(re.findall(r"^(\w+) = (\w+)", block, re.M))
                if found.get("SHAAlg") not in ("SHA256", "SHA512") or n.bit_length() < 2048:
                    continue
                bits, e, d = int(found["SHAAlg"][3:]), int(found["e"], 16), int(found["d"], 16)
                message, signature = unhex(found["Msg"]), unhex(found["S"])
                assert is_rsa(n, e, bits, message, signature) == (found["Result"] == "P")
                public = dict(hash=bits.to_bytes(2, "big"), n=bare(n), e=bare(e),
                              message=message, signature=signature)
                private = dict(d=bare(d), p=bare(p), q=bare(q), iqmp=bare(pow(q, -1, p)))
                yield found["Result"], public, private


def rsa_records():
    for result, public, private in rsa_published("FIPS_186-2/SigVer15_186-3.rsp"):
        if result == "P":
            # ring signs with no smaller exponent.
            yield public | (private if public["e"] == b"\1\0\1" else {})


def is_prime(n):
    if any(n % small == 0 for small in (3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37)):
        return False
    return all(pow(base, n - 1, n) == 1 for base in (2, 3, 5, 7, 11))


def prime(bits, e, seed):
    """The first prime from a seed on whose two top bits are set, and that goes with e."""
    stream = b"".join(hashlib.sha512(seed + bytes([i])).digest() for i in range(bits // 512 + 1))
    n = int.from_bytes(stream, "big") % 2**bits | 3 << bits - 2 | 1
    while not is_prime(n) or (n - 1) % e == 0:
        n += 2
    return n


def rsa_sizes_records():
    """Moduli that do not fill their bytes, and the exponents at both ends of their range."""
    for bits, e in ((2048, 3), (2048, 2**33 - 1), (2049, 3), (2050, 65537), (2055, 2**32 + 1),
                    (2056, 3), (3001, 17), (4095, 3), (4097, 65537)):
        seed = f"{bits} {e}".encode()
        p, q = prime((bits + 1) // 2, e, seed + b" p"), prime(bits // 2, e, seed + b" q")
        n, length = p * q, (bits + 7) // 8
        assert n.bit_length() == bits
        d = pow(e, -1, (p - 1) * (q - 1))
        for name, sha in ((256, hashlib.sha256), (512, hashlib.sha512)):
            known = {256: "3031300d060960864801650304020105000420",
                     512: "3051300d060960864801650304020305000440"}
            info = unhex(known[name]) + sha(seed).digest()
            padded = b"\0\1" + b"\xff" * (length - 3 - len(info)) + b"\0" + info
            value = pow(int.from_bytes(padded, "big"), d, n)
            assert is_rsa(n, e, name, seed, value.to_bytes(length, "big"))
            yield dict(hash=name.to_bytes(2, "big"), n=bare(n), e=bare(e), message=seed,
                       signature=value.to_bytes(length, "big"))


def rsa_refused_records():
    for path in ("FIPS_186-2/SigVer15_186-3.rsp", "SigVer15EMTest.txt"):
        for result, public, _ in rsa_published(path):
            if result == "F" and len(public["n"]) == 256:
                yield public


# --- X25519 ---

def x25519(scalar, u):
    private = X25519PrivateKey.from_private_bytes(scalar)
    return private.exchange(X25519PublicKey.from_public_bytes(u))


def x25519_records():
    for found in fields(published("asymmetric/X25519/rfc7748.txt")):
        if "INPUT_SCALAR" in found:
            scalar, u, result = (unhex(found[k]) for k in ("INPUT_SCALAR", "INPUT_U", "OUTPUT_U"))
            assert x25519(scalar, u) == result
            yield dict(scalar=scalar, u=u, result=result)


# --- ECDH ---

def uncompressed(x, y, length):
    return b"\x04" + x.to_bytes(length, "big") + y.to_bytes(length, "big")


def not_reduced(p, b, length):
    """A point of the curve with p added to its x."""
    for x in range(2**16):
        square = (x**3 - 3 * x + b) % p
        y = pow(square, (p + 1) // 4, p)
        if y * y % p == square and x + p < 256**length:
            return uncompressed(x + p, y, length)


def ecdh_records():
    name = "KASValidityTest_ECCStaticUnified_NOKC_ZZOnly_resp.fax"
    text = published("asymmetric/ECDH/" + name)
    p256 = 2**256 - 2**224 + 2**192 + 2**96 - 1
    b256 = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b
    p384 = 2**384 - 2**128 - 2**96 + 2**32 - 1
    b384 = 0xb3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aef
    for section, curve, length, p, b in (("EC - SHA256", ec.SECP256R1(), 32, p256, b256),
                                         ("ED - SHA384", ec.SECP384R1(), 48, p384, b384)):
        blocks = re.split(r"COUNT = \d+", text.split(f"[{section}]")[1].split("\n[E")[0])[1:]
        for block in blocks:
            found = {k: int(v, 16) for k, v in re.findall(r"^(\w+) = ([0-9a-f]+)$", block, re.M)}
            result = re.search(r"Result = (\w) \((\d+)", block).groups()
            private = found["dsIUT"].to_bytes(length, "big")
            peer = uncompressed(found["QsCAVSx"], found["QsCAVSy"], length)
            if result in (("F", "1"), ("F", "2")):
                yield dict(private=private, refused=peer)
            elif result[0] == "P":
                key = ec.derive_private_key(found["dsIUT"], curve)
                k = key.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(curve, peer))
                assert k == found["Z"].to_bytes(length, "big")
                yield dict(private=private, peer=peer, k=k,
                           share=uncompressed(found["QsIUTx"], found["QsIUTy"], length))
        yield dict(private=private, refused=not_reduced(p, b, length))


# --- AES-GCM ---

def gcm_nist_records():
    for bits in (128, 256):
        text = published(f"ciphers/AES/GCM/gcmEncryptExtIV{bits}.rsp")
        sections = re.split(r"(?=\[Keylen)", text)
        for section in sections:
            if "[IVlen = 96]" not in section or "[Taglen = 128]" not in section:
                continue
            first = next(f for f in fields(section.split("]\n\n", 1)[1]) if "Key" in f)
            key, iv, pt, aad, ct, tag = (
                unhex(first[k]) for k in ("Key", "IV", "PT", "AAD", "CT", "Tag"))
            assert AESGCM(key).encrypt(iv, pt, aad) == ct + tag
            yield dict(key=key, nonce=iv, associated=aad, plain=pt, sealed=ct, tag=tag)


def gcm_ssh_records():
    for key_len in (16, 32):
        key, iv = counting(key_len, 0x40), counting(4) + unhex("00000000fffffffe")
        for n in range(3):  # the third nonce carries into the upper half of the counter
            body = counting(16 * (n + 1), n)
            packet_length = len(body).to_bytes(4, "big")
            counter = int.from_bytes(iv[4:], "big") + n
            nonce = iv[:4] + counter.to_bytes(8, "big")
            out = AESGCM(key).encrypt(nonce, body, packet_length)
            yield dict(key=key, iv=iv, packet=packet_length + body,
                       sealed=packet_length + out[:-16], tag=out[-16:])


# --- chacha20-poly1305@openssh.com ---

def chacha20(key, seq, counter, data):
    # OpenSSH's PROTOCOL.chacha20poly1305: the block counter has 64 bits, little-endian, and the
    # nonce is the sequence number in 64 bits, big-endian.
    nonce = counter.to_bytes(8, "little") + seq.to_bytes(8, "big")
    return Cipher(algorithms.ChaCha20(key, nonce), None).encryptor().update(data)


def chacha_records():
    key = counting(64, 0x80)
    k_2, k_1 = key[:32], key[32:]
    for seq, body_len in ((0, 8), (1, 16), (3, 60), (4, 64), (0x01020304, 264), (0xffffffff, 1024)):
        body = counting(body_len, seq % 251)
        packet_length = body_len.to_bytes(4, "big")
        sealed = chacha20(k_1, seq, 0, packet_length) + chacha20(k_2, seq, 1, body)
        one_time_key = chacha20(k_2, seq, 0, bytes(32))
        tag = poly1305.Poly1305.generate_tag(one_time_key, sealed)
        yield dict(key=key, seq=seq.to_bytes(4, "big"), packet=packet_length + body,
                   sealed=sealed, tag=tag)


# --- AES-CTR ---

def aes_ctr(key, iv, data):
    return Cipher(algorithms.AES(key), modes.CTR(iv)).encryptor().update(data)


def ctr_records():
    for bits in (128, 192, 256):
        for found in fields(published(f"ciphers/AES/CTR/aes-{bits}-ctr.txt")):
            if "KEY" in found:
                names = ("KEY", "IV", "PLAINTEXT", "CIPHERTEXT")
                key, iv, plain, sealed = (unhex(found[k]) for k in names)
                assert aes_ctr(key, iv, plain) == sealed
                yield dict(key=key, iv=iv, plain=plain, sealed=sealed)
        for ones in (4, 8, 12, 16):  # how many bytes the carry crosses
            key, iv, plain = counting(bits // 8, 0x60), bytes(16 - ones) + b"\xff" * ones, bytes(64)
            yield dict(key=key, iv=iv, plain=plain, sealed=aes_ctr(key, iv, plain))


def ctr_etm_records():
    for key_len in (16, 24, 32):
        for mac_len in (32, 64):
            # The counter begins at its last value: the second block needs a carry over all of it.
            key, mac_key, iv = counting(key_len, 0x40), counting(mac_len, 0xc0), b"\xff" * 16
            stream = Cipher(algorithms.AES(key), modes.CTR(iv)).encryptor()
            for n, blocks in enumerate((1, 2, 70, 1)):
                seq = ((0xfffffffe + n) % 2**32).to_bytes(4, "big")
                body = counting(16 * blocks, n)
                packet_length = len(body).to_bytes(4, "big")
                sealed = packet_length + stream.update(body)
                tag = hmac.digest(mac_key, seq + sealed, f"sha{8 * mac_len}")
                yield dict(key=key, iv=iv, mac_key=mac_key, seq=seq, packet=packet_length + body,
                           sealed=sealed, tag=tag)


# --- private keys with a passphrase ---

# Made with `ssh-keygen -t ed25519 -a N` of OpenSSH 9.2, for this file and nothing else.
PASSPHRASE_KEYS = (
    ("p1 phrase é", """
b3BlbnNzaC1rZXktdjEAAAAACmFlczI1Ni1jdHIAAAAGYmNyeXB0AAAAGAAAABA59kAP4N
WfY7gUUjh3F3JKAAAAAQAAAAEAAAAzAAAAC3NzaC1lZDI1NTE5AAAAINnTRLuEkyPSOx65
tSSC+Pbe1Bmz9uoArPa2CiPOMze7AAAAkEtdwJ8gnRcdj0RuO8TJjbRGcGoVu2DWLAIRnP
6rw2b3nZmSnA/qKF8DK9KWHi7HAqOcgq2k+0zo8tR3O83wW3NP5bLHkBKJXkwoM/YUqi5p
uwVQJ3MCEEDoK6UMmti9KB+QUYM1z0AwZyoIUwPOBny4iir3Lde5k3ZXYXBJwvj0q/cbGn
efcjQFIFRyStxAxQ==
"""),
    ("p5 phrase é", """
b3BlbnNzaC1rZXktdjEAAAAACmFlczI1Ni1jdHIAAAAGYmNyeXB0AAAAGAAAABD6bmwuV4
tXnyZjOY3A6pMiAAAABQAAAAEAAAAzAAAAC3NzaC1lZDI1NTE5AAAAIMynqx9Rs1j96ilk
qHlPeXMjb1LlXzUzvRSNIdJzqO2CAAAAkLvBnhlTRoXq9bOttJGqfBcqskb8+LIMMyFMiu
6IukGS5A+24n4oFg5vqPa9tJ0IIjY5pFy1O7/n5zWRhGYPHK8gvlheXVJvrbCrQwspI6MP
mHUptnBhVCROoKzHZCGhDPNVJDKCCTVts+CF9FH6jYKugU/qKGm8zoH5xNXafiKpc2a7hA
A7cTzrffSykqcAyw==
"""),
    ("p16 phrase é", """
b3BlbnNzaC1rZXktdjEAAAAACmFlczI1Ni1jdHIAAAAGYmNyeXB0AAAAGAAAABDnpIj/4N
HbIXHEFjjmbhmiAAAAEAAAAAEAAAAzAAAAC3NzaC1lZDI1NTE5AAAAIBv02nKezLlACx5b
/n0ExsIDt3fqBPSmr0nGsPYzwJikAAAAkNP/NZM10w4LSHt2P6JYnQnMJ+UnX52wJI3uch
nvJmStC4ROWNFAeBHYlyeQBKl4flwPFoO6poCAqe1h1NoTwkohettLLLgLU7GGXF6R8q96
aDeZq0L6QXOis3ES+IvEYM0Lu6dRTs9jjC8+9vcy02oeyOHWus16F+otJz1sq4kkOWN0OK
bSH5Yiu5z7R4Ejlw==
"""),
)


def string(data):
    end = 4 + int.from_bytes(data[:4], "big")
    return data[4:end], data[end:]


def passphrase_records():
    for passphrase, text in PASSPHRASE_KEYS:
        left = base64.b64decode(text).removeprefix(b"openssh-key-v1\0")
        cipher, left = string(left)
        kdf, left = string(left)
        options, left = string(left)
        assert (cipher, kdf, left[:4]) == (b"aes256-ctr", b"bcrypt", (1).to_bytes(4, "big"))
        public, left = string(left[4:])
        sealed, left = string(left)
        salt, rounds = string(options)
        assert not left
        passphrase = passphrase.encode()
        block = bcrypt.kdf(passphrase, salt, 48, int.from_bytes(rounds, "big"),
                           ignore_few_rounds=True)
        plain = aes_ctr(block[:32], block[32:], sealed)
        assert plain[:4] == plain[4:8] and plain[8:].startswith(public)
        yield dict(passphrase=passphrase, salt=salt, rounds=rounds, sealed=sealed, plain=plain)


# --- hashes ---

def sha2_records():
    for bits in (256, 384, 512):
        name = f"hashes/SHA2/SHA{bits}"
        short = [f for f in fields(published(name + "ShortMsg.rsp")) if "Msg" in f]
        long = [f for f in fields(published(name + "LongMsg.rsp")) if "Msg" in f]
        for found in short[:3] + short[bits // 8 - 2::17] + long[:1]:
            message = unhex(found["Msg"])[: int(found["Len"]) // 8]
            digest = unhex(found["MD"])
            assert hashlib.new(f"sha{bits}", message).digest() == digest
            yield dict(message=message, digest=digest)


def hmac_records(rfc, bits):
    for found in fields(re.sub(r"^#.*\n", "", published(f"HMAC/rfc-{rfc}-sha{bits}.txt"), flags=re.M)):
        if "Key" not in found:
            continue
        key, message, mac = (unhex(found[k]) for k in ("Key", "Msg", "MD"))
        assert hmac.digest(key, message, f"sha{bits}") == mac
        yield dict(key=key, message=message, mac=mac)


# --- ML-KEM-768 and the hybrid ---

def mlkem():
    blocks = published("asymmetric/MLKEM/kat_MLKEM_768.rsp").replace("count", "\n\ncount")
    for found in list(fields(blocks))[:4]:
        found = {k: unhex(v) for k, v in found.items() if k != "count"}
        seed = found["d"] + found["z"]
        key = MLKEM768PrivateKey.from_seed_bytes(seed)
        assert key.public_key().public_bytes_raw() == found["pk"]
        assert key.decapsulate(found["ct"]) == found["ss"]
        assert key.decapsulate(found["ct_n"]) == found["ss_n"]
        yield seed, found


def hybrid_records():
    for n, (seed, found) in enumerate(mlkem()):
        client, server = counting(32, 0x10 + n), counting(32, 0x90 + n)
        public = [X25519PrivateKey.from_private_bytes(k).public_key().public_bytes_raw()
                  for k in (client, server)]
        classical = x25519(client, public[1])
        record = dict(seed=seed, client_scalar=client, message=found["msg"], server_scalar=server,
                      client_share=found["pk"] + public[0])
        yield record | dict(server_share=found["ct"] + public[1],
                            k=hashlib.sha256(found["ss"] + classical).digest())
        # A ciphertext that was not made for this key: implicit rejection, another K.
        yield record | dict(rejected_share=found["ct_n"] + public[1],
                            k=hashlib.sha256(found["ss_n"] + classical).digest())


write("ed25519.txt", """
Ed25519: sign.input of https://ed25519.cr.yp.to/software.html, some of its 1024 lines. The first
three are RFC 8032 §7.1, TEST 1 to 3; the last record is TEST SHA(abc) there.
""", ed25519_records())
write("ed25519_refused.txt", """
Ed25519 signatures that satisfy RFC 8032 §5.1.7 and that no honest signer makes: r = 0, so that R is
the neutral element. Made from RFC 8032 §7.1, TEST 1 to 3.
""", ed25519_refused_records())
write("ed25519_mixed.txt", """
Ed25519 keys and R that have a part of small order: a key and a nonce times the base point, plus a
multiple of a point of order 8 each. `good` is 01 where [S]B = R + [k]A; [8][S]B = [8]R + [8][k]A
holds for all of them (RFC 8032 §5.1.7 leaves the choice).
""", ed25519_mixed_records())
write("ecdsa.txt", """
ECDSA over P-256 with SHA-256 and over P-384 with SHA-384: RFC 6979 A.2.5 and A.2.6, whose nonces
come of the key and the message, and NIST CAVS 11.0, SigVer.rsp, those that verify.
""", list(ecdsa_records()) + list(ecdsa_published_records("P")))
write("ecdsa_refused.txt", """
ECDSA over P-256 with SHA-256 and over P-384 with SHA-384: NIST CAVS 11.0, SigVer.rsp, those that do
not verify: message, r, s or the key was changed.
""", ecdsa_published_records("F"))
write("rsa.txt", """
RSASSA-PKCS1-v1_5 with SHA-256 and SHA-512, 2048, 3072 and 4096 bits: NIST CAVS 11.0,
SigVer15_186-3.rsp, those that verify; with the private numbers where e is 65537.
""", rsa_records())
write("rsa_sizes.txt", """
RSASSA-PKCS1-v1_5 with SHA-256 and SHA-512: moduli that do not fill their bytes, and the least and
the greatest e.
""", rsa_sizes_records())
write("rsa_refused.txt", """
RSASSA-PKCS1-v1_5 with SHA-256 and SHA-512, 2048 bits: NIST CAVS 11.0, SigVer15_186-3.rsp, and CAVS
5.2, SigVer15EMTest.txt, those that do not verify: message, signature or e was changed, the hash
moved to the left, or the zero before it left out.
""", rsa_refused_records())
write("x25519.txt", """
X25519: RFC 7748 §5.2, the two vectors and the first iteration.
""", x25519_records())
write("ecdh.txt", """
ECDH on nistp256 and nistp384 (told apart by length): NIST CAVS 11.0,
KASValidityTest_ECCStaticUnified_NOKC_ZZOnly_resp.fax. `refused` shares are no points of the curve,
and the last of each curve is one but for an x that is not reduced.
""", ecdh_records())
write("aes_gcm.txt", """
AES-GCM: NIST CAVS 14.0, gcmEncryptExtIV128.rsp and gcmEncryptExtIV256.rsp: the first of each
section with a 96-bit IV and a 128-bit tag.
""", gcm_nist_records())
write("aes_gcm_openssh.txt", """
aes128-gcm@openssh.com and aes256-gcm@openssh.com (RFC 5647 §7): three packets in a row under each
key, computed with OpenSSL's AES-GCM: packet_length is the associated data, and the last eight bytes
of the IV count up.
""", gcm_ssh_records())
write("aes_ctr.txt", """
AES-CTR: RFC 3686 §6, whose counters have 32 bits and stay below them; then counters that carry
through the last 4, 8, 12 and 16 bytes (RFC 4344 §4: one number of 128 bits), with OpenSSL's AES.
""", ctr_records())
write("aes_ctr_etm.txt", """
aes128-ctr, aes192-ctr and aes256-ctr with hmac-sha2-256-etm@openssh.com and
hmac-sha2-512-etm@openssh.com: four packets in a row under each key, from an IV of all ones and
across the last sequence number, computed with OpenSSL's AES and HMAC.
""", ctr_etm_records())
write("chacha20_poly1305_openssh.txt", """
chacha20-poly1305@openssh.com, computed with OpenSSL's ChaCha20 and Poly1305 as OpenSSH's
PROTOCOL.chacha20poly1305 says: K_2 (first half of the key) from block 1 on for the body, K_1 for
packet_length, block 0 of K_2 for the tag's key.
""", chacha_records())
write("sha2.txt", """
SHA-256, SHA-384 and SHA-512 (told apart by the length of the digest): NIST CAVS 11.0,
SHA256ShortMsg.rsp, SHA256LongMsg.rsp and so on, some of each.
""", sha2_records())
write("hmac_sha1.txt", """
HMAC-SHA1: RFC 2202 §3.
""", hmac_records(2202, 1))
write("hmac_sha2.txt", """
HMAC-SHA-256 and HMAC-SHA-512 (told apart by the length of the MAC): RFC 4231 §4, all but the
truncated one.
""", [*hmac_records(4231, 256), *hmac_records(4231, 512)])
write("mlkem768x25519.txt", """
mlkem768x25519-sha256: the ML-KEM half (seed = d | z, message, key, ciphertext and secret) is
kat_MLKEM_768.rsp of https://github.com/post-quantum-cryptography/KAT (FIPS 203), its first four,
each checked with OpenSSL; X25519 with OpenSSL; K = SHA-256 of both secrets, in that order.
`rejected_share` holds the same file's ciphertext for another key: K then comes of FIPS 203 §6.3's
implicit rejection.
""", hybrid_records())
write("passphrase.txt", """
Private keys with a passphrase, aes256-ctr and bcrypt: made with ssh-keygen, opened with the package
`bcrypt` and OpenSSL's AES.
""", passphrase_records())
