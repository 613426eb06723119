//! Sockets on the loop, and what is set on them. The tests of this crate have another kind
//! beside the system's, in memory, so that each call can be short, late, interrupted or fail.

use core::net::SocketAddr;
use std::io::{self, IoSlice, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsRawFd, RawFd};
use std::path::Path;

#[cfg(test)]
use adit_testkit::net;
use mio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use mio::{Interest, Registry, Token};
use nix::libc;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockaddrStorage, UnixAddr, recv, setsockopt, sockopt,
};

use super::config::KeepAlive;
use super::descriptors::Mark;
use super::forwards::StreamLocalBind;
use super::listener::listen;
use super::options::{SHORT_QUEUE, is_here, set_inline, set_linger, set_local};
use super::paths::{MadePath, listen_on_path};
use crate::observer::Place;

/// All that is ever asked of mio for a connection: edge-triggered, so never changed again. Both
/// ways, and whether there are urgent bytes, at which a read stops short of what has arrived.
pub(super) const BOTH: Interest = Interest::READABLE
    .add(Interest::WRITABLE)
    .add(Interest::PRIORITY);

/// What can be told from a read that did not fill what it was given.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum ShortReads {
    /// Nothing more is there: no second read to hear that.
    Empty,
    /// Nothing at all. Where somebody passed descriptors along, which go no further, a read stops
    /// behind the bytes that they came with.
    Nothing,
}

/// A connection.
#[derive(Debug)]
pub(super) enum Stream {
    #[cfg(test)]
    Fake(net::Stream),
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Stream {
    /// Begins to connect: [`Stream::take_error`] and [`Stream::peer_addr`] say how it went.
    pub(super) fn connect(address: SocketAddr, mark: Mark) -> io::Result<Self> {
        #[cfg(test)]
        if let Some(connected) = net::connect(address) {
            return connected.map(Self::Fake);
        }
        let family = match address {
            SocketAddr::V4(_) => AddressFamily::Inet,
            SocketAddr::V6(_) => AddressFamily::Inet6,
        };
        let fd = mark.connect(family, &SockaddrStorage::from(address))?;
        Ok(Self::Tcp(TcpStream::from_std(fd.into())))
    }

    /// Connects to a Unix socket, at once or not at all: EAGAIN says that the connections which
    /// wait to be accepted there are as many as may be.
    pub(super) fn connect_path(path: &Path, mark: Mark) -> io::Result<Self> {
        #[cfg(test)]
        if let Some(connected) = net::connect_path(path) {
            return connected.map(Self::Fake);
        }
        let fd = mark.connect(AddressFamily::Unix, &UnixAddr::new(path)?)?;
        Ok(Self::Unix(UnixStream::from_std(fd.into())))
    }

    /// Has its events come with this token.
    pub(super) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        match self {
            #[cfg(test)]
            Self::Fake(fake) => fake.register(token.0),
            Self::Tcp(tcp) => registry.register(tcp, token, BOTH),
            Self::Unix(unix) => registry.register(unix, token, BOTH),
        }
    }

    /// Sends small packets at once: otherwise the kernel holds back the second one (RFC 896).
    fn set_nodelay(&self) {
        match self {
            #[cfg(test)]
            Self::Fake(_) => {}
            Self::Tcp(tcp) => drop(tcp.set_nodelay(true)),
            Self::Unix(_) => {}
        }
    }

    /// What every connection between SSH peers is set to.
    pub(super) fn tune(&self, alive: Option<KeepAlive>, other_end: Option<SocketAddr>) {
        self.set_nodelay();
        let tcp = match self {
            #[cfg(test)]
            Self::Fake(_) => return,
            Self::Tcp(tcp) => tcp,
            Self::Unix(_) => return,
        };
        let _ = setsockopt(tcp, sockopt::KeepAlive, &true);
        if is_here(other_end) {
            let _ = setsockopt(tcp, sockopt::SndBuf, &SHORT_QUEUE);
        }
        if let Some(KeepAlive { interval, count }) = alive {
            // Bytes without an acknowledgement for so long: the path is gone (RFC 5482). One
            // interval more than it takes us to say so, since we say it in better words.
            let window = interval.saturating_mul(count.saturating_add(1)).as_millis();
            if let Ok(window) = u32::try_from(window) {
                let _ = setsockopt(tcp, sockopt::TcpUserTimeout, &window);
            }
        }
    }

    /// What every local socket is set to that we connected: as [`set_local`], and little to be read
    /// where it leads (`led_to`) to this machine.
    pub(super) fn adopt(&self, led_to: Option<SocketAddr>) {
        match self {
            #[cfg(test)]
            Self::Fake(_) => self.reset(),
            Self::Tcp(tcp) => {
                set_local(tcp);
                if is_here(led_to) {
                    let _ = setsockopt(tcp, sockopt::RcvBuf, &SHORT_QUEUE);
                }
            }
            Self::Unix(unix) => set_inline(unix),
        }
    }

