//! Who may read or write a file, from its mode and owner. Numbers in, verdicts out.

use core::fmt;

/// Read, write and execute for user, group and others.
const PERMISSIONS: u32 = 0o777;
/// All that is not the user's.
const NOT_THE_USERS: u32 = 0o077;
/// Write for group and others.
const WRITE_BY_OTHERS: u32 = 0o022;
const ROOT: u32 = 0;

/// A file's mode and owner, and who asks, as stat(2) and getuid(2) say.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Ownership {
    /// Type bits and all.
    pub mode: u32,
    /// Whose it is.
    pub owner: u32,
    /// Whose it should be: ours.
    pub user: u32,
}

/// Others may use a private key. Shown as ssh shows it, over several lines.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TooOpen<'a> {
    path: &'a str,
    mode: u32,
}

/// What StrictModes looks at.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// authorized_keys itself.
    File,
    /// One of the directories it is in.
    Directory,
}

/// Others could put their keys into authorized_keys.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct NotStrict<'a> {
    path: &'a str,
    kind: Kind,
}

/// Whether a private key is for us alone. As with ssh, one that belongs to somebody else is for
/// them to protect: a key that root lends to a group.
///
/// `path` is for the message; it is shown as it is given.
///
/// # Errors
/// [`TooOpen`] when group or others may do anything with it.
pub const fn private_key(path: &str, ownership: Ownership) -> Result<(), TooOpen<'_>> {
    let Ownership { mode, owner, user } = ownership;
    if owner == user && mode & NOT_THE_USERS != 0 {
        return Err(TooOpen { path, mode });
    }
    Ok(())
}

/// sshd's StrictModes: authorized_keys and each directory above it, up to the home directory, must
/// be root's or the user's, and nobody else may write to it.
///
/// # Errors
/// [`NotStrict`] when that is not so.
pub const fn strict(path: &str, kind: Kind, ownership: Ownership) -> Result<(), NotStrict<'_>> {
    let Ownership { mode, owner, user } = ownership;
    if (owner != ROOT && owner != user) || mode & WRITE_BY_OTHERS != 0 {
        return Err(NotStrict { path, kind });
    }
    Ok(())
}

impl fmt::Display for TooOpen<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, mode } = self;
        let mode = mode & PERMISSIONS;
        writeln!(f, "{:@<59}", "")?;
        writeln!(f, "@{:^57}@", "WARNING: UNPROTECTED PRIVATE KEY FILE!")?;
        writeln!(f, "{:@<59}", "")?;
        writeln!(f, "Permissions 0{mode:03o} for '{path}' are too open.")?;
        writeln!(
            f,
            "It is required that your private key files are NOT accessible by others."
        )?;
        f.write_str("This private key will be ignored.")
    }
}

impl core::error::Error for TooOpen<'_> {}

impl fmt::Display for NotStrict<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::File => "file",
            Kind::Directory => "directory",
        };
        write!(f, "bad ownership or modes for {kind} {}", self.path)
    }
}

impl core::error::Error for NotStrict<'_> {}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;

    const fn of(mode: u32, owner: u32, user: u32) -> Ownership {
        Ownership { mode, owner, user }
    }

    #[test]
    fn a_private_key_is_for_its_owner_alone() {
        for mode in 0..=0o777_u32 {
            let is_open = mode & 0o077 != 0;
            let mode = mode | 0o100_000;
            assert_eq!(private_key("k", of(mode, 1000, 1000)).is_err(), is_open);
            assert!(private_key("k", of(mode, 0, 1000)).is_ok());
            assert_eq!(private_key("k", of(mode, 0, 0)).is_err(), is_open);
        }
    }

    #[test]
    fn the_warning_is_the_one_that_people_search_for() {
        let text = private_key("/k", of(0o100_644, 1, 1))
            .unwrap_err()
            .to_string();
        assert_eq!(
            text,
            "@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@\n\
             @         WARNING: UNPROTECTED PRIVATE KEY FILE!          @\n\
             @@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@\n\
             Permissions 0644 for '/k' are too open.\n\
             It is required that your private key files are NOT accessible by others.\n\
             This private key will be ignored."
        );
        let text = private_key("/k", of(0o040, 1, 1)).unwrap_err().to_string();
        assert!(text.contains("Permissions 0040 for"));
    }

    #[test]
    fn strict_modes_want_an_owner_who_is_us_or_root_and_nobody_else_to_write() {
        for kind in [Kind::File, Kind::Directory] {
            for mode in 0..=0o777_u32 {
                let is_open = mode & 0o022 != 0;
                assert_eq!(strict("f", kind, of(mode, 1000, 1000)).is_err(), is_open);
                assert_eq!(strict("f", kind, of(mode, 0, 1000)).is_err(), is_open);
                assert!(strict("f", kind, of(mode, 1001, 1000)).is_err());
                assert!(strict("f", kind, of(mode, 1000, 0)).is_err());
            }
        }
        let bad = strict("/home/bob", Kind::Directory, of(0o777, 1, 1)).unwrap_err();
        assert_eq!(
            bad.to_string(),
            "bad ownership or modes for directory /home/bob"
        );
    }
}
