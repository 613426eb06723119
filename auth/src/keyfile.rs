//! Private key files as ssh-keygen makes them (OpenSSH PROTOCOL.key), without a passphrase.
//!
//! ```text
//!   -----BEGIN OPENSSH PRIVATE KEY-----
//!   base64:  "openssh-key-v1" NUL
//!            string ciphername, kdfname, kdfoptions      "none", "none", ""
//!            uint32 number of keys                       1
//!            string public key blob
//!            string uint32 checkint, checkint            equal
//!                   string key type, public, private (seed ‖ public), comment
//!                   byte   1, 2, 3, …                    up to a multiple of 8
//!   -----END OPENSSH PRIVATE KEY-----
//! ```
//!
//! Everything that holds the seed is wiped when dropped, the decoded file included. The text of the
//! file is the caller's: keep it in a [`Secret`].

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use adit_crypto::{KeyLoader, PrivateKey, Provider, Secret, SecureRandom, SigningKey, Unspecified};
use adit_crypto::{encoded, equal};
use adit_proto::blob::{OneString, SSH_ED25519, blob_name};
use adit_proto::{Encode, Field, Malformed, Reader, Writer};
use zeroize::Zeroizing;

use crate::base64;
use crate::signed::key_type_label;

/// Longest file that is read. A key of RSA with 16384 bits has 13 KiB.
pub const FILE_MAX: usize = 64 * 1024;

const BEGIN: &[u8] = b"-----BEGIN OPENSSH PRIVATE KEY-----";
const END: &[u8] = b"-----END OPENSSH PRIVATE KEY-----";
const MAGIC: &[u8] = b"openssh-key-v1\0";
const NONE: &[u8] = b"none";
/// Cipher "none" has blocks of 8 (PROTOCOL.key §3).
const BLOCK_LEN: usize = 8;
/// Characters in a line of the text that ssh-keygen writes.
const TEXT_WIDTH: usize = 70;
const SEED_LEN: usize = 32;
const PUBLIC_LEN: usize = 32;

/// An Ed25519 key from a file, or for one.
pub struct KeyFile {
    seed: Zeroizing<[u8; SEED_LEN]>,
    public: [u8; PUBLIC_LEN],
    comment: Vec<u8>,
}

/// Why a file is not a private key that can be used.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum KeyFileError {
    /// It is encrypted with a passphrase.
    Encrypted,
    /// The two halves of the key do not belong together.
    HalvesDiffer,
    /// What is inside is not what its format says.
    Malformed(Malformed),
    /// It has no private key.
    NotAPrivateKey,
    /// A private key in a format of others: PKCS#1, PKCS#8, SEC 1, PuTTY.
    OtherFormat,
    /// A public key: the private one has the same name without `.pub`.
    PublicKey,
    /// Longer than [`FILE_MAX`].
    TooLong,
    /// A key of another type than Ed25519: `RSA`, …
    UnsupportedType(&'static str),
}

