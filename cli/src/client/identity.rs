//! What to log in with: the agent, then keys from files.
//!
//! A file that cannot be used is not an error: another one may do. Why it was left out is said at
//! once when a person named it, and otherwise when the server has refused all the rest.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use adit_auth::keyfile::{self, KeyFile, KeyFileError, Parsed};
use adit_auth::permissions::{Ownership, private_key};
use adit_auth::public_key::PublicKey;
use adit_crypto::{Provider, Secret};
use adit_forward::reactor::{AgentConfig, AgentKeys, FileKey, FileKeyState, Identities};
use adit_forward::spec::Names;

use crate::client::options::{IdentityFile, NamedBy, Options};
use crate::client::paths::Tokens;
use crate::client::unlock::Locked;
use crate::file::{self, FileError};
use crate::report::Report;

/// Where keys are looked for when none is named: ssh's places, in its order, without those of keys
/// that adit has no use for (security keys, DSA, XMSS).
pub const DEFAULT: [&str; 3] = ["~/.ssh/id_rsa", "~/.ssh/id_ecdsa", "~/.ssh/id_ed25519"];

/// What was found.
#[derive(Debug, Default)]
pub struct Found {
    /// To log in with.
    pub identities: Identities,
    /// Those of them that want a passphrase first.
    pub locked: Vec<Arc<Locked>>,
    /// Why others were left out, one line each: for when the server refuses.
    pub left_out: Vec<String>,
}

/// Who looks for keys, and where.
#[derive(Clone, Copy)]
pub struct Search<'a> {
    /// Loads the keys.
    pub provider: &'static Provider,
    /// For the names of files.
    pub tokens: &'a Tokens,
    /// For the names of files.
    pub names: &'a dyn Names,
    /// The ssh-agent's, if there is one.
    pub agent_socket: Option<&'a Path>,
    /// Whose key files must be private.
    pub uid: u32,
    /// Where to say what is left out.
    pub report: &'a Report,
}

impl core::fmt::Debug for Search<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Search(agent {:?})", self.agent_socket)
    }
}

