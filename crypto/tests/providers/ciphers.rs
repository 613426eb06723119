//! What one cipher seals, the same cipher of every provider opens, and nothing else.

use adit_crypto::{Cipher, KeyBlock, KeyShape, Open, Provider, Seal, Unspecified};
use adit_testkit::on_every_provider;
#[cfg(feature = "ctr")]
use adit_vectors::AES_CTR_ETM;
use adit_vectors::{AES_GCM_OPENSSH, CHACHA20_POLY1305_OPENSSH, Record, records};

use crate::{Repeatable, each_bit_turned, providers};

on_every_provider! {
    real:
    what_is_sealed_here_is_opened_by_every_provider
    packets_are_sealed_and_opened_as_openssl_does
    a_cipher_says_of_itself_what_the_standards_say
    keys_of_other_lengths_are_refused
    tags_of_other_lengths_are_refused
    a_packet_without_packet_length_is_refused
    one_turned_bit_is_found_and_leaves_zeros
    a_packet_is_opened_in_its_place_only
    the_last_invocation_of_gcm_is_the_last
    a_counter_stream_takes_whole_blocks_only
    no_two_ciphers_have_the_same_names
}

/// Keys of exactly the lengths that a cipher asks for.
struct Keys {
    key: Vec<u8>,
    iv: Vec<u8>,
    mac_key: Vec<u8>,
}

impl Keys {
    fn of(cipher: &dyn Cipher) -> Self {
        let shape = cipher.key_shape();
        let random = Repeatable::new(7);
        Self {
            key: random.bytes(shape.key_len),
            iv: random.bytes(shape.iv_len),
            mac_key: random.bytes(shape.mac_key_len),
        }
    }

    fn block(&self) -> KeyBlock<'_> {
        KeyBlock {
            key: &self.key,
            iv: &self.iv,
            mac_key: &self.mac_key,
        }
    }

    fn sealer(&self, cipher: &dyn Cipher) -> Box<dyn Seal> {
        cipher.sealer(&self.block()).unwrap()
    }

    fn opener(&self, cipher: &dyn Cipher) -> Box<dyn Open> {
        cipher.opener(&self.block()).unwrap()
    }
}

/// A packet whose packet_length is true, and whose body counts up.
fn packet(body_len: usize) -> Vec<u8> {
    let mut packet = u32::try_from(body_len).unwrap().to_be_bytes().to_vec();
    packet.extend((0..=u8::MAX).cycle().take(body_len));
    packet
}

fn what_is_sealed_here_is_opened_by_every_provider(here: &Provider) {
    let lens = (0..=300).chain([1024, 4095, 4096, 4097, 16384, 32768, 34992]);
    for cipher in here.ciphers {
        let keys = Keys::of(*cipher);
        let mut seal = keys.sealer(*cipher);
        let mut opens: Vec<_> = providers()
            .iter()
            .map(|there| the_same(there, *cipher))
            .map(|cipher| keys.opener(cipher))
            .collect();
        let mut seq = u32::MAX - 100;
        // Only those with a MAC of their own insist on what every packet is: whole blocks.
        let whole = if cipher.mac().is_some() {
            seal.block_len()
        } else {
            1
        };
        for len in lens.clone().filter(|len: &usize| len.is_multiple_of(whole)) {
            let clear = packet(len);
            let mut sealed = clear.clone();
            let mut tag = vec![0; seal.tag_len()];
            seal.seal(seq, &mut sealed, &mut tag).unwrap();
            for open in &mut opens {
                let mut packet = sealed.clone();
                let announced = open.packet_length(seq, *packet.first_chunk().unwrap());
                assert_eq!(usize::try_from(announced), Ok(len), "{}", cipher.name());
                open.open(seq, &mut packet, &tag).unwrap();
                let n = open.clear_len();
                assert_eq!(packet[..n], sealed[..n], "{}", cipher.name());
                assert_eq!(packet[n..], clear[n..], "{}", cipher.name());
            }
            seq = seq.wrapping_add(1);
        }
    }
}

/// The same cipher, with the same MAC, of that provider.
fn the_same(there: &Provider, cipher: &dyn Cipher) -> &'static dyn Cipher {
    let mac = cipher.mac().map(str::as_bytes);
    there.cipher(cipher.name().as_bytes(), mac).unwrap()
}

