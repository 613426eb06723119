//! Signals that end a program, as a readable descriptor: no handler ever runs.

use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::{fs, io};

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use crate::retry::retry;

/// Signals that end a program in order: SIGTERM, SIGINT, SIGHUP.
///
/// Made once, at the start of `main`, before any thread: it blocks these signals for the thread
/// that calls it and for every thread made by it later. After fork, made again.
#[derive(Debug)]
pub struct Signals(SignalFd);

impl Signals {
    /// Takes over the signals. One that is ignored already (`nohup`) stays ignored.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn block() -> io::Result<Self> {
        // A signal that is blocked arrives even if it is ignored: one that nohup(1) or a shell's
        // `&` has us ignore is left alone.
        let ignored = fs::read_to_string("/proc/self/status")
            .ok()
            .and_then(|status| ignored(&status))
            .unwrap_or(0);
        let mut set = SigSet::empty();
        for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
            if ignored & (1 << (signal as u32 - 1)) == 0 {
                set.add(signal);
            }
        }
        set.thread_block()?;
        let flags = SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC;
        Ok(Self(SignalFd::with_flags(&set, flags)?))
    }

    /// A signal that came, by its number.
    pub(super) fn next(&self) -> Option<i32> {
        let info = retry(|| Ok(self.0.read_signal()?)).ok()??;
        i32::try_from(info.ssi_signo).ok()
    }

    pub(super) fn fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

/// The set of ignored signals, as /proc/self/status has it (proc(5)): bit n - 1 for signal n.
fn ignored(status: &str) -> Option<u64> {
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))?;
    u64::from_str_radix(mask.trim(), 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignored_signals_are_read_from_the_status() {
        let status = "Name:\tadit\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000001001\n";
        assert_eq!(ignored(status), Some(0x1001));
        assert_eq!(ignored("Name:\tadit\n"), None);
        assert_eq!(ignored("SigIgn:\tx\n"), None);
    }

    #[test]
    fn a_blocked_signal_is_read() {
        // In a thread of its own: the mask is a thread's, and raise(3) signals its caller.
        std::thread::spawn(|| {
            let signals = Signals::block().unwrap();
            assert_eq!(signals.next(), None);
            nix::sys::signal::raise(Signal::SIGTERM).unwrap();
            assert_eq!(signals.next(), Some(Signal::SIGTERM as i32));
            assert_eq!(signals.next(), None);
        })
        .join()
        .unwrap();
    }
}
