//! Descriptors that a server's forwards leave to others: to those who log in, and to threads that
//! read files and look names up. Otherwise one client with enough connections would keep everybody
//! else out.
//!
//! Nobody counts. The system gives the lowest number that is free (POSIX, "File Descriptor
//! Allocation"), so a new descriptor's number says how many are in use at least, in the whole process
//! and whatever for.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::sys::resource::{Resource, getrlimit};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrLike, connect, socket};

/// Kept for what serves a login or an opening on other threads: each of the threads for names and
/// files has one or two open at a time.
const KEPT_FOR_THREADS: u64 = 32;

/// The first descriptor that no forward may have.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Mark(RawFd);

impl Mark {
    /// Whatever the system gives: a client has nobody to leave anything to.
    pub(super) const NONE: Self = Self(RawFd::MAX);

    /// Under the limit of this process as it is now, with so many connections that may not be
    /// authenticated yet. Without a known limit there is no mark.
    pub(super) fn of_process(startups: u32) -> Self {
        getrlimit(Resource::RLIMIT_NOFILE)
            .map_or(Self::NONE, |(limit, _)| Self::of(limit, startups))
    }

    /// Of few descriptors no more than a quarter is kept.
    fn of(limit: u64, startups: u32) -> Self {
        let kept = KEPT_FOR_THREADS.saturating_add(startups.into());
        let left = limit.saturating_sub(kept.min(limit / 4));
        Self(RawFd::try_from(left).unwrap_or(RawFd::MAX))
    }

    /// Whether a forward may keep this one, which is new.
    ///
    /// # Errors
    /// As if there was none.
    pub(super) fn check(self, new: &impl AsRawFd) -> io::Result<()> {
        if new.as_raw_fd() < self.0 {
            return Ok(());
        }
        Err(Errno::EMFILE.into())
    }

    /// Begins to connect, with a socket that a forward may keep: what is not kept must not have been
    /// heard of at the other end.
    pub(super) fn connect(
        self,
        family: AddressFamily,
        to: &dyn SockaddrLike,
    ) -> io::Result<OwnedFd> {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let fd = socket(family, SockType::Stream, flags, None)?;
        self.check(&fd)?;
        match connect(fd.as_raw_fd(), to) {
            Ok(()) | Err(Errno::EINPROGRESS) => Ok(fd),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;
    use crate::reactor::limits::is_shortage;

    #[test]
    fn forwards_leave_one_for_each_login_and_some_for_threads() {
        for (limit, startups, mark) in [
            (1024, 100, 1024 - 132),
            (1024, 0, 1024 - 32),
            (4 * 132, 100, 3 * 132),
            (4 * 131 + 3, 100, 3 * 131 + 3),
            (1024, u32::MAX, 768),
            (0, 100, 0),
            (1, 100, 1),
            (u64::MAX, 100, RawFd::MAX),
        ] {
            assert_eq!(Mark::of(limit, startups), Mark(mark), "{limit} {startups}");
        }
    }

    #[test]
    fn one_at_the_mark_is_too_many() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let number = socket.as_raw_fd();
        assert!(Mark(number + 1).check(&socket).is_ok());
        assert!(Mark::NONE.check(&socket).is_ok());
        for mark in [number, number - 1, 0] {
            let refused = Mark(mark).check(&socket).unwrap_err();
            assert!(is_shortage(&refused));
        }
    }
}