impl Search<'_> {
    /// Reads the files that the options name, or the default ones.
    #[must_use]
    pub fn run(&self, options: &Options) -> Found {
        let default = DEFAULT.map(|path| IdentityFile {
            path: path.to_owned(),
            named_by: NamedBy::Default,
        });
        let files = match options.identity_files.as_slice() {
            [] => &default[..],
            files => files,
        };
        let mut found = Found::default();
        for file in files
            .iter()
            .filter(|f| !f.path.eq_ignore_ascii_case("none"))
        {
            match self.load(file) {
                Ok(Usable::Loaded(key)) => found.identities.files.push(key),
                Ok(Usable::Locked(locked)) => {
                    found.identities.files.push(locked.file_key());
                    found.locked.push(Arc::new(locked));
                }
                Err(left_out) => {
                    found.identities.files.extend(left_out.public);
                    found.left_out.extend(left_out.why);
                }
            }
        }
        found.identities.agent = self.agent_socket.map(|socket| AgentConfig {
            socket: socket.to_path_buf(),
            keys: match options.identities_only {
                Some(true) => AgentKeys::OfFiles,
                _ => AgentKeys::All,
            },
        });
        found
    }

    fn load(&self, file: &IdentityFile) -> Result<Usable, LeftOut> {
        let path = match self.tokens.path(&file.path, self.names) {
            Ok(path) => path,
            Err(error) => return Err(self.left_out(file, &file.path, &error.to_string(), None)),
        };
        let name = path.display().to_string();
        let contents = match file::read(&path, file::KEY_MAX) {
            Ok(contents) => contents,
            Err(error) => return Err(self.not_read(file, &path, &error)),
        };
        let text = Secret::new(contents.bytes);
        let parsed = KeyFile::parse(text.expose(), self.provider.keys);
        if matches!(parsed, Err(KeyFileError::PublicKey)) {
            let blob = PublicKey::parse_file(text.expose()).map(|key| key.blob);
            let why = KeyFileError::PublicKey.to_string();
            return Err(self.left_out(file, &name, &why, blob.ok()));
        }
        // A public key is for everybody to read, a private one is not.
        let ownership = Ownership {
            mode: contents.mode,
            owner: contents.uid,
            user: self.uid,
        };
        if let Err(too_open) = private_key(&name, ownership) {
            self.report.error(too_open);
            return Err(self.left_out(file, &name, "bad permissions", None));
        }
        let (error, public_blob) = match parsed {
            Ok(Parsed::Locked(key)) if self.provider.passphrase_cipher.is_none() => {
                (KeyFileError::BuiltWithout, Some(key.public_blob().to_vec()))
            }
            Ok(Parsed::Locked(key)) => {
                self.say_found(&name, key.key_type());
                return Ok(Usable::Locked(Locked { name, key }));
            }
            Ok(Parsed::Plain(key)) => match key.load(self.provider.keys) {
                Ok(loaded) => {
                    self.say_found(&name, key.key_type());
                    return Ok(Usable::Loaded(FileKey::loaded(name, loaded)));
                }
                Err(error) => (error, Some(key.public_blob())),
            },
            Err(error) => (error, keyfile::public_blob(text.expose()).ok()),
        };
        let public_blob = public_blob.or_else(|| public_half(&path));
        let why = error.about(&name).to_string();
        Err(self.left_out(file, &name, &why, public_blob))
    }

    fn say_found(&self, name: &str, key_type: &str) {
        let label = adit_auth::key_type_label(key_type.as_bytes());
        self.report
            .debug(format_args!("identity file {name}: {label}"));
    }

    /// A file that is not there may still have a public half beside it, for a key of the agent.
    fn not_read(&self, file: &IdentityFile, path: &Path, error: &FileError) -> LeftOut {
        if !error.is_not_found() {
            let name = path.display().to_string();
            return self.left_out(file, &name, &error.to_string(), None);
        }
        let given = &file.path;
        match file.named_by {
            NamedBy::Person => self.report.info(format_args!(
                "Warning: Identity file {given} not accessible: {error}."
            )),
            NamedBy::Option | NamedBy::Default => {
                let path = path.display();
                self.report
                    .debug(format_args!("no such identity: {path}: {error}"));
            }
        }
        LeftOut {
            public: public_half(path).map(|blob| public(path.display().to_string(), blob)),
            why: None,
        }
    }

    fn left_out(
        &self,
        file: &IdentityFile,
        name: &str,
        why: &str,
        public_blob: Option<Vec<u8>>,
    ) -> LeftOut {
        let line = format!("Load key \"{name}\": {why}");
        // With its public half at hand the agent may well have it: nothing to say unless the
        // server refuses.
        let agent_may_have_it = public_blob.is_some() && self.agent_socket.is_some();
        let why = if file.named_by == NamedBy::Default || agent_may_have_it {
            self.report.debug(&line);
            Some(line)
        } else {
            self.report.error(&line);
            None
        };
        let public = public_blob.map(|blob| public(name.to_owned(), blob));
        LeftOut { public, why }
    }
}

/// A file that gave a key.
enum Usable {
    Loaded(FileKey),
    Locked(Locked),
}

/// A file that gave no key.
struct LeftOut {
    public: Option<FileKey>,
    /// To be said later, unless it was said already.
    why: Option<String>,
}

/// A key whose private half only an agent may have.
fn public(name: String, public_blob: Vec<u8>) -> FileKey {
    FileKey {
        name,
        public_blob,
        algorithms: &[],
        key: FileKeyState::Public,
    }
}

