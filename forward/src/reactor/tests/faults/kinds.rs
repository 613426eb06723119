//! Each kind of forward in a configuration: where the near application connects, and where the far
//! one listens.

use core::net::SocketAddr;

use adit_testkit::net::path_of;

use super::super::super::{Forward, Listen, RemoteForward, RemoteListen, To};
use super::Kind;

/// Where the near application connects.
pub(super) fn entry(n: usize) -> SocketAddr {
    address(2, n)
}

/// Where the far one listens.
pub(super) fn exit(n: usize) -> SocketAddr {
    address(3, n)
}

/// `-L` and `-D`.
pub(super) fn forward(kind: Kind, n: usize) -> Option<Forward> {
    let (listen, to) = match kind {
        Kind::Local => (Listen::Tcp(vec![entry(n)]), to_port(n)),
        Kind::LocalPath => (Listen::Unix(path_of(entry(n))), To::Unix(path_of(exit(n)))),
        Kind::Dynamic => (Listen::Tcp(vec![entry(n)]), To::Dynamic),
        Kind::Remote | Kind::RemotePath | Kind::RemoteDynamic => return None,
    };
    Some(Forward { listen, to })
}

/// `-R`.
pub(super) fn remote_forward(kind: Kind, n: usize) -> Option<RemoteForward> {
    let port = RemoteListen::Tcp {
        address: entry(n).ip().to_string(),
        port: entry(n).port(),
    };
    let (listen, to) = match kind {
        Kind::Remote => (port, to_port(n)),
        Kind::RemotePath => (
            RemoteListen::Unix(path_of(entry(n))),
            To::Unix(path_of(exit(n))),
        ),
        Kind::RemoteDynamic => (port, To::Dynamic),
        Kind::Local | Kind::LocalPath | Kind::Dynamic => return None,
    };
    Some(RemoteForward { listen, to })
}

fn to_port(n: usize) -> To {
    To::Tcp {
        host: exit(n).ip().to_string(),
        port: exit(n).port(),
    }
}

pub(super) fn address(kind: u8, n: usize) -> SocketAddr {
    let port = 1000 + u16::try_from(n).unwrap();
    SocketAddr::from(([10, 0, 0, kind], port))
}
