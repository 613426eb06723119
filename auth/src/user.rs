//! User names: what length one may have, and which can be put into a file name.

/// Longest user name a server takes: LOGIN_NAME_MAX on Linux, without its NUL.
pub const USER_NAME_MAX: usize = 255;

/// Whether a user name is nothing but a name: letters, digits, `.`, `_`, `-` and bytes of UTF-8,
/// not beginning with `-` or `.`, so that it can stand for `%u` in a path and leads nowhere else.
#[must_use]
pub fn is_plain_user_name(user: &[u8]) -> bool {
    let plain = |b: &u8| b.is_ascii_alphanumeric() || b"._-".contains(b) || !b.is_ascii();
    let first_is_harmless = user.first().is_some_and(|b| !b"-.".contains(b));
    first_is_harmless && user.len() <= USER_NAME_MAX && user.iter().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_name_leads_out_of_no_directory() {
        for plain in [
            &b"bob"[..],
            b"bob.smith",
            b"_www-data",
            b"b0b",
            "jürgen".as_bytes(),
        ] {
            assert!(is_plain_user_name(plain), "{plain:?}");
        }
        for strange in [
            &b""[..],
            b"..",
            b".hidden",
            b"-rf",
            b"../root",
            b"a/b",
            b"a\0b",
            b"a b",
            b"a%u",
            b"a\n",
            b"$(id)",
        ] {
            assert!(!is_plain_user_name(strange), "{strange:?}");
        }
    }

    #[test]
    fn a_plain_name_has_at_most_255_bytes() {
        assert!(is_plain_user_name(&[b'a'; USER_NAME_MAX - 1]));
        assert!(is_plain_user_name(&[b'a'; USER_NAME_MAX]));
        assert!(!is_plain_user_name(&[b'a'; USER_NAME_MAX + 1]));
    }
}
