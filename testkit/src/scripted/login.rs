//! The peer's part in authentication (RFC 4252).

use adit_crypto::{SigningKey, encoded};
use adit_proto::Rest;
use adit_proto::msg::{PublickeyMethod, UserauthRequest};

use super::{Role, Scripted, minimal, string};

impl Scripted {
    /// Sends SERVICE_REQUEST or SERVICE_ACCEPT.
    pub fn service(&mut self) {
        let number = match self.role {
            Role::Client => 6,
            Role::Server => 5,
        };
        self.send(&minimal(number, 0));
    }

    /// Logs in, or lets the victim log in, with a key.
    pub fn log_in(&mut self) {
        match self.role {
            Role::Client => self.send(&[52]),
            Role::Server => {
                let request = self.signed_request();
                self.send(&request);
            }
        }
        assert!(self.is_logged_in(), "{:?}", self.victim.log);
    }

    /// A server's USERAUTH_FAILURE with the methods that are left.
    pub fn fail(&mut self, methods: &str) {
        self.send(&[&[51][..], &string(methods.as_bytes()), &[0]].concat());
    }

    /// What a person would type, if the victim asks one.
    pub const fn types(&mut self, secret: &'static [u8]) {
        self.victim.secret = Some(secret);
    }

    /// A client's request that the victim grants.
    #[must_use]
    pub fn signed_request(&self) -> Vec<u8> {
        self.request_signed_by(&*self.key, &self.exchange.session_id, |_| {})
    }

    /// A client's request for its own key, with a signature of `signer` over `session_id`, which
    /// `wrong` may change.
    #[must_use]
    pub fn request_signed_by(
        &self,
        signer: &dyn SigningKey,
        session_id: &[u8],
        wrong: impl FnOnce(&mut Vec<u8>),
    ) -> Vec<u8> {
        self.claim().signed(signer, session_id, wrong)
    }

    /// A client's question whether its key would do.
    #[must_use]
    pub fn probe_request(&self) -> Vec<u8> {
        self.claim().probe()
    }

    fn claim(&self) -> Claim<'_> {
        Claim {
            user: b"user",
            service: b"ssh-connection",
            algorithm: self.algorithm,
            key: self.key.public_blob(),
        }
    }

    /// The session identifier, which a signature is over.
    #[must_use]
    pub fn session_id(&self) -> Vec<u8> {
        self.exchange.session_id.clone()
    }
}

/// Who a client says it is, by which key.
#[derive(Clone, Copy)]
pub struct Claim<'a> {
    /// The user.
    pub user: &'a [u8],
    /// The service.
    pub service: &'a [u8],
    /// The signature algorithm.
    pub algorithm: &'a str,
    /// The key's blob.
    pub key: &'a [u8],
}

impl Claim<'_> {
    /// The question whether that key would do (RFC 4252 §7).
    #[must_use]
    pub fn probe(&self) -> Vec<u8> {
        self.request(None)
    }

    /// The request with a signature of `signer` over `session_id`, which `wrong` may change.
    #[must_use]
    pub fn signed(
        &self,
        signer: &dyn SigningKey,
        session_id: &[u8],
        wrong: impl FnOnce(&mut Vec<u8>),
    ) -> Vec<u8> {
        let message = [string(session_id), self.request(Some(&[]))].concat();
        let signature = signer.sign(self.algorithm, &message);
        let mut signature = signature.expect("a signature");
        wrong(&mut signature);
        self.request(Some(&string(&signature)))
    }

    fn request(&self, signature: Option<&[u8]>) -> Vec<u8> {
        let method = encoded(&PublickeyMethod {
            has_signature: signature.is_some(),
            public_key_algorithm_name: self.algorithm.as_bytes(),
            public_key_blob: self.key,
            signature: Rest(signature.unwrap_or_default()),
        });
        encoded(&UserauthRequest {
            user_name: self.user,
            service_name: self.service,
            method_name: b"publickey",
            method: Rest(&method),
        })
    }
}

/// A client's USERAUTH_REQUEST of any method.
#[must_use]
pub fn request(method_name: &[u8], fields: &[u8]) -> Vec<u8> {
    encoded(&UserauthRequest {
        user_name: b"user",
        service_name: b"ssh-connection",
        method_name,
        method: Rest(fields),
    })
}
