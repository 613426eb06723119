//! What one cipher seals, the same cipher of every provider opens, and nothing else.

use crate::{Repeatable, on_each_provider, providers};
use adit_crypto::{Cipher, KeyBlock, Open, Provider, Seal};

on_each_provider! {
    what_is_sealed_here_is_opened_by_every_provider,
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
    let lens = (0..=300).chain([1024, 4095, 4096, 4097, 16384, 32768, 34996]);
    for cipher in here.ciphers {
        let keys = Keys::of(*cipher);
        let mut seal = keys.sealer(*cipher);
        let mut opens: Vec<_> = providers()
            .iter()
            .map(|there| there.cipher(cipher.name().as_bytes(), None).unwrap())
            .map(|cipher| keys.opener(cipher))
            .collect();
        let mut seq = u32::MAX - 100;
        for len in lens.clone() {
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
