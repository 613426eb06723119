//! Configuration files on this machine, and whether to believe them.

use std::fmt;
use std::fs;
use std::io;
use std::path::Path;

use adit_auth::permissions::{self, Kind, Ownership};
use nix::unistd::{Gid, Group, User, getuid};

use crate::client::config::include::Directories;
use crate::file::{self, CONFIG_MAX, FileError};

/// Where configuration files come from.
pub trait Files: Directories {
    /// Reads one.
    ///
    /// # Errors
    /// [`ReadError`].
    fn read(&self, path: &Path, checks: Checks) -> Result<Vec<u8>, ReadError>;
}

/// What is looked at before a file is believed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Checks {
    /// Nothing: a person named it, or it is the system's.
    Nothing,
    /// That nobody but root and its reader can write to it.
    Owner,
}

/// Why a file was not read.
#[derive(Debug)]
pub enum ReadError {
    /// There is none.
    Missing,
    /// Others can write to it.
    Permissions,
    /// Everything else.
    File(FileError),
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("No such file or directory"),
            Self::Permissions => f.write_str("Bad owner or permissions"),
            Self::File(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ReadError {}

/// The files of this machine.
#[derive(Clone, Copy, Debug)]
pub struct Disk;

impl Directories for Disk {
    fn names(&self, directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).into_iter().flatten();
        entries
            .take(super::NAMES_MAX.saturating_add(1))
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .collect()
    }

    fn exists(&self, path: &Path) -> bool {
        path.symlink_metadata().is_ok()
    }
}

impl Files for Disk {
    fn read(&self, path: &Path, checks: Checks) -> Result<Vec<u8>, ReadError> {
        let contents = match file::read(path, CONFIG_MAX) {
            Ok(contents) => contents,
            // Nothing to read, as for ssh: `-F /dev/null` is an old habit, and an included `*` may
            // well match a directory.
            Err(FileError::NotRegular) if path.is_dir() || is_dev_null(path) => {
                return Ok(Vec::new());
            }
            Err(error) if is_missing(&error) => return Err(ReadError::Missing),
            Err(error) => return Err(ReadError::File(error)),
        };
        if checks == Checks::Owner {
            let user = getuid().as_raw();
            let mut mode = contents.mode;
            if mode & GROUP_WRITE != 0 && is_private_group(contents.gid, user) {
                mode &= !GROUP_WRITE;
            }
            let owner = contents.uid;
            let ownership = Ownership { mode, owner, user };
            if permissions::strict("", Kind::File, ownership).is_err() {
                return Err(ReadError::Permissions);
            }
        }
        Ok(contents.bytes)
    }
}

const GROUP_WRITE: u32 = 0o020;

fn is_dev_null(path: &Path) -> bool {
    path.canonicalize()
        .is_ok_and(|path| path == Path::new("/dev/null"))
}

fn is_missing(error: &FileError) -> bool {
    match error {
        FileError::Io(error) => matches!(
            error.kind(),
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
        ),
        FileError::NotRegular | FileError::TooLarge => false,
    }
}

/// Whether a group holds nobody but this user, as systems set them up that give each user a group:
/// there files are made writable by the group.
fn is_private_group(gid: u32, uid: u32) -> bool {
    let user = User::from_uid(uid.into()).ok().flatten();
    let group = Group::from_gid(Gid::from_raw(gid)).ok().flatten();
    let (Some(user), Some(group)) = (user, group) else {
        return false;
    };
    user.gid.as_raw() == gid && group.mem.iter().all(|member| *member == user.name)
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::testing::Directory;

    #[test]
    fn a_file_that_others_can_write_is_not_believed() {
        let directory = Directory::new();
        let path = directory.join("config");
        fs::write(&path, "Port 1").unwrap();
        for (mode, believed) in [(0o600, true), (0o644, true), (0o666, false), (0o602, false)] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            let read = Disk.read(&path, Checks::Owner);
            assert_eq!(read.is_ok(), believed, "{mode:o}");
            assert_eq!(matches!(read, Err(ReadError::Permissions)), !believed);
            assert!(Disk.read(&path, Checks::Nothing).is_ok(), "{mode:o}");
        }
    }

    #[test]
    fn directories_and_dev_null_are_empty_and_other_devices_no_files() {
        let directory = Directory::new();
        for path in [&directory, Path::new("/dev/null")] {
            assert_eq!(Disk.read(path, Checks::Owner).unwrap(), b"");
        }
        let fifo = directory.join("fifo");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
        for path in [&fifo, Path::new("/dev/zero")] {
            let read = Disk.read(path, Checks::Nothing);
            assert!(matches!(read, Err(ReadError::File(FileError::NotRegular))));
        }
        for missing in ["none", "fifo/none"] {
            let read = Disk.read(&directory.join(missing), Checks::Nothing);
            assert!(matches!(read, Err(ReadError::Missing)), "{missing}");
        }
    }

    #[test]
    fn names_are_those_of_a_directory() {
        let directory = Directory::new();
        fs::write(directory.join("a"), "").unwrap();
        assert_eq!(Disk.names(&directory), ["a"]);
        assert!(Disk.names(&directory.join("a")).is_empty());
        assert!(Disk.exists(&directory.join("a")));
        assert!(!Disk.exists(&directory.join("b")));
    }
}
