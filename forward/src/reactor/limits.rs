//! Descriptors, and what a failed accept(2) means: whether to go on or to pause.

use core::time::Duration;
use std::io;

use nix::errno::Errno;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Raises the soft limit on open descriptors to the hard one; says what it is now.
///
/// # Errors
/// When the limits cannot be read or set.
pub fn raise_descriptor_limit() -> io::Result<u64> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    if soft < hard {
        setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;
    }
    Ok(hard)
}

/// Whether an error means that descriptors or memory for them ran out: not this connection's
/// fault, and over when another one ends.
pub(super) fn is_shortage(error: &io::Error) -> bool {
    [Errno::EMFILE, Errno::ENFILE, Errno::ENOBUFS, Errno::ENOMEM]
        .into_iter()
        .any(|errno| error.raw_os_error() == Some(errno as i32))
}

/// Whether accept(2) speaks of one connection, which is gone with that: it hands on what the network
/// has said of it meanwhile. All others are about the listening socket or this program (EPERM comes
/// from rules about programs, and leaves the connection where it is), and another try at once would
/// only hear the same.
pub(super) fn is_about_one_connection(error: &io::Error) -> bool {
    [
        Errno::ECONNABORTED,
        Errno::EHOSTDOWN,
        Errno::EHOSTUNREACH,
        Errno::EINTR,
        Errno::ENETDOWN,
        Errno::ENETUNREACH,
        Errno::ENONET,
        Errno::ENOPROTOOPT,
        Errno::EPROTO,
        Errno::ETIMEDOUT,
    ]
    .into_iter()
    .any(|errno| error.raw_os_error() == Some(errno as i32))
}

/// First pause after a failure.
pub(super) const PAUSE_FIRST: Duration = Duration::from_millis(100);
/// Longest pause.
pub(super) const PAUSE_MAX: Duration = Duration::from_secs(1);
/// A failure that lasts is told once in this time.
pub(super) const TELL_EVERY: Duration = Duration::from_secs(1);

/// Pauses of one listening socket.
#[derive(Debug, Default)]
pub(super) struct Pause {
    until: Option<Duration>,
    length: Option<Duration>,
    told: Option<Duration>,
}

/// Whether a failure is to be told now.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Tell {
    Now,
    Not,
}

impl Pause {
    /// There was a failure: accept nothing before [`Pause::until`].
    pub(super) fn begin(&mut self, now: Duration) -> Tell {
        let length = self
            .length
            .map_or(PAUSE_FIRST, |last| (last * 2).min(PAUSE_MAX));
        self.length = Some(length);
        self.until = Some(now.saturating_add(length));
        if self.told.is_some_and(|told| now < told + TELL_EVERY) {
            return Tell::Not;
        }
        self.told = Some(now);
        Tell::Now
    }

    /// When to try again, while it lasts.
    pub(super) fn until(&self) -> Option<Duration> {
        self.until
    }

    /// Whether there is one now.
    pub(super) fn lasts(&self, now: Duration) -> bool {
        self.until.is_some_and(|until| now < until)
    }

    /// A connection was accepted: the next failure begins with a short pause.
    pub(super) fn accepted(&mut self) {
        self.length = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn pauses_grow_to_a_second_and_are_told_once_in_one() {
        let mut pause = Pause::default();
        assert!(!pause.lasts(ms(0)));
        let mut now = ms(0);
        let mut seen = Vec::new();
        for _ in 0..7 {
            let tell = pause.begin(now);
            let until = pause.until().unwrap();
            assert!(pause.lasts(until - ms(1)));
            assert!(!pause.lasts(until));
            seen.push(((until - now).as_millis(), tell == Tell::Now));
            now = until;
        }
        assert_eq!(
            seen,
            [
                (100, true),
                (200, false),
                (400, false),
                (800, false),
                (1000, true),
                (1000, true),
                (1000, true)
            ]
        );
        pause.accepted();
        pause.begin(now);
        assert_eq!(pause.until(), Some(now + PAUSE_FIRST));
    }

    #[test]
    fn only_a_lack_of_descriptors_or_memory_is_a_shortage() {
        for (errno, expected) in [
            (Errno::EMFILE, true),
            (Errno::ENFILE, true),
            (Errno::ENOBUFS, true),
            (Errno::ENOMEM, true),
            (Errno::ECONNABORTED, false),
            (Errno::ECONNREFUSED, false),
        ] {
            let error = io::Error::from_raw_os_error(errno as i32);
            assert_eq!(is_shortage(&error), expected, "{errno}");
        }
        assert!(!is_shortage(&io::Error::other("words")));
    }

    #[test]
    fn only_what_is_about_one_connection_lets_the_next_one_be_accepted_at_once() {
        for (errno, expected) in [
            (Errno::ECONNABORTED, true),
            (Errno::EHOSTDOWN, true),
            (Errno::EHOSTUNREACH, true),
            (Errno::EINTR, true),
            (Errno::ENETDOWN, true),
            (Errno::ENETUNREACH, true),
            (Errno::ENONET, true),
            (Errno::ENOPROTOOPT, true),
            (Errno::EPROTO, true),
            (Errno::ETIMEDOUT, true),
            (Errno::EPERM, false),
            (Errno::EMFILE, false),
            (Errno::ENFILE, false),
            (Errno::ENOBUFS, false),
            (Errno::EBADF, false),
            (Errno::ENOMEM, false),
            (Errno::EINVAL, false),
            (Errno::EOPNOTSUPP, false),
        ] {
            let error = io::Error::from_raw_os_error(errno as i32);
            assert_eq!(is_about_one_connection(&error), expected, "{errno}");
        }
        assert!(!is_about_one_connection(&io::Error::other("words")));
    }

    #[test]
    fn the_soft_limit_becomes_the_hard_one() {
        let now = raise_descriptor_limit().unwrap();
        assert_eq!(getrlimit(Resource::RLIMIT_NOFILE).unwrap(), (now, now));
    }
}
