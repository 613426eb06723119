//! OpenSSH's own format (PROTOCOL.key).
//!
//! ```text
//!   "openssh-key-v1" NUL
//!   string ciphername, kdfname, kdfoptions
//!                                  "none", "none", ""
//!                               or "aes256-ctr", "bcrypt", string salt ‖ uint32 rounds
//!   uint32 number of keys          1
//!   string public key blob
//!   string                         in blocks of 8 bytes, or of the cipher's
//!          uint32 checkint, checkint            equal
//!          string key type, and its parts
//!          string comment
//!          byte   1, 2, 3, …                    up to a whole block
//! ```

use alloc::vec::Vec;

use adit_proto::blob::blob_name;
use adit_proto::{Encode, Field, Malformed, Reader, Writer};

use super::error::KeyFileError;
use super::locked::LockedKey;
use super::parts::{Parts, checked_type};
use super::{KeyFile, Parsed};

const MAGIC: &[u8] = b"openssh-key-v1\0";
/// Cipher and key derivation of a file without a passphrase.
pub(super) const NONE: &[u8] = b"none";
/// The cipher of a file with one that is read and written.
pub(super) const AES256_CTR: &[u8] = b"aes256-ctr";
/// The key derivation that goes with it.
pub(super) const BCRYPT: &[u8] = b"bcrypt";
/// Cipher "none" has blocks of 8 (PROTOCOL.key §3).
pub(super) const PLAIN_BLOCK_LEN: usize = 8;
/// AES has blocks of 16.
pub(super) const AES_BLOCK_LEN: usize = 16;

/// The key in a file, or what is known of it without its passphrase.
pub(super) fn read(file: &[u8]) -> Result<Parsed, KeyFileError> {
    let outer = Outer::read(file)?;
    // Said before anything else can go wrong with a type that is not known here.
    let key_type = checked_type(outer.public_blob)?;
    let protection = (outer.ciphername, outer.kdfname);
    if protection == (AES256_CTR, BCRYPT) {
        return LockedKey::new(key_type, &outer).map(Parsed::Locked);
    }
    if protection != (NONE, NONE) {
        return Err(KeyFileError::Cipher);
    }
    if !outer.kdfoptions.is_empty() || outer.private.len() % PLAIN_BLOCK_LEN != 0 {
        return Err(Malformed::BadLength.into());
    }
    let mut reader = Reader::new(outer.private);
    if reader.u32()? != reader.u32()? {
        return Err(Malformed::BadInteger.into());
    }
    section(reader, outer.public_blob).map(Parsed::Plain)
}

/// The public half, whatever is known of the rest.
pub(super) fn public_blob(file: &[u8]) -> Result<&[u8], KeyFileError> {
    Outer::read(file).map(|outer| outer.public_blob)
}

/// A private section behind its check numbers.
pub(super) fn section(mut reader: Reader<'_>, public_blob: &[u8]) -> Result<KeyFile, KeyFileError> {
    let parts = Parts::read(&mut reader, blob_name(public_blob)?)?;
    let comment = reader.string()?.to_vec();
    let padding = reader.rest();
    let is_counted = padding.iter().zip(1..=u8::MAX).all(|(b, i)| *b == i);
    if !is_counted || padding.len() > usize::from(u8::MAX) {
        return Err(Malformed::TrailingBytes.into());
    }
    // A signature under a public key that is not the private key's would give that away.
    if parts.public_blob() != public_blob {
        return Err(KeyFileError::HalvesDiffer);
    }
    Ok(KeyFile { parts, comment })
}

/// The file, up to what may be encrypted.
pub(super) struct Outer<'a> {
    pub(super) ciphername: &'a [u8],
    pub(super) kdfname: &'a [u8],
    pub(super) kdfoptions: &'a [u8],
    pub(super) public_blob: &'a [u8],
    pub(super) private: &'a [u8],
}

impl<'a> Outer<'a> {
    pub(super) fn read(file: &'a [u8]) -> Result<Self, KeyFileError> {
        let body = file.strip_prefix(MAGIC).ok_or(Malformed::WrongNumber)?;
        let mut reader = Reader::new(body);
        let (ciphername, kdfname) = (reader.string()?, reader.string()?);
        let kdfoptions = reader.string()?;
        if reader.u32()? != 1 {
            return Err(Malformed::TooMany.into());
        }
        let (public_blob, private) = (reader.string()?, reader.string()?);
        // An AEAD cipher has its tag behind the private section.
        if [NONE, AES256_CTR].contains(&ciphername) {
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
pub(super) struct Section<'a> {
    pub(super) check: [u8; 4],
    pub(super) parts: &'a Parts,
    pub(super) comment: &'a Vec<u8>,
    pub(super) block_len: usize,
}

impl Section<'_> {
    fn unpadded_len(&self) -> usize {
        2 * self.check.len() + self.parts.encoded_len() + self.comment.as_slice().field_len()
    }
}

impl Encode for Section<'_> {
    fn encoded_len(&self) -> usize {
        self.unpadded_len().next_multiple_of(self.block_len)
    }

    fn encode(&self, writer: &mut Writer<'_>) {
        writer.bytes(&self.check);
        writer.bytes(&self.check);
        self.parts.encode(writer);
        writer.string(self.comment);
        let padding_len = self.encoded_len() - self.unpadded_len();
        for (byte, _) in (1..=u8::MAX).zip(0..padding_len) {
            writer.byte(byte);
        }
    }
}