fn no_two_ciphers_have_the_same_names(here: &Provider) {
    for cipher in here.ciphers {
        let same =
            |other: &&&dyn Cipher| (other.name(), other.mac()) == (cipher.name(), cipher.mac());
        assert_eq!(here.ciphers.iter().filter(same).count(), 1);
        let found = the_same(here, *cipher);
        assert_eq!((found.name(), found.mac()), (cipher.name(), cipher.mac()));
        // Without its MAC there is no such cipher.
        let alone = here.cipher(cipher.name().as_bytes(), None);
        assert_eq!(alone.is_some(), cipher.mac().is_none());
    }
}

#[cfg(feature = "ctr")]
const SHA256_ETM: &[u8] = b"hmac-sha2-256-etm@openssh.com";
#[cfg(feature = "ctr")]
const SHA512_ETM: &[u8] = b"hmac-sha2-512-etm@openssh.com";
const AES128_GCM: &[u8] = b"aes128-gcm@openssh.com";
const AES256_GCM: &[u8] = b"aes256-gcm@openssh.com";
const CHACHA20_POLY1305: &[u8] = b"chacha20-poly1305@openssh.com";

fn packets_are_sealed_and_opened_as_openssl_does(here: &Provider) {
    let chacha = here.cipher(CHACHA20_POLY1305, None).unwrap();
    for record in records(CHACHA20_POLY1305_OPENSSH) {
        let keys = Keys {
            key: record.bytes("key").to_vec(),
            iv: Vec::new(),
            mac_key: Vec::new(),
        };
        let seq = u32::from_be_bytes(record.bytes("seq").try_into().unwrap());
        check(
            &record,
            seq,
            &mut *keys.sealer(chacha),
            &mut *keys.opener(chacha),
        );
    }
    let gcm = records(AES_GCM_OPENSSH);
    for in_a_row in gcm.chunk_by(|a, b| a.bytes("key") == b.bytes("key")) {
        let keys = Keys {
            key: in_a_row[0].bytes("key").to_vec(),
            iv: in_a_row[0].bytes("iv").to_vec(),
            mac_key: Vec::new(),
        };
        let name = if keys.key.len() == 16 {
            AES128_GCM
        } else {
            AES256_GCM
        };
        let cipher = here.cipher(name, None).unwrap();
        let (mut seal, mut open) = (keys.sealer(cipher), keys.opener(cipher));
        assert_eq!(in_a_row.len(), 3);
        for record in in_a_row {
            check(record, 0, &mut *seal, &mut *open);
        }
    }
    #[cfg(feature = "ctr")]
    etm_is_as_openssl_computes_it(here);
}

#[cfg(feature = "ctr")]
fn etm_is_as_openssl_computes_it(here: &Provider) {
    let mut pairs = 0;
    let keys_of = |record: &Record| ["key", "mac_key"].map(|field| record.bytes(field).to_vec());
    for in_a_row in records(AES_CTR_ETM).chunk_by(|a, b| keys_of(a) == keys_of(b)) {
        let [key, mac_key] = keys_of(&in_a_row[0]);
        let name = format!("aes{}-ctr", key.len() * 8);
        let mac = if mac_key.len() == 32 {
            SHA256_ETM
        } else {
            SHA512_ETM
        };
        let cipher = here.cipher(name.as_bytes(), Some(mac)).unwrap();
        let iv = in_a_row[0].bytes("iv").to_vec();
        let keys = Keys { key, iv, mac_key };
        let (mut seal, mut open) = (keys.sealer(cipher), keys.opener(cipher));
        assert_eq!(in_a_row.len(), 4);
        for record in in_a_row {
            let seq = u32::from_be_bytes(record.bytes("seq").try_into().unwrap());
            check(record, seq, &mut *seal, &mut *open);
        }
        pairs += 1;
    }
    assert_eq!(pairs, 6);
}

fn check(record: &Record, seq: u32, seal: &mut dyn Seal, open: &mut dyn Open) {
    let (clear, sealed) = (record.bytes("packet"), record.bytes("sealed"));
    let mut packet = clear.to_vec();
    let mut tag = vec![0; seal.tag_len()];
    seal.seal(seq, &mut packet, &mut tag).unwrap();
    assert_eq!(packet, sealed, "line {}", record.line);
    assert_eq!(tag, record.bytes("tag"), "line {}", record.line);
    let packet_length = open.packet_length(seq, *sealed.first_chunk().unwrap());
    assert_eq!(packet_length.to_be_bytes(), clear[..4]);
    open.open(seq, &mut packet, &tag).unwrap();
    assert_eq!(packet[4..], clear[4..], "line {}", record.line);
}

