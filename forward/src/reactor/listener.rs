//! Listening sockets: how they are opened. When they accept is the loop's affair.

use core::net::SocketAddr;
use std::io::{self, ErrorKind};
use std::net::TcpListener;
use std::os::fd::{AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, SockaddrStorage, bind, listen as start_listening,
    setsockopt, socket, sockopt,
};

/// How often the system may choose a port for several addresses. One that is free in one family
/// is taken in the other for a few of some 28000, so that this many never all fail on a host that
/// has ports left.
const PORT_TRIES_MAX: u32 = 16;

/// Sockets that listen on these addresses, all of them, except that a family which this host does
/// not have is left out as long as another one works. An IPv6 socket takes IPv6 only, so that the
/// wildcards of both families can stand side by side. Where an address has port 0 the system
/// chooses one, which every further 0 means as well; if it is in use there, another one is chosen.
///
/// # Errors
/// The address that could not be had, and why. Sockets opened before it are closed again: half a
/// `localhost` would send some programs to whoever holds the other half.
pub fn listen(addresses: &[SocketAddr]) -> Result<Vec<TcpListener>, (SocketAddr, io::Error)> {
    listen_by(addresses, listen_on)
}

fn listen_by(
    addresses: &[SocketAddr],
    mut listen_on: impl FnMut(SocketAddr) -> io::Result<TcpListener>,
) -> Result<Vec<TcpListener>, (SocketAddr, io::Error)> {
    let mut tries = 1;
    loop {
        let mut chosen = 0;
        match listen_once(addresses, &mut chosen, &mut listen_on) {
            Err((address, error))
                if error.kind() == ErrorKind::AddrInUse
                    && address.port() == chosen
                    && tries < PORT_TRIES_MAX =>
            {
                tries += 1;
            }
            listening => return listening,
        }
    }
}

/// `chosen` becomes the port that the system gave for a 0, and stays 0 where it gave none.
fn listen_once(
    addresses: &[SocketAddr],
    chosen: &mut u16,
    listen_on: &mut impl FnMut(SocketAddr) -> io::Result<TcpListener>,
) -> Result<Vec<TcpListener>, (SocketAddr, io::Error)> {
    let mut open: Vec<TcpListener> = Vec::new();
    let mut absent = None;
    for asked in addresses {
        let mut address = *asked;
        if asked.port() == 0 {
            address.set_port(*chosen);
        }
        match listen_on(address) {
            Ok(listener) => {
                if let (0, Ok(local)) = (address.port(), listener.local_addr()) {
                    *chosen = local.port();
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

    /// Listens, and says of the second address that its port is in use, so many times.
    fn unlucky(times: u32) -> (u32, Result<u16, ErrorKind>) {
        let mut tries = 0;
        let listening = listen_by(&[local("127.0.0.1", 0), local("127.0.0.2", 0)], |address| {
            if address.ip() == local("127.0.0.1", 0).ip() {
                assert_eq!(address.port(), 0, "the system chooses each time");
                return listen_on(address);
            }
            tries += 1;
            if tries <= times {
                return Err(ErrorKind::AddrInUse.into());
            }
            listen_on(address)
        });
        let port = listening.map(|open| {
            let ports = open.iter().map(|l| l.local_addr().unwrap().port());
            let ports: Vec<_> = ports.collect();
            assert!(matches!(ports[..], [a, b] if a == b));
            ports[0]
        });
        (tries, port.map_err(|(_, error)| error.kind()))
    }

    #[test]
    fn a_port_that_is_free_in_one_family_only_is_chosen_again_but_not_for_ever() {
        for (times, expected) in [(0, 1), (1, 2), (PORT_TRIES_MAX - 1, PORT_TRIES_MAX)] {
            let (tries, port) = unlucky(times);
            assert_eq!(tries, expected);
            assert_ne!(port.unwrap(), 0);
        }
        let failed = (PORT_TRIES_MAX, Err(ErrorKind::AddrInUse));
        assert_eq!(unlucky(PORT_TRIES_MAX), failed);
        assert_eq!(unlucky(u32::MAX), failed);
    }

    #[test]
    fn a_port_that_was_named_is_tried_once() {
        let mut tries = 0;
        let named = [local("127.0.0.1", 7), local("::1", 7)];
        let (which, _) = listen_by(&named, |_| {
            tries += 1;
            Err(ErrorKind::AddrInUse.into())
        })
        .unwrap_err();
        assert_eq!((tries, which), (1, named[0]));
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
