//! What clients ask for on their way to a login.

use adit_crypto::{SigningKey, encoded};
use adit_proto::msg::{PublickeyMethod, UserauthRequest};
use adit_proto::{Encode, Rest, Writer};

use super::guests::Guest;

impl Guest {
    /// A question about a key.
    pub(super) fn probe(user: &[u8], key: &dyn SigningKey) -> Vec<u8> {
        let method = encoded(&PublickeyMethod {
            has_signature: false,
            public_key_algorithm_name: key.algorithms()[0].as_bytes(),
            public_key_blob: key.public_blob(),
            signature: Rest(&[]),
        });
        request(user, b"publickey", &method)
    }

    /// A request with a good signature.
    pub(super) fn signed(&self, user: &[u8], key: &dyn SigningKey) -> Vec<u8> {
        let algorithm = key.algorithms()[0];
        let whole = |signature: &[u8]| {
            let method = encoded(&PublickeyMethod {
                has_signature: true,
                public_key_algorithm_name: algorithm.as_bytes(),
                public_key_blob: key.public_blob(),
                signature: Rest(signature),
            });
            request(user, b"publickey", &method)
        };
        let mut message = string(self.transport.session_id().unwrap().as_bytes());
        message.extend(whole(&[]));
        let signature = key.sign(algorithm, &message).unwrap();
        whole(&string(&signature))
    }
}

/// A request of any method, with its fields.
pub(super) fn request(user_name: &[u8], method_name: &[u8], method: &[u8]) -> Vec<u8> {
    encoded(&UserauthRequest {
        user_name,
        service_name: b"ssh-connection",
        method_name,
        method: Rest(method),
    })
}

fn string(bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![0; 4 + bytes.len()];
    Writer::new(&mut out).string(bytes);
    out
}

/// A payload that is encoded already.
pub(super) struct Bytes<'a>(pub(super) &'a [u8]);

impl Encode for Bytes<'_> {
    fn encoded_len(&self) -> usize {
        self.0.len()
    }
    fn encode(&self, writer: &mut Writer<'_>) {
        writer.bytes(self.0);
    }
}
