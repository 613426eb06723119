//! Files opened safely: regular ones only, never waiting, never more than a limit.
//!
//! A name in a configuration may turn out to be a FIFO, a device without end, or a file far larger
//! than anything it is meant for. None of these may stop a program or fill its memory.

use std::fmt;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use nix::fcntl::OFlag;

/// Largest private or public key file. An RSA key of 16384 bits needs 13 KiB.
pub const KEY_MAX: usize = 64 * 1024;

/// Largest authorized_keys file.
pub const AUTHORIZED_MAX: usize = 16 * 1024 * 1024;

/// Largest known_hosts file: 100 000 lines, a third of them with keys of RSA, have 24 MiB.
pub const HOSTS_MAX: usize = 64 * 1024 * 1024;

/// Largest configuration file.
pub const CONFIG_MAX: usize = 1024 * 1024;

/// What [`read_lines`] takes at once, unless a line is longer.
const PIECE: usize = 256 * 1024;

/// A file's bytes, and what decides whether to believe them.
pub struct Contents {
    /// All of it.
    pub bytes: Vec<u8>,
    /// Group.
    pub gid: u32,
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
}

impl fmt::Debug for Contents {
    /// Without the bytes: they may be a key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Contents(mode {:o}, uid {})", self.mode, self.uid)
    }
}

/// Why a file was not read.
#[derive(Debug)]
#[non_exhaustive]
pub enum FileError {
    /// The system's error.
    Io(io::Error),
    /// A directory, FIFO, socket or device.
    NotRegular,
    /// More bytes than such a file has.
    TooLarge,
}

impl FileError {
    /// Whether there is no such file at all.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Io(error) if error.kind() == io::ErrorKind::NotFound)
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => f.write_str(&reason(error)),
            Self::NotRegular => f.write_str("Not a regular file"),
            Self::TooLarge => f.write_str("File too large"),
        }
    }
}

impl std::error::Error for FileError {}

impl From<io::Error> for FileError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// An error in the system's words alone, as C programs print it: without `(os error 2)`.
#[must_use]
pub fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    match text.split_once(" (os error ") {
        Some((strerror, _)) => strerror.to_owned(),
        None => text,
    }
}

/// Reads a regular file of at most `max` bytes.
///
/// # Errors
/// [`FileError`]. Opening never waits for the other end of a FIFO, nor for a device.
pub fn read(path: &Path, max: usize) -> Result<Contents, FileError> {
    let (file, metadata) = open(path, max)?;
    let len = usize::try_from(metadata.len()).unwrap_or(usize::MAX);
    // One byte more than it has: a key's bytes are then never moved by a growing buffer.
    let mut bytes = Vec::with_capacity(len.saturating_add(1));
    // It may grow while it is read, and files of /proc say that they are empty.
    let limit = u64::try_from(max).unwrap_or(u64::MAX).saturating_add(1);
    file.take(limit).read_to_end(&mut bytes)?;
    if bytes.len() > max {
        return Err(FileError::TooLarge);
    }
    Ok(Contents {
        bytes,
        gid: metadata.gid(),
        mode: metadata.mode() & 0o7777,
        uid: metadata.uid(),
    })
}

/// Reads a regular file of at most `max` bytes in pieces that each end with a line, or with the
/// file. A large file then needs no memory of its size, and stays in the processor's cache.
///
/// # Errors
/// [`FileError`], as [`read`]; `take` may have had the beginning by then.
pub fn read_lines(path: &Path, max: usize, mut take: impl FnMut(&[u8])) -> Result<(), FileError> {
    let (mut file, _) = open(path, max)?;
    let mut buffer = vec![0; PIECE.min(max).saturating_add(1)];
    let (mut len, mut total) = (0_usize, 0_usize);
    loop {
        if len == buffer.len() {
            // One line fills it.
            buffer.resize(len.saturating_mul(2), 0);
        }
        let n = match file.read(buffer.get_mut(len..).unwrap_or_default()) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read?,
        };
        total = total.saturating_add(n);
        if total > max {
            return Err(FileError::TooLarge);
        }
        let filled = len.saturating_add(n);
        let new = buffer.get(len..filled).unwrap_or_default();
        let end = new.iter().rposition(|b| *b == b'\n');
        let end = end.map_or(0, |at| len.saturating_add(at).saturating_add(1));
        let whole = if n == 0 { filled } else { end };
        if whole > 0 {
            take(buffer.get(..whole).unwrap_or_default());
            buffer.copy_within(whole..filled, 0);
        }
        if n == 0 {
            return Ok(());
        }
        len = filled.saturating_sub(whole);
    }
}

