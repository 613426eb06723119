//! Which host keys there are: those that are named, or one of the server's own.

use std::path::{Path, PathBuf};

use crate::new_file;
use crate::provider::PROVIDER;
use crate::report::Report;
use crate::server::Said;
use crate::server::host_key::{self, HostKey, HostKeyError};

/// What to do about a file that is missing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Missing {
    /// Make it.
    Make,
    /// Only say that it will be made.
    Tell,
}

/// Which files.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// `-h`: made when missing.
    pub given: &'a [PathBuf],
    /// HostKey: must be there.
    pub configured: &'a [PathBuf],
    /// Where the server's own is, below this, when there is neither.
    pub home: Option<&'a Path>,
}

/// Finds host keys.
#[derive(Clone, Copy, Debug)]
pub struct HostKeys<'a> {
    report: &'a Report,
    uid: u32,
}

/// What to do about one file that is missing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum IfMissing {
    MakeWithDirectory,
    Make,
    Tell,
    Refuse,
}

impl<'a> HostKeys<'a> {
    /// `uid`: who runs this.
    #[must_use]
    pub const fn new(report: &'a Report, uid: u32) -> Self {
        Self { report, uid }
    }

    /// All that can be used, those of `-h` first. As with sshd one that cannot is reported and
    /// left out; that none is left is an error. Empty only where one will be made.
    ///
    /// # Errors
    /// [`Said`].
    pub fn find(&self, wanted: &Wanted<'_>, missing: Missing) -> Result<Vec<HostKey>, Said> {
        let mut keys = Vec::new();
        let mut to_be_made = 0_usize;
        for (path, if_missing) in self.files(wanted, missing)? {
            match self.one(&path, if_missing) {
                Ok(Some(key)) => self.add(&mut keys, key),
                Ok(None) => to_be_made = to_be_made.saturating_add(1),
                Err(error) => self.not_loaded(&path, &error),
            }
        }
        if keys.is_empty() && to_be_made == 0 {
            self.report
                .fatal("aditd: no hostkeys available -- exiting.");
            return Err(Said);
        }
        Ok(keys)
    }

    fn files(
        &self,
        wanted: &Wanted<'_>,
        missing: Missing,
    ) -> Result<Vec<(PathBuf, IfMissing)>, Said> {
        let (given, own) = match missing {
            Missing::Make => (IfMissing::Make, IfMissing::MakeWithDirectory),
            Missing::Tell => (IfMissing::Tell, IfMissing::Tell),
        };
        let mut files: Vec<_> = wanted.given.iter().map(|p| (p.clone(), given)).collect();
        let configured = wanted.configured.iter();
        files.extend(configured.map(|p| (p.clone(), IfMissing::Refuse)));
        if files.is_empty() {
            let Some(home) = wanted.home else {
                self.report
                    .fatal("there is no home directory for the host key: name a file with -h");
                return Err(Said);
            };
            files.push((home.join(host_key::DEFAULT_FILE), own));
        }
        Ok(files)
    }

    /// `None`: it will be made when the server starts.
    fn one(&self, path: &Path, if_missing: IfMissing) -> Result<Option<HostKey>, HostKeyError> {
        match host_key::load(path, PROVIDER, self.uid) {
            Ok(key) => return Ok(Some(key)),
            Err(error) if !error.is_not_found() || if_missing == IfMissing::Refuse => {
                return Err(error);
            }
            Err(_) => {}
        }
        if if_missing == IfMissing::Tell {
            self.report
                .verbose(format_args!("{} will be made", path.display()));
            return Ok(None);
        }
        if if_missing == IfMissing::MakeWithDirectory {
            new_file::make_parent(path).map_err(HostKeyError::Write)?;
        }
        host_key::make(path, PROVIDER)?;
        self.report
            .info(format_args!("Made host key {}", path.display()));
        host_key::load(path, PROVIDER, self.uid).map(Some)
    }

    fn not_loaded(&self, path: &Path, error: &HostKeyError) {
        let path = path.to_string_lossy();
        if let HostKeyError::TooOpen(warning) = error {
            for line in warning.lines() {
                self.report.error(line);
            }
        }
        self.report.error(format_args!(
            "Unable to load host key \"{path}\": {}",
            error.about(&path)
        ));
    }

