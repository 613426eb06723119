//! Mutation without coverage, for `cargo test`: seeded, so that a failure can be repeated.

/// xorshift64*: small, and the same everywhere.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// From any seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed ^ 0x9e37_79b9_7f4a_7c15 | 1)
    }

    /// The next 64 bits.
    pub const fn bits(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `bound`; 0 when that is 0.
    pub fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.bits() % (bound.max(1) as u64)).unwrap_or(0)
    }

    /// A byte.
    pub const fn byte(&mut self) -> u8 {
        self.bits().to_le_bytes()[3]
    }
}

/// Lengths and counts at which programs break.
const EDGES: [u32; 12] = [
    0,
    1,
    2,
    4,
    0x7f,
    0xff,
    0x100,
    32_768,
    35_000,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
];

/// Largest input it makes: some packets.
const LEN_MAX: usize = 80_000;

/// Changes `data` in a few places, sometimes with a piece of `other`.
pub fn mutate(random: &mut Random, data: &mut Vec<u8>, other: &[u8]) {
    for _ in 0..=random.below(4) {
        let at = random.below(data.len() + 1);
        match random.below(10) {
            0 | 1 => flip(random, data, at),
            2 => set(data, at, &[random.byte()]),
            3 => set(data, at, &EDGES[random.below(EDGES.len())].to_be_bytes()),
            4 => drop(data.splice(at..at, [random.byte()])),
            5 => {
                let end = (at + 1 + random.below(8)).min(data.len());
                drop(data.splice(at.min(end)..end, []));
            }
            6 => data.truncate(at),
            7 => {
                let piece = some(random, other).to_vec();
                drop(data.splice(at..at, piece));
            }
            8 => {
                let piece = some(random, data).to_vec();
                drop(data.splice(at..at, piece));
            }
            _ => data.extend(
                (0..random.below(16))
                    .map(|_| random.byte())
                    .collect::<Vec<_>>(),
            ),
        }
    }
    data.truncate(LEN_MAX);
}

fn flip(random: &mut Random, data: &mut [u8], at: usize) {
    if let Some(byte) = data.get_mut(at) {
        *byte ^= 1 << random.below(8);
    }
}

fn set(data: &mut [u8], at: usize, value: &[u8]) {
    for (to, from) in data.iter_mut().skip(at).zip(value) {
        *to = *from;
    }
}

fn some<'a>(random: &mut Random, from: &'a [u8]) -> &'a [u8] {
    let start = random.below(from.len());
    let end = (start + random.below(200)).min(from.len());
    &from[start..end]
}
