//! A peer that sends what a test says, when it says it: a transport on a blocking socket, with no
//! session above it.

use core::time::Duration;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

use adit_crypto::{SigningKey, encoded};
use adit_proto::msg::{PublickeyMethod, UserauthRequest};
use adit_proto::{Encode, Rest, Writer};
use adit_transport::{Buffers, Config, Input, Transport};

use crate::world::{PATIENCE, key, ssh};

/// See the module.
pub(crate) struct Scripted {
    pub(crate) stream: TcpStream,
    pub(crate) transport: Transport,
    key: Box<dyn SigningKey>,
}

impl Scripted {
    /// With keys, and ssh-userauth accepted.
    pub(crate) fn connect(server: SocketAddr) -> Self {
        let stream = TcpStream::connect(server).unwrap();
        let transport = Transport::client(config(), Duration::ZERO).unwrap();
        let mut this = Self::on(stream, transport);
        assert!(this.next().is_none(), "only keys so far");
        this
    }

    /// A server, with keys, and ssh-userauth accepted.
    pub(crate) fn accept(listener: &TcpListener, host_key: &HostKey) -> Self {
        let mut this = Self::accepted(listener, host_key);
        assert!(this.next().is_none(), "only keys so far");
        this
    }

    /// A server that has shown its host key, and waits.
    pub(crate) fn show_host_key(listener: &TcpListener, host_key: &HostKey) -> Self {
        let mut this = Self::accepted(listener, host_key);
        loop {
            while this.transport.poll(Duration::ZERO).unwrap().is_some() {}
            this.flush();
            if this.transport.session_id().is_some() {
                return this;
            }
            this.read();
        }
    }

    fn accepted(listener: &TcpListener, host_key: &HostKey) -> Self {
        let stream = listener.accept().unwrap().0;
        let host_keys = Arc::clone(host_key);
        let transport = Transport::server(config(), host_keys, Duration::ZERO).unwrap();
        Self::on(stream, transport)
    }

    fn on(stream: TcpStream, transport: Transport) -> Self {
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Self {
            stream,
            transport,
            key: key(),
        }
    }

    /// The other side hangs up, in order or not.
    pub(crate) fn assert_gone(mut self) {
        loop {
            match self.stream.read(&mut [0; 4096]) {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
        }
    }

    /// Logs in.
    pub(crate) fn authenticated(server: SocketAddr) -> Self {
        let mut this = Self::connect(server);
        let request = this.signed_request();
        this.send(&Bytes(&request));
        this.flush();
        assert_eq!(
            this.answer().first(),
            Some(&adit_proto::number::USERAUTH_SUCCESS)
        );
        this.transport.authenticated(Duration::ZERO);
        this
    }

    /// A request that a server which accepts every key grants.
    pub(crate) fn signed_request(&self) -> Vec<u8> {
        let algorithm = self.key.algorithms()[0];
        let request = |signature: &[u8]| {
            let method = encoded(&PublickeyMethod {
                has_signature: true,
                public_key_algorithm_name: algorithm.as_bytes(),
                public_key_blob: self.key.public_blob(),
                signature: Rest(signature),
            });
            encoded(&user_request(b"publickey", &method))
        };
        let session_id = self.transport.session_id().unwrap().as_bytes();
        let mut message = string(session_id);
        message.extend(request(&[]));
        let signature = self.key.sign(algorithm, &message).unwrap();
        request(&string(&signature))
    }

    /// Seals a message; [`Scripted::flush`] sends it.
    pub(crate) fn send(&mut self, message: &impl Encode) {
        self.transport.tx().send(message).unwrap();
    }

    /// Sends all that is sealed, in as few writes as the socket lets.
    pub(crate) fn flush(&mut self) {
        let all = self.transport.send_pending().concat();
        self.stream.write_all(&all).unwrap();
        self.transport.send_consumed(all.len());
    }

    /// The next message for a layer above the transport.
    pub(crate) fn answer(&mut self) -> Vec<u8> {
        self.next().unwrap()
    }

    /// The next payload, or `None` at the end of the first exchange.
    fn next(&mut self) -> Option<Vec<u8>> {
        loop {
            match self.transport.poll(Duration::ZERO).unwrap() {
                Some(Input::HostKey(offer)) => self.transport.trust(offer.trust()),
                Some(Input::Established) => return None,
                Some(Input::Packet(packet)) => {
                    return Some(self.transport.payload(packet).to_vec());
                }
                Some(Input::Disconnected { reason_code, .. }) => panic!("ended: {reason_code}"),
                Some(_) => {}
                None => {
                    self.flush();
                    self.read();
                }
            }
        }
    }

    fn read(&mut self) {
        let space = self.transport.recv_space().unwrap();
        let n = self.stream.read(space).unwrap();
        assert_ne!(n, 0, "the peer closed the connection");
        self.transport.recv_filled(n);
    }
}

/// What a server proves itself with.
pub(crate) type HostKey = Arc<[Box<dyn SigningKey>]>;

fn config() -> Config {
    let ssh = ssh();
    Config {
        provider: ssh.provider,
        random: ssh.provider.random,
        ident: ssh.ident,
        algorithms: ssh.algorithms,
        rekey: ssh.rekey,
        buffers: Buffers::default(),
    }
}

/// A request of any method, with its fields.
pub(crate) const fn user_request<'a>(
    method_name: &'a [u8],
    method: &'a [u8],
) -> UserauthRequest<'a> {
    UserauthRequest {
        user_name: b"user",
        service_name: b"ssh-connection",
        method_name,
        method: Rest(method),
    }
}

/// A payload that is encoded already.
pub(crate) struct Bytes<'a>(pub(crate) &'a [u8]);

impl Encode for Bytes<'_> {
    fn encoded_len(&self) -> usize {
        self.0.len()
    }
    fn encode(&self, writer: &mut Writer<'_>) {
        writer.bytes(self.0);
    }
}

fn string(bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![0; 4 + bytes.len()];
    Writer::new(&mut out).string(bytes);
    out
}