impl fmt::Display for KeyFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Encrypted => f.write_str("encrypted with a passphrase; add it to ssh-agent"),
            Self::HalvesDiffer => f.write_str("private and public half do not belong together"),
            Self::Malformed(malformed) => write!(f, "malformed: {malformed}"),
            Self::NotAPrivateKey => f.write_str("not a private key"),
            Self::OtherFormat => {
                f.write_str("not in OpenSSH format; \"ssh-keygen -p\" converts it")
            }
            Self::PublicKey => f.write_str("a public key, not a private one"),
            Self::TooLong => write!(f, "longer than {FILE_MAX} bytes"),
            Self::UnsupportedType(label) => {
                write!(
                    f,
                    "{label} keys are not supported; use ED25519, or ssh-agent"
                )
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

impl KeyFile {
    /// From the text of a file.
    ///
    /// # Errors
    /// [`KeyFileError`].
    pub fn parse(text: &[u8]) -> Result<Self, KeyFileError> {
        let file = decode(text)?;
        let outer = Outer::read(&file)?;
        if outer.ciphername != NONE || outer.kdfname != NONE {
            return Err(KeyFileError::Encrypted);
        }
        // Said before anything else can go wrong with a type that is not known here.
        let key_type = blob_name(outer.public_blob)?;
        if key_type != SSH_ED25519 {
            return Err(KeyFileError::UnsupportedType(key_type_label(key_type)));
        }
        if !outer.kdfoptions.is_empty() || outer.private.len() % BLOCK_LEN != 0 {
            return Err(Malformed::BadLength.into());
        }
        Self::read_private(outer.private, outer.public_blob)
    }

    /// A new key.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn generate(
        provider: &Provider,
        random: &dyn SecureRandom,
        comment: &str,
    ) -> Result<Self, Unspecified> {
        let (secret, public) = provider.keys.generate_ed25519(random)?;
        let mut seed = Zeroizing::new([0; SEED_LEN]);
        if secret.expose().len() != SEED_LEN {
            return Err(Unspecified);
        }
        seed.copy_from_slice(secret.expose());
        let comment = comment.chars().filter(|c| !c.is_control());
        Ok(Self {
            seed,
            public,
            comment: comment.collect::<alloc::string::String>().into_bytes(),
        })
    }

    /// The public half, as a key blob.
    #[must_use]
    pub fn public_blob(&self) -> Vec<u8> {
        encoded(&OneString {
            name: SSH_ED25519,
            value: &self.public,
        })
    }

    /// What its owner wrote behind it; any bytes.
    #[must_use]
    pub fn comment(&self) -> &[u8] {
        &self.comment
    }

    /// Makes it a key that signs. The public half is computed from the private one and compared: a
    /// signature under a public key that is not the seed's would give the seed away.
    ///
    /// # Errors
    /// [`KeyFileError::HalvesDiffer`].
    pub fn load(&self, loader: &dyn KeyLoader) -> Result<Box<dyn SigningKey>, KeyFileError> {
        loader
            .load(&PrivateKey::Ed25519 {
                seed: &self.seed,
                public: &self.public,
            })
            .map_err(|_| KeyFileError::HalvesDiffer)
    }

    /// The text of a file. Write it where nobody else can read it.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn to_text(&self, random: &dyn SecureRandom) -> Result<Secret, Unspecified> {
        let mut check = [0; 4];
        random.fill(&mut check)?;
        let mut private = Zeroizing::new([0; SEED_LEN + PUBLIC_LEN]);
        private
            .iter_mut()
            .zip(self.seed.iter().chain(&self.public))
            .for_each(|(to, from)| *to = *from);
        let section = Secret::new(encoded(&Section {
            check: u32::from_be_bytes(check),
            public: &self.public,
            private: &*private,
            comment: &self.comment,
        }));
        let public_blob = self.public_blob();
        let file = Secret::new(encoded(&Outer {
            ciphername: NONE,
            kdfname: NONE,
            kdfoptions: &[],
            public_blob: &public_blob,
            private: section.expose(),
        }));
        let base64 = Secret::new(base64::encode(file.expose()).into_bytes());
        Ok(wrapped(base64.expose()))
    }

    fn read_private(private: &[u8], public_blob: &[u8]) -> Result<Self, KeyFileError> {
        let mut reader = Reader::new(private);
        let (check, again) = (reader.u32()?, reader.u32()?);
        if check != again {
            return Err(Malformed::BadInteger.into());
        }
        let key_type = reader.string()?;
        let public: [u8; PUBLIC_LEN] = fixed(reader.string()?)?;
        let pair = reader.string()?;
        let comment = reader.string()?.to_vec();
        let padding = reader.rest();
        if !padding.iter().zip(1..=u8::MAX).all(|(b, i)| *b == i) || padding.len() > 0xff {
            return Err(Malformed::TrailingBytes.into());
        }
        let (seed, public_again) = pair
            .split_first_chunk::<SEED_LEN>()
            .ok_or(Malformed::BadLength)?;
        let key = Self {
            seed: Zeroizing::new(*seed),
            public,
            comment,
        };
        let is_one_key = key_type == SSH_ED25519
            && equal(public_again, &public)
            && key.public_blob() == public_blob;
        if !is_one_key {
            return Err(KeyFileError::HalvesDiffer);
        }
        Ok(key)
    }
}

/// The public half of a key file, as a key blob: it can be read even where the private one is
/// encrypted or of another type, and an agent may have the rest.
///
/// # Errors
/// [`KeyFileError`].
pub fn public_blob(text: &[u8]) -> Result<Vec<u8>, KeyFileError> {
    let file = decode(text)?;
    let outer = Outer::read(&file)?;
    blob_name(outer.public_blob)?;
    Ok(outer.public_blob.to_vec())
}

/// What is between the two marks, decoded.
fn decode(text: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    if text.len() > FILE_MAX {
        return Err(KeyFileError::TooLong);
    }
    let Some(behind) = text.strip_prefix(BEGIN) else {
        return Err(what_else(text));
    };
    let end = behind
        .windows(END.len())
        .position(|window| window == END)
        .ok_or(Malformed::TooShort)?;
    let base64 = behind.get(..end).unwrap_or_default();
    let characters = base64.iter().copied().filter(|b| !b"\r\n".contains(b));
    let mut out = Zeroizing::new(vec![0; base64.len() / 4 * 3]);
    let n = base64::decode_into(characters, &mut out).ok_or(Malformed::BadLength)?;
    // Shortens without moving: nothing of it stays behind unwiped.
    out.truncate(n);
    Ok(out)
}

