//! Keys that have their type's name and are none of it, or none that anybody should be known by:
//! wrong lengths, points in other forms or off their curve, moduli and exponents out of range, and
//! those for which everybody can sign.

use std::sync::Arc;

use adit_crypto::{Provider, SigningKey, Unspecified, digest};
use adit_proto::blob::NistCurve;
use adit_testkit::on_every_provider;
use adit_testkit::scripted::{Outcome, Role, Script, Scripted, Step, key_for, string};

use crate::signer;

type Sign = Box<dyn Fn(&[u8]) -> Vec<u8> + Send + Sync>;

/// A key that somebody made up, and what they sign with it.
struct Made {
    algorithm: &'static str,
    public_blob: Vec<u8>,
    sign: Sign,
}

impl SigningKey for Made {
    fn algorithms(&self) -> &'static [&'static str] {
        &[]
    }
    fn public_blob(&self) -> &[u8] {
        &self.public_blob
    }
    fn sign(&self, _: &str, message: &[u8]) -> Result<Vec<u8>, Unspecified> {
        let value = (self.sign)(message);
        Ok([string(self.algorithm.as_bytes()), string(&value)].concat())
    }
}

/// What comes of it as a host key and, asked about and signed for, as a user's that is let in.
fn seen(provider: &'static Provider, made: Made) -> [Outcome; 3] {
    let algorithm = made.algorithm;
    let made: Arc<dyn SigningKey> = Arc::new(made);
    let mut server = Scripted::at(&Script::new(Role::Client, provider), Step::Ident);
    server.algorithm = algorithm;
    server.key = Arc::clone(&made);
    server.kexinit();
    let reply = server.reply_payload(|_| {});
    let as_host_key = server.answer_to(&reply);
    let offered = |event: &String| event.starts_with("HostKey");
    assert!(!server.victim.log.iter().any(offered));

    let mut client = Scripted::at(&Script::new(Role::Server, provider), Step::Service);
    client.algorithm = algorithm;
    client.victim.authorized = vec![made.public_blob().to_vec()];
    client.key = made;
    let probe = client.probe_request();
    let asked = client.answer_to(&probe);
    let request = client.signed_request();
    let signed = client.answer_to(&request);
    assert!(!client.is_logged_in());
    [as_host_key, asked, signed]
}

const FAILURE: u8 = 51;
const PK_OK: u8 = 60;

/// Its form is wrong: nothing is computed with it, and nobody is told that it would do.
fn unfit(provider: &'static Provider, made: Made, what: &str) {
    let failure = Outcome::Said(vec![FAILURE]);
    let expected = [Outcome::Refused(9), failure.clone(), failure];
    assert_eq!(seen(provider, made), expected, "{what}");
}

/// Only computing shows that it signs nothing.
fn no_key(provider: &'static Provider, made: Made, what: &str) {
    let [host_key, asked, signed] = seen(provider, made);
    assert_eq!(host_key, Outcome::Refused(3), "{what}");
    assert_eq!(asked, Outcome::Said(vec![PK_OK]), "{what}");
    assert_eq!(signed, Outcome::Said(vec![FAILURE]), "{what}");
}

fn ed25519(public: &[u8]) -> Made {
    // B and 1 (RFC 8032 §5.1): a signature of everything by the neutral element.
    let mut value = [0x66; 64];
    (value[0], value[32]) = (0x58, 1);
    value[33..].fill(0);
    Made {
        algorithm: "ssh-ed25519",
        public_blob: [b"ssh-ed25519", public].map(string).concat(),
        sign: Box::new(move |_| value.to_vec()),
    }
}

fn ecdsa(curve: NistCurve, point: &[u8]) -> Made {
    let [name, id] = [curve.key_type(), curve.identifier()].map(str::as_bytes);
    let one = string(&[1]);
    Made {
        algorithm: curve.key_type(),
        public_blob: [name, id, point].map(string).concat(),
        sign: Box::new(move |_| [&one[..], &one].concat()),
    }
}

fn rsa(e: &[u8], n: &[u8], sign: impl Fn(&[u8]) -> Vec<u8> + Send + Sync + 'static) -> Made {
    Made {
        algorithm: "rsa-sha2-512",
        public_blob: [b"ssh-rsa", e, n].map(string).concat(),
        sign: Box::new(sign),
    }
}

/// An odd number of so many bits, as an mpint holds it.
fn modulus(bits: usize) -> Vec<u8> {
    let mut n = vec![0x55; bits.div_ceil(8)];
    n[0] = 1 << ((bits - 1) % 8);
    if n[0] == 0x80 {
        n.insert(0, 0);
    }
    n
}

/// What a signature is raised to (RFC 8017 §9.2, with SHA-512), for a modulus of so many bytes.
fn encoded_message(provider: &Provider, message: &[u8], len: usize) -> Vec<u8> {
    let digest_info =
        b"\x30\x51\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03\x05\x00\x04\x40";
    let hash = digest(provider.sha512, &[message]);
    let mut em = vec![0xff; len - digest_info.len() - hash.len() - 1];
    em[..2].copy_from_slice(&[0, 1]);
    [&em[..], &[0], digest_info, &hash].concat()
}

