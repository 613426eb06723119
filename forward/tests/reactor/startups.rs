//! MaxStartups counts those that are not authenticated yet, and nobody else.

use std::net::TcpStream;

use adit_forward::reactor::MaxStartups;
use nix::libc;
use nix::sys::socket::{setsockopt, sockopt};

use crate::scripted::{Bytes, Scripted};
use crate::world::{Answers, server, server_config};

/// What is dropped after this ends with RST.
fn reset(stream: &TcpStream) {
    let linger = libc::linger {
        l_onoff: 1,
        l_linger: 0,
    };
    setsockopt(stream, sockopt::Linger, &linger).unwrap();
}

#[test]
fn a_client_that_leaves_while_it_is_authenticated_leaves_its_place() {
    let mut config = server_config();
    config.max_startups = MaxStartups {
        start: 1,
        rate: 100,
        full: 1,
    };
    let answers = Answers {
        later: true,
        ..Answers::default()
    };
    let (server, address) = server(config, answers);
    // Its end is seen before, with or after its success; each must give the place back.
    for _ in 0..50 {
        let mut client = Scripted::connect(address);
        let request = client.signed_request();
        client.send(&Bytes(&request));
        client.flush();
        reset(&client.stream);
        drop(client);
        server.gone();
    }
    Scripted::authenticated(address);
}
