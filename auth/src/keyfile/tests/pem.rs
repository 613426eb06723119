//! Keys as other programs keep them.

use super::*;

const PKCS8_SEED: &[u8] = include_bytes!("../../../tests/data/ed25519_pkcs8");
const PKCS8_SEED_PUB: &[u8] = include_bytes!("../../../tests/data/ed25519_pkcs8.pub");
const ECDSA256_SEC1: &[u8] = include_bytes!("../../../tests/data/ecdsa256_pem");
const RSA_PKCS1: &[u8] = include_bytes!("../../../tests/data/rsa_pem");
const RSA_PKCS8: &[u8] = include_bytes!("../../../tests/data/rsa_pkcs8");
const ECDSA256_PKCS8: &[u8] = include_bytes!("../../../tests/data/ecdsa256_pkcs8");

fn pem(label: &str, der: &[u8]) -> Vec<u8> {
    let base64 = base64::encode(der);
    std::format!("-----BEGIN {label}-----\n{base64}\n-----END {label}-----\n").into_bytes()
}

/// A value of DER.
fn value(tag: u8, contents: &[u8]) -> Vec<u8> {
    let len = contents.len();
    let length = match u8::try_from(len) {
        Ok(len) if len < 0x80 => vec![len],
        Ok(len) => vec![0x81, len],
        Err(_) => [&[0x82], &u16::try_from(len).unwrap().to_be_bytes()[..]].concat(),
    };
    [&[tag], &length[..], contents].concat()
}

fn sequence(values: &[&[u8]]) -> Vec<u8> {
    value(0x30, &values.concat())
}

fn integer(magnitude: &[u8]) -> Vec<u8> {
    match magnitude.first() {
        Some(first) if first & 0x80 == 0 => value(2, magnitude),
        _ => value(2, &[&[0], magnitude].concat()),
    }
}

/// An RSA key of these numbers that is a key in form.
fn pkcs1(n: &[u8], e: &[u8]) -> Vec<u8> {
    let one = integer(&[1]);
    let rest = [&one[..]; 6].concat();
    sequence(&[&integer(&[0][1..]), &integer(n), &integer(e), &rest])
}

fn modulus(bits: usize) -> Vec<u8> {
    let mut n = vec![0xff; bits.div_ceil(8)];
    n[0] >>= n.len() * 8 - bits;
    n
}

/// PKCS#8 of an Ed25519 key.
fn pkcs8(version: u8, seed: &[u8], behind: &[u8]) -> Vec<u8> {
    let algorithm = sequence(&[&value(6, &[0x2b, 0x65, 0x70])]);
    let private = value(4, &value(4, seed));
    sequence(&[&value(2, &[version]), &algorithm, &private, behind])
}

#[test]
fn each_format_gives_the_key_that_openssh_s_own_gives() {
    for (plain, others) in [
        (RSA, [RSA_PKCS1, RSA_PKCS8]),
        (ECDSA256, [ECDSA256_SEC1, ECDSA256_PKCS8]),
        (
            ECDSA384,
            [
                include_bytes!("../../../tests/data/ecdsa384_pem"),
                include_bytes!("../../../tests/data/ecdsa384_pkcs8"),
            ],
        ),
    ] {
        let mut plain = parse(plain).unwrap();
        plain.comment.clear();
        for other in others {
            let other = parse(other).unwrap();
            assert_eq!(other.comment(), b"");
            let written = [&other, &plain].map(|key| key.to_text(&Fixed([7; 4])).unwrap());
            assert!(written[0].expose() == written[1].expose());
        }
    }
}

fn an_ed25519_key_in_pkcs8_has_its_public_half_inside_or_gets_it(provider: &'static Provider) {
    let public = PublicKey::parse_file(PKCS8_SEED_PUB).unwrap().blob;
    let key = KeyFile::parse(PKCS8_SEED, provider.keys);
    let key = key.and_then(Parsed::plain).unwrap();
    assert_eq!(key.public_blob(), public);
    assert!(key.load(provider.keys).is_ok());
    // Version 2 has it, and is believed only as far as arithmetic agrees.
    let golden = parse(ED25519).unwrap();
    let Parts::Ed25519 { seed, public } = &golden.parts else {
        panic!("another type");
    };
    let with = |public: &[u8]| value(0x81, &[&[0], public].concat());
    let text = pem("PRIVATE KEY", &pkcs8(1, seed.expose(), &with(public)));
    let key = parse(&text).unwrap();
    assert_eq!(key.public_blob(), golden.public_blob());
    assert!(key.load(provider.keys).is_ok());
    let text = pem("PRIVATE KEY", &pkcs8(1, seed.expose(), &with(&[7; 32])));
    let loaded = parse(&text).unwrap().load(provider.keys).err();
    assert_eq!(loaded, Some(KeyFileError::HalvesDiffer));
    // Attributes before it are passed over; version 1 has no place for it.
    let attributes = value(0xa0, b"anything");
    let both = [attributes, with(public)].concat();
    assert!(parse(&pem("PRIVATE KEY", &pkcs8(1, seed.expose(), &both))).is_ok());
    for (version, behind, expected) in [
        (0, with(public), Malformed::TrailingBytes),
        (2, with(public), Malformed::BadInteger),
        (1, with(&public[1..]), Malformed::BadLength),
        (1, value(0x81, &[]), Malformed::BadLength),
        (1, value(0x82, &[]), Malformed::TrailingBytes),
    ] {
        let text = pem("PRIVATE KEY", &pkcs8(version, seed.expose(), &behind));
        assert_eq!(error(&text), expected.into());
    }
    for n in [0, 31, 33, 64] {
        let text = pem("PRIVATE KEY", &pkcs8(0, &vec![7; n], &[]));
        assert_eq!(error(&text), Malformed::BadLength.into(), "{n}");
    }
}