fn a_cipher_says_of_itself_what_the_standards_say(here: &Provider) {
    // name, MAC, keys, block, tag, bytes under one key, needs strict key exchange
    let table = [
        (AES128_GCM, None, [16, 12, 0], 16, 16, 1 << 36, false),
        (AES256_GCM, None, [32, 12, 0], 16, 16, 1 << 36, false),
        (CHACHA20_POLY1305, None, [64, 0, 0], 8, 16, 1 << 30, true),
        #[cfg(feature = "ctr")]
        (
            b"aes128-ctr",
            Some(SHA256_ETM),
            [16, 16, 32],
            16,
            32,
            1 << 36,
            true,
        ),
        #[cfg(feature = "ctr")]
        (
            b"aes128-ctr",
            Some(SHA512_ETM),
            [16, 16, 64],
            16,
            64,
            1 << 36,
            true,
        ),
        #[cfg(feature = "ctr")]
        (
            b"aes192-ctr",
            Some(SHA256_ETM),
            [24, 16, 32],
            16,
            32,
            1 << 36,
            true,
        ),
        #[cfg(feature = "ctr")]
        (
            b"aes192-ctr",
            Some(SHA512_ETM),
            [24, 16, 64],
            16,
            64,
            1 << 36,
            true,
        ),
        #[cfg(feature = "ctr")]
        (
            b"aes256-ctr",
            Some(SHA256_ETM),
            [32, 16, 32],
            16,
            32,
            1 << 36,
            true,
        ),
        #[cfg(feature = "ctr")]
        (
            b"aes256-ctr",
            Some(SHA512_ETM),
            [32, 16, 64],
            16,
            64,
            1 << 36,
            true,
        ),
    ];
    assert_eq!(here.ciphers.len(), table.len());
    for (name, mac, [key_len, iv_len, mac_key_len], block_len, tag_len, most, strict) in table {
        let cipher = here.cipher(name, mac).unwrap();
        let shape = KeyShape {
            key_len,
            iv_len,
            mac_key_len,
        };
        assert_eq!(cipher.key_shape(), shape);
        assert_eq!(cipher.mac().map(str::as_bytes), mac);
        assert_eq!(cipher.bytes_per_key(), most);
        assert_eq!(cipher.needs_strict_kex(), strict);
        let keys = Keys::of(cipher);
        let (seal, open) = (keys.sealer(cipher), keys.opener(cipher));
        assert_eq!(
            (seal.block_len(), seal.tag_len(), seal.clear_len()),
            (block_len, tag_len, 4)
        );
        assert_eq!(
            (open.block_len(), open.tag_len(), open.clear_len()),
            (block_len, tag_len, 4)
        );
    }
}

fn keys_of_other_lengths_are_refused(here: &Provider) {
    for cipher in here.ciphers {
        let refuses = |keys: Keys| {
            assert!(cipher.sealer(&keys.block()).is_err(), "{}", cipher.name());
            assert!(cipher.opener(&keys.block()).is_err(), "{}", cipher.name());
        };
        let parts: [fn(&mut Keys) -> &mut Vec<u8>; 3] = [
            |keys| &mut keys.key,
            |keys| &mut keys.iv,
            |keys| &mut keys.mac_key,
        ];
        for part in parts {
            let len = part(&mut Keys::of(*cipher)).len();
            for wrong in [0, 1, 8, 16, 24, 32, 64, 128, len.saturating_sub(1), len + 1] {
                if wrong != len {
                    let mut keys = Keys::of(*cipher);
                    part(&mut keys).resize(wrong, 7);
                    refuses(keys);
                }
            }
        }
    }
}

fn tags_of_other_lengths_are_refused(here: &Provider) {
    for cipher in here.ciphers {
        let keys = Keys::of(*cipher);
        let right = keys.sealer(*cipher).tag_len();
        let wrong = [0, 1, 12, 16, 20, 32, 48, 64, right - 1, right + 1];
        for tag_len in wrong.into_iter().filter(|len| *len != right) {
            let mut tag = vec![0; tag_len];
            let sealed = keys.sealer(*cipher).seal(0, &mut packet(32), &mut tag);
            assert_eq!(sealed, Err(Unspecified), "{}", cipher.name());
            let mut packet = packet(32);
            let opened = keys.opener(*cipher).open(0, &mut packet, &tag);
            assert_eq!(opened, Err(Unspecified), "{}", cipher.name());
            assert_eq!(packet, [0; 36], "{}", cipher.name());
        }
    }
}