fn a_key_of_another_length_or_form_is_unfit(provider: &'static Provider) {
    for len in [0, 1, 31, 33, 64] {
        unfit(provider, ed25519(&vec![9; len]), &format!("{len} bytes"));
    }
    for curve in NistCurve::ALL {
        let key = key_for(signer(provider), curve.key_type());
        let blob = key.public_blob();
        let whole = &blob[blob.len() - curve.point_len()..];
        let x = &whole[1..=curve.field_len()];
        let with_first = |first: u8| [&[first], &whole[1..]].concat();
        let points = [
            ("none", vec![]),
            ("infinity", vec![0]),
            ("infinity, as long as a point", vec![0; curve.point_len()]),
            ("compressed, even", [&[2], x].concat()),
            ("compressed, odd", [&[3], x].concat()),
            ("compressed, as long as a point", with_first(2)),
            ("hybrid, even", with_first(6)),
            ("hybrid, odd", with_first(7)),
            ("without its form", whole[1..].to_vec()),
            ("one byte less", whole[..whole.len() - 1].to_vec()),
            ("one byte more", [whole, &[0]].concat()),
        ];
        for (what, point) in points {
            unfit(provider, ecdsa(curve, &point), what);
        }
    }
}

fn rsa_has_2048_to_8192_bits_and_an_odd_exponent_from_3(provider: &'static Provider) {
    let f4 = &[1, 0, 1][..];
    let garbage = |_: &[u8]| vec![7; 256];
    let mut even = modulus(2048);
    *even.last_mut().unwrap() = 0x54;
    let zero_first = [&[0][..], &modulus(2049)].concat();
    let negative = vec![0x85; 256];
    let moduli = [
        ("1024 bits", modulus(1024)),
        ("2047 bits", modulus(2047)),
        ("8193 bits", modulus(8193)),
        ("16384 bits", modulus(16384)),
        ("no bits", vec![]),
        ("an even modulus", even),
        ("a negative modulus", negative),
        ("a modulus with a zero in front", zero_first),
    ];
    for (what, n) in moduli {
        unfit(provider, rsa(f4, &n, garbage), what);
    }
    for e in [
        &[][..],
        &[0],
        &[1],
        &[2],
        &[4],
        &[1, 0, 0],
        &[0x83],
        &[0, 3],
        &[2, 0, 0, 0, 1],
        &[1; 256],
    ] {
        unfit(
            provider,
            rsa(e, &modulus(2048), garbage),
            &format!("e = {e:?}"),
        );
    }
    // What is at the ends of both ranges is a key, though not one that signed this.
    for (e, bits) in [
        (&[3][..], 2048),
        (f4, 2048),
        (&[1, 0xff, 0xff, 0xff, 0xff], 8192),
    ] {
        no_key(provider, rsa(e, &modulus(bits), garbage), "fit");
    }
}

/// m^1 = m: with e = 1 what is to be signed is its own signature.
fn an_exponent_of_one_with_which_everybody_signs_is_unfit(provider: &'static Provider) {
    for bits in [2047_usize, 2048, 4096] {
        let sign = move |message: &[u8]| encoded_message(provider, message, bits.div_ceil(8));
        unfit(provider, rsa(&[1], &modulus(bits), sign), "e = 1");
    }
}

/// y = 1 and its other forms: of these, R = S B for every S and every message.
fn a_point_of_small_order_signs_nothing(provider: &'static Provider) {
    let mut one = [0; 32];
    one[0] = 1;
    let mut minus_one = [0xff; 32];
    (minus_one[0], minus_one[31]) = (0xec, 0x7f);
    for mut public in [one, [0; 32], minus_one] {
        no_key(provider, ed25519(&public), "small order");
        public[31] |= 0x80;
        no_key(provider, ed25519(&public), "small order, negative");
    }
}

fn a_point_off_its_curve_signs_nothing(provider: &'static Provider) {
    for curve in NistCurve::ALL {
        let key = key_for(signer(provider), curve.key_type());
        let blob = key.public_blob();
        let whole = &blob[blob.len() - curve.point_len()..];
        let mut y = whole.to_vec();
        *y.last_mut().unwrap() ^= 1;
        let mut x = whole.to_vec();
        x[1] ^= 1;
        let mut zeros = vec![0; curve.point_len()];
        zeros[0] = 4;
        let mut not_reduced = vec![0xff; curve.point_len()];
        not_reduced[0] = 4;
        for point in [x, y, zeros, not_reduced] {
            no_key(provider, ecdsa(curve, &point), "off the curve");
        }
    }
}

on_every_provider! {
    a_key_of_another_length_or_form_is_unfit
    rsa_has_2048_to_8192_bits_and_an_odd_exponent_from_3
    an_exponent_of_one_with_which_everybody_signs_is_unfit;
    real: a_point_of_small_order_signs_nothing
    a_point_off_its_curve_signs_nothing
}