    /// As with sshd the first of a type is the one that is used; there a second one is passed over
    /// without a word.
    fn add(&self, keys: &mut Vec<HostKey>, key: HostKey) {
        match keys.iter().find(|other| other.key_type() == key.key_type()) {
            Some(first) => self.report.info(format_args!(
                "Host key {key} is not used: {} is of the same type",
                first.path.display()
            )),
            None => keys.push(key),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::report::Level;
    use crate::testing::Directory;

    struct Found {
        paths: Result<Vec<PathBuf>, Said>,
        log: String,
    }

    fn find(
        given: &[PathBuf],
        configured: &[PathBuf],
        home: Option<&Path>,
        missing: Missing,
    ) -> Found {
        let report = Report::memory(Level::Verbose);
        let uid = nix::unistd::geteuid().as_raw();
        let wanted = Wanted {
            given,
            configured,
            home,
        };
        let keys = HostKeys::new(&report, uid).find(&wanted, missing);
        Found {
            paths: keys.map(|keys| keys.into_iter().map(|key| key.path).collect()),
            log: report.kept().join("\n"),
        }
    }

    #[test]
    fn without_a_name_the_servers_own_is_made_once() {
        let home = Directory::new();
        let own = home.join(".ssh/aditd_host_ed25519_key");
        let found = find(&[], &[], Some(&home), Missing::Tell);
        assert_eq!(found.paths, Ok(vec![]));
        assert!(!home.join(".ssh").exists(), "a test changes nothing");
        let found = find(&[], &[], Some(&home), Missing::Make);
        assert_eq!(found.paths, Ok(vec![own.clone()]));
        assert!(found.log.starts_with("Made host key "), "{}", found.log);
        let made = fs::read(&own).unwrap();
        let found = find(&[], &[], Some(&home), Missing::Make);
        assert_eq!(
            (found.paths, found.log.as_str()),
            (Ok(vec![own.clone()]), "")
        );
        assert_eq!(fs::read(&own).unwrap(), made);
    }

    #[test]
    fn a_named_key_is_made_in_a_directory_that_is_there() {
        let directory = Directory::new();
        let named = directory.join("key");
        let found = find(std::slice::from_ref(&named), &[], None, Missing::Make);
        assert_eq!(found.paths, Ok(vec![named]));
        let found = find(&[directory.join("a/key")], &[], None, Missing::Make);
        assert_eq!(found.paths, Err(Said));
        assert!(
            found.log.contains("No such file or directory"),
            "{}",
            found.log
        );
    }

    #[test]
    fn a_configured_key_is_not_made_and_one_that_can_be_used_is_enough() {
        let directory = Directory::new();
        let (missing, there) = (directory.join("missing"), directory.join("there"));
        let found = find(&[], std::slice::from_ref(&missing), None, Missing::Make);
        assert_eq!(found.paths, Err(Said));
        assert!(found.log.contains("no hostkeys available"), "{}", found.log);
        assert!(!missing.exists());
        let found = find(
            std::slice::from_ref(&there),
            &[missing],
            None,
            Missing::Make,
        );
        assert_eq!(found.paths, Ok(vec![there]));
        assert!(
            found.log.contains("Unable to load host key \""),
            "{}",
            found.log
        );
    }

    /// A key of the tests of key files, for us alone.
    fn known_key(directory: &Directory, name: &str) -> PathBuf {
        let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../auth/tests/data");
        let path = directory.join(name);
        fs::copy(data.join(name), &path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    #[test]
    fn a_server_has_a_key_of_each_type_from_files_of_every_format() {
        let directory = Directory::new();
        let mut names = vec!["ecdsa256_pkcs8", "ed25519", "ecdsa384_pem"];
        if cfg!(feature = "ring") {
            names.push("rsa_pem");
        }
        let paths: Vec<_> = names.iter().map(|n| known_key(&directory, n)).collect();
        let found = find(&paths, &[], None, Missing::Make);
        assert_eq!((found.paths, found.log.as_str()), (Ok(paths), ""));
    }

    #[test]
    fn a_second_key_of_a_type_is_told_of_and_not_used() {
        let directory = Directory::new();
        let [one, other, two] =
            ["ed25519", "ecdsa256", "ed25519_pkcs8"].map(|name| known_key(&directory, name));
        let all = [one.clone(), other.clone(), two];
        let found = find(&all, &[], None, Missing::Make);
        assert_eq!(found.paths, Ok(vec![one.clone(), other]));
        let said = format!("/ed25519_pkcs8) is not used: {} is of", one.display());
        assert!(
            found.log.starts_with("Host key ED25519 SHA256:"),
            "{}",
            found.log
        );
        assert!(found.log.contains(&said), "{}", found.log);
    }

    #[test]
    fn a_key_that_cannot_be_used_is_named_with_the_reason_and_what_to_do() {
        let directory = Directory::new();
        for (name, why) in [
            (
                "ed25519_encrypted",
                "encrypted with a passphrase, which a server cannot ask for; \
                 \"ssh-keygen -p -N '' -f FILE\" takes it off",
            ),
            (
                "rsa_pkcs8_encrypted",
                "encrypted in PEM format; \"ssh-keygen -p -f FILE\" converts it",
            ),
            ("rsa1024", "RSA key of 1024 bits: not within 2048 and 8192"),
            (
                "ecdsa521",
                "ECDSA P-521 keys are not supported; use ED25519, ECDSA of 256 or 384 bits, or RSA",
            ),
            ("ecdsa256.pub", "a public key, not a private one"),
        ] {
            let path = known_key(&directory, name);
            let file = path.to_str().unwrap();
            let found = find(std::slice::from_ref(&path), &[], None, Missing::Make);
            assert_eq!(found.paths, Err(Said));
            let expected = format!(
                "Unable to load host key \"{file}\": {}\naditd: no hostkeys available -- exiting.",
                why.replace("FILE", file)
            );
            assert_eq!(found.log, expected);
        }
        let path = known_key(&directory, "ecdsa384");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let found = find(std::slice::from_ref(&path), &[], None, Missing::Make);
        let lines: Vec<_> = found.log.lines().collect();
        assert!(
            lines[1].contains("UNPROTECTED PRIVATE KEY FILE"),
            "{lines:?}"
        );
        let file = path.display();
        assert_eq!(
            lines[6],
            format!("Unable to load host key \"{file}\": bad permissions")
        );
    }

    #[test]
    fn without_a_home_directory_a_name_is_asked_for() {
        let found = find(&[], &[], None, Missing::Make);
        assert_eq!(found.paths, Err(Said));
        assert!(found.log.contains("name a file with -h"), "{}", found.log);
    }
}
