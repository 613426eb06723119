//! Algorithm negotiation (RFC 4253 §7.1): a pure function of two KEXINITs. Nobody chooses again
//! afterwards.

use alloc::vec::Vec;

use adit_crypto::{Cipher, Kex, encoded};
use adit_proto::NameList;
use adit_proto::msg::KexInit;

use crate::config::{Algorithms, MACS, distinct};
use crate::error::{Error, Internal, List};
use crate::strict::Strict;

/// The only compression: others leak across what is forwarded together.
const COMPRESSION: &[u8] = b"none";

/// Whether a KEXINIT is the first of a connection, which alone carries markers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Which<'a> {
    First { markers: [&'a [u8]; 2] },
    Later,
}

/// Our lists, joined.
pub(crate) struct Offer {
    kex: Vec<u8>,
    host_keys: Vec<u8>,
    ciphers: Vec<u8>,
    macs: Vec<u8>,
}

impl Offer {
    /// From what is configured.
    pub(crate) fn new(algorithms: &Algorithms) -> Result<Self, Internal> {
        let macs = algorithms.ciphers.iter().filter_map(|c| c.mac());
        let mut offer = Self {
            kex: joined(algorithms.kex.iter().map(|k| k.name())),
            host_keys: joined(algorithms.host_keys.iter().copied()),
            ciphers: joined(algorithms.ciphers.iter().map(|c| c.name())),
            macs: joined(macs),
        };
        // An AEAD cipher needs no MAC and the result is not looked at, but peers exist (paramiko)
        // that want a common name all the same.
        if offer.macs.is_empty() {
            offer.macs = joined(MACS.into_iter());
        }
        let lists = [&offer.kex, &offer.host_keys, &offer.ciphers, &offer.macs];
        let usable = |list: &&Vec<u8>| !list.is_empty() && NameList::parse(list).is_ok();
        if lists.iter().all(usable) {
            Ok(offer)
        } else {
            Err(Internal::NothingToOffer)
        }
    }

    /// Our KEXINIT.
    pub(crate) fn kexinit(&self, cookie: [u8; 16], which: Which<'_>) -> Result<Vec<u8>, Error> {
        let mut kex = self.kex.clone();
        if let Which::First { markers } = which {
            for marker in markers {
                kex.push(b',');
                kex.extend_from_slice(marker);
            }
        }
        let ciphers = NameList::parse(&self.ciphers)?;
        let macs = NameList::parse(&self.macs)?;
        let compression = NameList::parse(COMPRESSION)?;
        Ok(encoded(&KexInit {
            cookie,
            kex_algorithms: NameList::parse(&kex)?,
            server_host_key_algorithms: NameList::parse(&self.host_keys)?,
            encryption_algorithms_client_to_server: ciphers,
            encryption_algorithms_server_to_client: ciphers,
            mac_algorithms_client_to_server: macs,
            mac_algorithms_server_to_client: macs,
            compression_algorithms_client_to_server: compression,
            compression_algorithms_server_to_client: compression,
            languages_client_to_server: NameList::EMPTY,
            languages_server_to_client: NameList::EMPTY,
            first_kex_packet_follows: false,
            reserved: 0,
        }))
    }
}

/// Names without repetition, with commas between.
pub(crate) fn joined(names: impl Iterator<Item = &'static str>) -> Vec<u8> {
    distinct(names).join(",").into_bytes()
}

/// Whether the peer's next packet is a guess that came to nothing (RFC 4253 §7).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Guess {
    /// None was made, or it was right.
    Fine,
    /// The peer's next packet of the exchange must be ignored.
    Wrong,
}

/// What both KEXINITs come to.
pub(crate) struct Agreement {
    pub(crate) kex: &'static dyn Kex,
    pub(crate) host_key: &'static str,
    pub(crate) client_to_server: &'static dyn Cipher,
    pub(crate) server_to_client: &'static dyn Cipher,
}

