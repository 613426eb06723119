//! Cryptography: the two providers agree on every input, and what one seals only the whole of it
//! opens.

use adit_crypto::{Cipher, KeyBlock, PURE, Provider, RING, SecureRandom, Unspecified};

const PROVIDERS: [&Provider; 2] = [&RING, &PURE];

/// The same bytes each time, so that a failure can be repeated.
struct Fixed;

impl SecureRandom for Fixed {
    fn fill(&self, out: &mut [u8]) -> Result<(), Unspecified> {
        for (i, byte) in out.iter_mut().enumerate() {
            *byte = (i as u8).wrapping_mul(37).wrapping_add(11);
        }
        Ok(())
    }
}

/// One byte chooses the cipher, four are the sequence number, the rest is a packet with its tag.
pub(crate) fn packet_open(data: &[u8]) {
    let Some((head, packet)) = data.split_first_chunk::<5>() else {
        return;
    };
    let [which, seq @ ..] = *head;
    let seq = u32::from_be_bytes(seq);
    let ciphers = PURE.ciphers;
    let cipher = ciphers[usize::from(which) % ciphers.len()];
    let other = RING
        .cipher(cipher.name().as_bytes(), cipher.mac().map(str::as_bytes))
        .expect("both have the same ciphers");
    stranger(cipher, other, seq, packet);
    own(cipher, other, seq, packet);
}

fn keys<T>(cipher: &dyn Cipher, use_them: impl FnOnce(&KeyBlock<'_>) -> T) -> T {
    let shape = cipher.key_shape();
    let (key, iv, mac_key) = (
        vec![3; shape.key_len],
        vec![4; shape.iv_len],
        vec![5; shape.mac_key_len],
    );
    use_them(&KeyBlock {
        key: &key,
        iv: &iv,
        mac_key: &mac_key,
    })
}

/// What a stranger sends opens with neither provider, and leaves nothing to read.
fn stranger(cipher: &dyn Cipher, other: &dyn Cipher, seq: u32, bytes: &[u8]) {
    let mut left = Vec::new();
    for cipher in [cipher, other] {
        let mut open = keys(cipher, |keys| cipher.opener(keys)).expect("keys of the right shape");
        let tag_len = open.tag_len().min(bytes.len());
        let (packet, tag) = bytes.split_at(bytes.len() - tag_len);
        let mut packet = packet.to_vec();
        let length = packet
            .first_chunk()
            .map(|first| open.packet_length(seq, *first));
        let opened = open.open(seq, &mut packet, tag);
        assert_eq!(opened, Err(Unspecified), "a stranger has our key");
        assert!(
            packet.iter().all(|byte| *byte == 0),
            "something was left of a false packet"
        );
        left.push(length);
    }
    assert_eq!(left[0], left[1], "the providers read different lengths");
}

/// What one provider seals the other opens, and not with one bit changed.
fn own(cipher: &dyn Cipher, other: &dyn Cipher, seq: u32, payload: &[u8]) {
    let mut seal = keys(cipher, |keys| cipher.sealer(keys)).expect("keys of the right shape");
    let mut open = keys(other, |keys| other.opener(keys)).expect("keys of the right shape");
    let mut again = keys(other, |keys| other.opener(keys)).expect("keys of the right shape");
    let (block, clear) = (seal.block_len(), seal.clear_len());
    let mut plain = u32::try_from(payload.len())
        .unwrap_or(0)
        .to_be_bytes()
        .to_vec();
    plain.extend_from_slice(payload);
    plain.resize(
        clear + (plain.len() - clear).max(1).next_multiple_of(block),
        0,
    );
    let mut packet = plain.clone();
    let mut tag = vec![0; seal.tag_len()];
    seal.seal(seq, &mut packet, &mut tag)
        .expect("a packet of whole blocks");

    let mut changed = packet.clone();
    let bit = usize::try_from(seq).unwrap_or(0) % (changed.len() * 8);
    changed[bit / 8] ^= 1 << (bit % 8);
    assert!(
        again.open(seq, &mut changed, &tag).is_err(),
        "a changed packet opens"
    );

    let first = *packet.first_chunk().expect("at least four bytes");
    let length = open.packet_length(seq, first);
    assert_eq!(length.to_be_bytes(), plain[..4], "packet_length");
    open.open(seq, &mut packet, &tag).expect("what was sealed");
    assert_eq!(packet[clear..], plain[clear..], "the packet");
}

pub(crate) fn packet_open_seeds() -> Vec<Vec<u8>> {
    let sizes = [0, 1, 3, 16, 28, 64, 1000];
    let seed = |which: u8, size: usize| [vec![which, 0, 0, 0, 9], vec![0x41; size]].concat();
    (0..)
        .take(PURE.ciphers.len())
        .flat_map(|which| sizes.map(|size| seed(which, size)))
        .collect()
}

/// A share from the network: both providers take it or both refuse it, and get the same secret.
pub(crate) fn kex_share(data: &[u8]) {
    let Some((which, share)) = data.split_first() else {
        return;
    };
    let methods = PURE.kex;
    let name = methods[usize::from(*which) % methods.len()]
        .name()
        .as_bytes();
    let answers = PROVIDERS.map(|provider| {
        let kex = provider.kex(name).expect("both have the same methods");
        kex.answer(&Fixed, share).map(|(answer, secret)| {
            assert_eq!(answer.len(), kex.server_share_len());
            assert_eq!(share.len(), kex.client_share_len());
            secret.bytes.expose().len()
        })
    });
    assert_eq!(
        answers[0], answers[1],
        "the providers differ on a client's share"
    );
    for provider in PROVIDERS {
        let kex = provider.kex(name).expect("both have the same methods");
        let finish = |share: &[u8]| kex.start(&Fixed).and_then(|active| active.finish(share));
        if finish(share).is_ok() {
            assert_eq!(share.len(), kex.server_share_len());
        }
    }
}

pub(crate) fn kex_share_seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for (which, kex) in (0..).zip(PURE.kex) {
        let active = kex.start(&Fixed).expect("fixed randomness");
        seeds.push([&[which], active.share()].concat());
        let (answer, _) = kex.answer(&Fixed, active.share()).expect("an honest share");
        seeds.push([&[which], &answer[..]].concat());
        seeds.push([vec![which], vec![0; kex.client_share_len()]].concat());
        seeds.push([vec![which], vec![0xff; kex.client_share_len()]].concat());
    }
    seeds
}
