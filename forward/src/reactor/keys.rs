//! In which order a client offers keys. Decisions only.

use adit_auth::{KeyId, OfferedKey, Probe};

use super::config::{AgentKeys, LoadedKey};
use super::state::{ClientKey, Signer};

/// Most keys that are offered: a server counts each as a try, and sshd ends at six.
pub(super) const OFFERED_MAX: usize = 64;

/// Puts keys in the order of OpenSSH: those of the agent that a file names too, the agent's other
/// ones, then those that only a file has. A [`KeyId`] is the place in the second list.
pub(super) fn order(
    agent: Vec<(OfferedKey, String)>,
    allowed: &AgentKeys,
    loaded: Vec<LoadedKey>,
) -> (Vec<OfferedKey>, Vec<ClientKey>) {
    let named = |blob: &[u8]| match allowed {
        AgentKeys::All => loaded.iter().position(|l| l.key.public_blob() == blob),
        AgentKeys::Listed(list) => list.iter().position(|listed| listed == blob),
    };
    let mut from_agent: Vec<(usize, (OfferedKey, String))> = agent
        .into_iter()
        .filter_map(|key| match (named(&key.0.public_blob), allowed) {
            (Some(place), _) => Some((place, key)),
            (None, AgentKeys::All) => Some((usize::MAX, key)),
            (None, AgentKeys::Listed(_)) => None,
        })
        .collect();
    from_agent.sort_by_key(|(place, _)| *place); // stable: the agent's own order is kept
    let mut offers = Vec::new();
    let mut keys: Vec<ClientKey> = Vec::new();
    let agent_keys = from_agent.into_iter().map(|(_, (key, name))| {
        let public_blob = key.public_blob;
        (public_blob, name, Probe::Yes, key.algorithms, Signer::Agent)
    });
    let file_keys = loaded.into_iter().map(|loaded| {
        let public_blob = loaded.key.public_blob().to_vec();
        let algorithms = loaded.key.algorithms();
        let signer = Signer::Loaded(loaded.key);
        (public_blob, loaded.name, Probe::No, algorithms, signer)
    });
    for (public_blob, name, ask_first, algorithms, signer) in agent_keys.chain(file_keys) {
        let twice = keys.iter().any(|key| key.public_blob == public_blob);
        let Ok(id) = u32::try_from(keys.len()) else {
            break;
        };
        if twice || keys.len() >= OFFERED_MAX {
            continue;
        }
        offers.push(OfferedKey {
            public_blob: public_blob.clone(),
            id: KeyId(id),
            ask_first,
            algorithms,
        });
        keys.push(ClientKey {
            name,
            public_blob,
            signer,
        });
    }
    (offers, keys)
}

#[cfg(test)]
mod tests {
    use adit_crypto::{SigningKey, Unspecified};

    use super::*;

    struct Fake([u8; 1]);
    impl SigningKey for Fake {
        fn algorithms(&self) -> &'static [&'static str] {
            &["fake"]
        }
        fn public_blob(&self) -> &[u8] {
            &self.0
        }
        fn sign(&self, _: &str, _: &[u8]) -> Result<Vec<u8>, Unspecified> {
            Err(Unspecified)
        }
    }

    fn in_agent(blobs: &[u8]) -> Vec<(OfferedKey, String)> {
        let keys = blobs.iter().map(|blob| OfferedKey {
            public_blob: vec![*blob],
            id: KeyId(99),
            ask_first: Probe::Yes,
            algorithms: &["fake"],
        });
        keys.map(|key| (key, String::new())).collect()
    }

    fn in_files(blobs: &[u8]) -> Vec<LoadedKey> {
        let keys = blobs.iter().map(|blob| LoadedKey {
            name: String::new(),
            key: Box::new(Fake([*blob])),
        });
        keys.collect()
    }

    #[test]
    fn keys_are_offered_in_the_order_of_openssh() {
        let all = AgentKeys::All;
        let listed = |list: &[u8]| AgentKeys::Listed(list.iter().map(|b| vec![*b]).collect());
        for (agent, allowed, files, expected) in [
            (&b""[..], &all, &b""[..], &b""[..]),
            (b"abc", &all, b"", b"abc"),
            (b"abc", &all, b"x", b"abcx"),
            (b"abc", &all, b"cx", b"cabx"),
            (b"abca", &all, b"ba", b"bac"),
            (b"abc", &listed(b""), b"x", b"x"),
            (b"abc", &listed(b"cb"), b"b", b"cb"),
        ] {
            let (offers, keys) = order(in_agent(agent), allowed, in_files(files));
            let blobs: Vec<u8> = offers.iter().map(|o| o.public_blob[0]).collect();
            assert_eq!(blobs, expected);
            for (n, (offer, key)) in offers.iter().zip(&keys).enumerate() {
                assert_eq!(offer.id, KeyId(u32::try_from(n).unwrap()));
                assert_eq!(offer.public_blob, key.public_blob);
                let from_agent = matches!(key.signer, Signer::Agent);
                assert_eq!(from_agent, offer.ask_first == Probe::Yes);
            }
        }
    }

    #[test]
    fn no_more_keys_are_offered_than_the_limit() {
        for n in [OFFERED_MAX - 1, OFFERED_MAX, OFFERED_MAX + 1] {
            let blobs: Vec<u8> = (0..n).map(|i| u8::try_from(i).unwrap()).collect();
            let (offers, _) = order(Vec::new(), &AgentKeys::All, in_files(&blobs));
            assert_eq!(offers.len(), n.min(OFFERED_MAX));
        }
    }
}
