//! Key exchanges between all pairs of providers, and shares that are refused.

use adit_crypto::{Kex, Provider, SecretEncoding, Unspecified};
use adit_testkit::on_every_provider;
use adit_vectors::{ECDH, MLKEM768_X25519, Record, records};

use crate::{Script, providers};

on_every_provider! {
    real:
    both_sides_have_the_same_secret_whoever_answers
    a_method_says_of_itself_what_its_specification_says
    no_two_exchanges_are_alike
    shares_of_other_lengths_are_refused
    x25519_shares_of_small_order_are_refused
    an_encapsulation_key_that_is_not_reduced_is_refused
    a_turned_bit_in_the_ciphertext_gives_another_secret
    the_hybrid_is_made_of_the_published_parts
    ecdh_is_as_nist_publishes_it
    a_share_that_is_no_point_of_the_curve_is_refused
    a_share_in_another_form_is_refused
    a_private_key_is_below_the_order_of_the_curve
    without_randomness_there_is_an_error_and_nothing_else
}

const P256: &[u8] = b"ecdh-sha2-nistp256";
const P384: &[u8] = b"ecdh-sha2-nistp384";
const HYBRID: &[u8] = b"mlkem768x25519-sha256";
const ENCAPSULATION_KEY_LEN: usize = 1184;
const CIPHERTEXT_LEN: usize = 1088;

fn both_sides_have_the_same_secret_whoever_answers(here: &Provider) {
    for client in here.kex {
        for there in providers() {
            let Some(server) = there.kex(client.name().as_bytes()) else {
                // A provider may be built without the curves of NIST.
                assert!(is_ecdh(*client) && !has_nist(there));
                continue;
            };
            let active = client.start(here.random).unwrap();
            assert_eq!(active.share().len(), client.client_share_len());
            let (share, theirs) = server.answer(there.random, active.share()).unwrap();
            assert_eq!(share.len(), client.server_share_len());
            let ours = active.finish(&share).unwrap();
            assert_eq!(ours.bytes.expose(), theirs.bytes.expose());
            assert_eq!(ours.bytes.expose().len(), secret_len(*client));
            assert_eq!(ours.encoding, theirs.encoding);
        }
    }
}

fn a_method_says_of_itself_what_its_specification_says(here: &Provider) {
    let table: [(&[u8], usize, usize, SecretEncoding, bool); 5] = [
        (b"curve25519-sha256", 32, 32, SecretEncoding::Mpint, false),
        (
            b"curve25519-sha256@libssh.org",
            32,
            32,
            SecretEncoding::Mpint,
            false,
        ),
        (P256, 65, 65, SecretEncoding::Mpint, false),
        (P384, 97, 97, SecretEncoding::Mpint, false),
        (HYBRID, 1216, 1120, SecretEncoding::String, true),
    ];
    let nist = if has_nist(here) { 0 } else { 2 };
    assert_eq!(here.kex.len(), table.len() - nist);
    for (name, client, server, encoding, is_post_quantum) in table {
        let Some(kex) = here.kex(name) else {
            assert!([P256, P384].contains(&name) && nist == 2);
            continue;
        };
        assert_eq!(
            (kex.client_share_len(), kex.server_share_len()),
            (client, server)
        );
        assert_eq!(kex.is_post_quantum(), is_post_quantum);
        let hash = if name == P384 { 48 } else { 32 };
        assert_eq!(kex.hash().output_len(), hash);
        let active = kex.start(here.random).unwrap();
        let (_, k) = kex.answer(here.random, active.share()).unwrap();
        assert_eq!(k.encoding, encoding);
    }
}

fn no_two_exchanges_are_alike(here: &Provider) {
    for kex in here.kex {
        let (a, b) = (
            kex.start(here.random).unwrap(),
            kex.start(here.random).unwrap(),
        );
        assert_ne!(a.share(), b.share());
        let (one, k_one) = kex.answer(here.random, a.share()).unwrap();
        let (two, k_two) = kex.answer(here.random, a.share()).unwrap();
        assert_ne!(one, two);
        assert_ne!(k_one.bytes.expose(), k_two.bytes.expose());
    }
}