/// The public key in `path.pub`.
fn public_half(path: &Path) -> Option<Vec<u8>> {
    let mut name = path.as_os_str().to_owned();
    name.push(".pub");
    let contents = file::read(&PathBuf::from(name), file::KEY_MAX).ok()?;
    let key = PublicKey::parse_file(&contents.bytes).ok()?;
    Some(key.blob)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;

    use adit_auth::public_key;

    use super::*;
    use crate::client::names::ThisMachine;
    use crate::provider::PROVIDER;
    use crate::report::Level;
    use crate::testing::Directory;

    struct Case {
        directory: Directory,
        report: Report,
        options: Options,
        agent: Option<PathBuf>,
    }

    impl Case {
        fn new() -> Self {
            let directory = Directory::new();
            fs::create_dir(directory.join(".ssh")).unwrap();
            Self {
                directory,
                report: Report::memory(Level::Info),
                options: Options::default(),
                agent: None,
            }
        }

        /// Writes a new key and gives its public half.
        fn key(&self, name: &str, mode: u32) -> Vec<u8> {
            let key = KeyFile::generate(PROVIDER, PROVIDER.random, "").unwrap();
            let text = key.to_text(PROVIDER.random).unwrap();
            self.write(name, text.expose(), mode);
            key.public_blob()
        }

        /// The same with a passphrase.
        fn locked(&self, name: &str, mode: u32) -> Vec<u8> {
            let key = KeyFile::generate(PROVIDER, PROVIDER.random, "").unwrap();
            let passphrase = Secret::copy_of(b"passphrase");
            let text = key.to_locked_text(&passphrase, 1, PROVIDER, PROVIDER.random);
            self.write(name, text.unwrap().expose(), mode);
            key.public_blob()
        }

        fn write(&self, name: &str, bytes: &[u8], mode: u32) {
            let path = self.directory.join(name);
            fs::write(&path, bytes).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        }

        fn name(&mut self, name: &str) -> String {
            let path = self.directory.join(name).display().to_string();
            self.options.add_identity_file(&path, NamedBy::Person);
            path
        }

        fn run(&self) -> Found {
            let tokens = Tokens {
                home: self.directory.to_path_buf(),
                host: "h".into(),
                host_key_alias: None,
                local_host: "l".into(),
                local_user: "u".into(),
                local_uid: 0,
                original_host: "h".into(),
                port: 22,
                user: "u".into(),
            };
            let search = Search {
                provider: PROVIDER,
                tokens: &tokens,
                names: &ThisMachine::default(),
                agent_socket: self.agent.as_deref(),
                uid: nix::unistd::getuid().as_raw(),
                report: &self.report,
            };
            search.run(&self.options)
        }
    }

    fn blobs(found: &Found) -> Vec<Vec<u8>> {
        let keys = found.identities.files.iter();
        let keys = keys.filter(|key| matches!(key.key, FileKeyState::Loaded(_)));
        keys.map(|key| key.public_blob.clone()).collect()
    }

    #[test]
    fn the_default_key_is_used_when_none_is_named() {
        let case = Case::new();
        assert_eq!(blobs(&case.run()).len(), 0);
        let blob = case.key(".ssh/id_ed25519", 0o600);
        assert_eq!(blobs(&case.run()), [blob]);
        assert_eq!(case.report.kept(), [""; 0]);
    }

    #[test]
    fn default_keys_come_in_the_order_of_ssh() {
        let mut case = Case::new();
        let ed25519 = case.key(".ssh/id_ed25519", 0o600);
        let rsa = case.locked(".ssh/id_rsa", 0o600);
        let ecdsa = case.key(".ssh/id_ecdsa", 0o600);
        let found = case.run();
        let all = found.identities.files.iter();
        let all: Vec<Vec<u8>> = all.map(|key| key.public_blob.clone()).collect();
        assert_eq!(all, [rsa, ecdsa, ed25519]);
        case.options.add_identity_file("none", NamedBy::Person);
        assert_eq!(case.run().identities.files.len(), 0);
    }

    #[test]
    fn a_key_with_a_passphrase_waits_for_it() {
        let mut case = Case::new();
        let blob = case.locked("locked", 0o600);
        let path = case.name("locked");
        let found = case.run();
        let [file] = &found.identities.files[..] else {
            panic!("{found:?}");
        };
        assert!(matches!(file.key, FileKeyState::Locked));
        assert_eq!((&file.name, &file.public_blob), (&path, &blob));
        assert_eq!(file.algorithms, ["ssh-ed25519"]);
        assert_eq!(found.locked[0].name, path);
        assert_eq!(case.report.kept(), [""; 0]);
    }

    #[test]
    fn a_key_with_a_passphrase_that_others_can_read_is_ignored_too() {
        let mut case = Case::new();
        case.locked("open", 0o604);
        case.name("open");
        assert_eq!(case.run().identities.files.len(), 0);
        assert!(case.report.kept().concat().contains("UNPROTECTED"));
    }

    #[test]
    fn named_keys_come_in_their_order_and_replace_the_default() {
        let mut case = Case::new();
        case.key(".ssh/id_ed25519", 0o600);
        let (b, a) = (case.key("b", 0o600), case.key("a", 0o400));
        case.name("b");
        case.name("a");
        assert_eq!(blobs(&case.run()), [b, a]);
        case.options.identity_files = vec![];
        case.options.add_identity_file("none", NamedBy::Person);
        assert_eq!(blobs(&case.run()).len(), 0);
    }

    #[test]
    fn a_named_key_that_is_missing_is_warned_of() {
        let mut case = Case::new();
        let path = case.name("none-such");
        assert_eq!(blobs(&case.run()).len(), 0);
        let line =
            format!("Warning: Identity file {path} not accessible: No such file or directory.");
        assert_eq!(case.report.kept(), [line]);
    }

    #[test]
    fn a_key_that_others_can_read_is_ignored() {
        let mut case = Case::new();
        case.key("open", 0o640);
        let path = case.name("open");
        assert_eq!(blobs(&case.run()).len(), 0);
        let said = case.report.kept().join("\n");
        assert!(
            said.contains("WARNING: UNPROTECTED PRIVATE KEY FILE!"),
            "{said}"
        );
        assert!(said.contains("0640"), "{said}");
        assert!(
            said.ends_with(&format!("Load key \"{path}\": bad permissions")),
            "{said}"
        );
    }

    #[test]
    fn what_is_no_usable_key_is_named_in_one_line() {
        for (text, why) in [
            (&b""[..], "not a private key"),
            (b"hello\n", "not a private key"),
            (
                b"-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n",
                "invalid format",
            ),
        ] {
            let mut case = Case::new();
            case.write("bad", text, 0o600);
            let path = case.name("bad");
            assert_eq!(blobs(&case.run()).len(), 0);
            let kept = case.report.kept();
            assert_eq!(kept.len(), 1, "{kept:?}");
            assert!(
                kept[0].starts_with(&format!("Load key \"{path}\": ")),
                "{kept:?}"
            );
            assert!(kept[0].contains(why), "{kept:?}");
        }
    }

    #[test]
    fn what_is_no_file_never_stops_the_program() {
        let mut case = Case::new();
        let fifo = case.directory.join("fifo");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
        case.name("fifo");
        case.options.add_identity_file("/dev/zero", NamedBy::Person);
        assert_eq!(blobs(&case.run()).len(), 0);
        let kept = case.report.kept();
        assert!(
            kept.iter().all(|l| l.ends_with("Not a regular file")),
            "{kept:?}"
        );
        assert_eq!(kept.len(), 2);
    }

    #[test]
    fn a_default_key_that_is_unusable_is_told_of_only_when_all_else_failed() {
        let case = Case::new();
        case.write(".ssh/id_ed25519", b"hello\n", 0o600);
        let found = case.run();
        assert_eq!(case.report.kept(), [""; 0]);
        assert_eq!(found.left_out.len(), 1);
    }

    #[test]
    fn a_public_key_that_no_agent_has_the_other_half_of_is_named() {
        let mut case = Case::new();
        let blob = case.key("key", 0o600);
        let line = public_key::to_line(&blob, "").unwrap();
        case.write("key.pub", line.as_bytes(), 0o644);
        let path = case.name("key.pub");
        let line = format!("Load key \"{path}\": a public key, not a private one");
        assert!(case.run().left_out.is_empty());
        assert_eq!(case.report.kept(), [line.as_str()]);
        // With an agent nothing is wrong until the server has refused what it has.
        case.agent = Some("/agent".into());
        assert_eq!(case.run().left_out, [line.as_str()]);
        assert_eq!(case.report.kept(), [line]);
    }

    #[test]
    fn public_halves_are_named_for_the_agent() {
        let mut case = Case::new();
        case.agent = Some("/agent".into());
        let loaded = case.key("loaded", 0o600);
        let (in_agent, public) = (case.key("x", 0o600), case.key("y", 0o600));
        for (name, blob) in [("gone.pub", &in_agent), ("public.pub", &public)] {
            let line = public_key::to_line(blob, "comment").unwrap();
            case.write(name, line.as_bytes(), 0o644);
        }
        case.name("loaded");
        case.name("gone");
        case.name("public.pub");
        let of_agent = |found: &Found| found.identities.agent.as_ref().map(|agent| agent.keys);
        assert_eq!(of_agent(&case.run()), Some(AgentKeys::All));
        case.options.identities_only = Some(true);
        let found = case.run();
        assert_eq!(of_agent(&found), Some(AgentKeys::OfFiles));
        let named = found.identities.files.iter();
        let named: Vec<Vec<u8>> = named.map(|key| key.public_blob.clone()).collect();
        assert_eq!(named, [loaded.clone(), in_agent, public]);
        assert_eq!(blobs(&found), [loaded]);
    }
}
