//! Host keys of every type: who can sign with one has room for it, at any moment.

use adit_crypto::encoded;
use adit_proto::Rest;
use adit_proto::blob::{RSA_BITS_MAX, RsaHash, RsaPublic};
use adit_proto::msg::{PublickeyMethod, UserauthPkOk, UserauthRequest};
use adit_testkit::keys::private_key;
use adit_vectors::{OPENSSH_SIGNATURES, Record, records};

use super::*;

/// The key of a record, if this provider signs with it.
fn load(provider: &'static Provider, record: &Record) -> Option<Box<dyn SigningKey>> {
    provider.keys.load(&private_key(record)?).ok()
}

fn string(bytes: &[u8]) -> Vec<u8> {
    let len = u32::try_from(bytes.len()).unwrap();
    [&len.to_be_bytes(), bytes].concat()
}

fn with_key(
    provider: &'static Provider,
    key: Box<dyn SigningKey>,
    algorithm: &'static str,
) -> Pair {
    let mut client = config(provider, 1);
    client.algorithms.host_keys = [algorithm].to_vec();
    let server = Transport::server(config(provider, 2), Arc::new([key]), NOW).unwrap();
    let mut server = End::new(server);
    server.trusting = false;
    Pair::new(End::client(client), server)
}

fn a_server_with_a_host_key_of_each_type_has_room_for_its_signature(provider: &'static Provider) {
    let mut connections = 0;
    for record in records(OPENSSH_SIGNATURES) {
        let Some(algorithms) = load(provider, &record).map(|key| key.algorithms()) else {
            continue;
        };
        for algorithm in algorithms {
            let key = load(provider, &record).unwrap();
            let mut pair = with_key(provider, key, algorithm).authenticated();
            let negotiated = pair.client.t.negotiated().unwrap().host_key;
            assert_eq!(negotiated, *algorithm);
            // Another exchange, begun when everything but the room for it is taken.
            let tx = &mut pair.server.t.tx;
            while let Some(mut slot) = tx.reserve(32 * 1024) {
                let n = slot.body().len();
                slot.seal(0, n).unwrap();
            }
            while tx.control_room() > 0 {
                let len = tx.control_room().min(30_000);
                tx.send(&Bytes(&std::vec![200; len])).unwrap();
            }
            pair.server.t.start_rekey(NOW).unwrap();
            let kexinit = pair.server.t.tx.len();
            pair.client.t.start_rekey(NOW).unwrap();
            // The whole flight is sealed before a byte of it goes out.
            let init = pair.client.take();
            pair.server.give(&init);
            assert_eq!(pair.server.error, None);
            assert!(pair.server.t.tx.len() >= kexinit);
            pair.run();
            assert_eq!((pair.client.error, pair.server.error), (None, None));
            assert_eq!(pair.client.count(&Seen::Rekeyed), 1);
            connections += 1;
        }
    }
    // Two curves with each provider, and three sizes of RSA with two hashes with one of them.
    let expected = if provider.name == "ring" {
        2 + 3 * 2
    } else {
        2
    };
    assert_eq!(connections, expected);
}

/// A host key that the server shows and cannot be right.
struct Unfit(Vec<u8>);

impl SigningKey for Unfit {
    fn algorithms(&self) -> &'static [&'static str] {
        &["rsa-sha2-512"]
    }
    fn public_blob(&self) -> &[u8] {
        &self.0
    }
    fn sign(&self, _: &str, _: &[u8]) -> Result<Vec<u8>, adit_crypto::Unspecified> {
        Ok([string(b"rsa-sha2-512"), string(&[9; 256])].concat())
    }
}

fn a_host_key_of_another_size_or_type_is_named_before_its_signature_is(
    provider: &'static Provider,
) {
    let rsa = |modulus_len| {
        let n = std::vec![0x55; modulus_len];
        [string(b"ssh-rsa"), string(&[1, 0, 1]), string(&n)].concat()
    };
    let unfit = Error::from(PeerMisbehaved::HostKeyUnfit);
    for (blob, expected) in [
        (rsa(128), unfit),
        (rsa(255), unfit),
        (rsa(1025), unfit),
        (rsa(2048), unfit),
        ([string(b"ssh-ed25519"), string(&[1; 32])].concat(), unfit),
        (Vec::new(), unfit),
        (
            [string(b"ssh-rsa"), string(&[1, 0, 1]), string(&[0x55; 257])].concat(),
            CryptoFailure::HostKeySignature.into(),
        ),
    ] {
        let mut pair = with_key(provider, Box::new(Unfit(blob)), "rsa-sha2-512");
        pair.run();
        assert_eq!(pair.client.error, Some(expected));
        assert_eq!(pair.client.count(&Seen::HostKey), 0);
    }
}