/// Agrees on algorithms. `algorithms` are ours, whoever we are.
pub(crate) fn negotiate(
    algorithms: &Algorithms,
    client: &KexInit<'_>,
    server: &KexInit<'_>,
) -> Result<Agreement, Error> {
    let kex = first_common(client.kex_algorithms, server.kex_algorithms, List::Kex)?;
    let host_key = first_common(
        client.server_host_key_algorithms,
        server.server_host_key_algorithms,
        List::HostKey,
    )?;
    let client_to_server = cipher(
        algorithms,
        [
            client.encryption_algorithms_client_to_server,
            server.encryption_algorithms_client_to_server,
        ],
        [
            client.mac_algorithms_client_to_server,
            server.mac_algorithms_client_to_server,
        ],
        [List::CipherToServer, List::MacToServer],
    )?;
    let server_to_client = cipher(
        algorithms,
        [
            client.encryption_algorithms_server_to_client,
            server.encryption_algorithms_server_to_client,
        ],
        [
            client.mac_algorithms_server_to_client,
            server.mac_algorithms_server_to_client,
        ],
        [List::CipherToClient, List::MacToClient],
    )?;
    // Both lists of compressions hold `none` or nothing is agreed on; languages are not used.
    first_common(
        client.compression_algorithms_client_to_server,
        server.compression_algorithms_client_to_server,
        List::CompressionToServer,
    )?;
    first_common(
        client.compression_algorithms_server_to_client,
        server.compression_algorithms_server_to_client,
        List::CompressionToClient,
    )?;
    Ok(Agreement {
        // A name that both sent may still be none of ours: a marker that the peer mirrors.
        kex: algorithms
            .kex
            .iter()
            .copied()
            .find(|k| k.name().as_bytes() == kex)
            .ok_or(Error::NoCommon(List::Kex))?,
        host_key: algorithms
            .host_keys
            .iter()
            .copied()
            .find(|name| name.as_bytes() == host_key)
            .ok_or(Error::NoCommon(List::HostKey))?,
        client_to_server,
        server_to_client,
    })
}

impl Agreement {
    /// Without strict key exchange an attacker can cut off the first packets under some ciphers
    /// (CVE-2023-48795), so neither direction may begin to use one of these.
    ///
    /// # Errors
    /// [`Error::NoStrictKex`], which names the cipher.
    pub(crate) fn require_strict(&self, strict: Strict) -> Result<(), Error> {
        let ciphers = [self.client_to_server, self.server_to_client];
        match ciphers.iter().find(|cipher| cipher.needs_strict_kex()) {
            Some(cipher) if strict == Strict::No => Err(Error::NoStrictKex {
                cipher: cipher.name(),
            }),
            _ => Ok(()),
        }
    }
}

/// RFC 4253 §7.1: "The first algorithm on the client's name-list that satisfies the requirements
/// and is also supported by the server".
fn first_common<'a>(
    client: NameList<'a>,
    server: NameList<'_>,
    list: List,
) -> Result<&'a [u8], Error> {
    client
        .iter()
        .find(|name| server.contains(name))
        .ok_or(Error::NoCommon(list))
}

fn cipher(
    algorithms: &Algorithms,
    [client, server]: [NameList<'_>; 2],
    [client_macs, server_macs]: [NameList<'_>; 2],
    [cipher_list, mac_list]: [List; 2],
) -> Result<&'static dyn Cipher, Error> {
    let name = first_common(client, server, cipher_list)?;
    let ours = algorithms.ciphers.iter().copied();
    let mut named = ours.filter(|c| c.name().as_bytes() == name).peekable();
    let first = *named.peek().ok_or(Error::NoCommon(cipher_list))?;
    if first.mac().is_none() {
        return Ok(first);
    }
    let mac = first_common(client_macs, server_macs, mac_list)?;
    named
        .find(|c| c.mac().is_some_and(|m| m.as_bytes() == mac))
        .ok_or(Error::NoCommon(mac_list))
}

/// Whether the guess that `theirs` announces, if it does, was right: both sides prefer the same
/// key exchange method and the same host key algorithm (RFC 4253 §7).
pub(crate) fn guess(ours: &KexInit<'_>, theirs: &KexInit<'_>) -> Guess {
    let same_first = |a: NameList<'_>, b: NameList<'_>| a.iter().next() == b.iter().next();
    let right = same_first(ours.kex_algorithms, theirs.kex_algorithms)
        && same_first(
            ours.server_host_key_algorithms,
            theirs.server_host_key_algorithms,
        );
    if theirs.first_kex_packet_follows && !right {
        Guess::Wrong
    } else {
        Guess::Fine
    }
}

/// A peer's list, joined.
pub(crate) fn list<'a>(kexinit: &KexInit<'a>, which: List) -> NameList<'a> {
    match which {
        List::Kex => kexinit.kex_algorithms,
        List::HostKey => kexinit.server_host_key_algorithms,
        List::CipherToServer => kexinit.encryption_algorithms_client_to_server,
        List::CipherToClient => kexinit.encryption_algorithms_server_to_client,
        List::MacToServer => kexinit.mac_algorithms_client_to_server,
        List::MacToClient => kexinit.mac_algorithms_server_to_client,
        List::CompressionToServer => kexinit.compression_algorithms_client_to_server,
        List::CompressionToClient => kexinit.compression_algorithms_server_to_client,
    }
}

