//! `-l`: the fingerprints of what a file holds, in the lines of `ssh-keygen -l`:
//! `256 SHA256:… comment (ED25519)`.

use std::path::{Path, PathBuf};

use adit_auth::keyfile::{self, KeyFile, KeyFileError, Parsed};
use adit_auth::public_key::{self, PublicKey};
use adit_auth::{Fingerprint, key_type_label};
use adit_crypto::Secret;
use adit_proto::Malformed;
use adit_proto::blob::blob_name;

use crate::escape::escaped;
use crate::file::{self, HOSTS_MAX, KEY_MAX};
use crate::keygen::make::public_path;
use crate::keygen::run::{Ending, World, read};
use crate::provider::PROVIDER;

pub(super) fn show(named: Option<PathBuf>, world: &mut World<'_>) -> Result<(), Ending> {
    let path = world.file(named, "Enter file in which the key is")?;
    let name = path.display().to_string();
    let (bytes, _) = read(&path, HOSTS_MAX)
        .map_err(|error| world.failed(format_args!("adit-keygen: {name}: {error}")))?;
    let text = Secret::new(bytes);
    match private(text.expose(), &path) {
        Ok(line) => world.say(&line),
        Err(KeyFileError::NotAPrivateKey | KeyFileError::PublicKey | KeyFileError::TooLong) => {
            let mut found = false;
            for line in lines(text.expose()) {
                found = true;
                world.say(&line)?;
            }
            if found {
                return Ok(());
            }
            Err(world.failed(format_args!("{name} is not a public key file.")))
        }
        Err(error) => {
            Err(world.failed(format_args!("Load key \"{name}\": {}", error.about(&name))))
        }
    }
}

/// The line of a private key. It needs no passphrase: where the public half is not in the file, it
/// may be beside it.
fn private(text: &[u8], path: &Path) -> Result<String, KeyFileError> {
    let mut own_comment = None;
    let blob = match KeyFile::parse(text, PROVIDER.keys) {
        Ok(Parsed::Plain(key)) => {
            own_comment = Some(key.comment().to_vec());
            Ok(key.public_blob())
        }
        Ok(Parsed::Locked(locked)) => Ok(locked.public_blob().to_vec()),
        Err(error) => keyfile::public_blob(text).map_err(|_| error),
    };
    let beside = file::read(&public_path(path), KEY_MAX).ok();
    let beside = beside.as_ref().and_then(|contents| {
        let key = PublicKey::parse_file(&contents.bytes).ok()?;
        Some((key.blob, key.comment))
    });
    let of_the_public = beside
        .as_ref()
        .filter(|(public, _)| blob.as_ref().is_ok_and(|blob| blob == public))
        .map(|(_, comment)| *comment);
    let blob = match (blob, &beside) {
        (Ok(blob), _) => blob,
        (Err(KeyFileError::EncryptedPem | KeyFileError::NoPublicHalf), Some((blob, comment))) => {
            own_comment = Some(comment.to_vec());
            blob.clone()
        }
        (Err(error), _) => return Err(error),
    };
    let comment = own_comment.as_deref().filter(|comment| !comment.is_empty());
    let comment = comment.or(of_the_public).unwrap_or_default();
    line(&blob, comment).ok_or(KeyFileError::Malformed(Malformed::BadLength))
}

/// The line of each key in a `.pub` file, known_hosts or authorized_keys, whatever stands between.
pub fn lines(text: &[u8]) -> impl Iterator<Item = String> {
    text.split(|b| *b == b'\n').filter_map(|text| {
        let text = text.strip_suffix(b"\r").unwrap_or(text).trim_ascii();
        if text.is_empty() || text.starts_with(b"#") {
            return None;
        }
        if let Ok(key) = PublicKey::parse(text) {
            return line(&key.blob, key.comment);
        }
        // known_hosts: a marker, and the hosts, which stand for a comment if there is none.
        let text = match text {
            [b'@', ..] => split(text).1,
            _ => text,
        };
        let (prefix, rest) = split(text);
        let key = PublicKey::parse(rest).ok()?;
        let comment = match key.comment {
            [] => prefix,
            comment => comment,
        };
        line(&key.blob, comment)
    })
}

/// One word, in which blanks between double quotes are none of its end, and the rest.
fn split(text: &[u8]) -> (&[u8], &[u8]) {
    let mut is_quoted = false;
    let mut is_escaped = false;
    let end = text.iter().position(|b| {
        let is_end = !is_quoted && matches!(b, b' ' | b'\t');
        if *b == b'"' && !is_escaped {
            is_quoted = !is_quoted;
        }
        is_escaped = *b == b'\\' && !is_escaped;
        is_end
    });
    let (word, rest) = text
        .split_at_checked(end.unwrap_or(text.len()))
        .unwrap_or((text, &[]));
    (word, rest.trim_ascii_start())
}

/// `None` for a key of a type that is not known, or that is none of its type.
fn line(blob: &[u8], comment: &[u8]) -> Option<String> {
    let bits = public_key::bits(blob)?;
    let fingerprint = Fingerprint::of(PROVIDER, blob);
    let label = key_type_label(blob_name(blob).unwrap_or_default());
    let comment = match comment {
        [] => &b"no comment"[..],
        comment => comment,
    };
    Some(format!(
        "{bits} {fingerprint} {} ({label})",
        escaped(comment)
    ))
}