    /// The same of one that was accepted: over TCP it has all of it from its listener, as Linux does
    /// it (tcp(7) calls that unspecified, so a test looks), which saves three calls a connection.
    pub(super) fn adopt_accepted(&self) {
        match self {
            #[cfg(test)]
            Self::Fake(_) => self.reset(),
            Self::Tcp(_) => {}
            Self::Unix(unix) => set_inline(unix),
        }
    }

    /// What is dropped after this ends with RST.
    ///
    /// A Unix socket has none. What its other end sees is the kernel's choice: an error
    /// (ECONNRESET) behind what was written, where bytes that it has sent were not read yet, and
    /// an end like any other where there are none. Its writes fail in either case.
    pub(super) fn reset(&self) {
        self.linger(1);
    }

    /// What is dropped after this ends with FIN, behind what it still has to send.
    pub(super) fn end_in_order(&self) {
        self.linger(0);
    }

    fn linger(&self, l_onoff: libc::c_int) {
        match self {
            #[cfg(test)]
            Self::Fake(fake) => fake.set_linger(match l_onoff {
                0 => net::Closing::Orderly,
                _ => net::Closing::Reset,
            }),
            Self::Tcp(tcp) => set_linger(tcp, l_onoff),
            Self::Unix(_) => {}
        }
    }

    /// Reads what stays there to be read again.
    pub(super) fn peek(&mut self, space: &mut [u8]) -> io::Result<usize> {
        let fd = match self {
            #[cfg(test)]
            Self::Fake(fake) => return fake.peek(space),
            Self::Tcp(tcp) => tcp.as_raw_fd(),
            Self::Unix(unix) => unix.as_raw_fd(),
        };
        Ok(recv(fd, space, MsgFlags::MSG_PEEK)?)
    }

    /// What a read says that did not fill what it was given.
    pub(super) fn short_reads(&self) -> ShortReads {
        match self {
            #[cfg(test)]
            Self::Fake(fake) => match fake.family() {
                net::Family::Tcp => ShortReads::Empty,
                net::Family::Unix => ShortReads::Nothing,
            },
            Self::Tcp(_) => ShortReads::Empty,
            Self::Unix(_) => ShortReads::Nothing,
        }
    }

    /// Sends FIN behind what was written.
    pub(super) fn shutdown(&self) -> io::Result<()> {
        match self {
            #[cfg(test)]
            Self::Fake(fake) => fake.shutdown(),
            Self::Tcp(tcp) => tcp.shutdown(Shutdown::Write),
            Self::Unix(unix) => unix.shutdown(Shutdown::Write),
        }
    }

    /// What went wrong while nobody called, once.
    pub(super) fn take_error(&self) -> io::Result<Option<io::Error>> {
        match self {
            #[cfg(test)]
            Self::Fake(fake) => Ok(fake.take_error()),
            Self::Tcp(tcp) => tcp.take_error(),
            Self::Unix(unix) => unix.take_error(),
        }
    }

    /// The other end's address, over TCP. It fails where there is no connection.
    pub(super) fn peer_addr(&self) -> io::Result<Option<SocketAddr>> {
        match self {
            #[cfg(test)]
            Self::Fake(fake) => fake.peer_addr(),
            Self::Tcp(tcp) => tcp.peer_addr().map(Some),
            Self::Unix(unix) => unix.peer_addr().map(|_| None),
        }
    }

    /// Ours, over TCP.
    pub(super) fn local_addr(&self) -> Option<SocketAddr> {
        match self {
            #[cfg(test)]
            Self::Fake(fake) => fake.local_addr(),
            Self::Tcp(tcp) => tcp.local_addr().ok(),
            Self::Unix(_) => None,
        }
    }
}

impl AsRawFd for Stream {
    fn as_raw_fd(&self) -> RawFd {
        match self {
            // None: whatever is asked of it, it is no reason to refuse.
            #[cfg(test)]
            Self::Fake(_) => -1,
            Self::Tcp(tcp) => tcp.as_raw_fd(),
            Self::Unix(unix) => unix.as_raw_fd(),
        }
    }
}

