//! Unix sockets that listen: how their files are made, what they may replace, and what is removed
//! at their end.
//!
//! A file's mode is set between bind(2) and listen(2). Nobody can connect before the latter, so no
//! one gets in by a mode that was too wide for a moment, and the process's umask, which all threads
//! share, stays as it is.
//!
//! A file is only ever removed after a look at what it is. Between that look and unlink(2) another
//! program could put its own file there, where the directory lets it: the system has no call that
//! does both. Until then the file that was looked at is held open, so that its number cannot mean
//! another one. This program's own loops take turns, so that no session has a path taken from under
//! it by another one that came between its bind(2) and its listen(2), or at the end of a third.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use adit_connection::PATH_MAX;
use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, UnixAddr, bind, listen as start_listening, socket,
};
use nix::sys::stat::{Mode, fchmod};
use nix::unistd::geteuid;

use super::forwards::{StreamLocalBind, Unlink};

/// What StreamLocalBindMask takes from.
const EVERY_BIT: u32 = 0o777;

/// Whose turn it is to make or remove a file: one of all loops, as the file system is one.
static TURN: Mutex<()> = Mutex::new(());

/// Waits for the few calls to the file system that another loop's turn takes.
fn take_turn() -> MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The file of a socket that we made. Dropped, it is removed, if it is still that one.
#[derive(Debug)]
pub(super) struct MadePath {
    /// As it was asked for.
    path: PathBuf,
    /// The same, wherever this program goes.
    absolute: PathBuf,
    id: FileId,
    /// As long as it is open no other file has its number.
    held: File,
}

impl MadePath {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// By its descriptor: the name could lead elsewhere by now.
    fn set_mode(&self, mode: u32) -> io::Result<()> {
        let name = format!("/proc/self/fd/{}", self.held.as_raw_fd());
        fs::set_permissions(name, Permissions::from_mode(mode))
    }
}

impl Drop for MadePath {
    fn drop(&mut self) {
        let _turn = take_turn();
        if fs::symlink_metadata(&self.absolute).is_ok_and(|now| FileId::of(&now) == self.id) {
            // It may be gone by now, and then there is nothing to do.
            let _ = fs::remove_file(&self.absolute);
        }
    }
}

/// A file, whatever it is called.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct FileId {
    device: u64,
    inode: u64,
}

impl FileId {
    fn of(found: &fs::Metadata) -> Self {
        Self {
            device: found.dev(),
            inode: found.ino(),
        }
    }
}

/// A socket that listens on this path. What is there already is replaced if it is a socket of this
/// user's on which nobody listens any more, or if `how` says so.
///
/// # Errors
/// Why there is none; in words, where something else is in its place. That is still there then.
pub(super) fn listen_on_path(
    path: &Path,
    how: StreamLocalBind,
) -> io::Result<(UnixListener, MadePath)> {
    listen_by(path, how, opened)
}

/// The same; `opened` gets hold of the file that was made.
fn listen_by(
    path: &Path,
    how: StreamLocalBind,
    opened: impl FnOnce(&Path) -> io::Result<File>,
) -> io::Result<(UnixListener, MadePath)> {
    let bytes = path.as_os_str().as_bytes();
    // An empty one would be a name that the system makes up.
    if bytes.is_empty() || bytes.len() > PATH_MAX || bytes.contains(&0) {
        let text = "the path of a Unix socket has 1 to 107 bytes and no NUL";
        return Err(io::Error::new(ErrorKind::InvalidInput, text));
    }
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let fd = socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
    let mode = EVERY_BIT & !how.mask;
    // Linux makes the file with what the socket itself has, less the umask. A system that does not
    // care for it makes it wider, and that is put right below.
    let _ = fchmod(&fd, Mode::from_bits_truncate(mode));
    let turn = take_turn();
    let (made, found) = bind_and_hold(&fd, path, how.unlink, opened)?;
    let mode_is_right = if found == mode {
        Ok(())
    } else {
        made.set_mode(mode)
    };
    // What the system allows (somaxconn), as for TCP.
    let listening = mode_is_right.and_then(|()| Ok(start_listening(&fd, Backlog::MAXCONN)?));
    // Before the file is removed again where that went wrong, which takes a turn of its own.
    drop(turn);
    listening?;
    Ok((UnixListener::from(fd), made))
}

