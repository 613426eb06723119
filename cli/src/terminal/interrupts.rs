//! Signals that would end the program while a terminal does not show what is typed.

use std::os::fd::{AsFd, BorrowedFd};

use nix::sys::signal::{SigSet, SigmaskHow, Signal, raise};
use nix::sys::signalfd::{SfdFlags, SignalFd};

/// Who notices SIGINT, SIGTERM and SIGHUP.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Interrupts {
    /// Whoever asks: there is no other thread.
    Here,
    /// An event loop, which has them blocked.
    Elsewhere,
}

/// These signals, held back on this thread for as long as this lives.
pub(super) struct Held {
    /// `None`: somebody else's.
    signals: Option<SignalFd>,
    mask: SigSet,
}

impl Interrupts {
    pub(super) fn hold(self) -> nix::Result<Held> {
        let mut set = SigSet::empty();
        let ours = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP];
        if self == Self::Here {
            set.extend(ours);
        }
        let mask = set.thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
        let flags = SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC;
        let signals = match self {
            Self::Here => Some(SignalFd::with_flags(&set, flags)?),
            Self::Elsewhere => None,
        };
        Ok(Held { signals, mask })
    }
}

impl Held {
    /// To wait on.
    pub(super) fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.signals.as_ref().map(AsFd::as_fd)
    }

    /// One that came.
    pub(super) fn next(&self) -> Option<Signal> {
        let info = self.signals.as_ref()?.read_signal().ok()??;
        Signal::try_from(i32::try_from(info.ssi_signo).ok()?).ok()
    }

    /// Lets `signal` do what it would have done.
    pub(super) fn deliver(self, signal: Signal) {
        drop(self);
        let _ = raise(signal);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let _ = self.mask.thread_set_mask();
    }
}