/// The server's answer and the client's end both refuse these shares.
fn refused(here: &Provider, kex: &dyn Kex, client_share: &[u8], server_share: &[u8]) {
    assert!(kex.answer(here.random, client_share).is_err());
    let active = kex.start(here.random).unwrap();
    assert!(active.finish(server_share).is_err());
}

fn shares_of_other_lengths_are_refused(here: &Provider) {
    for kex in here.kex {
        let active = kex.start(here.random).unwrap();
        let (server, _) = kex.answer(here.random, active.share()).unwrap();
        let cut = |share: &[u8], len: usize| {
            let mut share = share.to_vec();
            share.resize(len, 9);
            share
        };
        let (client_len, server_len) = (kex.client_share_len(), kex.server_share_len());
        for (c, s) in [
            (0, 0),
            (1, 1),
            (31, 31),
            (33, 33),
            (64, 64),
            (66, 66),
            (client_len - 32, server_len - 32),
            (client_len - 1, server_len - 1),
            (client_len + 1, server_len + 1),
            (1 << 20, 1 << 20),
        ] {
            refused(here, *kex, &cut(active.share(), c), &cut(&server, s));
        }
    }
}

/// u coordinates of the points whose order divides 8, on the curve and on its twist, with those that
/// are not reduced (RFC 7748 §5 accepts them), each with and without the bit that is not looked at.
fn small_order_shares() -> Vec<[u8; 32]> {
    let little = |first: u8, middle: u8, last: u8| {
        let mut u = [middle; 32];
        (u[0], u[31]) = (first, last);
        u
    };
    let order_8 = [
        [
            0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f,
            0xc4, 0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16,
            0x5f, 0x49, 0xb8, 0x00,
        ],
        [
            0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83,
            0xef, 0x5b, 0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd,
            0xd0, 0x9f, 0x11, 0x57,
        ],
    ];
    let mut shares = vec![
        little(0, 0, 0),
        little(1, 0, 0),
        little(0xec, 0xff, 0x7f), // p - 1
        little(0xed, 0xff, 0x7f), // p
        little(0xee, 0xff, 0x7f), // p + 1
    ];
    shares.extend(order_8);
    for mut share in shares.clone() {
        share[31] |= 0x80;
        shares.push(share);
    }
    shares
}

fn x25519_shares_of_small_order_are_refused(here: &Provider) {
    for kex in here.kex.iter().filter(|kex| !is_ecdh(**kex)) {
        let active = kex.start(here.random).unwrap();
        let (server, _) = kex.answer(here.random, active.share()).unwrap();
        for point in small_order_shares() {
            let put = |share: &[u8]| [&share[..share.len() - 32], &point].concat();
            refused(here, *kex, &put(active.share()), &put(&server));
        }
    }
}

fn an_encapsulation_key_that_is_not_reduced_is_refused(here: &Provider) {
    let kex = here.kex(HYBRID).unwrap();
    let active = kex.start(here.random).unwrap();
    // FIPS 203 §7.2: coefficients of 12 bits, two in three bytes, each below q = 3329.
    for at in (0..ENCAPSULATION_KEY_LEN - 32).step_by(3) {
        let with = |low: u16, high: u16| {
            let mut share = active.share().to_vec();
            let [l, m] = low.to_le_bytes();
            share[at] = l;
            share[at + 1] = m | (high << 4) as u8;
            share[at + 2] = (high >> 4) as u8;
            kex.answer(here.random, &share)
        };
        for not_reduced in [3329, 4095] {
            assert!(with(not_reduced, 0).is_err());
            assert!(with(0, not_reduced).is_err());
        }
        if at == 0 {
            assert!(with(3328, 3328).is_ok());
        }
    }
}

