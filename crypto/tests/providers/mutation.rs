//! Bytes that are nearly what they should be.

use adit_testkit::dice::Dice;

/// Numbers at which arithmetic turns: of nistp256 and nistp384 n and p, of edwards25519 L and p
/// (little-endian), and what has no curve.
const TURNS: [&str; 12] = [
    "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
    "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff",
    "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973",
    "fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffff0000000000000000ffffffff",
    "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "",
    "00",
    "01",
    "03",
    "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "80",
];

/// One of them, with its neighbours.
fn turn(dice: &mut Dice) -> Vec<u8> {
    let digits = dice.pick(&TURNS);
    let digit = |at: usize| digits.get(at..at + 2);
    let bytes = (0..digits.len()).step_by(2).filter_map(digit);
    let mut number: Vec<_> = bytes.map(|d| u8::from_str_radix(d, 16).unwrap()).collect();
    let at = if dice.one_in(2) {
        0
    } else {
        number.len().saturating_sub(1)
    };
    if let Some(byte) = number.get_mut(at) {
        *byte = byte.wrapping_add(dice.pick(&[0, 0, 1, 0xff]));
    }
    // As mpint has it, half of the time.
    if dice.one_in(2) && number.first().is_some_and(|first| *first >= 0x80) {
        number.insert(0, 0);
    }
    number
}

/// Bytes that mean nothing, of this length; now and then a number at which arithmetic turns, cut to
/// it.
pub(crate) fn made_up(dice: &mut Dice, len: usize) -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..len).map(|_| dice.next().to_be_bytes()[0]).collect();
    if dice.one_in(4) {
        for (byte, turn) in bytes.iter_mut().zip(turn(dice)) {
            *byte = turn;
        }
    }
    bytes
}

/// These, but for one change or two.
pub(crate) fn mutated(dice: &mut Dice, bytes: &[u8]) -> Vec<u8> {
    let mut out = bytes.to_vec();
    for _ in 0..=dice.below(2) {
        let at = dice.below(out.len().max(1));
        match dice.below(9) {
            0 => out.truncate(at),
            1 => out.insert(at.min(out.len()), dice.next().to_be_bytes()[0]),
            2 => out.push(0),
            3 => out.insert(0, 0),
            4 => drop(out.drain(..out.len().min(1))),
            5 => out = turn(dice),
            6 => {
                let end = (at + dice.below(40)).min(out.len());
                let byte = dice.pick(&[0, 0xff]);
                out.get_mut(at..end).unwrap_or_default().fill(byte);
            }
            _ => {
                let bit = dice.below(8);
                if let Some(byte) = out.get_mut(at) {
                    *byte ^= 1 << bit;
                }
            }
        }
    }
    out
}

/// The strings that a blob is made of, if it is.
fn strings(mut blob: &[u8]) -> Option<Vec<&[u8]>> {
    let mut strings = Vec::new();
    while let Some((len, rest)) = blob.split_first_chunk::<4>() {
        let len = usize::try_from(u32::from_be_bytes(*len)).ok()?;
        let (string, rest) = rest.split_at_checked(len)?;
        strings.push(string);
        blob = rest;
    }
    (blob.is_empty() && !strings.is_empty()).then_some(strings)
}

/// A blob with a change in it, most often inside one of its strings, whose lengths are then right.
pub(crate) fn mutated_inside(dice: &mut Dice, blob: &[u8]) -> Vec<u8> {
    let Some(strings) = strings(blob).filter(|_| !dice.one_in(6)) else {
        return mutated(dice, blob);
    };
    // The name before the others is the least of it.
    let chosen = if dice.one_in(8) {
        0
    } else {
        strings.len() - 1 - dice.below(strings.len() / 2 + 1)
    };
    let mut out = Vec::new();
    for (at, string) in strings.iter().enumerate() {
        let string = if at == chosen {
            mutated_inside(dice, string)
        } else {
            string.to_vec()
        };
        out.extend(u32::try_from(string.len()).unwrap().to_be_bytes());
        out.extend(string);
    }
    out
}