impl Read for Stream {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        match self {
            #[cfg(test)]
            Self::Fake(fake) => fake.read(space),
            Self::Tcp(tcp) => tcp.read(space),
            Self::Unix(unix) => unix.read(space),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            #[cfg(test)]
            Self::Fake(fake) => fake.write(bytes),
            Self::Tcp(tcp) => tcp.write(bytes),
            Self::Unix(unix) => unix.write(bytes),
        }
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            #[cfg(test)]
            Self::Fake(fake) => fake.write_vectored(slices),
            Self::Tcp(tcp) => tcp.write_vectored(slices),
            Self::Unix(unix) => unix.write_vectored(slices),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Where a socket listens.
#[derive(Clone, Debug)]
pub(super) enum At {
    Tcp(SocketAddr),
    Unix(Box<Path>),
}

impl At {
    /// For events.
    pub(super) fn place(&self) -> Place<'_> {
        match self {
            Self::Tcp(address) => Place::Tcp(*address),
            Self::Unix(path) => Place::Unix(path),
        }
    }
}

/// A listening socket.
#[derive(Debug)]
pub(super) enum Listener {
    #[cfg(test)]
    Fake(net::Listener),
    Tcp(TcpListener),
    Unix(UnixListener, MadePath),
}

impl AsRawFd for Listener {
    fn as_raw_fd(&self) -> RawFd {
        match self {
            #[cfg(test)]
            Self::Fake(_) => -1,
            Self::Tcp(tcp) => tcp.as_raw_fd(),
            Self::Unix(unix, _) => unix.as_raw_fd(),
        }
    }
}

impl Listener {
    /// Sockets that listen at all of these addresses, or none.
    pub(super) fn open(addresses: &[SocketAddr]) -> Result<Vec<Self>, (SocketAddr, io::Error)> {
        #[cfg(test)]
        if let Some(fakes) = addresses.iter().map(|at| net::listen(*at)).collect() {
            let fakes: Vec<_> = fakes;
            return Ok(fakes.into_iter().map(Self::Fake).collect());
        }
        let open = listen(addresses)?.into_iter();
        let tcp = open.map(|listener| {
            set_local(&listener);
            if is_here(listener.local_addr().ok()) {
                let _ = setsockopt(&listener, sockopt::RcvBuf, &SHORT_QUEUE);
            }
            Self::Tcp(TcpListener::from_std(listener))
        });
        Ok(tcp.collect())
    }

    /// One that listens on a path.
    pub(super) fn open_path(path: &Path, how: StreamLocalBind) -> io::Result<Self> {
        #[cfg(test)]
        if let Some(fake) = net::listen_on_path(path) {
            return Ok(Self::Fake(fake));
        }
        let (listener, made) = listen_on_path(path, how)?;
        Ok(Self::Unix(UnixListener::from_std(listener), made))
    }