fn a_turned_bit_in_the_ciphertext_gives_another_secret(here: &Provider) {
    let kex = here.kex(HYBRID).unwrap();
    for at in [0, CIPHERTEXT_LEN / 2, CIPHERTEXT_LEN - 1] {
        let active = kex.start(here.random).unwrap();
        let (mut share, theirs) = kex.answer(here.random, active.share()).unwrap();
        share[at] ^= 1;
        let ours = active.finish(&share).unwrap();
        assert_ne!(ours.bytes.expose(), theirs.bytes.expose());
    }
}

fn the_hybrid_is_made_of_the_published_parts(here: &Provider) {
    // ring's X25519 takes no randomness from us: there only the other half can be compared.
    let all_of_it = here.name != "ring";
    let kex = here.kex(HYBRID).unwrap();
    for record in records(MLKEM768_X25519) {
        let client = [record.bytes("seed"), record.bytes("client_scalar")];
        let active = kex.start(&Script::new(&client)).unwrap();
        let client_share = record.bytes("client_share");
        if all_of_it {
            assert_eq!(active.share(), client_share, "line {}", record.line);
        }
        assert_eq!(
            active.share()[..ENCAPSULATION_KEY_LEN],
            client_share[..ENCAPSULATION_KEY_LEN]
        );
        if let Some(server_share) = record.find("server_share") {
            let server = [record.bytes("message"), record.bytes("server_scalar")];
            let (share, k) = kex.answer(&Script::new(&server), client_share).unwrap();
            if all_of_it {
                assert_eq!(share, server_share, "line {}", record.line);
                assert_eq!(k.bytes.expose(), record.bytes("k"), "line {}", record.line);
            }
            assert_eq!(share[..CIPHERTEXT_LEN], server_share[..CIPHERTEXT_LEN]);
        }
        let answer = record
            .find("server_share")
            .unwrap_or_else(|| record.bytes("rejected_share"));
        let k = active.finish(answer).unwrap();
        if all_of_it {
            assert_eq!(k.bytes.expose(), record.bytes("k"), "line {}", record.line);
        }
    }
}

/// Bytes of a private key, and of a secret.
fn secret_len(kex: &dyn Kex) -> usize {
    if kex.name().as_bytes() == P384 {
        48
    } else {
        32
    }
}

fn is_ecdh(kex: &dyn Kex) -> bool {
    kex.name().starts_with("ecdh-")
}

fn has_nist(here: &Provider) -> bool {
    here.name != "pure" || cfg!(feature = "pure-nist")
}

/// The method of a record, where this provider has it.
fn ecdh_of(here: &Provider, record: &Record) -> Option<&'static dyn Kex> {
    let name = match record.bytes("private").len() {
        32 => P256,
        _ => P384,
    };
    let kex = here.kex(name);
    assert_eq!(kex.is_some(), has_nist(here));
    kex
}

fn ecdh_is_as_nist_publishes_it(here: &Provider) {
    let mut curves = [0; 2];
    for record in records(ECDH) {
        let (Some(kex), Some(peer)) = (ecdh_of(here, &record), record.find("peer")) else {
            continue;
        };
        let random = || Script::new(&[record.bytes("private")]);
        let active = kex.start(&random()).unwrap();
        let (share, answered) = kex.answer(&random(), peer).unwrap();
        let ours = record.bytes("share");
        // ring takes no private key from outside, and so has another secret each time.
        if here.name != "ring" {
            assert_eq!(active.share(), ours, "line {}", record.line);
            assert_eq!(share, ours, "line {}", record.line);
            assert_eq!(answered.bytes.expose(), record.bytes("k"));
        }
        let finished = active.finish(peer).unwrap();
        if here.name != "ring" {
            assert_eq!(finished.bytes.expose(), record.bytes("k"));
        }
        curves[usize::from(kex.name().as_bytes() == P384)] += 1;
    }
    assert!(
        !has_nist(here) || curves.iter().all(|n| *n >= 15),
        "{curves:?}"
    );
}