/// What was agreed on, for people and for tests.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Negotiated {
    /// Key exchange method.
    pub kex: &'static str,
    /// Whether that holds against a quantum computer.
    pub post_quantum: bool,
    /// Host key algorithm.
    pub host_key: &'static str,
    /// Cipher from client to server.
    pub cipher_to_server: &'static str,
    /// Cipher from server to client.
    pub cipher_to_client: &'static str,
    /// MAC from client to server, unless the cipher authenticates by itself.
    pub mac_to_server: Option<&'static str>,
    /// MAC from server to client, unless the cipher authenticates by itself.
    pub mac_to_client: Option<&'static str>,
    /// Whether key exchange is strict, which the first KEXINITs decide.
    pub strict_kex: bool,
}

impl Negotiated {
    pub(crate) fn new(agreement: &Agreement, strict: Strict) -> Self {
        Self {
            kex: agreement.kex.name(),
            post_quantum: agreement.kex.is_post_quantum(),
            host_key: agreement.host_key,
            cipher_to_server: agreement.client_to_server.name(),
            cipher_to_client: agreement.server_to_client.name(),
            mac_to_server: agreement.client_to_server.mac(),
            mac_to_client: agreement.server_to_client.mac(),
            strict_kex: strict == Strict::Agreed,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::format;
    use std::string::String;

    use adit_testkit::toy::PROVIDER;

    use super::*;
    use crate::config::AeadFirst;

    const EMPTY: KexInit<'static> = KexInit {
        cookie: [0; 16],
        kex_algorithms: NameList::EMPTY,
        server_host_key_algorithms: NameList::EMPTY,
        encryption_algorithms_client_to_server: NameList::EMPTY,
        encryption_algorithms_server_to_client: NameList::EMPTY,
        mac_algorithms_client_to_server: NameList::EMPTY,
        mac_algorithms_server_to_client: NameList::EMPTY,
        compression_algorithms_client_to_server: NameList::EMPTY,
        compression_algorithms_server_to_client: NameList::EMPTY,
        languages_client_to_server: NameList::EMPTY,
        languages_server_to_client: NameList::EMPTY,
        first_kex_packet_follows: false,
        reserved: 0,
    };

    fn names(joined: &str) -> NameList<'_> {
        NameList::parse(joined.as_bytes()).unwrap()
    }

