//! Listening sockets: how they are opened. When they accept is the loop's affair.

use core::net::SocketAddr;
use std::io;
use std::net::TcpListener;
use std::os::fd::{AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, SockaddrStorage, bind, listen as start_listening,
    setsockopt, socket, sockopt,
};

/// Sockets that listen on these addresses, all of them, except that a family which this host does
/// not have is left out as long as another one works. An IPv6 socket takes IPv6 only, so that the
/// wildcards of both families can stand side by side. Where the first address has port 0, its
/// port, once known, is meant by every further 0.
///
/// # Errors
/// The address that could not be had, and why. Sockets opened before it are closed again: half a
/// `localhost` would send some programs to whoever holds the other half.
pub fn listen(addresses: &[SocketAddr]) -> Result<Vec<TcpListener>, (SocketAddr, io::Error)> {
    let mut open: Vec<TcpListener> = Vec::new();
    let mut absent = None;
    let mut chosen = 0;
    for address in addresses {
        let mut address = *address;
        if address.port() == 0 {
            address.set_port(chosen);
        }
        match listen_on(address) {
            Ok(listener) => {
                if let (0, Ok(local)) = (chosen, listener.local_addr()) {
                    chosen = local.port();
                }
                open.push(listener);
            }
            Err(error) if is_absent_family(address, &error) => absent = Some((address, error)),
            Err(error) => return Err((address, error)),
        }
    }
    match absent {
        Some(failure) if open.is_empty() => Err(failure),
        Some(_) | None => Ok(open),
    }
}

/// EADDRNOTAVAIL is what `::1` gives where IPv6 is compiled in and switched off.
fn is_absent_family(address: SocketAddr, error: &io::Error) -> bool {
    let is = |errno: Errno| error.raw_os_error() == Some(errno as i32);
    is(Errno::EAFNOSUPPORT) || (address.is_ipv6() && is(Errno::EADDRNOTAVAIL))
}

/// std and mio leave IPV6_V6ONLY to the system's default, so the socket is made by hand.
fn listen_on(address: SocketAddr) -> io::Result<TcpListener> {
    let family = match address {
        SocketAddr::V4(_) => AddressFamily::Inet,
        SocketAddr::V6(_) => AddressFamily::Inet6,
    };
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let fd: OwnedFd = socket(family, SockType::Stream, flags, None)?;
    setsockopt(&fd, sockopt::ReuseAddr, &true)?;
    if address.is_ipv6() {
        setsockopt(&fd, sockopt::Ipv6V6Only, &true)?;
    }
    bind(fd.as_raw_fd(), &SockaddrStorage::from(address))?;
    // What the system allows (somaxconn): the loop accepts 16 a turn, and bursts wait here.
    start_listening(&fd, Backlog::MAXCONN)?;
    Ok(TcpListener::from(fd))
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;
    use std::net::TcpStream;

    use super::*;

    fn local(ip: &str, port: u16) -> SocketAddr {
        SocketAddr::new(ip.parse().unwrap(), port)
    }

    #[test]
    fn both_wildcards_stand_side_by_side_on_one_port() {
        let open = listen(&[local("0.0.0.0", 0), local("::", 0)]).unwrap();
        let port = open[0].local_addr().unwrap().port();
        assert!(open.iter().all(|l| l.local_addr().unwrap().port() == port));
        TcpStream::connect(local("127.0.0.1", port)).unwrap();
    }

    #[test]
    fn one_port_in_use_closes_the_others_again() {
        let used = listen(&[local("127.0.0.1", 0)]).unwrap();
        let used = used[0].local_addr().unwrap();
        let free = listen(&[local("127.0.0.2", 0)]).unwrap();
        let port = free[0].local_addr().unwrap().port();
        drop(free);
        let (which, error) = listen(&[local("127.0.0.2", port), used]).unwrap_err();
        assert_eq!((which, error.kind()), (used, ErrorKind::AddrInUse));
        assert_eq!(listen(&[local("127.0.0.2", port)]).unwrap().len(), 1);
    }

    #[test]
    fn a_family_that_is_not_there_is_left_out_but_not_all_of_them() {
        // A documentation address stands for it: no host has one (RFC 3849).
        let absent = local("2001:db8::1", 0);
        let open = listen(&[absent, local("127.0.0.1", 0)]).unwrap();
        assert_eq!(open.len(), 1);
        assert_eq!(listen(&[absent]).unwrap_err().0, absent);
    }

    #[test]
    fn an_ipv4_address_that_is_not_ours_is_an_error() {
        let absent = local("192.0.2.1", 0);
        let (which, error) = listen(&[local("127.0.0.1", 0), absent]).unwrap_err();
        assert_eq!(which.ip(), absent.ip());
        assert_eq!(error.kind(), ErrorKind::AddrNotAvailable);
    }
}
