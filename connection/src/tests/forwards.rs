//! Requests to listen, ours and the peer's, and the channels that come of them.

mod asked;
mod asking;
mod channels;

use std::string::String;
use std::vec::Vec;

use adit_proto::msg::{
    CANCEL_STREAMLOCAL_FORWARD, CANCEL_TCPIP_FORWARD, ChannelOpen, DIRECT_STREAMLOCAL,
    DIRECT_TCPIP, DirectStreamlocal, FORWARDED_STREAMLOCAL, FORWARDED_TCPIP, ForwardedStreamlocal,
    ForwardedTcpip, GlobalRequest, RequestFailure, RequestSuccess, STREAMLOCAL_FORWARD,
    StreamlocalForward, TCPIP_FORWARD, TcpipForward, TcpipForwardSuccess,
};
use adit_proto::{Decode, Malformed, Rest};

use super::support::*;
use crate::*;

const LOCALHOST: ForwardRequest<'static> = ForwardRequest::TcpipForward {
    address: b"localhost",
    port: 8080,
};
const ANY_PORT: ForwardRequest<'static> = ForwardRequest::TcpipForward {
    address: b"",
    port: 0,
};
const PATH: ForwardRequest<'static> = ForwardRequest::StreamlocalForward { path: b"/run/s" };

fn tcpip(address: &[u8], port: u32) -> Vec<u8> {
    bytes(&TcpipForward {
        address_to_bind: address,
        port_number_to_bind: port,
    })
}

fn streamlocal(path: &[u8]) -> Vec<u8> {
    bytes(&StreamlocalForward { socket_path: path })
}

fn request<'a>(request_name: &'a [u8], want_reply: bool, data: &'a [u8]) -> GlobalRequest<'a> {
    GlobalRequest {
        request_name,
        want_reply,
        data: Rest(data),
    }
}

fn success() -> Vec<u8> {
    bytes(&RequestSuccess { data: Rest(b"") })
}

fn success_with(port_that_was_bound: u32) -> Vec<u8> {
    bytes(&TcpipForwardSuccess {
        port_that_was_bound,
    })
}

fn failure() -> Vec<u8> {
    bytes(&RequestFailure {})
}

fn misbehaved(why: PeerMisbehaved) -> Result<Event, Error> {
    Err(Error::PeerMisbehaved(why))
}

impl Side {
    fn asks_for(&mut self, request: ForwardRequest<'_>) -> RequestId {
        self.channels.request(request).unwrap()
    }

    fn answer(&mut self, payload: &[u8]) -> Result<Event, Error> {
        self.channels.handle(payload, self.now)
    }
}
