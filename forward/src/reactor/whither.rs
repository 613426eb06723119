//! Where channels lead and where they came from, as events have it.

use core::net::SocketAddr;
use std::os::unix::ffi::OsStrExt;

use super::forwards::{Forward, Listen, To};
use crate::observer::Destination;
use crate::socks::Request;

/// An address as events have it, in `text`.
pub(super) fn came_from(address: SocketAddr, text: &mut String) -> Destination<'_> {
    *text = address.ip().to_string();
    Destination::Tcp {
        host: text.as_bytes(),
        port: u32::from(address.port()),
    }
}

/// Where a forward leads.
pub(super) fn destination(forwards: &[Forward], forward: usize) -> Destination<'_> {
    let to = forwards.get(forward).map(|forward| &forward.to);
    to.map_or(NOWHERE, whither)
}

/// The same of one that stands alone.
pub(super) fn whither(to: &To) -> Destination<'_> {
    match to {
        To::Tcp { host, port } => Destination::Tcp {
            host: host.as_bytes(),
            port: u32::from(*port),
        },
        To::Unix(path) => Destination::Unix {
            path: path.as_os_str().as_bytes(),
        },
        // What its guest has asked for is told elsewhere.
        To::Dynamic => NOWHERE,
    }
}

/// Where an application would be connected to.
pub(super) fn destination_of(request: &Request) -> Destination<'_> {
    Destination::Tcp {
        host: &request.host,
        port: request.port.into(),
    }
}

/// Where an application came in that has no address.
pub(super) fn entrance(forwards: &[Forward], forward: usize) -> Destination<'_> {
    match forwards.get(forward).map(|forward| &forward.listen) {
        Some(Listen::Unix(path)) => Destination::Unix {
            path: path.as_os_str().as_bytes(),
        },
        Some(Listen::Tcp(_)) | None => NOWHERE,
    }
}

/// Not known, or none.
pub(super) const NOWHERE: Destination<'_> = Destination::Tcp { host: b"", port: 0 };