fn a_share_that_is_no_point_of_the_curve_is_refused(here: &Provider) {
    let mut n = 0;
    for record in records(ECDH) {
        let Some(kex) = ecdh_of(here, &record) else {
            continue;
        };
        if let Some(share) = record.find("refused") {
            refused(here, kex, share, share);
            n += 1;
        } else if n == 0 {
            // Every other y, and every other x, of a point.
            for at in [1, kex.client_share_len() / 2, kex.client_share_len() - 1] {
                let mut share = record.bytes("peer").to_vec();
                share[at] ^= 1;
                refused(here, kex, &share, &share);
            }
        }
    }
    assert!(!has_nist(here) || n >= 10, "{n}");
    for kex in here.kex.iter().filter(|kex| is_ecdh(**kex)) {
        for byte in [0, 0xff] {
            let mut share = vec![byte; kex.client_share_len()];
            refused(here, *kex, &share, &share);
            share[0] = 4;
            refused(here, *kex, &share, &share);
        }
    }
}

fn a_share_in_another_form_is_refused(here: &Provider) {
    for kex in here.kex.iter().filter(|kex| is_ecdh(**kex)) {
        let active = kex.start(here.random).unwrap();
        let good = active.share();
        let compressed = good.len() / 2 + 1;
        for form in (0..=u8::MAX).filter(|form| *form != 4) {
            let mut share = good.to_vec();
            // Hybrid forms (6 and 7) have both coordinates, too.
            share[0] = form;
            refused(here, *kex, &share, &share);
            refused(here, *kex, &share[..compressed], &share[..compressed]);
            // The point at infinity has no coordinates (SEC 1 §2.3.3).
            refused(here, *kex, &[form], &[form]);
        }
        assert!(kex.answer(here.random, good).is_ok());
    }
}

fn a_private_key_is_below_the_order_of_the_curve(here: &Provider) {
    if here.name == "ring" {
        return; // it draws from the system
    }
    for kex in here.kex.iter().filter(|kex| is_ecdh(**kex)) {
        let len = kex.client_share_len() / 2;
        let mut good = vec![0; len];
        good[len - 1] = 7;
        let expected = kex.start(&Script::new(&[&good])).unwrap();
        // What is too large, or zero, is drawn again: three times, and no more.
        for bad in [0, 0xff] {
            let bad = vec![bad; len];
            let random = Script::new(&[&bad, &bad, &bad, &good]);
            assert_eq!(kex.start(&random).unwrap().share(), expected.share());
            let random = Script::new(&[&bad, &bad, &bad, &bad, &good]);
            assert!(kex.start(&random).is_err());
        }
    }
}

fn without_randomness_there_is_an_error_and_nothing_else(here: &Provider) {
    for kex in here.kex {
        let client = kex.start(here.random).unwrap();
        // What each role draws; ring's curves draw from the system, whatever we give.
        let secret = secret_len(*kex);
        let classical = if here.name == "ring" { 0 } else { secret };
        let (start, answer) = if kex.is_post_quantum() {
            (64 + classical, 32 + classical)
        } else {
            (classical, classical)
        };
        for len in 0..start {
            let random = Script::new(&[&vec![7; len]]);
            assert_eq!(kex.start(&random).map(|_| ()), Err(Unspecified));
        }
        for len in 0..answer {
            let random = Script::new(&[&vec![7; len]]);
            let answer = kex.answer(&random, client.share());
            assert_eq!(answer.map(|_| ()), Err(Unspecified));
        }
        assert!(kex.start(&Script::new(&[&vec![7; start]])).is_ok());
        let random = Script::new(&[&vec![7; answer]]);
        assert!(kex.answer(&random, client.share()).is_ok());
    }
}
