//! The host key: read from its file, or made when there is none.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use adit_auth::keyfile::{KeyFile, KeyFileError, Parsed};
use adit_auth::permissions::{Ownership, private_key};
use adit_auth::{Fingerprint, key_type_label, public_key};
use adit_crypto::{Provider, Secret, SigningKey, Unspecified};
use adit_proto::blob::blob_name;

use crate::file::{self, FileError, KEY_MAX};
use crate::new_file::{self, PRIVATE, PUBLIC};

/// Below the home directory, when neither `-h` nor HostKey says another one.
pub const DEFAULT_FILE: &str = ".ssh/aditd_host_ed25519_key";
/// What ssh-keygen would ask for.
const COMMENT: &str = "aditd";

/// A host key, ready to sign.
pub struct HostKey {
    /// The key.
    pub key: Box<dyn SigningKey>,
    /// Where it is kept.
    pub path: PathBuf,
    fingerprint: Fingerprint,
}

impl fmt::Debug for HostKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HostKey({self})")
    }
}

impl HostKey {
    /// `ssh-ed25519`, …
    #[must_use]
    pub fn key_type(&self) -> &[u8] {
        blob_name(self.key.public_blob()).unwrap_or_default()
    }
}

/// `ED25519 SHA256:… (file)`: what a client's user is to compare.
impl fmt::Display for HostKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let label = key_type_label(self.key_type());
        write!(f, "{label} {} ({})", self.fingerprint, self.path.display())
    }
}

/// Why there is no host key.
#[derive(Debug)]
#[non_exhaustive]
pub enum HostKeyError {
    /// The file could not be read.
    Read(FileError),
    /// Others can read it; the text is ssh's, over several lines.
    TooOpen(String),
    /// It has no key that can be used.
    Key(KeyFileError),
    /// It could not be made.
    Write(io::Error),
    /// There is no randomness to make one.
    Random,
}

impl HostKeyError {
    /// Whether there is no such file, so that one can be made.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Read(error) if error.is_not_found())
    }

    /// In one line, with this file's name in the commands that it proposes.
    #[must_use]
    pub const fn about<'a>(&'a self, file: &'a str) -> About<'a> {
        About { error: self, file }
    }
}

/// A [`HostKeyError`] and the file that it is about.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    error: &'a HostKeyError,
    file: &'a str,
}

impl fmt::Display for About<'_> {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "whatever else is wrong with a key file is said as it is"
    )]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.error {
            HostKeyError::Read(error) => error.fmt(f),
            HostKeyError::TooOpen(_) => f.write_str("bad permissions"),
            HostKeyError::Key(error) => match error {
                // Nobody sits beside a server to be asked.
                KeyFileError::Locked => write!(
                    f,
                    "encrypted with a passphrase, which a server cannot ask for; \
                     \"ssh-keygen -p -N '' -f {}\" takes it off",
                    self.file
                ),
                KeyFileError::Unsigned => f.write_str(
                    "this build does not sign with such a key: RSA needs ring, and at most 4096 bits",
                ),
                KeyFileError::UnsupportedType(label) => write!(
                    f,
                    "{label} keys are not supported; use ED25519, ECDSA of 256 or 384 bits, or RSA"
                ),
                error => error.about(self.file).fmt(f),
            },
            HostKeyError::Write(error) => write!(f, "cannot be made: {}", file::reason(error)),
            HostKeyError::Random => f.write_str("cannot be made: no randomness"),
        }
    }
}

impl fmt::Display for HostKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooOpen(text) => f.write_str(text),
            Self::Read(_) | Self::Key(_) | Self::Write(_) | Self::Random => {
                self.about("FILE").fmt(f)
            }
        }
    }
}

impl std::error::Error for HostKeyError {}

impl From<Unspecified> for HostKeyError {
    fn from(Unspecified: Unspecified) -> Self {
        Self::Random
    }
}

/// Reads the key in a file that belongs to us, `uid`, or to somebody who lends it.
///
/// # Errors
/// [`HostKeyError`].
pub fn load(path: &Path, provider: &Provider, uid: u32) -> Result<HostKey, HostKeyError> {
    let contents = file::read(path, KEY_MAX).map_err(HostKeyError::Read)?;
    let text = Secret::new(contents.bytes);
    let ownership = Ownership {
        mode: contents.mode,
        owner: contents.uid,
        user: uid,
    };
    private_key(&path.to_string_lossy(), ownership)
        .map_err(|open| HostKeyError::TooOpen(open.to_string()))?;
    let file = KeyFile::parse(text.expose(), provider.keys)
        .and_then(Parsed::plain)
        .map_err(HostKeyError::Key)?;
    let key = file.load(provider.keys).map_err(HostKeyError::Key)?;
    Ok(HostKey {
        fingerprint: Fingerprint::of(provider, key.public_blob()),
        key,
        path: path.to_owned(),
    })
}