    /// kex, host key, cipher to the server and to the client.
    fn kexinit<'a>([kex, host_key, to_server, to_client]: [&'a str; 4]) -> KexInit<'a> {
        KexInit {
            kex_algorithms: names(kex),
            server_host_key_algorithms: names(host_key),
            encryption_algorithms_client_to_server: names(to_server),
            encryption_algorithms_server_to_client: names(to_client),
            compression_algorithms_client_to_server: names("none"),
            compression_algorithms_server_to_client: names("zlib,none"),
            ..EMPTY
        }
    }

    const K: &str = "mlkem768x25519-sha256,curve25519-sha256";
    const H: &str = "ssh-ed25519,rsa-sha2-512";
    const G: &str = "aes256-gcm@openssh.com,aes128-gcm@openssh.com";

    #[test]
    fn the_clients_order_decides_and_each_direction_for_itself() {
        let algorithms = Algorithms::defaults(&PROVIDER, AeadFirst::Aes);
        for (client, server, expected) in [
            (
                [K, H, G, G],
                [K, H, G, G],
                ["mlkem768x25519-sha256", "ssh-ed25519", "256", "256"],
            ),
            (
                [K, H, G, G],
                [
                    "curve25519-sha256,mlkem768x25519-sha256",
                    "rsa-sha2-512,ssh-ed25519",
                    "aes128-gcm@openssh.com,aes256-gcm@openssh.com",
                    G,
                ],
                ["mlkem768x25519-sha256", "ssh-ed25519", "256", "256"],
            ),
            (
                [
                    "x,curve25519-sha256,mlkem768x25519-sha256",
                    "y,rsa-sha2-512",
                    G,
                    G,
                ],
                [K, H, "z,aes128-gcm@openssh.com", "aes256-gcm@openssh.com"],
                ["curve25519-sha256", "rsa-sha2-512", "128", "256"],
            ),
        ] {
            let agreed = negotiate(&algorithms, &kexinit(client), &kexinit(server)).unwrap();
            assert_eq!(agreed.kex.name(), expected[0]);
            assert_eq!(agreed.host_key, expected[1]);
            assert!(agreed.client_to_server.name().contains(expected[2]));
            assert!(agreed.server_to_client.name().contains(expected[3]));
        }
    }

    #[test]
    fn strict_key_exchange_is_needed_when_one_direction_needs_it() {
        let algorithms = Algorithms::defaults(&PROVIDER, AeadFirst::Aes);
        let chacha = "chacha20-poly1305@openssh.com";
        for (to_server, to_client, needed) in [
            (G, G, false),
            (chacha, G, true),
            (G, chacha, true),
            (chacha, chacha, true),
        ] {
            let both = kexinit([K, H, to_server, to_client]);
            let agreed = negotiate(&algorithms, &both, &both).unwrap();
            assert_eq!(agreed.require_strict(Strict::Agreed), Ok(()));
            let error = Error::NoStrictKex { cipher: chacha };
            assert_eq!(
                agreed.require_strict(Strict::No).err(),
                needed.then_some(error)
            );
        }
    }

    #[test]
    fn a_name_that_is_not_ours_is_never_agreed_on() {
        // Both peers have it, in front; we do not.
        let algorithms = Algorithms::defaults(&PROVIDER, AeadFirst::Aes);
        for (i, list) in [
            List::Kex,
            List::HostKey,
            List::CipherToServer,
            List::CipherToClient,
        ]
        .into_iter()
        .enumerate()
        {
            let mut lists = [K, H, G, G];
            lists[i] = "none";
            let both = kexinit(lists);
            let error = negotiate(&algorithms, &both, &both).err();
            assert_eq!(error, Some(Error::NoCommon(list)));
        }
    }

    #[test]
    fn a_guess_is_right_when_both_prefer_the_same() {
        let guessing = |follows| KexInit {
            first_kex_packet_follows: follows,
            ..kexinit([K, H, G, G])
        };
        for (ours, follows, expected) in [
            ([K, H, G, G], true, Guess::Fine),
            ([K, H, G, G], false, Guess::Fine),
            (["curve25519-sha256", H, G, G], false, Guess::Fine),
            (["curve25519-sha256", H, G, G], true, Guess::Wrong),
            ([K, "rsa-sha2-512", G, G], true, Guess::Wrong),
            (["", H, G, G], true, Guess::Wrong),
            // Only these two lists count.
            ([K, H, "x", "y"], true, Guess::Fine),
        ] {
            assert_eq!(
                guess(&kexinit(ours), &guessing(follows)),
                expected,
                "{ours:?}"
            );
        }
    }

    #[test]
    fn the_longest_lists_without_a_common_name_are_no_burden() {
        let long = |start: char| -> String {
            let name = |i| format!("{start}{i:063}");
            (0..128).map(name).collect::<Vec<_>>().join(",")
        };
        let (a, b) = (long('a'), long('b'));
        assert_eq!(
            first_common(names(&a), names(&b), List::Kex),
            Err(Error::NoCommon(List::Kex))
        );
    }

    #[test]
    fn our_kexinit_offers_each_name_once_and_no_compression() {
        let algorithms = Algorithms::defaults(&PROVIDER, AeadFirst::ChaCha);
        let offer = Offer::new(&algorithms).unwrap();
        let markers = [&b"ext-info-c"[..], b"kex-strict-c-v00@openssh.com"];
        let first = offer.kexinit([7; 16], Which::First { markers }).unwrap();
        let later = offer.kexinit([7; 16], Which::Later).unwrap();
        for (payload, marked) in [(&first, true), (&later, false)] {
            let kexinit: KexInit<'_> = adit_proto::Decode::decode(payload).unwrap();
            assert_eq!(kexinit.kex_algorithms.contains(markers[0]), marked);
            assert_eq!(kexinit.kex_algorithms.contains(markers[1]), marked);
            assert!(kexinit.kex_algorithms.iter().next() == Some(b"mlkem768x25519-sha256"));
            let ciphers = kexinit.encryption_algorithms_client_to_server;
            assert_eq!(ciphers.iter().filter(|n| *n == b"aes256-ctr").count(), 1);
            assert_eq!(
                ciphers.iter().next(),
                Some(&b"chacha20-poly1305@openssh.com"[..])
            );
            assert_eq!(
                kexinit.compression_algorithms_client_to_server.as_bytes(),
                b"none"
            );
            assert_eq!(
                kexinit.compression_algorithms_server_to_client.as_bytes(),
                b"none"
            );
            assert!(!kexinit.first_kex_packet_follows);
        }
    }

    #[test]
    fn a_list_of_macs_is_never_empty() {
        let mut algorithms = Algorithms::defaults(&PROVIDER, AeadFirst::Aes);
        algorithms.ciphers.retain(|c| c.mac().is_none());
        let offer = Offer::new(&algorithms).unwrap();
        assert_eq!(
            offer.macs,
            b"hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com"
        );
    }

    #[test]
    fn an_empty_list_cannot_be_offered() {
        let all = Algorithms::defaults(&PROVIDER, AeadFirst::Aes);
        let empty: [fn(&mut Algorithms); 3] = [
            |a| a.kex.clear(),
            |a| a.host_keys.clear(),
            |a| a.ciphers.clear(),
        ];
        for clear in empty {
            let mut algorithms = all.clone();
            clear(&mut algorithms);
            assert_eq!(
                Offer::new(&algorithms).err(),
                Some(Internal::NothingToOffer)
            );
        }
    }
}
