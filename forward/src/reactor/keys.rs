//! In which order a client offers keys. Decisions only.

use adit_auth::{KeyId, OfferedKey, Probe};

use super::config::{AgentKeys, FileKey, FileKeyState};
use super::state::{ClientKey, Signer};

/// Most keys that are offered: a server counts each as a try, and sshd ends at six.
pub(super) const OFFERED_MAX: usize = 64;

/// Puts keys in the order of OpenSSH: those of the agent that a file names too, in the files'
/// order; the agent's other ones; then those that only a file has. A [`KeyId`] is the place in the
/// second list.
pub(super) fn order(
    agent: Vec<(OfferedKey, String)>,
    allowed: AgentKeys,
    files: Vec<FileKey>,
) -> (Vec<OfferedKey>, Vec<ClientKey>) {
    let named = |blob: &[u8]| files.iter().position(|file| file.public_blob == blob);
    let mut from_agent: Vec<(usize, (OfferedKey, String))> = Vec::new();
    for (key, comment) in agent {
        let place = named(&key.public_blob).unwrap_or(usize::MAX);
        if place == usize::MAX && allowed != AgentKeys::All {
            continue;
        }
        // People know it by the name that they gave.
        let name = files.get(place).map_or(comment, |file| file.name.clone());
        // Behind those of the same place: the agent's own order is kept.
        let behind = from_agent.partition_point(|(before, _)| *before <= place);
        from_agent.insert(behind, (place, (key, name)));
    }
    let mut offers = Vec::new();
    let mut keys: Vec<ClientKey> = Vec::new();
    let agent_keys = from_agent.into_iter().map(|(_, (key, name))| {
        let public_blob = key.public_blob;
        (public_blob, name, Probe::Yes, key.algorithms, Signer::Agent)
    });
    let file_keys = files.into_iter().filter_map(|file| {
        let (probe, signer) = match file.key {
            FileKeyState::Loaded(key) => (Probe::No, Signer::Loaded(key)),
            // Nobody is asked for the passphrase of a key that the server would refuse.
            FileKeyState::Locked => (Probe::Yes, Signer::Locked),
            FileKeyState::Public => return None,
        };
        Some((file.public_blob, file.name, probe, file.algorithms, signer))
    });
    let all = agent_keys.chain(file_keys);
    // What nobody here can use (certificates, security keys) takes no place from what they can.
    let (first, last) =
        all.partition::<Vec<_>, _>(|(_, _, _, algorithms, _)| !algorithms.is_empty());
    for (public_blob, name, ask_first, algorithms, signer) in first.into_iter().chain(last) {
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

    fn in_files(blobs: &[u8]) -> Vec<FileKey> {
        let keys = blobs.iter().map(|blob| match blob {
            b'a'..=b'z' => FileKey::loaded(String::new(), Box::new(Fake([*blob]))),
            blob => FileKey {
                name: String::new(),
                public_blob: vec![blob.to_ascii_lowercase()],
                algorithms: &["fake"],
                key: match blob {
                    b'A'..=b'M' => FileKeyState::Locked,
                    _ => FileKeyState::Public,
                },
            },
        });
        keys.collect()
    }

    #[test]
    fn keys_are_offered_in_the_order_of_openssh() {
        use AgentKeys::{All, OfFiles};
        // Of the files, capitals are locked up to M and public halves from N on.
        for (agent, allowed, files, expected) in [
            (&b""[..], All, &b""[..], &b""[..]),
            (b"abc", All, b"", b"abc"),
            (b"abc", All, b"x", b"abcx"),
            (b"abc", All, b"cx", b"cabx"),
            (b"abca", All, b"ba", b"bac"),
            (b"abc", All, b"CfX", b"cabf"),
            (b"ab", All, b"xF", b"abxf"),
            (b"apz", All, b"ZP", b"zpa"),
            (b"abc", OfFiles, b"x", b"x"),
            (b"abc", OfFiles, b"cb", b"cb"),
            (b"abpz", OfFiles, b"XPbA", b"pba"),
        ] {
            let (offers, keys) = order(in_agent(agent), allowed, in_files(files));
            let blobs: Vec<u8> = offers.iter().map(|o| o.public_blob[0]).collect();
            assert_eq!(blobs, expected);
            for (n, (offer, key)) in offers.iter().zip(&keys).enumerate() {
                assert_eq!(offer.id, KeyId(u32::try_from(n).unwrap()));
                assert_eq!(offer.public_blob, key.public_blob);
                let is_loaded = matches!(key.signer, Signer::Loaded(_));
                assert_eq!(is_loaded, offer.ask_first == Probe::No);
            }
        }
    }

    #[test]
    fn keys_of_unknown_types_take_no_place_from_others() {
        let mut agent = in_agent(&[0; OFFERED_MAX]);
        for (n, (key, _)) in agent.iter_mut().enumerate() {
            key.public_blob = vec![b'-', u8::try_from(n).unwrap()];
            key.algorithms = &[];
        }
        agent.extend(in_agent(b"ab"));
        let (offers, _) = order(agent, AgentKeys::All, in_files(b"f"));
        let usable = offers.iter().take_while(|o| !o.algorithms.is_empty());
        let blobs: Vec<u8> = usable.map(|o| o.public_blob[0]).collect();
        assert_eq!((&blobs[..], offers.len()), (&b"abf"[..], OFFERED_MAX));
    }

    #[test]
    fn no_more_keys_are_offered_than_the_limit() {
        for n in [OFFERED_MAX - 1, OFFERED_MAX, OFFERED_MAX + 1] {
            let keys = (0..n).map(|i| [u8::try_from(i).unwrap()]);
            let keys = keys.map(|blob| FileKey::loaded(String::new(), Box::new(Fake(blob))));
            let keys = keys.collect();
            let (offers, _) = order(Vec::new(), AgentKeys::All, keys);
            assert_eq!(offers.len(), n.min(OFFERED_MAX));
        }
    }
}