/// Makes an Ed25519 key in a new file, mode 0600, and its public half beside it in `.pub`. What
/// exists is never written over, and a symbolic link is not followed.
///
/// # Errors
/// [`HostKeyError`]; a file that could not be written to its end is removed again.
pub fn make(path: &Path, provider: &Provider) -> Result<(), HostKeyError> {
    let file = KeyFile::generate(provider, provider.random, COMMENT)?;
    let text = file.to_text(provider.random)?;
    new_file::create(path, text.expose(), PRIVATE).map_err(HostKeyError::Write)?;
    let mut public = path.as_os_str().to_owned();
    public.push(".pub");
    // For people to copy; the server does not need it.
    if let Ok(line) = public_key::to_line(&file.public_blob(), COMMENT) {
        let _ = new_file::create(Path::new(&public), line.as_bytes(), PUBLIC);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;
    use crate::provider::PROVIDER;
    use crate::testing::Directory;

    fn uid() -> u32 {
        nix::unistd::geteuid().as_raw()
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn a_made_key_is_ours_alone_and_comes_back() {
        let directory = Directory::new();
        let path = directory.join("key");
        make(&path, PROVIDER).unwrap();
        assert_eq!(mode(&path), 0o600);
        let one = load(&path, PROVIDER, uid()).unwrap();
        let two = load(&path, PROVIDER, uid()).unwrap();
        assert_eq!(one.key.public_blob(), two.key.public_blob());
        let line = fs::read_to_string(directory.join("key.pub")).unwrap();
        let public = public_key::PublicKey::parse_file(line.as_bytes()).unwrap();
        assert_eq!(public.blob, one.key.public_blob());
        let shown = one.to_string();
        assert!(shown.starts_with("ED25519 SHA256:"), "{shown}");
        assert!(shown.ends_with("/key)"), "{shown}");
    }

    #[test]
    fn what_exists_is_never_written_over() {
        let directory = Directory::new();
        let path = directory.join("key");
        fs::write(&path, "precious").unwrap();
        assert!(matches!(make(&path, PROVIDER), Err(HostKeyError::Write(_))));
        assert_eq!(fs::read(&path).unwrap(), b"precious");

        let link = directory.join("link");
        symlink(directory.join("elsewhere"), &link).unwrap();
        assert!(matches!(make(&link, PROVIDER), Err(HostKeyError::Write(_))));
        assert!(!directory.join("elsewhere").exists());

        let other = directory.join("other");
        fs::write(directory.join("other.pub"), "precious").unwrap();
        make(&other, PROVIDER).unwrap();
        assert_eq!(fs::read(directory.join("other.pub")).unwrap(), b"precious");
    }

    #[test]
    fn a_key_that_others_can_read_is_refused_in_the_words_of_ssh() {
        let directory = Directory::new();
        let path = directory.join("key");
        make(&path, PROVIDER).unwrap();
        for open in [0o640, 0o604, 0o644, 0o610] {
            fs::set_permissions(&path, fs::Permissions::from_mode(open)).unwrap();
            let why = load(&path, PROVIDER, uid()).unwrap_err().to_string();
            assert!(why.contains("UNPROTECTED PRIVATE KEY FILE"), "{why}");
            assert!(why.contains("are too open"), "{why}");
        }
    }

    #[test]
    fn what_is_no_key_says_what_it_is() {
        let directory = Directory::new();
        let path = directory.join("key");
        let missing = load(&path, PROVIDER, uid()).unwrap_err();
        assert!(missing.is_not_found());
        for bad in ["", "x", "-----BEGIN OPENSSH PRIVATE KEY-----\n"] {
            fs::write(&path, bad).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            let error = load(&path, PROVIDER, uid()).unwrap_err();
            assert!(matches!(error, HostKeyError::Key(_)) && !error.is_not_found());
        }
        assert!(matches!(
            load(&directory, PROVIDER, uid()),
            Err(HostKeyError::Read(_))
        ));
    }
}