#[test]
fn what_is_refused_says_what_it_is_and_what_to_do() {
    for (text, expected, words) in [
        (
            include_bytes!("../../../tests/data/rsa_pem_encrypted").as_slice(),
            KeyFileError::EncryptedPem,
            "\"ssh-keygen -p -f FILE\"",
        ),
        (
            include_bytes!("../../../tests/data/rsa_pkcs8_encrypted"),
            KeyFileError::EncryptedPem,
            "\"ssh-keygen -p -f FILE\"",
        ),
        (
            include_bytes!("../../../tests/data/ecdsa256_pem_no_public"),
            KeyFileError::NoPublicHalf,
            "\"ssh-keygen -p -f FILE\"",
        ),
        (
            include_bytes!("../../../tests/data/ed25519.ppk"),
            KeyFileError::Putty,
            "\"puttygen FILE -O private-openssh",
        ),
        (
            include_bytes!("../../../tests/data/dsa_pem"),
            KeyFileError::UnsupportedType("DSA"),
            "DSA keys are not supported",
        ),
        (
            include_bytes!("../../../tests/data/ecdsa521_pkcs8"),
            KeyFileError::UnsupportedType("ECDSA P-521"),
            "ECDSA P-521 keys are not supported",
        ),
    ] {
        let said = error(text);
        assert_eq!(said, expected);
        assert!(said.to_string().contains(words), "{said}");
    }
}

#[test]
fn rsa_keys_have_2048_to_8192_bits() {
    for (bits, is_allowed) in [
        (1, false),
        (1024, false),
        (2047, false),
        (2048, true),
        (2049, true),
        (8191, true),
        (8192, true),
        (8193, false),
        (16384, false),
    ] {
        let text = pem("RSA PRIVATE KEY", &pkcs1(&modulus(bits), &[1, 0, 1]));
        let expected = (!is_allowed).then(|| KeyFileError::RsaBits(u32::try_from(bits).unwrap()));
        assert_eq!(parse(&text).err(), expected, "{bits}");
    }
    let mut even = modulus(2048);
    even[255] = 0xfe;
    let text = pem("RSA PRIVATE KEY", &pkcs1(&even, &[3]));
    assert_eq!(error(&text), Malformed::BadInteger.into());
}

#[test]
fn rsa_exponents_are_odd_and_from_3_to_33_bits() {
    for (e, is_allowed) in [
        (&[0][..], false),
        (&[1], false),
        (&[2], false),
        (&[3], true),
        (&[4], false),
        (&[1, 0, 1], true),
        (&[1, 0xff, 0xff, 0xff, 0xff], true),
        (&[2, 0, 0, 0, 1], false),
        (&[1, 0, 0, 0, 0, 0, 0, 0, 1], false),
    ] {
        let text = pem("RSA PRIVATE KEY", &pkcs1(&modulus(2048), e));
        let expected = (!is_allowed).then_some(KeyFileError::RsaExponent);
        // Zero is no magnitude at all.
        let text = match e {
            [0] => pem("RSA PRIVATE KEY", &pkcs1(&modulus(2048), &[])),
            _ => text,
        };
        assert_eq!(parse(&text).err(), expected, "{e:x?}");
    }
}

#[test]
fn an_rsa_key_has_two_primes_and_none_of_its_numbers_is_zero() {
    let numbers = |d: &[u8], version: u8| {
        let one = integer(&[1]);
        let [n, e, d] = [&modulus(2048), &[3][..], d].map(integer);
        let rest = [&one[..]; 5].concat();
        let version = value(2, &[version]);
        pem("RSA PRIVATE KEY", &sequence(&[&version, &n, &e, &d, &rest]))
    };
    assert!(parse(&numbers(&[1], 0)).is_ok());
    assert_eq!(error(&numbers(&[], 0)), Malformed::BadInteger.into());
    assert_eq!(error(&numbers(&[1; 257], 0)), Malformed::BadInteger.into());
    assert_eq!(
        error(&numbers(&[1], 1)),
        KeyFileError::UnsupportedType("multi-prime RSA")
    );
}

