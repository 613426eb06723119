//! Signals that would end the program while a terminal does not show what is typed.

use std::os::fd::{AsFd, BorrowedFd};
use std::thread;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, SigmaskHow, Signal, killpg, raise};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::unistd::getpgrp;

/// How long another thread may take to act on a signal, once it is not pending any more: it has only
/// to be woken.
const WAKE_TIME: Duration = Duration::from_millis(50);

/// How often, and how far apart, a signal is looked for that may still be pending.
const PENDING_LOOKS: u32 = 1000;
const PENDING_INTERVAL: Duration = Duration::from_millis(1);

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

/// Whether a signal waits that ends the program, where those are held back.
pub(super) fn is_pending() -> bool {
    let mut set = SigSet::empty();
    set.extend([Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP]);
    let Ok(pending) = SignalFd::with_flags(&set, SfdFlags::SFD_CLOEXEC) else {
        return true;
    };
    let mut waiting = [PollFd::new(pending.as_fd(), PollFlags::POLLIN)];
    poll(&mut waiting, PollTimeout::ZERO) != Ok(0)
}

/// Sends `signal` to all of the job, as a key does, and returns when it has had its effect here: for
/// one that stops the job, after that was continued. Whichever thread is interrupted by it does what
/// is to be done, and this one may run on for a moment.
pub(super) fn send_to_job(signal: Signal) -> nix::Result<()> {
    let mut set = SigSet::empty();
    set.add(signal);
    let pending = SignalFd::with_flags(&set, SfdFlags::SFD_CLOEXEC)?;
    killpg(getpgrp(), signal)?;
    let mut waiting = [PollFd::new(pending.as_fd(), PollFlags::POLLIN)];
    // One that every thread has blocked stays pending, as it would have from the key.
    for _ in 0..PENDING_LOOKS {
        if poll(&mut waiting, PollTimeout::ZERO) != Ok(1) {
            break;
        }
        thread::sleep(PENDING_INTERVAL);
    }
    thread::sleep(WAKE_TIME);
    Ok(())
}