fn a_packet_without_packet_length_is_refused(here: &Provider) {
    for cipher in here.ciphers {
        let keys = Keys::of(*cipher);
        let mut tag = vec![0; keys.sealer(*cipher).tag_len()];
        for len in 0..4 {
            let mut packet = vec![7; len];
            let sealed = keys.sealer(*cipher).seal(0, &mut packet, &mut tag);
            assert_eq!(sealed, Err(Unspecified), "{}", cipher.name());
            let mut packet = vec![7; len];
            let opened = keys.opener(*cipher).open(0, &mut packet, &tag);
            assert_eq!(opened, Err(Unspecified), "{}", cipher.name());
            assert_eq!(packet, vec![0; len], "{}", cipher.name());
        }
    }
}

/// A sealed packet and its tag.
fn sealed(cipher: &dyn Cipher, keys: &Keys, body_len: usize) -> (Vec<u8>, Vec<u8>) {
    let mut seal = keys.sealer(cipher);
    let (mut packet, mut tag) = (packet(body_len), vec![0; seal.tag_len()]);
    seal.seal(5, &mut packet, &mut tag).unwrap();
    (packet, tag)
}

fn one_turned_bit_is_found_and_leaves_zeros(here: &Provider) {
    for cipher in here.ciphers {
        let keys = Keys::of(*cipher);
        let (sealed, tag) = sealed(*cipher, &keys, 80);
        let refused = |mut packet: Vec<u8>, tag: &[u8]| {
            let opened = keys.opener(*cipher).open(5, &mut packet, tag);
            assert_eq!(opened, Err(Unspecified), "{}", cipher.name());
            assert_eq!(packet, [0; 84], "{}", cipher.name());
        };
        each_bit_turned(&sealed).for_each(|turned| refused(turned, &tag));
        each_bit_turned(&tag).for_each(|turned| refused(sealed.clone(), &turned));
        let mut packet = sealed.clone();
        keys.opener(*cipher).open(5, &mut packet, &tag).unwrap();
    }
}

fn a_packet_is_opened_in_its_place_only(here: &Provider) {
    for cipher in here.ciphers {
        let keys = Keys::of(*cipher);
        let (sealed, tag) = sealed(*cipher, &keys, 16);
        let mut open = keys.opener(*cipher);
        open.open(5, &mut sealed.clone(), &tag).unwrap();
        // The same again is one later: by its sequence number, or by the invocation counter.
        let mut packet = sealed.clone();
        assert_eq!(open.open(6, &mut packet, &tag), Err(Unspecified));
        assert_eq!(packet, [0; 20]);
        // Under another key nothing opens.
        let mut other = Keys::of(*cipher);
        // It is the key of the MAC, where there is one, that packets are known by.
        match cipher.mac() {
            None => other.key[0] ^= 1,
            Some(_) => other.mac_key[0] ^= 1,
        }
        assert!(
            other
                .opener(*cipher)
                .open(5, &mut sealed.clone(), &tag)
                .is_err()
        );
    }
}

fn a_counter_stream_takes_whole_blocks_only(here: &Provider) {
    for cipher in here.ciphers.iter().filter(|cipher| cipher.mac().is_some()) {
        let keys = Keys::of(*cipher);
        let (mut seal, mut open) = (keys.sealer(*cipher), keys.opener(*cipher));
        let mut tag = vec![0; seal.tag_len()];
        for len in (1..16).chain(17..32) {
            let sealed = seal.seal(0, &mut packet(len), &mut tag);
            assert_eq!(sealed, Err(Unspecified), "{} {len}", cipher.name());
            let mut packet = packet(len);
            assert_eq!(open.open(0, &mut packet, &tag), Err(Unspecified));
            assert_eq!(packet, vec![0; 4 + len]);
        }
        // A refusal leaves the stream where it was.
        let mut packet = packet(16);
        seal.seal(0, &mut packet, &mut tag).unwrap();
        open.open(0, &mut packet, &tag).unwrap();
    }
}

fn the_last_invocation_of_gcm_is_the_last(here: &Provider) {
    for name in [AES128_GCM, AES256_GCM] {
        let cipher = here.cipher(name, None).unwrap();
        let mut keys = Keys::of(cipher);
        keys.iv = vec![255; 12];
        let (mut seal, mut open) = (keys.sealer(cipher), keys.opener(cipher));
        let (mut packet, mut tag) = (packet(16), [0; 16]);
        seal.seal(0, &mut packet, &mut tag).unwrap();
        open.open(0, &mut packet.clone(), &tag).unwrap();
        assert_eq!(seal.seal(1, &mut packet, &mut tag), Err(Unspecified));
        assert_eq!(open.open(1, &mut packet, &tag), Err(Unspecified));
        assert_eq!(packet, [0; 20]);
    }
}
