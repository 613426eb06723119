//! The peer's key exchange (RFC 4253 §7, §8), either role. What it hears it follows; what it says
//! a test can change first.

use adit_crypto::{
    ActiveKex, Hash, KeyBlock, Secret, SecretEncoding, SharedSecret, digest, encoded,
};
use adit_proto::msg::{KexEcdhInit, KexEcdhReply, KexInit};
use adit_proto::{Decode, Field, Mpint, NameList, Writer};

use super::{Role, Scripted, Strict, string};

/// What the peer knows of the exchange under way and of the first one.
#[derive(Default)]
pub(super) struct Exchange {
    their_ident: Vec<u8>,
    our_kexinit: Vec<u8>,
    their_kexinit: Vec<u8>,
    active: Option<Box<dyn ActiveKex>>,
    /// The client's share, which a server has heard.
    q_c: Vec<u8>,
    derived: Option<Derived>,
    pub(super) session_id: Vec<u8>,
}

struct Derived {
    hash: &'static dyn Hash,
    k: Vec<u8>,
    h: Vec<u8>,
}

/// Initial IV, encryption key and integrity key (RFC 4253 §7.2).
const TO_SERVER: [u8; 3] = *b"ACE";
const TO_CLIENT: [u8; 3] = *b"BDF";

/// What the peer calls itself.
const IDENT: &[u8] = b"SSH-2.0-scripted";

impl Scripted {
    /// The peer's KEXINIT, with one algorithm of each kind. It counts as sent.
    pub fn kexinit_payload(&mut self) -> Vec<u8> {
        let (ext_info, strict, host_key) = match self.role {
            Role::Client => ("ext-info-s", "kex-strict-s-v00@openssh.com", self.algorithm),
            Role::Server => ("ext-info-c", "kex-strict-c-v00@openssh.com", "ssh-ed25519"),
        };
        let mut kex = vec![self.kex.name()];
        if self.exchange.session_id.is_empty() {
            kex.push(ext_info);
            kex.extend((self.strict == Strict::Offered).then_some(strict));
        }
        let kex = kex.join(",");
        let names = |list: &'static str| NameList::parse(list.as_bytes()).expect("names");
        let cipher = names(self.cipher.name());
        let mac = self.cipher.mac().map_or(NameList::EMPTY, names);
        let payload = encoded(&KexInit {
            cookie: [9; 16],
            kex_algorithms: NameList::parse(kex.as_bytes()).expect("names"),
            server_host_key_algorithms: names(host_key),
            encryption_algorithms_client_to_server: cipher,
            encryption_algorithms_server_to_client: cipher,
            mac_algorithms_client_to_server: mac,
            mac_algorithms_server_to_client: mac,
            compression_algorithms_client_to_server: names("none"),
            compression_algorithms_server_to_client: names("none"),
            languages_client_to_server: NameList::EMPTY,
            languages_server_to_client: NameList::EMPTY,
            first_kex_packet_follows: false,
            reserved: 0,
        });
        self.exchange.our_kexinit.clone_from(&payload);
        payload
    }

    /// The KEXINIT that is sent is this one, which says the same in other words.
    pub fn says_instead(&mut self, kexinit: &[u8]) {
        self.exchange.our_kexinit = kexinit.to_vec();
    }

    /// Sends its identification.
    pub fn ident(&mut self) {
        self.send_raw(&[IDENT, b"\r\n"].concat());
    }

    /// Sends KEXINIT.
    pub fn kexinit(&mut self) {
        let payload = self.kexinit_payload();
        self.send(&payload);
    }

    /// The peer's KEX_ECDH_INIT or KEX_ECDH_REPLY. It counts as sent.
    pub fn share_payload(&mut self) -> Vec<u8> {
        match self.role {
            Role::Server => {
                let active = self.kex.start(self.provider.random).expect("a share");
                let payload = encoded(&KexEcdhInit {
                    q_c: active.share(),
                });
                self.exchange.active = Some(active);
                payload
            }
            Role::Client => self.reply_payload(|_| {}),
        }
    }

    /// A server's KEX_ECDH_REPLY, with a signature that `wrong` may change.
    pub fn reply_payload(&mut self, wrong: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let q_c = core::mem::take(&mut self.exchange.q_c);
        let answer = self.kex.answer(self.provider.random, &q_c);
        let (q_s, secret) = answer.expect("the victim's share");
        let k_s = self.key.public_blob().to_vec();
        let h = self.derive(&k_s, &q_c, &q_s, &secret);
        let mut signature = self.key.sign(self.algorithm, &h).expect("a signature");
        wrong(&mut signature);
        encoded(&KexEcdhReply {
            k_s: &k_s,
            q_s: &q_s,
            signature: &signature,
        })
    }

    /// Sends its share.
    pub fn share(&mut self) {
        let payload = self.share_payload();
        self.send(&payload);
    }

    /// Sends NEWKEYS; everything after it is under the new keys.
    pub fn newkeys(&mut self) {
        let frame = self.outward.honest(&[21]);
        let bytes = self.outward.seal(frame);
        self.use_new_keys();
        self.send_raw(&bytes);
    }

