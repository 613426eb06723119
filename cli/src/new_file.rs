//! Files that are made: whole or not at all, with the mode that they keep, and never through a
//! symbolic link.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use nix::fcntl::OFlag;

/// For its owner alone: private keys.
pub const PRIVATE: u32 = 0o600;
/// For everybody to read: public keys.
pub const PUBLIC: u32 = 0o644;
/// For its owner alone: the directory of keys.
const PRIVATE_DIRECTORY: u32 = 0o700;

/// Makes a file where there is nothing, not even a symbolic link.
///
/// # Errors
/// The system's; then there is no file.
pub fn create(path: &Path, contents: &[u8], mode: u32) -> io::Result<()> {
    let file = open(path, mode)?;
    write(file, contents).inspect_err(|_| {
        let _ = fs::remove_file(path);
    })
}

/// Puts a file in the place of what has that name: a file, or a symbolic link, whose target stays
/// as it is.
///
/// # Errors
/// The system's; then what was there is there still.
pub fn replace(path: &Path, contents: &[u8], mode: u32) -> io::Result<()> {
    let (temporary, file) = Temporary::beside(path, mode)?;
    write(file, contents)?;
    temporary.rename(path)
}

/// Makes the directory that a file is to be in, for us alone, if only that one is missing. Whether
/// it had to.
///
/// # Errors
/// When it cannot be made.
pub fn make_parent(path: &Path) -> io::Result<bool> {
    let Some(parent) = path.parent().filter(|p| !p.as_os_str().is_empty()) else {
        return Ok(false);
    };
    match DirBuilder::new().mode(PRIVATE_DIRECTORY).create(parent) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

/// A new file in the directory of one that it may replace. It is removed again unless it does.
#[derive(Debug)]
pub(crate) struct Temporary {
    path: PathBuf,
}

impl Temporary {
    /// Under a name that nobody else uses.
    pub(crate) fn beside(path: &Path, mode: u32) -> io::Result<(Self, File)> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let mut name = OsString::from(".");
        name.push(path.file_name().unwrap_or_default());
        name.push(format!(".adit-{}-{n}", std::process::id()));
        let path = path.with_file_name(name);
        let file = open(&path, mode)?;
        Ok((Self { path }, file))
    }

    /// Puts it in the place of what has that name.
    pub(crate) fn rename(mut self, path: &Path) -> io::Result<()> {
        fs::rename(&self.path, path)?;
        self.path = PathBuf::new();
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.path.as_os_str().is_empty() {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Appending: what others append, once it is in its place, is not written over.
fn open(path: &Path, mode: u32) -> io::Result<File> {
    OpenOptions::new()
        .append(true)
        .create_new(true)
        .mode(mode)
        .custom_flags(OFlag::O_NOFOLLOW.bits())
        .open(path)
}

fn write(mut file: File, contents: &[u8]) -> io::Result<()> {
    file.write_all(contents)?;
    // A key that was shown to others must not be lost with the power.
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;
    use crate::testing::Directory;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    fn names(directory: &Path) -> Vec<OsString> {
        let entries = fs::read_dir(directory).unwrap();
        let mut names: Vec<_> = entries.map(|e| e.unwrap().file_name()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_made_with_its_mode_where_there_is_nothing() {
        let directory = Directory::new();
        let path = directory.join("file");
        create(&path, b"one", PRIVATE).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"one");
        assert_eq!(mode(&path), PRIVATE);
        let again = create(&path, b"two", PUBLIC).unwrap_err();
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"one");
        for to in ["file", "elsewhere"] {
            let link = directory.join("link");
            symlink(directory.join(to), &link).unwrap();
            assert!(create(&link, b"three", PRIVATE).is_err());
            fs::remove_file(&link).unwrap();
        }
        assert_eq!(names(&directory), ["file"]);
        assert!(create(&directory.join("none/file"), b"", PRIVATE).is_err());
    }

    #[test]
    fn a_file_takes_the_place_of_another_or_of_a_link() {
        let directory = Directory::new();
        let path = directory.join("file");
        fs::write(&path, "one").unwrap();
        replace(&path, b"two", PRIVATE).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(mode(&path), PRIVATE);
        let link = directory.join("link");
        symlink(&path, &link).unwrap();
        replace(&link, b"three", PRIVATE).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read(&link).unwrap(), b"three");
        assert!(!fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(names(&directory), ["file", "link"]);
    }

    #[test]
    fn what_cannot_be_replaced_stays_and_leaves_nothing_beside_it() {
        let directory = Directory::new();
        let inner = directory.join("directory");
        fs::create_dir(&inner).unwrap();
        assert!(replace(&inner, b"", PRIVATE).is_err());
        assert_eq!(names(&directory), ["directory"]);
    }

    #[test]
    fn one_directory_is_made_for_us_alone() {
        let directory = Directory::new();
        assert!(make_parent(&directory.join("a/key")).unwrap());
        assert_eq!(mode(&directory.join("a")), PRIVATE_DIRECTORY);
        assert!(!make_parent(&directory.join("a/key")).unwrap());
        assert!(!make_parent(Path::new("key")).unwrap());
        assert!(make_parent(&directory.join("b/c/key")).is_err());
    }
}
