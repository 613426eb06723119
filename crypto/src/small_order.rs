//! Points of edwards25519 that no honest signer makes (RFC 8032 §5.1), for A and R alike.
//!
//! A public key of small order signs whatever is asked of it, and libraries differ in what they
//! make of such points and of coordinates that are not reduced. Both are refused before any sees them.

/// The y coordinates of the eight points whose order divides 8, little-endian, without x's sign.
/// x is 0 for the last two and has both signs for the others.
const SMALL_ORDER_Y: [[u8; 32]; 5] = [
    // 0: order 4
    [0; 32],
    // order 8
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98,
        0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53,
        0xfc, 0x05,
    ],
    // its negative: order 8
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67,
        0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac,
        0x03, 0x7a,
    ],
    // 1: the neutral element
    [
        1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0,
    ],
    // p - 1: order 2
    [
        0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0x7f,
    ],
];

/// p = 2^255 - 19, little-endian: coordinates are below it.
const P: [u8; 32] = {
    let mut p = [0xff; 32];
    p[0] = 0xed;
    p[31] = 0x7f;
    p
};

/// Whether these 32 bytes may be a public key or an R: y is reduced (§5.1.3 step 1), and the point
/// is not of small order. Public data, so it need not take constant time.
pub(crate) fn is_point_allowed(encoded: &[u8; 32]) -> bool {
    let mut y = *encoded;
    if let Some(last) = y.last_mut() {
        *last &= 0x7f; // the top bit is x's sign
    }
    y.iter().rev().lt(P.iter().rev()) && !SMALL_ORDER_Y.contains(&y)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `y` with both signs of x.
    fn signs(mut y: [u8; 32]) -> [[u8; 32]; 2] {
        let plain = y;
        y[31] |= 0x80;
        [plain, y]
    }

    #[test]
    fn points_of_small_order_are_refused_with_both_signs() {
        for y in SMALL_ORDER_Y {
            for encoded in signs(y) {
                assert!(!is_point_allowed(&encoded), "{encoded:02x?}");
            }
        }
    }

    #[test]
    fn coordinates_are_below_p() {
        // p - 2 is no small-order coordinate and is reduced; p to p + 18 are what is left of 255 bits.
        let mut y = P;
        y[0] = 0xeb;
        assert!(signs(y).iter().all(is_point_allowed));
        for low in 0xed..=0xff {
            y[0] = low;
            assert!(!signs(y).iter().any(is_point_allowed), "{low:02x}");
        }
        y = P;
        y[31] = 0x7e;
        assert!(signs(y).iter().all(is_point_allowed));
    }

    #[test]
    fn an_ordinary_point_is_allowed() {
        // The base point: y = 4/5.
        let mut base = [0x66; 32];
        base[0] = 0x58;
        assert!(signs(base).iter().all(is_point_allowed));
    }

    #[cfg(feature = "pure")]
    #[test]
    fn the_table_is_what_the_curve_says() {
        for encoded in SMALL_ORDER_Y.into_iter().flat_map(signs) {
            // y = 1 and y = -1 have x = 0, which has no sign; dalek decodes them nevertheless.
            let key = ed25519_dalek::VerifyingKey::from_bytes(&encoded).unwrap();
            assert!(key.is_weak(), "{encoded:02x?}");
        }
    }
}