    /// Has its events come with this token.
    pub(super) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        match self {
            #[cfg(test)]
            Self::Fake(fake) => fake.register(token.0),
            Self::Tcp(tcp) => registry.register(tcp, token, Interest::READABLE),
            Self::Unix(unix, _) => registry.register(unix, token, Interest::READABLE),
        }
    }

    /// A connection that waits, and over TCP whose it is.
    pub(super) fn accept(&self) -> io::Result<(Stream, Option<SocketAddr>)> {
        match self {
            #[cfg(test)]
            Self::Fake(fake) => {
                let (stream, from) = fake.accept()?;
                Ok((Stream::Fake(stream), fake.path().is_none().then_some(from)))
            }
            Self::Tcp(tcp) => {
                let (stream, from) = tcp.accept()?;
                Ok((Stream::Tcp(stream), Some(from)))
            }
            Self::Unix(unix, _) => {
                let (stream, _unnamed) = unix.accept()?;
                Ok((Stream::Unix(stream), None))
            }
        }
    }

    /// Where it listens.
    pub(super) fn at(&self) -> io::Result<At> {
        match self {
            #[cfg(test)]
            Self::Fake(fake) => Ok(match fake.path() {
                Some(path) => At::Unix(path.into()),
                None => At::Tcp(fake.address()),
            }),
            Self::Tcp(tcp) => tcp.local_addr().map(At::Tcp),
            Self::Unix(_, made) => Ok(At::Unix(made.path().into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;
    use std::os::unix::net::UnixStream as StdUnixStream;

    use super::*;

    /// A local socket and its other end, which has written this and will not wait.
    fn pair(unread: &[u8]) -> (Stream, StdUnixStream) {
        let (ours, mut theirs) = StdUnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        theirs.set_nonblocking(true).unwrap();
        theirs.write_all(unread).unwrap();
        let stream = Stream::Unix(UnixStream::from_std(ours));
        stream.adopt(None);
        (stream, theirs)
    }

    #[test]
    fn a_unix_socket_that_is_reset_shows_it_only_where_bytes_were_not_read() {
        for (unread, end) in [
            (&b""[..], Ok(0)),
            (b"unread", Err(ErrorKind::ConnectionReset)),
        ] {
            let (mut ours, mut theirs) = pair(unread);
            ours.write_all(b"said").unwrap();
            ours.reset();
            drop(ours);
            let mut said = [0; 4];
            theirs.read_exact(&mut said).unwrap();
            assert_eq!(&said, b"said", "what was written comes first");
            assert_eq!(theirs.read(&mut said).map_err(|e| e.kind()), end);
            let refused = theirs.write(b"more").unwrap_err().kind();
            assert_eq!(refused, ErrorKind::BrokenPipe);
        }
    }

    /// What the kernel makes of it is twice as much: half is for what it keeps beside the bytes.
    const IN_THE_KERNEL: usize = 2 * SHORT_QUEUE;

    #[test]
    fn what_waits_on_the_way_to_this_machine_is_little() {
        let elsewhere = Some(SocketAddr::from(([192, 0, 2, 1], 22)));
        for here in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(opened) = Listener::open(&[here.parse().unwrap()]) else {
                continue; // No IPv6 on this machine.
            };
            let [Listener::Tcp(listener)] = opened.as_slice() else {
                panic!("{opened:?}");
            };
            let address = listener.local_addr().unwrap();
            let connect = || TcpStream::from_std(std::net::TcpStream::connect(address).unwrap());
            let queues = |tcp: &TcpStream| {
                use nix::sys::socket::getsockopt;
                let sent = getsockopt(tcp, sockopt::SndBuf).unwrap();
                [getsockopt(tcp, sockopt::RcvBuf).unwrap(), sent]
            };
            let stream = Stream::Tcp(connect());
            let Stream::Tcp(peer) = &stream else { continue };
            let [received, sent] = queues(peer);
            stream.tune(None, elsewhere);
            stream.adopt(elsewhere);
            assert_eq!(queues(peer), [received, sent], "of a path that may be long");
            stream.tune(None, Some(address));
            assert_eq!(queues(peer), [received, IN_THE_KERNEL]);
            stream.adopt(Some(address));
            assert_eq!(queues(peer), [IN_THE_KERNEL; 2]);
            let (accepted, _) = loop {
                match listener.accept() {
                    Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::yield_now(),
                    accepted => break accepted.unwrap(),
                }
            };
            assert_eq!(queues(&accepted)[0], IN_THE_KERNEL, "as its listener");
        }
    }

    #[test]
    fn what_is_accepted_for_a_forward_has_its_listeners_options() {
        use nix::sys::socket::getsockopt;

        for here in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(opened) = Listener::open(&[here.parse().unwrap()]) else {
                continue; // No IPv6 on this machine.
            };
            let [listener] = opened.as_slice() else {
                panic!("{opened:?}");
            };
            let Ok(At::Tcp(address)) = listener.at() else {
                panic!("{listener:?}");
            };
            let mut app = std::net::TcpStream::connect(address).unwrap();
            let (stream, _) = loop {
                match listener.accept() {
                    Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::yield_now(),
                    accepted => break accepted.unwrap(),
                }
            };
            stream.adopt_accepted();
            let Stream::Tcp(accepted) = &stream else {
                panic!("{stream:?}");
            };
            assert!(getsockopt(accepted, sockopt::TcpNoDelay).unwrap());
            assert!(getsockopt(accepted, sockopt::OobInline).unwrap());
            let linger = getsockopt(accepted, sockopt::Linger).unwrap();
            assert_eq!((linger.l_onoff, linger.l_linger), (1, 0));
            drop(stream);
            let end = app.read(&mut [0]).map_err(|error| error.kind());
            assert_eq!(end, Err(ErrorKind::ConnectionReset));
        }
    }

    #[test]
    fn what_is_accepted_for_a_forward_can_still_end_in_order() {
        let opened = Listener::open(&["127.0.0.1:0".parse().unwrap()]).unwrap();
        let Ok(At::Tcp(address)) = opened[0].at() else {
            panic!("{opened:?}");
        };
        let mut app = std::net::TcpStream::connect(address).unwrap();
        let (stream, _) = loop {
            match opened[0].accept() {
                Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::yield_now(),
                accepted => break accepted.unwrap(),
            }
        };
        stream.adopt_accepted();
        stream.end_in_order();
        drop(stream);
        assert_eq!(app.read(&mut [0]).unwrap(), 0);
    }

    #[test]
    fn a_unix_socket_has_no_address_and_nothing_of_tcp_to_set() {
        let (ours, _theirs) = pair(b"");
        assert_eq!(ours.peer_addr().unwrap(), None);
        assert_eq!(ours.local_addr(), None);
        ours.tune(None, None);
        ours.end_in_order();
        assert!(ours.take_error().unwrap().is_none());
    }
}
