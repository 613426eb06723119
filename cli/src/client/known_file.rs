//! Adds a line to a known_hosts file, keeping every byte that is there.
//!
//! The new file is written beside the old one and takes its place in one step, so that nobody ever
//! reads half a line, and a full disk or a crash leaves the old one as it was. Whoever changes the
//! file holds a lock on it; ssh takes none, so what it appends meanwhile is looked for and kept.
//!
//! A file that cannot be replaced (its directory is not ours to write to, it is a mount of its own,
//! has another owner or a second name) is appended to in place instead.

use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{
    FileExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown,
};
use std::path::{Path, PathBuf};
use std::time::Duration;

use adit_auth::known_hosts::{repair, with_line};
use nix::fcntl::{Flock, FlockArg, OFlag};
use nix::sys::signal::{SigSet, Signal};

use crate::file::HOSTS_MAX;
use crate::new_file::{self, Temporary};

/// How often and how far apart the lock is asked for. Each holder needs a few writes and a sync.
const LOCK_TRIES: u32 = 500;
const LOCK_PAUSE: Duration = Duration::from_millis(10);
/// What is looked for behind the end that the file had. Others add a line or two in that time.
const LATE_MAX: usize = 64 * 1024;

/// Adds `line`, which ends as lines do, unless it is there. A file that is missing is made with
/// mode 0600, and its directory with 0700. Waits for the disk, and for others that write to it.
///
/// # Errors
/// The system's; the file is then as it was. [`io::ErrorKind::InvalidInput`] for what is no
/// regular file, [`io::ErrorKind::WouldBlock`] when the lock was not to be had in five seconds.
pub fn add(path: &Path, line: &str) -> io::Result<()> {
    let path = real_path(path)?;
    let file = locked(&path)?;
    // Past RLIMIT_FSIZE a write is to fail, not to end the program. It stays so for this thread:
    // a signal that came meanwhile would be delivered with the end of the block.
    let mut set = SigSet::empty();
    set.add(Signal::SIGXFSZ);
    set.thread_block()?;

    let metadata = file.metadata()?;
    let Some(content) = content(&file, &metadata)? else {
        return in_place(&file, line);
    };
    if content
        .split_inclusive(|b| *b == b'\n')
        .any(|l| l == line.as_bytes())
    {
        return Ok(());
    }
    match replace(&path, &file, &metadata, &content, line) {
        Err(NotReplaced::Because(error)) => Err(error),
        Err(NotReplaced::TryInPlace) => in_place(&file, line),
        Ok(()) => Ok(()),
    }
}

/// Where the file is, through links: those that keep their settings elsewhere keep their link. A
/// link that leads nowhere is an error, since what it is meant to lead to is not known.
fn real_path(path: &Path) -> io::Result<PathBuf> {
    let missing = match fs::canonicalize(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => error,
        found => return found,
    };
    // A file that is there by now was made by somebody else who adds a line.
    if fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink()) {
        return Err(io::Error::other("a symbolic link that leads nowhere"));
    }
    let name = path.file_name().ok_or(missing)?;
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    new_file::make_parent(path)?;
    Ok(fs::canonicalize(directory)?.join(name))
}

/// The file, open and locked, while its name still leads to it.
fn locked(path: &Path) -> io::Result<Flock<File>> {
    for _ in 0..LOCK_TRIES {
        let file = open(path)?;
        if !file.metadata()?.is_file() {
            let text = "Not a regular file";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            // Whoever held the lock may have put another file here.
            Ok(file) if is_at(&file, path)? => return Ok(file),
            Ok(_) => continue,
            Err((_, nix::errno::Errno::EWOULDBLOCK)) => std::thread::sleep(LOCK_PAUSE),
            Err((_, error)) => return Err(error.into()),
        }
    }
    let text = "another program holds its lock";
    Err(io::Error::new(io::ErrorKind::WouldBlock, text))
}

