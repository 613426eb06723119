//! Both providers on the same keys, signatures and shares, good, changed and made up: one verdict.
//! Which verdict is right is for the other files to say; here there are never two.

use adit_crypto::{LoadError, PURE, PrivateKey, Provider, encoded, verify};
use adit_proto::Mpint;
use adit_proto::blob::{EcdsaPublic, EcdsaSignature, NistCurve, OneString, RsaKeyBlob, SSH_RSA};
use adit_testkit::dice::Dice;
use adit_testkit::seeds;
use adit_vectors::{
    ECDH, ECDSA, ECDSA_REFUSED, ED25519, ED25519_MIXED, ED25519_REFUSED, OPENSSH_SIGNATURES, RSA,
    RSA_REFUSED, RSA_SIZES, Record, records,
};

use crate::Repeatable;
use crate::both::agreed;
use crate::mutation::{made_up, mutated, mutated_inside};

/// What [`verify`] takes.
#[derive(Clone, Debug)]
struct Signed {
    algorithm: Vec<u8>,
    key: Vec<u8>,
    message: Vec<u8>,
    signature: Vec<u8>,
}

impl Signed {
    fn of(algorithm: &str, key: Vec<u8>, record: &Record, signature: Vec<u8>) -> Self {
        Self {
            algorithm: algorithm.into(),
            key,
            message: record.bytes("message").to_vec(),
            signature,
        }
    }

    fn openssh(record: &Record) -> Self {
        let [algorithm, key, message, signature] =
            ["algorithm", "key", "message", "signature"].map(|name| record.bytes(name).to_vec());
        Self {
            algorithm,
            key,
            message,
            signature,
        }
    }

    fn ed25519(record: &Record) -> Self {
        let name = b"ssh-ed25519";
        let blob = |value| encoded(&OneString { name, value });
        let [key, signature] = ["public", "signature"].map(|name| blob(record.bytes(name)));
        Self::of("ssh-ed25519", key, record, signature)
    }

    fn ecdsa(record: &Record) -> Self {
        let point = record.bytes("public");
        let curve = curve_of(point);
        let [r, s] = ["r", "s"].map(|name| Mpint::from_unsigned(record.bytes(name)));
        let key = encoded(&EcdsaPublic { curve, point });
        let signature = encoded(&EcdsaSignature { curve, r, s });
        Self::of(curve.key_type(), key, record, signature)
    }

    fn rsa(record: &Record) -> Self {
        let [e, n] = ["e", "n"].map(|name| Mpint::from_unsigned(record.bytes(name)));
        let name = SSH_RSA;
        let key = encoded(&RsaKeyBlob { name, e, n });
        let algorithm = match record.bytes("hash") {
            [1, 0] => "rsa-sha2-256",
            _ => "rsa-sha2-512",
        };
        let (name, value) = (algorithm.as_bytes(), record.bytes("signature"));
        Self::of(algorithm, key, record, encoded(&OneString { name, value }))
    }

    fn verdict(&self, there: &Provider) -> (Option<bool>, bool) {
        let Self {
            algorithm,
            key,
            message,
            signature,
        } = self;
        let verifier = there.verifier(algorithm);
        (
            verifier.map(|verifier| verifier.accepts_key(key)),
            verify(there, algorithm, key, message, signature).is_ok(),
        )
    }
}

fn curve_of(point: &[u8]) -> NistCurve {
    match point.len() {
        65 => NistCurve::P256,
        _ => NistCurve::P384,
    }
}

/// Everything published, good and refused, a list for each type of key: RSA has the most vectors.
fn signed() -> [Vec<Signed>; 4] {
    type Make = fn(&Record) -> Signed;
    let all = |texts: &[&str], make: Make| -> Vec<_> {
        let records = texts.iter().flat_map(|text| records(text));
        records.map(|record| make(&record)).collect()
    };
    [
        all(&[OPENSSH_SIGNATURES], Signed::openssh),
        all(&[ED25519, ED25519_REFUSED, ED25519_MIXED], Signed::ed25519),
        all(&[ECDSA, ECDSA_REFUSED], Signed::ecdsa),
        all(&[RSA, RSA_REFUSED, RSA_SIZES], Signed::rsa),
    ]
}