#[test]
fn the_curve_inside_is_the_curve_outside() {
    let armour = armour(ECDSA256_PKCS8).unwrap();
    let der = armour.decode().unwrap();
    // The last arc of the curve's name in AlgorithmIdentifier: P-256 becomes something else.
    let at = der
        .windows(8)
        .position(|w| w == [0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7]);
    let mut other = der.to_vec();
    other[at.unwrap() + 7] = 6;
    assert_eq!(
        error(&pem("PRIVATE KEY", &other)),
        KeyFileError::UnsupportedType("other ECDSA")
    );
    // SEC 1 of P-256 around which PKCS#8 says P-384.
    let sec1 = super::armour(ECDSA256_SEC1).unwrap().decode().unwrap();
    let p384 = [0x2b, 0x81, 4, 0, 0x22];
    let ec = [0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
    let algorithm = sequence(&[&value(6, &ec), &value(6, &p384)]);
    let info = sequence(&[&value(2, &[0]), &algorithm, &value(4, &sec1)]);
    assert_eq!(
        error(&pem("PRIVATE KEY", &info)),
        KeyFileError::HalvesDiffer
    );
}

#[test]
fn text_around_the_key_is_passed_over() {
    let key = parse(ECDSA256_SEC1).unwrap().public_blob();
    let text = str::from_utf8(ECDSA256_SEC1).unwrap();
    let parameters =
        "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";
    for other in [
        std::format!("{parameters}{text}"),
        std::format!("Bag Attributes\n  friendlyName: x\n{text}"),
        std::format!("\u{feff}{text}"),
        std::format!("\n\r\n \t\n{text}"),
        text.replace('\n', "\r\n"),
        text.replace('\n', "  \n"),
        std::format!("  {text}"),
        std::format!("{text}-----BEGIN CERTIFICATE-----\n"),
    ] {
        assert_eq!(
            parse(other.as_bytes()).unwrap().public_blob(),
            key,
            "{other}"
        );
    }
}

#[test]
fn a_broken_frame_says_so() {
    let text = str::from_utf8(ECDSA256_SEC1).unwrap();
    for (text, expected) in [
        (
            text.replace("-----END", ""),
            KeyFileError::Malformed(Malformed::BadName),
        ),
        (
            text.replace("END EC", "END RSA"),
            KeyFileError::Malformed(Malformed::BadName),
        ),
        (
            text.replace("BEGIN EC", "BEGIN RSA"),
            KeyFileError::Malformed(Malformed::BadName),
        ),
        (
            text.replace("BEGIN EC PRIVATE", "BEGIN"),
            KeyFileError::NotAPrivateKey,
        ),
        (text.replacen('M', "*", 1), KeyFileError::BadBase64),
        (
            text[..100].into(),
            KeyFileError::Malformed(Malformed::TooShort),
        ),
        (
            text.replace("EC PRIVATE", "NEW PRIVATE"),
            KeyFileError::UnsupportedType("unknown"),
        ),
    ] {
        assert_eq!(error(text.as_bytes()), expected, "{text}");
    }
}

#[test]
fn no_truncation_and_no_longer_form_is_a_key() {
    for text in [
        RSA_PKCS1,
        RSA_PKCS8,
        ECDSA256_SEC1,
        ECDSA256_PKCS8,
        PKCS8_SEED,
    ] {
        let armour = armour(text).unwrap();
        let label = str::from_utf8(armour.label).unwrap();
        let der = armour.decode().unwrap();
        for n in 0..der.len() {
            assert!(parse(&pem(label, &der[..n])).is_err(), "{label} {n}");
        }
        let longer = [&der[..], &[0]].concat();
        assert_eq!(error(&pem(label, &longer)), Malformed::TrailingBytes.into());
        for n in 0..text.len() - 1 {
            assert!(parse(&text[..n]).is_err(), "{label} {n}");
        }
    }
}

#[test]
fn mutated_files_never_panic() {
    let mut dice = Dice::new(16);
    for text in [
        RSA_PKCS1,
        RSA_PKCS8,
        ECDSA256_SEC1,
        ECDSA256_PKCS8,
        PKCS8_SEED,
    ] {
        let armour = armour(text).unwrap();
        let label = str::from_utf8(armour.label).unwrap();
        let der = armour.decode().unwrap();
        for _ in 0..500 {
            let _ = parse(&mutate(&mut dice, text));
            if let Ok(key) = parse(&pem(label, &mutate(&mut dice, &der))) {
                let written = key.to_text(&Fixed([7; 4])).unwrap();
                let again = parse(written.expose()).unwrap();
                assert_eq!(again.public_blob(), key.public_blob());
            }
        }
    }
}

on_every_provider! { real: an_ed25519_key_in_pkcs8_has_its_public_half_inside_or_gets_it }
