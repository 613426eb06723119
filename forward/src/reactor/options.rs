//! What sockets of applications, and the listeners that they come from, are set to (socket(7), tcp(7)).

use core::net::SocketAddr;
use std::os::fd::AsFd;

use nix::libc;
use nix::sys::socket::{setsockopt, sockopt};

/// What may wait in a socket whose other end is on this machine: to be read of an application, or to
/// be sent to a peer. The kernel lets it grow to megabytes, as for a long path. Between here and here
/// there is none to fill, and what lies in a long queue is out of the cache when its turn comes.
/// Measured: a tenth to a fifth of the CPU time a byte; half as much costs more, twice as much gains less.
pub(super) const SHORT_QUEUE: usize = 192 * 1024;

/// What a local TCP socket is set to, or the listener that it has this from. Small packets go at once.
/// Urgent bytes stay in their place in the stream: SSH has no other way for them, and read(2) would
/// leave them out. And until it is known to end in order it ends with RST, since it is the kernel that
/// closes it when this program is killed.
pub(super) fn set_local(tcp: &impl AsFd) {
    let _ = setsockopt(tcp, sockopt::TcpNoDelay, &true);
    set_inline(tcp);
    set_linger(tcp, 1);
}

/// Linux has urgent bytes on Unix sockets too, since 5.15.
pub(super) fn set_inline(socket: &impl AsFd) {
    let _ = setsockopt(socket, sockopt::OobInline, &true);
}

pub(super) fn set_linger(tcp: &impl AsFd, l_onoff: libc::c_int) {
    let linger = libc::linger {
        l_onoff,
        l_linger: 0,
    };
    // Where it fails the application sees the end that was set before, and there is nothing else
    // to do.
    let _ = setsockopt(tcp, sockopt::Linger, &linger);
}

/// Whether that is on this machine, as far as the address says.
pub(super) fn is_here(address: Option<SocketAddr>) -> bool {
    address.is_some_and(|address| address.ip().to_canonical().is_loopback())
}