/// A host key that signs with another algorithm than the one that was agreed on.
struct Other {
    key: Box<dyn SigningKey>,
    offers: &'static [&'static str],
    /// What it calls its signatures.
    name: &'static str,
}

impl SigningKey for Other {
    fn algorithms(&self) -> &'static [&'static str] {
        self.offers
    }
    fn public_blob(&self) -> &[u8] {
        self.key.public_blob()
    }
    fn sign(&self, agreed: &str, message: &[u8]) -> Result<Vec<u8>, adit_crypto::Unspecified> {
        let mut algorithms = self.key.algorithms().iter();
        let other = algorithms.find(|other| **other != agreed).unwrap();
        let blob = self.key.sign(other, message)?;
        let (_, value) = blob.split_at(4 + other.len());
        Ok([&string(self.name.as_bytes()), value].concat())
    }
}

fn a_host_key_signs_with_the_algorithm_that_was_agreed_on_and_no_other(
    provider: &'static Provider,
) {
    let is_rsa = |record: &Record| record.find("d").is_some();
    let record = records(OPENSSH_SIGNATURES).into_iter().find(is_rsa);
    let record = record.unwrap();
    for (offers, agreed) in [
        (&["rsa-sha2-256"][..], "rsa-sha2-256"),
        (&["rsa-sha2-512"], "rsa-sha2-512"),
        (&["rsa-sha2-512", "rsa-sha2-256"], "rsa-sha2-256"),
    ] {
        // Under its own name the signature is a good one.
        for name in ["rsa-sha2-256", "rsa-sha2-512", "ssh-rsa"] {
            let key = load(&adit_crypto::RING, &record).unwrap();
            let key = Other { key, offers, name };
            let mut pair = with_key(&adit_crypto::RING, Box::new(key), agreed);
            let mut config = config(provider, 1);
            config.algorithms.host_keys = [agreed].to_vec();
            pair.client = End::client(config);
            pair.run();
            let wrong = CryptoFailure::HostKeySignature.into();
            assert_eq!(pair.client.error, Some(wrong), "{agreed} {name}");
            assert_eq!(pair.client.count(&Seen::HostKey), 0);
        }
    }
}

fn the_authentication_of_the_largest_key_fits_before_authentication(provider: &'static Provider) {
    let n = std::vec![0xff; RSA_BITS_MAX / 8];
    let e = &[1, 0xff, 0xff, 0xff, 0xff];
    let key = encoded(&RsaPublic::new(e, &n).unwrap());
    let algorithm = RsaHash::Sha512.algorithm().as_bytes();
    let signature = encoded(&adit_proto::blob::OneString {
        name: algorithm,
        value: &n,
    });
    let method = encoded(&PublickeyMethod {
        has_signature: true,
        public_key_algorithm_name: algorithm,
        public_key_blob: &key,
        signature: Rest(&string(&signature)),
    });
    // The longest name of a user, and of the method one that also holds the server's key.
    let request = encoded(&UserauthRequest {
        user_name: &[b'u'; 255],
        service_name: b"ssh-connection",
        method_name: b"publickey-hostbound-v00@openssh.com",
        method: Rest(&[method, string(&key)].concat()),
    });
    let pk_ok = encoded(&UserauthPkOk {
        public_key_algorithm_name: algorithm,
        public_key_blob: &key,
    });
    let mut pair = Pair::on(provider).established();
    pair.client.t.tx().send(&Bytes(&request)).unwrap();
    pair.server.t.tx().send(&Bytes(&pk_ok)).unwrap();
    pair.run();
    assert_eq!(pair.server.seen.last(), Some(&Seen::Packet(request)));
    assert_eq!(pair.client.seen.last(), Some(&Seen::Packet(pk_ok)));
}

on_every_provider! {
    the_authentication_of_the_largest_key_fits_before_authentication;
    real:
    a_server_with_a_host_key_of_each_type_has_room_for_its_signature
    a_host_key_of_another_size_or_type_is_named_before_its_signature_is
    a_host_key_signs_with_the_algorithm_that_was_agreed_on_and_no_other
}