/// Opened for writing even where it is going to be replaced: a file that its owner made read-only
/// is not to be changed.
fn open(path: &Path) -> io::Result<File> {
    let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_NOFOLLOW;
    OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .mode(new_file::PRIVATE)
        .custom_flags(flags.bits())
        .open(path)
}

fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let here = file.metadata()?;
    Ok(match fs::symlink_metadata(path) {
        Ok(there) => (here.dev(), here.ino()) == (there.dev(), there.ino()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        Err(error) => return Err(error),
    })
}

/// All of it; `None` where it is longer than anything that is read.
fn content(file: &File, metadata: &Metadata) -> io::Result<Option<Vec<u8>>> {
    let len = usize::try_from(metadata.len()).unwrap_or(usize::MAX);
    if len > HOSTS_MAX {
        return Ok(None);
    }
    let mut content = vec![0; len];
    file.read_exact_at(&mut content, 0)?;
    Ok(Some(content))
}

/// Why another file was not put in the place of this one.
enum NotReplaced {
    /// It is this file that must be kept, or no other can be made here.
    TryInPlace,
    /// There is no room, or the disk fails.
    Because(io::Error),
}

impl From<io::Error> for NotReplaced {
    fn from(error: io::Error) -> Self {
        Self::Because(error)
    }
}

fn replace(
    path: &Path,
    old: &File,
    metadata: &Metadata,
    content: &[u8],
    line: &str,
) -> Result<(), NotReplaced> {
    if metadata.nlink() != 1 {
        return Err(NotReplaced::TryInPlace);
    }
    let (temporary, mut new) =
        Temporary::beside(path, new_file::PRIVATE).map_err(unless_it_is_the_place)?;
    let made = new.metadata()?;
    let (uid, gid) = (metadata.uid(), metadata.gid());
    let is_theirs = (made.uid(), made.gid()) == (uid, gid);
    if !is_theirs && fchown(&new, Some(uid), Some(gid)).is_err() {
        return Err(NotReplaced::TryInPlace);
    }
    new.set_permissions(Permissions::from_mode(metadata.mode() & 0o7777))?;
    new.write_all(&with_line(content, line))?;
    new.sync_all()?;
    temporary.rename(path).map_err(unless_it_is_the_place)?;
    // What was appended to the old one since it was read, by a program that asks for no lock.
    let mut late = vec![0; LATE_MAX];
    let n = old.read_at(&mut late, metadata.len())?;
    if let Some(late @ [_, ..]) = late.get(..n) {
        new.write_all(late)?;
    }
    // The name, too, is to be there after a crash.
    if let Some(directory) = path.parent().and_then(|d| File::open(d).ok()) {
        let _ = directory.sync_all();
    }
    Ok(())
}

/// Appends the line to this very file. When there is no room for all of it, what was written of it
/// is taken back.
fn in_place(mut file: &File, line: &str) -> io::Result<()> {
    let len = file.metadata()?.len();
    let mut last = [b'\n'];
    if let Some(at) = len.checked_sub(1) {
        file.read_exact_at(&mut last, at)?;
    }
    // One write, so that a reader sees all of the line or nothing.
    let text = [repair(&last), line].concat();
    let n = file.write(text.as_bytes())?;
    if n == text.len() {
        return Ok(());
    }
    let written = u64::try_from(n).unwrap_or_default();
    if file.metadata()?.len() == len.saturating_add(written) {
        file.set_len(len)?;
    }
    Err(io::ErrorKind::StorageFull.into())
}

/// A directory or a mount that allows no other file in this place says nothing about the file.
fn unless_it_is_the_place(error: io::Error) -> NotReplaced {
    use io::ErrorKind::{CrossesDevices, PermissionDenied, ReadOnlyFilesystem, ResourceBusy};
    let place = [
        CrossesDevices,
        PermissionDenied,
        ReadOnlyFilesystem,
        ResourceBusy,
    ];
    if place.contains(&error.kind()) {
        NotReplaced::TryInPlace
    } else {
        NotReplaced::Because(error)
    }
}

#[cfg(test)]
mod tests;
