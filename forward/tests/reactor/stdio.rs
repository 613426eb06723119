//! When standard input and output as a channel (`-W`) are at their end.

use std::io::{PipeReader, PipeWriter, Read, Write, pipe};
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use adit_forward::reactor::{ClientConfig, End, Stdio, StdioForward, To};
use adit_proto::msg::{
    ChannelClose, ChannelData, ChannelEof, ChannelOpen, ChannelOpenConfirmation, GlobalRequest,
};
use adit_proto::{Decode, Rest, number};

use crate::scripted::{Bytes, HostKey, Scripted};
use crate::world::{Answers, Looped, client, client_config, key, loopback};

/// The server's number for the channel.
const CHANNEL: u32 = 7;

/// A client whose standard input and output are open to a server under the test's control.
struct World {
    client: Looped,
    server: Scripted,
    /// The client's number for the channel.
    channel: u32,
    /// What the client reads.
    input: PipeWriter,
    /// What the client writes.
    output: PipeReader,
}

impl World {
    fn new() -> Self {
        let listener = TcpListener::bind(loopback()).unwrap();
        let host_key: HostKey = Arc::new([key()]);
        let ((theirs, input), (output, ours)) = (pipe().unwrap(), pipe().unwrap());
        let to = To::Tcp {
            host: "destination".to_owned(),
            port: 80,
        };
        let stdio = Stdio {
            input: theirs.into(),
            output: ours.into(),
        };
        let config = ClientConfig {
            forwards: Vec::new(),
            stdio: Some(StdioForward { to, stdio }),
            ..client_config(listener.local_addr().unwrap(), loopback())
        };
        let client = client(config, Answers::default());
        let mut server = Scripted::accept(&listener, &host_key);
        assert_eq!(server.answer()[0], number::USERAUTH_REQUEST);
        server.send(&Bytes(&[number::USERAUTH_SUCCESS]));
        server.flush();
        server.transport.authenticated(Duration::ZERO);
        let channel = ChannelOpen::decode(&server.answer())
            .unwrap()
            .sender_channel;
        server.send(&ChannelOpenConfirmation {
            recipient_channel: channel,
            sender_channel: CHANNEL,
            initial_window_size: 1 << 20,
            maximum_packet_size: 32 << 10,
            data: Rest(b""),
        });
        server.flush();
        Self {
            client,
            server,
            channel,
            input,
            output,
        }
    }

    fn say(&mut self, data: &[u8]) {
        self.server.send(&ChannelData {
            recipient_channel: self.channel,
            data,
        });
        self.server.flush();
    }

    fn say_eof(&mut self) {
        self.server.send(&ChannelEof {
            recipient_channel: self.channel,
        });
        self.server.flush();
    }

    fn close(&mut self) {
        self.server.send(&ChannelClose {
            recipient_channel: self.channel,
        });
        self.server.flush();
    }

    /// The client answers what has nothing to do with its channel.
    fn assert_lives(&mut self) {
        self.server.send(&GlobalRequest {
            request_name: b"keepalive@openssh.com",
            want_reply: true,
            data: Rest(b""),
        });
        self.server.flush();
        assert_eq!(self.server.answer(), [number::REQUEST_FAILURE]);
    }
}

#[test]
fn the_end_waits_for_the_servers_close() {
    // Until then the server may hold bytes that the destination has not taken; some servers drop
    // them when their client goes.
    let mut world = World::new();
    world.input.write_all(b"all of it").unwrap();
    let data = world.server.answer();
    assert_eq!(ChannelData::decode(&data).unwrap().data, b"all of it");
    world.say(b"enough");
    world.say_eof();
    let mut read = String::new();
    world.output.read_to_string(&mut read).unwrap();
    assert_eq!(read, "enough");
    drop(core::mem::replace(&mut world.input, pipe().unwrap().1));
    let eof = world.server.answer();
    assert_eq!(ChannelEof::decode(&eof).unwrap().recipient_channel, CHANNEL);
    let close = world.server.answer();
    assert_eq!(
        ChannelClose::decode(&close).unwrap().recipient_channel,
        CHANNEL
    );
    world.assert_lives();
    world.close();
    assert_eq!(world.client.end(), End::StdioDone);
}

#[test]
fn the_end_does_not_wait_for_standard_input_behind_the_servers_close() {
    let mut world = World::new();
    world.say(b"enough");
    world.say_eof();
    world.close();
    let mut read = String::new();
    world.output.read_to_string(&mut read).unwrap();
    assert_eq!(read, "enough");
    assert_eq!(world.client.end(), End::StdioDone);
    drop(world.input);
}

#[test]
fn standard_input_goes_on_behind_the_servers_eof() {
    let mut world = World::new();
    world.say_eof();
    assert_eq!(world.output.read(&mut [0]).unwrap(), 0);
    world.input.write_all(b"more").unwrap();
    let data = world.server.answer();
    assert_eq!(ChannelData::decode(&data).unwrap().data, b"more");
    drop(world.input);
    let eof = world.server.answer();
    assert_eq!(ChannelEof::decode(&eof).unwrap().recipient_channel, CHANNEL);
}

#[test]
fn a_reader_that_has_gone_ends_it_in_order() {
    let mut world = World::new();
    drop(core::mem::replace(&mut world.output, pipe().unwrap().0));
    world.say(b"for nobody");
    assert_eq!(world.client.end(), End::StdioDone);
    drop(world.input);
}