#[test]
fn signatures_have_one_verdict() {
    let signed = signed();
    let good = signed.iter().flatten().filter(|signed| {
        let (_, good) = agreed(signed, |there| signed.verdict(there));
        good
    });
    assert!(good.count() > 80);
    seeds::each(1, 30, |seed| {
        let mut dice = Dice::new(seed);
        let (mut good, mut keys) = (0, 0);
        for _ in 0..1500 {
            let list = &signed[dice.below(signed.len())];
            let one = &list[dice.below(list.len())];
            let other = &list[dice.below(list.len())];
            let mut changed = one.clone();
            match dice.below(10) {
                0 => {}
                1 => changed.key.clone_from(&other.key),
                2 => changed.signature.clone_from(&other.signature),
                3 => changed.algorithm.clone_from(&other.algorithm),
                4 => changed.message = mutated(&mut dice, &one.message),
                5 | 6 => changed.key = mutated_inside(&mut dice, &one.key),
                _ => changed.signature = mutated_inside(&mut dice, &one.signature),
            }
            let (is_key, is_good) = agreed(&changed, |there| changed.verdict(there));
            good += usize::from(is_good);
            keys += usize::from(is_key == Some(true));
        }
        // Some are still what they were, and most of the keys are keys.
        assert!((50..750).contains(&good) && keys > 1000, "{good} {keys}");
    });
}

/// The blob of the public key, or why there is none.
fn loaded(there: &Provider, key: &PrivateKey<'_>) -> Result<Vec<u8>, LoadError> {
    Ok(there.keys.load(key)?.public_blob().to_vec())
}

#[test]
fn private_keys_have_one_verdict() {
    let ed25519 = records(ED25519);
    let ecdsa: Vec<_> = records(ECDSA)
        .into_iter()
        .filter(|record| record.find("private").is_some())
        .collect();
    seeds::each(1, 30, |seed| {
        let mut dice = Dice::new(seed);
        let mut good = 0;
        for _ in 0..400 {
            let record = &ed25519[dice.below(ed25519.len())];
            let [mut seed, mut public] = ["seed", "public"].map(|name| record.bytes(name).to_vec());
            if dice.one_in(2) {
                let half = if dice.one_in(2) {
                    &mut seed
                } else {
                    &mut public
                };
                *half = mutated(&mut dice, half);
                half.resize(32, 0);
            }
            let (seed, public) = (seed[..].try_into().unwrap(), public[..].try_into().unwrap());
            let key = PrivateKey::Ed25519 { seed, public };
            good += usize::from(agreed(&public, |there| loaded(there, &key)).is_ok());

            let record = &ecdsa[dice.below(ecdsa.len())];
            let [mut private, mut public] =
                ["private", "public"].map(|name| record.bytes(name).to_vec());
            let curve = curve_of(&public);
            match dice.below(6) {
                0 => private = mutated(&mut dice, &private),
                1 => public = mutated(&mut dice, &public),
                2 => private = made_up(&mut dice, curve.field_len()),
                _ => {}
            }
            let (private, public) = (&private, &public);
            let key = PrivateKey::Ecdsa {
                curve,
                private,
                public,
            };
            good += usize::from(agreed(&public, |there| loaded(there, &key)).is_ok());
        }
        assert!((300..600).contains(&good), "{good}");
    });
}

#[test]
fn shares_have_one_verdict() {
    let points: Vec<Vec<u8>> = records(ECDH)
        .iter()
        .filter_map(|record| record.find("refused").or(record.find("peer")))
        .map(<[u8]>::to_vec)
        .collect();
    seeds::each(1, 30, |seed| {
        let mut dice = Dice::new(seed);
        for kex in PURE.kex {
            // Shares that come again with the seed: what is turned in them is the same, too.
            let random = Repeatable::new(seed);
            let client = kex.start(&random).unwrap().share().to_vec();
            let (server, _) = kex.answer(&random, &client).unwrap();
            let mut change = |share: &[u8]| {
                let mut out = share.to_vec();
                let point = points.get(dice.below(points.len()));
                let tail = share.len() - 32;
                match dice.below(6) {
                    0 => {}
                    1 | 2 => return mutated(&mut dice, share),
                    // A share of X25519, by itself or behind what is ML-KEM's, or a y.
                    3 => out.splice(tail.., made_up(&mut dice, 32)).for_each(drop),
                    4 => out[tail..].fill(dice.pick(&[0, 1, 0x7f, 0xff])),
                    _ => {
                        out = point
                            .filter(|p| p.len() == out.len())
                            .unwrap_or(&out)
                            .clone()
                    }
                }
                out
            };
            let mut taken = [0; 2];
            for _ in 0..100 {
                let shares = [change(&client), change(&server)];
                let verdicts = agreed(&(kex.name(), &shares), |there| {
                    let kex = there.kex(kex.name().as_bytes()).unwrap();
                    let answered = kex.answer(there.random, &shares[0]);
                    let finished = kex.start(there.random).unwrap().finish(&shares[1]);
                    [answered.is_ok(), finished.is_ok()]
                });
                taken[0] += usize::from(verdicts[0]);
                taken[1] += usize::from(verdicts[1]);
            }
            let is_mixed = |n: &usize| (10..90).contains(n);
            assert!(taken.iter().all(is_mixed), "{} {taken:?}", kex.name());
        }
    });
}