/// The file that a socket is bound to, and its mode.
fn bind_and_hold(
    fd: &OwnedFd,
    path: &Path,
    unlink: Unlink,
    opened: impl FnOnce(&Path) -> io::Result<File>,
) -> io::Result<(MadePath, u32)> {
    bind_where(fd, path, unlink)?;
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let made = opened(path).and_then(|made| Ok((made.metadata()?, made)));
    let (found, held) = made.inspect_err(|_| remove_unheld(path))?;
    if !found.file_type().is_socket() || found.uid() != geteuid().as_raw() {
        return Err(in_use("another program has put a file there"));
    }
    let made = MadePath {
        path: path.to_path_buf(),
        absolute,
        id: FileId::of(&found),
        held,
    };
    Ok((made, found.mode() & EVERY_BIT))
}

/// The file that was just made could not be got hold of, mostly for want of a descriptor: it is gone
/// again, unless somebody has put another one there. What takes no descriptor has to do to tell.
fn remove_unheld(path: &Path) {
    let is_ours =
        |found: fs::Metadata| found.file_type().is_socket() && found.uid() == geteuid().as_raw();
    if fs::symlink_metadata(path).is_ok_and(is_ours) {
        // The error that led here is the one to tell.
        let _ = fs::remove_file(path);
    }
}

/// Binds, and makes room for it where that is allowed.
fn bind_where(fd: &OwnedFd, path: &Path, unlink: Unlink) -> io::Result<()> {
    let address = UnixAddr::new(path)?;
    match bind(fd.as_raw_fd(), &address) {
        Err(Errno::EADDRINUSE) => {}
        bound => return Ok(bound?),
    }
    make_room(path, unlink)?;
    Ok(bind(fd.as_raw_fd(), &address)?)
}

/// Removes what is on this path, if it is nothing but a left over socket of ours.
fn make_room(path: &Path, unlink: Unlink) -> io::Result<()> {
    let held = match opened(path) {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()), // gone meanwhile
        held => held?,
    };
    let found = held.metadata()?;
    if !found.file_type().is_socket() {
        return Err(in_use("there is a file that is not a socket"));
    }
    if found.uid() != geteuid().as_raw() {
        return Err(in_use("there is a socket of another user's"));
    }
    match unlink {
        Unlink::Always => {}
        // Whoever listens there sees one connection that ends at once: the system knows no
        // question that costs less.
        Unlink::IfStale => match mio::net::UnixStream::connect(path) {
            Err(e) if e.kind() == ErrorKind::ConnectionRefused => {}
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
            // A full backlog, or a socket of another type, has an owner as well.
            Ok(_) | Err(_) => return Err(in_use("another program listens there")),
        },
    }
    let now = fs::symlink_metadata(path);
    match now {
        Ok(now) if FileId::of(&now) == FileId::of(&found) => fs::remove_file(path),
        // Somebody else was quicker; bind(2) says whether that is in the way.
        Ok(_) | Err(_) => Ok(()),
    }
}

/// The file itself, whatever it is: not what a link points to, and without opening a device.
fn opened(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_PATH | libc::O_NOFOLLOW)
        .open(path)
}

