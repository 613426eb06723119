//! Key and signature blobs: what is read comes back as it was, and both providers come to the same
//! verdict on every signature.

use adit_crypto::{NistCurve, PURE, Provider, RING, encoded, verify};
use adit_proto::blob::{
    EcdsaPublic, EcdsaSignature, OneString, RsaHash, RsaKeyBlob, SSH_ED25519, SSH_RSA, blob_name,
    ecdsa_public, ecdsa_signature, ed25519_public, ed25519_signature, rsa_public, rsa_signature,
};
use adit_proto::{Encode, Mpint, Reader};
use adit_vectors::{OPENSSH_SIGNATURES, records};

use crate::seeds::{bytes, string};

const PROVIDERS: [&Provider; 2] = [&RING, &PURE];

/// At most one of the readers takes a blob, and a key has one form.
pub(crate) fn blob(data: &[u8]) {
    let name = blob_name(data);
    let mut takers = 0;
    let mut same = |value: &dyn Encode, named: &[u8]| {
        takers += 1;
        assert_eq!(name, Ok(named));
        let mut out = vec![0; value.encoded_len()];
        value.encode(&mut adit_proto::Writer::new(&mut out));
        assert_eq!(out, data);
    };
    let public = ed25519_public(data).map(|value| &value[..]);
    let signature = ed25519_signature(data).map(|value| &value[..]);
    for value in [public, signature].into_iter().flatten() {
        let name = SSH_ED25519;
        same(&OneString { name, value }, SSH_ED25519);
    }
    if let Ok(key) = ecdsa_public(data) {
        same(&key, key.curve.key_type().as_bytes());
    }
    if let Ok(key) = rsa_public(data) {
        same(&key, SSH_RSA);
    }
    for hash in RsaHash::ALL {
        if let Ok(value) = rsa_signature(data, hash) {
            let name = hash.algorithm().as_bytes();
            same(&OneString { name, value }, name);
        }
    }
    if let Ok(signature) = ecdsa_signature(data) {
        takers += 1;
        // Superfluous zeros are not written again.
        let again = bytes(&signature);
        assert!(again.len() <= data.len());
        assert_eq!(ecdsa_signature(&again), Ok(signature));
    }
    assert!(takers <= 1, "one blob, two meanings");
}

pub(crate) fn blob_seeds() -> Vec<Vec<u8>> {
    let mut seeds = vec![
        [string(SSH_ED25519), string(&[1; 32])].concat(),
        [string(SSH_ED25519), string(&[1; 64])].concat(),
        [string(SSH_RSA), string(&[1, 0, 1]), string(&[0x7f; 256])].concat(),
    ];
    for record in records(OPENSSH_SIGNATURES) {
        seeds.push(record.bytes("key").to_vec());
        seeds.push(record.bytes("signature").to_vec());
    }
    seeds
}

/// One byte chooses the algorithm, and whether the two blobs follow as strings or only the numbers
/// that go into them; the rest is the message.
pub(crate) fn signature(data: &[u8]) {
    let Some((which, rest)) = data.split_first() else {
        return;
    };
    let verifiers = PURE.verifiers;
    let algorithm = verifiers[usize::from(which & 0x7f) % verifiers.len()].algorithm();
    let mut reader = Reader::new(rest);
    let blobs = if which & 0x80 == 0 {
        from_numbers(algorithm, &mut reader)
    } else {
        reader
            .string()
            .and_then(|key| Ok((key.to_vec(), reader.string()?.to_vec())))
            .ok()
    };
    let Some((key, signed)) = blobs else {
        return;
    };
    let message = reader.rest();
    let [ring, pure] = PROVIDERS.map(|provider| {
        let verifier = provider.verifier(algorithm.as_bytes());
        let accepts = verifier.is_some_and(|verifier| verifier.accepts_key(&key));
        let verdict = verify(provider, algorithm.as_bytes(), &key, message, &signed).is_ok();
        assert!(accepts || !verdict, "a key that is none has signed");
        (accepts, verdict)
    });
    assert_eq!(ring, pure, "the providers differ on a signature");
}

/// A key and a signature in their blobs, with numbers of the right lengths.
fn from_numbers(algorithm: &str, reader: &mut Reader<'_>) -> Option<(Vec<u8>, Vec<u8>)> {
    let mut take = |len| reader.bytes(len).ok();
    if let Some(curve) = NistCurve::of_key_type(algorithm.as_bytes()) {
        let point = [&[4], take(curve.point_len() - 1)?].concat();
        let r = Mpint::from_unsigned(take(curve.field_len())?);
        let s = Mpint::from_unsigned(take(curve.field_len())?);
        let point = &point;
        return Some((
            encoded(&EcdsaPublic { curve, point }),
            encoded(&EcdsaSignature { curve, r, s }),
        ));
    }
    let one_string = |name: &[u8], value: &[u8]| encoded(&OneString { name, value });
    let name = algorithm.as_bytes();
    if name == SSH_ED25519 {
        return Some((one_string(name, take(32)?), one_string(name, take(64)?)));
    }
    let key = RsaKeyBlob {
        name: SSH_RSA,
        e: Mpint::from_unsigned(take(5)?),
        n: Mpint::from_unsigned(take(256)?),
    };
    Some((encoded(&key), one_string(name, take(256)?)))
}

pub(crate) fn signature_seeds() -> Vec<Vec<u8>> {
    let mut seeds = vec![
        [&[0][..], &[1], &[0; 31], &[1], &[0; 63], b"small order"].concat(),
        vec![0; 97],
        [vec![0], vec![0xff; 100]].concat(),
    ];
    for record in records(OPENSSH_SIGNATURES) {
        let [key, signed, message] = ["key", "signature", "message"].map(|name| record.bytes(name));
        let which = PURE
            .verifiers
            .iter()
            .zip(0_u8..)
            .find(|(verifier, _)| verifier.algorithm().as_bytes() == record.bytes("algorithm"))
            .map_or(0, |(_, which)| which);
        let blobs = [string(key), string(signed)].concat();
        seeds.push([&[0x80 | which], &blobs[..], message].concat());
        // Only what has the lengths of `from_numbers`.
        if let (Ok(key), Ok(signed)) = (ed25519_public(key), ed25519_signature(signed)) {
            seeds.push([&[which], &key[..], signed, message].concat());
        }
        let hash = RsaHash::ALL.map(|hash| rsa_signature(signed, hash).ok());
        if let (Ok(key), [Some(value), _] | [_, Some(value)]) = (rsa_public(key), hash)
            && value.len() == 256
        {
            let e = [&[0; 5][key.e.len()..], key.e].concat();
            seeds.push([&[which], &e[..], key.n, value, message].concat());
        }
        if let (Ok(key), Ok(signed)) = (ecdsa_public(key), ecdsa_signature(signed)) {
            let len = key.curve.field_len();
            let [r, s] = [signed.r, signed.s].map(|number| {
                let number = number.magnitude();
                [&vec![0; len - number.len()], number].concat()
            });
            seeds.push([&[which], &key.point[1..], &r, &s, message].concat());
        }
    }
    seeds
}
