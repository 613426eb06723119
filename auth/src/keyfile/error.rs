//! Why a file gives no private key, and what its owner can do about it.

use core::fmt;

use adit_proto::Malformed;
use adit_proto::blob::{RSA_BITS_MAX, RSA_BITS_MIN};

use super::FILE_MAX;
use super::locked::{ROUNDS_MAX, ROUNDS_MIN};

/// Why a file is not a private key that can be used.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum KeyFileError {
    /// What stands between the marks is not base64.
    BadBase64,
    /// It has a passphrase, and this program was built without what takes one.
    BuiltWithout,
    /// OpenSSH format under another cipher or key derivation than aes256-ctr and bcrypt.
    Cipher,
    /// PEM that is encrypted: `Proc-Type: 4,ENCRYPTED`, or `ENCRYPTED PRIVATE KEY`.
    EncryptedPem,
    /// The two halves of the key do not belong together.
    HalvesDiffer,
    /// It has a passphrase, and there is nobody to ask.
    Locked,
    /// What is inside is not what its format says.
    Malformed(Malformed),
    /// An elliptic key that leaves its public half out, as SEC 1 lets it.
    NoPublicHalf,
    /// It has no private key.
    NotAPrivateKey,
    /// PuTTY's own format.
    Putty,
    /// A public key: the private one has the same name without `.pub`.
    PublicKey,
    /// More rounds of bcrypt than [`ROUNDS_MAX`], or none: a file could ask for years.
    Rounds,
    /// An RSA modulus of that many bits.
    RsaBits(u32),
    /// An RSA exponent that is even, 1, or has more than 33 bits.
    RsaExponent,
    /// Longer than [`FILE_MAX`].
    TooLong,
    /// A key that could be read but not signed with by this program's cryptography.
    Unsigned,
    /// A key of a type that is not known here: `ECDSA-SK`, …
    UnsupportedType(&'static str),
    /// The passphrase is not the one.
    WrongPassphrase,
}

impl KeyFileError {
    /// The same text with this file's name in the commands that it proposes.
    #[must_use]
    pub const fn about(self, file: &str) -> About<'_> {
        About { error: self, file }
    }
}

/// A [`KeyFileError`] and the file that it is about: the commands in it can be pasted.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    error: KeyFileError,
    file: &'a str,
}

impl fmt::Display for KeyFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.about("FILE").fmt(f)
    }
}

impl fmt::Display for About<'_> {
    /// Where ssh has words for it, the text begins with them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = Word(self.file);
        match self.error {
            KeyFileError::BadBase64 => f.write_str("invalid format (not base64)"),
            KeyFileError::BuiltWithout => f.write_str(
                "encrypted with a passphrase, and this program was built without them; \
                 use ssh-agent",
            ),
            KeyFileError::Cipher => write!(
                f,
                "encrypted with another cipher than aes256-ctr; \"ssh-keygen -p -f {file}\" converts it"
            ),
            KeyFileError::EncryptedPem => write!(
                f,
                "encrypted in PEM format; \"ssh-keygen -p -f {file}\" converts it"
            ),
            KeyFileError::HalvesDiffer => {
                f.write_str("private and public half do not belong together")
            }
            KeyFileError::Locked => f.write_str("encrypted with a passphrase"),
            KeyFileError::Malformed(Malformed::TooShort) => {
                f.write_str("invalid format (cut short)")
            }
            KeyFileError::Malformed(malformed) => write!(f, "invalid format ({malformed})"),
            KeyFileError::NoPublicHalf => write!(
                f,
                "its public half is missing; \"ssh-keygen -p -f {file}\" adds it"
            ),
            KeyFileError::NotAPrivateKey => f.write_str("invalid format (not a private key)"),
            KeyFileError::Putty => write!(
                f,
                "in PuTTY's format; \"puttygen {file} -O private-openssh -o NEW\" converts it"
            ),
            KeyFileError::PublicKey => f.write_str("a public key, not a private one"),
            KeyFileError::Rounds => write!(
                f,
                "bcrypt rounds are not within {ROUNDS_MIN} and {ROUNDS_MAX}; \
                 \"ssh-keygen -p -a 24 -f {file}\" changes them"
            ),
            KeyFileError::RsaBits(bits) => write!(
                f,
                "RSA key of {bits} bits: not within {RSA_BITS_MIN} and {RSA_BITS_MAX}"
            ),
            KeyFileError::RsaExponent => {
                f.write_str("RSA key whose exponent is even, 1 or above 2^33")
            }
            KeyFileError::TooLong => write!(f, "longer than {FILE_MAX} bytes"),
            KeyFileError::Unsigned => {
                f.write_str("this program cannot sign with such a key; use ssh-agent")
            }
            KeyFileError::UnsupportedType(label) => write!(
                f,
                "{label} keys are not supported; use ED25519, ECDSA of 256 or 384 bits, or RSA"
            ),
            KeyFileError::WrongPassphrase => {
                f.write_str("incorrect passphrase supplied to decrypt private key")
            }
        }
    }
}

impl core::error::Error for KeyFileError {}

impl From<Malformed> for KeyFileError {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

/// A file name as one word of a shell's command line, and of a terminal's line.
struct Word<'a>(&'a str);

impl fmt::Display for Word<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+,@%:=~".contains(c);
        if !self.0.is_empty() && self.0.chars().all(is_plain) {
            return f.write_str(self.0);
        }
        f.write_str("'")?;
        for c in self.0.chars() {
            match c {
                // The quotes end, one that is escaped follows, and they begin again.
                '\'' => f.write_str("'\\''")?,
                c if c.is_control() => f.write_str("?")?,
                c => write!(f, "{c}")?,
            }
        }
        f.write_str("'")
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;

    #[test]
    fn a_command_names_the_file_as_one_word() {
        for (file, word) in [
            ("/home/bob/.ssh/id_rsa", "/home/bob/.ssh/id_rsa"),
            ("my key", "'my key'"),
            ("it's", "'it'\\''s'"),
            ("$(x)", "'$(x)'"),
            ("a\x1bb", "'a?b'"),
            ("", "''"),
        ] {
            assert_eq!(
                KeyFileError::EncryptedPem.about(file).to_string(),
                std::format!("encrypted in PEM format; \"ssh-keygen -p -f {word}\" converts it")
            );
        }
    }

    #[test]
    fn an_error_is_one_line() {
        for error in [
            KeyFileError::BadBase64,
            KeyFileError::BuiltWithout,
            KeyFileError::Cipher,
            KeyFileError::EncryptedPem,
            KeyFileError::HalvesDiffer,
            KeyFileError::Locked,
            KeyFileError::Malformed(Malformed::TooShort),
            KeyFileError::NoPublicHalf,
            KeyFileError::NotAPrivateKey,
            KeyFileError::Putty,
            KeyFileError::PublicKey,
            KeyFileError::Rounds,
            KeyFileError::RsaBits(1024),
            KeyFileError::RsaExponent,
            KeyFileError::TooLong,
            KeyFileError::Unsigned,
            KeyFileError::UnsupportedType("DSA"),
            KeyFileError::WrongPassphrase,
        ] {
            let text = error.to_string();
            assert!(text.len() > 10 && !text.contains('\n'), "{text}");
            assert!(!text.contains("  "), "{text}");
        }
    }
}