    /// The peer sends under the keys of the exchange from now on, whether it said so or not.
    pub fn use_new_keys(&mut self) {
        let letters = match self.role {
            Role::Client => TO_CLIENT,
            Role::Server => TO_SERVER,
        };
        let cipher = self.cipher;
        let sealer = self.with_keys(letters, |keys| cipher.sealer(keys));
        self.outward.sealer = Some(sealer.expect("keys"));
        if self.strict == Strict::Offered {
            self.outward.seq = 0;
        }
    }

    /// A whole exchange that the peer begins.
    pub fn rekey(&mut self) {
        self.kexinit();
        self.share();
        self.newkeys();
    }

    /// The sequence numbers that the next packets of the peer and of the victim will have.
    #[must_use]
    pub const fn sequence_numbers(&self) -> [u32; 2] {
        [self.outward.seq, self.inward.seq]
    }

    /// Takes in what the victim has said.
    pub(super) fn listen(&mut self) {
        if self.exchange.their_ident.is_empty() {
            let Some(line) = self.inward.line() else {
                return;
            };
            self.exchange.their_ident = line;
        }
        while let Some(payload) = self.inward.packet() {
            match payload.first() {
                Some(20) => self.exchange.their_kexinit.clone_from(&payload),
                Some(21) => self.hear_newkeys(),
                Some(30) => {
                    let share = KexEcdhInit::decode(&payload).expect("KEX_ECDH_INIT");
                    self.exchange.q_c = share.q_c.to_vec();
                }
                Some(31) => self.hear_reply(&payload),
                _ => {}
            }
            self.heard.push_back(payload);
        }
    }

    fn hear_reply(&mut self, payload: &[u8]) {
        let reply = KexEcdhReply::decode(payload).expect("KEX_ECDH_REPLY");
        // Without a share of its own the peer has sent another's.
        let Some(active) = self.exchange.active.take() else {
            return;
        };
        let q_c = active.share().to_vec();
        let secret = active.finish(reply.q_s).expect("the victim's share");
        self.derive(reply.k_s, &q_c, reply.q_s, &secret);
    }

    fn hear_newkeys(&mut self) {
        let letters = match self.role {
            Role::Client => TO_SERVER,
            Role::Server => TO_CLIENT,
        };
        let cipher = self.cipher;
        if self.exchange.derived.is_none() {
            return;
        }
        let opener = self.with_keys(letters, |keys| cipher.opener(keys));
        self.inward.opener = Some(opener.expect("keys"));
        if self.strict == Strict::Offered {
            self.inward.seq = 0;
        }
    }

    /// H (RFC 5656 §4), which the first time is also the session identifier.
    fn derive(&mut self, k_s: &[u8], q_c: &[u8], q_s: &[u8], secret: &SharedSecret) -> Vec<u8> {
        let hash = self.kex.hash();
        let k = encoded_secret(secret);
        let exchange = &self.exchange;
        let (ours, theirs) = (
            [IDENT, &exchange.our_kexinit],
            [&exchange.their_ident[..], &exchange.their_kexinit],
        );
        let ([v_c, i_c], [v_s, i_s]) = match self.role {
            Role::Client => (theirs, ours),
            Role::Server => (ours, theirs),
        };
        let mut said = [v_c, v_s, i_c, i_s, k_s, q_c, q_s].map(string).concat();
        said.extend(&k);
        let h = digest(hash, &[&said]);
        if self.exchange.session_id.is_empty() {
            self.exchange.session_id.clone_from(&h);
        }
        let derived = Derived {
            hash,
            k,
            h: h.clone(),
        };
        self.exchange.derived = Some(derived);
        h
    }

    /// Keys of one direction (RFC 4253 §7.2).
    fn with_keys<T>(&self, letters: [u8; 3], make: impl FnOnce(&KeyBlock<'_>) -> T) -> T {
        let derived = self.exchange.derived.as_ref().expect("an exchange");
        let shape = self.cipher.key_shape();
        let lens = [shape.iv_len, shape.key_len, shape.mac_key_len];
        let Derived { hash, k, h } = derived;
        let mut keys = letters.into_iter().zip(lens).map(|(letter, len)| {
            let mut key = digest(*hash, &[k, h, &[letter], &self.exchange.session_id]);
            while key.len() < len {
                let more = digest(*hash, &[k, h, &key]);
                key.extend(more);
            }
            key.truncate(len);
            key
        });
        let mut next = || keys.next().expect("three keys");
        let (iv, key, mac_key) = (next(), next(), next());
        make(&KeyBlock {
            key: &key,
            iv: &iv,
            mac_key: &mac_key,
        })
    }
}

fn encoded_secret(secret: &SharedSecret) -> Vec<u8> {
    let bytes = Secret::expose(&secret.bytes);
    match secret.encoding {
        SecretEncoding::String => string(bytes),
        SecretEncoding::Mpint => {
            let number = Mpint::from_unsigned(bytes);
            let mut out = vec![0; number.field_len()];
            number.write(&mut Writer::new(&mut out));
            out
        }
    }
}