fn in_use(why: &'static str) -> io::Error {
    let text = format!("{}: {why}", Errno::EADDRINUSE.desc());
    io::Error::new(ErrorKind::AddrInUse, text)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{chown, symlink};
    use std::os::unix::net::{UnixDatagram, UnixStream};
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::thread;

    use super::*;

    /// A directory of its own, gone with the test.
    struct Scratch(PathBuf);

    impl Scratch {
        fn new() -> Self {
            static MADE: AtomicU32 = AtomicU32::new(0);
            let n = MADE.fetch_add(1, Ordering::Relaxed);
            let name = format!("adit-paths-{}-{n}", std::process::id());
            let path = std::env::temp_dir().join(name);
            fs::create_dir(&path).unwrap();
            Self(path)
        }

        fn path(&self) -> PathBuf {
            self.0.join("s")
        }

        /// A path in it with so many bytes.
        fn long(&self, len: usize) -> PathBuf {
            let used = self.0.as_os_str().len() + 1;
            self.0.join("x".repeat(len - used))
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).unwrap();
        }
    }

    fn masked(mask: u32) -> StreamLocalBind {
        StreamLocalBind {
            mask,
            ..StreamLocalBind::default()
        }
    }

    const ALWAYS: StreamLocalBind = StreamLocalBind {
        mask: 0o177,
        unlink: Unlink::Always,
    };

    /// Why it is not listened on, with either way to make room.
    fn refused(path: &Path) -> String {
        let why = |how| {
            let error = listen_on_path(path, how).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::AddrInUse, "{error}");
            error.to_string()
        };
        let text = why(StreamLocalBind::default());
        assert_eq!(why(ALWAYS), text);
        text
    }

    #[test]
    fn a_socket_is_connected_to_and_its_file_goes_with_it() {
        let scratch = Scratch::new();
        let path = scratch.path();
        let (listener, made) = listen_on_path(&path, StreamLocalBind::default()).unwrap();
        UnixStream::connect(&path).unwrap();
        listener.accept().unwrap();
        assert_eq!(made.path(), path);
        drop(made);
        assert!(!path.exists());
    }

    #[test]
    fn the_mask_decides_the_mode_and_not_the_umask() {
        let scratch = Scratch::new();
        for (mask, mode) in [
            (0o177, 0o600),
            (0o111, 0o666),
            (0o000, 0o777),
            (0o117, 0o660),
            (0o777, 0o000),
        ] {
            let path = scratch.path();
            let (_listener, _made) = listen_on_path(&path, masked(mask)).unwrap();
            let found = fs::symlink_metadata(&path).unwrap().mode();
            assert_eq!(found & 0o7777, mode, "mask {mask:o}");
        }
    }

    #[test]
    fn a_socket_that_nobody_listens_on_is_replaced() {
        let scratch = Scratch::new();
        let path = scratch.path();
        for how in [StreamLocalBind::default(), ALWAYS] {
            drop(UnixListener::bind(&path).unwrap());
            let (_listener, _made) = listen_on_path(&path, how).unwrap();
            UnixStream::connect(&path).unwrap();
        }
    }

    #[test]
    fn a_socket_that_somebody_listens_on_is_left_alone_unless_told_otherwise() {
        let scratch = Scratch::new();
        let path = scratch.path();
        let theirs = UnixListener::bind(&path).unwrap();
        let error = listen_on_path(&path, StreamLocalBind::default()).unwrap_err();
        let text = "Address already in use: another program listens there";
        assert_eq!(error.to_string(), text);
        UnixStream::connect(&path).unwrap();

        let (ours, _made) = listen_on_path(&path, ALWAYS).unwrap();
        theirs.set_nonblocking(true).unwrap();
        while theirs.accept().is_ok() {}
        UnixStream::connect(&path).unwrap();
        assert!(theirs.accept().is_err());
        ours.accept().unwrap();
    }

    #[test]
    fn a_datagram_socket_has_an_owner_too() {
        let scratch = Scratch::new();
        let _theirs = UnixDatagram::bind(scratch.path()).unwrap();
        let error = listen_on_path(&scratch.path(), StreamLocalBind::default()).unwrap_err();
        assert!(error.to_string().contains("another program listens there"));
    }

    #[test]
    fn what_is_no_socket_is_never_replaced() {
        let scratch = Scratch::new();
        let text = "Address already in use: there is a file that is not a socket";
        let path = scratch.path();
        fs::write(&path, b"precious").unwrap();
        assert_eq!(refused(&path), text);
        assert_eq!(fs::read(&path).unwrap(), b"precious");

        let directory = scratch.0.join("d");
        fs::create_dir(&directory).unwrap();
        assert_eq!(refused(&directory), text);

        // A link is not what it points to, be that a stale socket or nothing.
        let link = scratch.0.join("l");
        let stale = scratch.0.join("stale");
        drop(UnixListener::bind(&stale).unwrap());
        for target in [stale, scratch.0.join("nowhere")] {
            symlink(&target, &link).unwrap();
            assert_eq!(refused(&link), text);
            fs::remove_file(&link).unwrap();
        }
    }

    #[test]
    fn a_socket_of_another_users_is_never_replaced() {
        if !geteuid().is_root() {
            return; // only root can give one away
        }
        let scratch = Scratch::new();
        let path = scratch.path();
        drop(UnixListener::bind(&path).unwrap());
        chown(&path, Some(1), None).unwrap();
        let text = "Address already in use: there is a socket of another user's";
        assert_eq!(refused(&path), text);
        assert!(path.exists());
    }

    #[test]
    fn at_the_end_only_the_file_that_was_made_is_removed() {
        let scratch = Scratch::new();
        let path = scratch.path();
        let (listener, made) = listen_on_path(&path, StreamLocalBind::default()).unwrap();
        // Somebody else's meanwhile. The number of the first file is not free yet.
        fs::remove_file(&path).unwrap();
        let theirs = UnixListener::bind(&path).unwrap();
        drop((made, listener));
        UnixStream::connect(&path).unwrap();
        theirs.accept().unwrap();
        fs::remove_file(&path).unwrap();

        // Nothing at all any more.
        let (listener, made) = listen_on_path(&path, StreamLocalBind::default()).unwrap();
        fs::remove_file(&path).unwrap();
        drop((made, listener));
        assert!(!path.exists());
    }

    #[test]
    fn of_two_who_want_a_path_at_once_one_has_it() {
        let scratch = Scratch::new();
        let path = scratch.path();
        let start = Barrier::new(2);
        for n in 0..2000 {
            let attempt = || {
                start.wait();
                listen_on_path(&path, StreamLocalBind::default())
            };
            let both = thread::scope(|scope| {
                let other = scope.spawn(attempt);
                [attempt(), other.join().unwrap()]
            });
            assert_eq!(both.iter().filter(|one| one.is_ok()).count(), 1, "{n}");
            UnixStream::connect(&path).unwrap();
        }
    }

    #[test]
    fn the_end_of_one_takes_no_path_from_the_next_one() {
        let scratch = Scratch::new();
        let path = scratch.path();
        let start = Barrier::new(2);
        for n in 0..2000 {
            let (listener, made) = listen_on_path(&path, ALWAYS).unwrap();
            let next = thread::scope(|scope| {
                scope.spawn(|| {
                    start.wait();
                    drop((listener, made));
                });
                start.wait();
                listen_on_path(&path, ALWAYS)
            });
            let _next = next.unwrap();
            assert!(UnixStream::connect(&path).is_ok(), "{n}");
        }
    }

    #[test]
    fn a_file_that_cannot_be_got_hold_of_is_not_left_behind() {
        let scratch = Scratch::new();
        let path = scratch.path();
        let how = StreamLocalBind::default();
        let error = listen_by(&path, how, |made| {
            assert!(made.exists());
            Err(Errno::EMFILE.into())
        });
        let errno = error.unwrap_err().raw_os_error();
        assert_eq!(errno, Some(Errno::EMFILE as i32));
        assert!(!path.exists());

        // Somebody else's meanwhile.
        let error = listen_by(&path, how, |made| {
            fs::remove_file(made)?;
            fs::write(made, b"precious")?;
            Err(Errno::EMFILE.into())
        });
        error.unwrap_err();
        assert_eq!(fs::read(&path).unwrap(), b"precious");
    }

    #[test]
    fn a_path_is_as_long_as_the_system_takes_it() {
        let scratch = Scratch::new();
        for (len, fits) in [
            (PATH_MAX - 1, true),
            (PATH_MAX, true),
            (PATH_MAX + 1, false),
        ] {
            let made = listen_on_path(&scratch.long(len), StreamLocalBind::default());
            assert_eq!(made.is_ok(), fits, "{len}");
        }
        for path in ["", "a\0b", "\0abstract"] {
            let error = listen_on_path(Path::new(path), StreamLocalBind::default()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{path:?}");
        }
    }

    #[test]
    fn a_directory_that_is_not_there_is_the_systems_error() {
        let scratch = Scratch::new();
        let error = listen_on_path(&scratch.path().join("s"), ALWAYS).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }
}
