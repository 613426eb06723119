//! Adds a line to a known_hosts file, keeping every line that is there.
//!
//! The file is appended to under a lock and never rewritten: another program may add its own line
//! at the same time, and the file may be a link into a directory of settings. When the disk has no
//! room for the whole line, what was written of it is taken back.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::time::Duration;

use nix::fcntl::{Flock, FlockArg, OFlag};

/// How often and how far apart the lock is asked for. A line takes microseconds.
const LOCK_TRIES: u32 = 20;
const LOCK_PAUSE: Duration = Duration::from_millis(50);

/// Appends `line`, which has no line end, after repairing a last line that has none. A file that is
/// missing is made with mode 0600, and its directory with 0700.
///
/// # Errors
/// The system's; the file is then as it was. [`io::ErrorKind::InvalidInput`] for what is no
/// regular file, [`io::ErrorKind::WouldBlock`] when the lock was not to be had in a second.
pub fn append(path: &Path, line: &str) -> io::Result<()> {
    let file = match open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => create(path),
        opened => opened,
    }?;
    let mut file = lock(file)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        let text = "Not a regular file";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    let len = metadata.len();
    let repair = match len.checked_sub(1) {
        None => "",
        Some(last) => {
            let mut byte = [0];
            file.read_exact_at(&mut byte, last)?;
            if byte == *b"\n" { "" } else { "\n" }
        }
    };
    // One write, so that a reader without the lock sees all of the line or nothing.
    let written = file.write_all(format!("{repair}{line}\n").as_bytes());
    if written.is_err() {
        file.set_len(len)?;
    }
    written
}

fn open(path: &Path) -> io::Result<File> {
    let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    OpenOptions::new()
        .read(true)
        .append(true)
        .custom_flags(flags.bits())
        .open(path)
}

fn create(path: &Path) -> io::Result<File> {
    if let Some(directory) = path.parent().filter(|d| !d.as_os_str().is_empty()) {
        match DirBuilder::new().mode(0o700).create(directory) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
    }
    // `create_new` follows no link: one that leads nowhere is not filled in somewhere else.
    let created = OpenOptions::new()
        .read(true)
        .append(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    match created {
        // Another program was faster.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => open(path),
        created => created,
    }
}

fn lock(mut file: File) -> io::Result<Flock<File>> {
    for _ in 0..LOCK_TRIES {
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(locked) => return Ok(locked),
            Err((back, nix::errno::Errno::EWOULDBLOCK)) => file = back,
            Err((_, error)) => return Err(error.into()),
        }
        std::thread::sleep(LOCK_PAUSE);
    }
    let text = "another program holds its lock";
    Err(io::Error::new(io::ErrorKind::WouldBlock, text))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::MetadataExt as _;

    use super::*;
    use crate::testing::Directory;

    #[test]
    fn every_line_is_kept_and_a_missing_end_repaired() {
        let directory = Directory::new();
        let path = directory.join("known_hosts");
        for (before, after) in [
            ("", "new\n"),
            ("old\n", "old\nnew\n"),
            ("old", "old\nnew\n"),
            ("# a\r\n\nold \n", "# a\r\n\nold \nnew\n"),
        ] {
            fs::write(&path, before).unwrap();
            append(&path, "new").unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), after, "{before:?}");
        }
    }

    #[test]
    fn a_missing_file_and_its_directory_are_made_private() {
        let directory = Directory::new();
        let path = directory.join("ssh/known_hosts");
        append(&path, "one").unwrap();
        append(&path, "two").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "one\ntwo\n");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        let parent = fs::metadata(path.parent().unwrap()).unwrap();
        assert_eq!(parent.mode() & 0o777, 0o700);
        assert!(append(&directory.join("a/b/c"), "x").is_err());
    }

    #[test]
    fn a_link_is_followed_to_a_file_but_fills_in_none() {
        let directory = Directory::new();
        let (target, link) = (directory.join("target"), directory.join("link"));
        std::os::unix::fs::symlink(&target, &link).unwrap();
        assert!(append(&link, "x").is_err());
        assert!(!target.exists());
        fs::write(&target, "old\n").unwrap();
        append(&link, "x").unwrap();
        assert_eq!(fs::read_to_string(&target).unwrap(), "old\nx\n");
    }

    #[test]
    fn what_is_no_regular_file_is_left_alone() {
        let directory = Directory::new();
        let fifo = directory.join("fifo");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert!(append(&fifo, "x").is_err());
        assert!(append(&directory, "x").is_err());
    }

    #[test]
    fn writers_at_the_same_time_lose_nothing() {
        let directory = Directory::new();
        let path = directory.join("known_hosts");
        std::thread::scope(|scope| {
            for n in 0..8 {
                let path = &path;
                scope.spawn(move || append(path, &format!("line {n}")).unwrap());
            }
        });
        let text = fs::read_to_string(&path).unwrap();
        let mut lines: Vec<&str> = text.lines().collect();
        lines.sort_unstable();
        assert_eq!(lines.len(), 8);
        assert_eq!(lines[7], "line 7");
    }
}