/// What a file is that is not an OpenSSH private key.
fn what_else(text: &[u8]) -> KeyFileError {
    let first = text.split(|b| *b == b'\n').next().unwrap_or_default();
    let says = |what: &[u8]| first.windows(what.len()).any(|window| window == what);
    if says(b"ENCRYPTED PRIVATE KEY-----") {
        KeyFileError::Encrypted
    } else if says(b"PRIVATE KEY-----") || first.starts_with(b"PuTTY-User-Key-File-") {
        KeyFileError::OtherFormat
    } else if crate::public_key::PublicKey::parse_file(text).is_ok() {
        KeyFileError::PublicKey
    } else {
        KeyFileError::NotAPrivateKey
    }
}

fn fixed<const N: usize>(bytes: &[u8]) -> Result<[u8; N], Malformed> {
    bytes.try_into().map_err(|_| Malformed::BadLength)
}

/// Between the marks, in lines.
fn wrapped(base64: &[u8]) -> Secret {
    let line_ends = base64.len().div_ceil(TEXT_WIDTH);
    let marks = BEGIN.len() + END.len() + 2;
    // As long as the result, so that it never moves and leaves a copy behind.
    let mut text = Vec::with_capacity(marks + base64.len() + line_ends);
    text.extend_from_slice(BEGIN);
    text.push(b'\n');
    for line in base64.chunks(TEXT_WIDTH) {
        text.extend_from_slice(line);
        text.push(b'\n');
    }
    text.extend_from_slice(END);
    text.push(b'\n');
    Secret::new(text)
}

/// The file, up to what may be encrypted.
struct Outer<'a> {
    ciphername: &'a [u8],
    kdfname: &'a [u8],
    kdfoptions: &'a [u8],
    public_blob: &'a [u8],
    private: &'a [u8],
}

impl<'a> Outer<'a> {
    fn read(file: &'a [u8]) -> Result<Self, KeyFileError> {
        let body = file.strip_prefix(MAGIC).ok_or(Malformed::WrongNumber)?;
        let mut reader = Reader::new(body);
        let (ciphername, kdfname) = (reader.string()?, reader.string()?);
        let kdfoptions = reader.string()?;
        if reader.u32()? != 1 {
            return Err(Malformed::TooMany.into());
        }
        let (public_blob, private) = (reader.string()?, reader.string()?);
        // An AEAD cipher has its tag behind the private section.
        if ciphername == NONE {
            reader.finish()?;
        }
        Ok(Self {
            ciphername,
            kdfname,
            kdfoptions,
            public_blob,
            private,
        })
    }

    const fn strings(&self) -> [&'a [u8]; 3] {
        [self.ciphername, self.kdfname, self.kdfoptions]
    }
}

impl Encode for Outer<'_> {
    fn encoded_len(&self) -> usize {
        let strings = self.strings().iter().map(Field::field_len).sum::<usize>();
        MAGIC.len() + strings + 4 + self.public_blob.field_len() + self.private.field_len()
    }

    fn encode(&self, writer: &mut Writer<'_>) {
        writer.bytes(MAGIC);
        for string in self.strings() {
            writer.string(string);
        }
        writer.u32(1);
        writer.string(self.public_blob);
        writer.string(self.private);
    }
}

/// What may be encrypted.
struct Section<'a> {
    check: u32,
    public: &'a [u8],
    private: &'a [u8],
    comment: &'a [u8],
}

impl Section<'_> {
    fn unpadded_len(&self) -> usize {
        let strings = [SSH_ED25519, self.public, self.private, self.comment];
        4 + 4 + strings.iter().map(Field::field_len).sum::<usize>()
    }
}

impl Encode for Section<'_> {
    fn encoded_len(&self) -> usize {
        self.unpadded_len().next_multiple_of(BLOCK_LEN)
    }

    fn encode(&self, writer: &mut Writer<'_>) {
        writer.u32(self.check);
        writer.u32(self.check);
        for string in [SSH_ED25519, self.public, self.private, self.comment] {
            writer.string(string);
        }
        let padding_len = self.encoded_len() - self.unpadded_len();
        for (byte, _) in (1..=u8::MAX).zip(0..padding_len) {
            writer.byte(byte);
        }
    }
}

#[cfg(test)]
mod tests;