fn open(path: &Path, max: usize) -> Result<(File, Metadata), FileError> {
    let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits())
        .open(path)?;
    // Of what is open, not of the name: it may be another file by now.
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(FileError::NotRegular);
    }
    if metadata.len() > u64::try_from(max).unwrap_or(u64::MAX) {
        return Err(FileError::TooLarge);
    }
    Ok((file, metadata))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::*;
    use crate::testing::Directory;

    fn file(directory: &Directory, bytes: &[u8]) -> PathBuf {
        let path = directory.join("file");
        fs::write(&path, bytes).unwrap();
        path
    }

    #[test]
    fn a_regular_file_is_read_up_to_the_limit() {
        let directory = Directory::new();
        let path = file(&directory, b"12345");
        assert_eq!(read(&path, 6).unwrap().bytes, b"12345");
        assert_eq!(read(&path, 5).unwrap().bytes, b"12345");
        assert!(matches!(read(&path, 4), Err(FileError::TooLarge)));
    }

    #[test]
    fn pieces_end_with_lines_and_are_the_file() {
        let directory = Directory::new();
        let long = "x".repeat(3 * PIECE);
        let short = "line\n".repeat(PIECE / 5);
        for content in [
            String::new(),
            "\n".into(),
            "a\nb".into(),
            short.clone(),
            format!("{short}{long}\n{short}{long}"),
            format!("{long}\n\n{short}"),
            "\n".repeat(PIECE + 1),
        ] {
            let path = file(&directory, content.as_bytes());
            let mut pieces: Vec<Vec<u8>> = Vec::new();
            read_lines(&path, HOSTS_MAX, |piece| pieces.push(piece.to_vec())).unwrap();
            assert!(pieces.concat() == content.as_bytes());
            if let Some((_, pieces)) = pieces.split_last() {
                assert!(pieces.iter().all(|piece| piece.ends_with(b"\n")));
            }
        }
    }

    #[test]
    fn pieces_are_read_up_to_the_limit() {
        let directory = Directory::new();
        let path = file(&directory, b"1\n345");
        for (max, good) in [(6, true), (5, true), (4, false), (0, false)] {
            let mut n = 0;
            let read = read_lines(&path, max, |piece| n += piece.len());
            assert_eq!((read.is_ok(), n == 5), (good, good), "{max}");
        }
        // It says that it is empty.
        let status = Path::new("/proc/self/status");
        let read = read_lines(status, 4, |_| {});
        assert!(matches!(read, Err(FileError::TooLarge)));
    }

    #[test]
    fn a_huge_file_is_refused_before_it_is_read() {
        let directory = Directory::new();
        let path = file(&directory, b"");
        File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_len(4 << 30)
            .unwrap();
        assert!(matches!(read(&path, HOSTS_MAX), Err(FileError::TooLarge)));
    }

    #[test]
    fn what_is_no_regular_file_is_refused_at_once() {
        let directory = Directory::new();
        let fifo = directory.join("fifo");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRUSR).unwrap();
        for path in [
            &fifo,
            Path::new("/dev/zero"),
            Path::new("/dev/null"),
            &*directory,
        ] {
            assert!(
                matches!(read(path, 10), Err(FileError::NotRegular)),
                "{path:?}"
            );
            let pieces = read_lines(path, 10, |_| panic!("{path:?}"));
            assert!(matches!(pieces, Err(FileError::NotRegular)), "{path:?}");
        }
    }

    #[test]
    fn errors_speak_as_c_programs_do() {
        let directory = Directory::new();
        let missing = read(&directory.join("none"), 10).unwrap_err();
        assert!(missing.is_not_found());
        assert_eq!(missing.to_string(), "No such file or directory");
        let looped = directory.join("loop");
        std::os::unix::fs::symlink(&looped, &looped).unwrap();
        let error = read(&looped, 10).unwrap_err();
        // Rust's table and strerror(3) agree on this text but for one word on some systems.
        assert!(error.to_string().contains("symbolic links"), "{error}");
    }
}
