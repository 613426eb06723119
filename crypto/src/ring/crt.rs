//! The exponents of RFC 8017 §3.2 that OpenSSH's files leave out and ring asks for: d mod (p - 1)
//! and d mod (q - 1).
//!
//! A remainder by long division in base two: for each bit of d, shift the remainder left by it and
//! subtract p - 1 if that fits. Which of the two happened decides no branch and no address, only a
//! mask; lengths are no secret. It runs twice when a key is loaded, for less than what the first
//! signature costs (`examples/sign_rate.rs`).

use alloc::vec::Vec;

use zeroize::Zeroizing;

/// Longest prime in words of 64 bits: half of ring's longest modulus.
const WORDS: usize = 2048 / 64;

/// A number of [`WORDS`] words, the lowest one first.
type Number = Zeroizing<[u64; WORDS]>;

/// `d` modulo `prime` - 1, as long as `prime`; all big-endian. `None` when `prime` is even, one, or
/// too long.
pub(super) fn crt_exponent(d: &[u8], prime: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut modulus = read(prime)?;
    let lowest = modulus.first_mut()?;
    if *lowest & 1 == 0 {
        return None;
    }
    // prime - 1, since prime is odd.
    *lowest ^= 1;
    if modulus.iter().all(|word| *word == 0) {
        return None;
    }
    let mut remainder = Number::default();
    for byte in d {
        for shift in (0..8).rev() {
            step(&mut remainder, u64::from(byte >> shift & 1), &modulus);
        }
    }
    Some(write(&remainder, prime.len()))
}

/// The remainder of 2 `remainder` + `bit`. It is less than twice the modulus: one subtraction does.
fn step(remainder: &mut Number, bit: u64, modulus: &Number) {
    let mut carry = bit;
    for word in remainder.iter_mut() {
        let out = *word >> 63;
        *word = *word << 1 | carry;
        carry = out;
    }
    // It fits when subtracting borrows nothing, or the bit shifted out pays for that.
    let borrow = subtract(&mut remainder.clone(), modulus, u64::MAX);
    subtract(remainder, modulus, (carry | (borrow ^ 1)).wrapping_neg());
}

/// Subtracts those bits of `modulus` that are in `mask`, all or none. Gives what was borrowed.
fn subtract(number: &mut Number, modulus: &Number, mask: u64) -> u64 {
    let mut borrow = 0;
    for (word, subtrahend) in number.iter_mut().zip(&**modulus) {
        let (less, under) = word.overflowing_sub(*subtrahend & mask);
        let (less, under_again) = less.overflowing_sub(borrow);
        *word = less;
        borrow = u64::from(under | under_again);
    }
    borrow
}

/// A big-endian number, if it is short enough.
fn read(bytes: &[u8]) -> Option<Number> {
    let mut number = Number::default();
    let mut words = number.iter_mut();
    for chunk in bytes.rchunks(8) {
        let word = words.next()?;
        for byte in chunk {
            *word = *word << 8 | u64::from(*byte);
        }
    }
    Some(number)
}

/// The lowest `len` bytes, big-endian.
fn write(number: &Number, len: usize) -> Zeroizing<Vec<u8>> {
    let mut out = Zeroizing::new(alloc::vec![0; len]);
    let bytes = number.iter().flat_map(|word| word.to_le_bytes());
    for (out, byte) in out.iter_mut().rev().zip(bytes) {
        *out = byte;
    }
    out
}

#[cfg(test)]
mod tests {
    use adit_vectors::{OPENSSH_SIGNATURES, records};

    use adit_testkit::dice::Dice;

    use super::*;

    fn exponent(d: &[u8], prime: &[u8]) -> Option<Vec<u8>> {
        crt_exponent(d, prime).map(|exponent| exponent.to_vec())
    }

    #[test]
    fn it_is_what_openssl_computes_for_keys_of_ssh_keygen() {
        let strip = |bytes: &[u8]| {
            bytes
                .iter()
                .skip_while(|b| **b == 0)
                .copied()
                .collect::<Vec<u8>>()
        };
        let mut keys = 0;
        for record in records(OPENSSH_SIGNATURES) {
            if let Some(d) = record.find("d") {
                for (prime, expected) in [("p", "d_p"), ("q", "d_q")] {
                    let exponent = exponent(d, record.bytes(prime)).unwrap();
                    assert_eq!(strip(&exponent), record.bytes(expected));
                    assert_eq!(exponent.len(), record.bytes(prime).len());
                }
                keys += 1;
            }
        }
        assert_eq!(keys, 3);
    }

    #[test]
    fn it_is_the_remainder() {
        let mut dice = Dice::new(1);
        let mut next = || dice.next();
        for i in 0..2000_u32 {
            let d = u128::from(next()) << 64 | u128::from(next());
            let d = d >> (i % 128);
            let prime = (u128::from(next()) << 64 | u128::from(next())) >> (i / 16 % 126) | 3;
            let expected = (d % (prime - 1)).to_be_bytes();
            assert_eq!(
                exponent(&d.to_be_bytes(), &prime.to_be_bytes()),
                Some(expected.to_vec()),
                "{d} {prime}"
            );
        }
    }

    #[test]
    fn a_modulus_of_all_its_bits_loses_none() {
        // d = 2^4096 - 1 and p - 1 = 2^2048 - 2: 2^2048 is 2 there, so d is 2 * 2 - 1.
        let exponent = exponent(&[0xff; 512], &[0xff; 256]).unwrap();
        let (last, zeros) = exponent.split_last().unwrap();
        assert_eq!(*last, 3);
        assert!(zeros.iter().all(|byte| *byte == 0));
    }

    #[test]
    fn what_is_no_prime_of_a_key_is_refused() {
        assert_eq!(exponent(&[5], &[]), None);
        assert_eq!(exponent(&[5], &[0]), None);
        assert_eq!(exponent(&[5], &[1]), None);
        assert_eq!(exponent(&[5], &[0; 256]), None);
        assert_eq!(exponent(&[5], &[4]), None);
        assert_eq!(exponent(&[5], &[1; 257]), None);
        assert_eq!(exponent(&[5], &[3]), Some(std::vec![1]));
        assert_eq!(exponent(&[], &[7]), Some(std::vec![0]));
    }
}
