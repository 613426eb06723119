//! A client that sends what a test says, when it says it: a transport on a blocking socket, with
//! no session above it.

use core::time::Duration;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

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
        let ssh = ssh();
        let config = Config {
            provider: ssh.provider,
            random: ssh.provider.random,
            ident: ssh.ident,
            algorithms: ssh.algorithms,
            rekey: ssh.rekey,
            buffers: Buffers::default(),
        };
        let stream = TcpStream::connect(server).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        let mut this = Self {
            stream,
            transport: Transport::client(config, Duration::ZERO).unwrap(),
            key: key(),
        };
        assert!(this.next().is_none(), "only keys so far");
        this
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
                    let n = self
                        .stream
                        .read(self.transport.recv_space().unwrap())
                        .unwrap();
                    assert_ne!(n, 0, "the server closed the connection");
                    self.transport.recv_filled(n);
                }
            }
        }
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
