//! The requests of a client (RFC 4252 §5.2, §7, §8, RFC 4256), written when there is room for them.

use alloc::vec::Vec;
use core::fmt;

use adit_crypto::{Provider, Secret};
use adit_proto::msg::{KeyboardInteractiveMethod, PasswordMethod};
use adit_proto::{Encode, Writer, number};

use super::keys::Attempt;
use super::methods::{Binding, Established, Method};
use super::plan::lists;
use crate::signed::{NONE, PublickeyRequest, request};

/// What all requests of a session are about.
pub(super) struct About {
    pub(super) provider: &'static Provider,
    pub(super) user: Vec<u8>,
    pub(super) session_id: Vec<u8>,
    binding: Binding,
    server_sig_algs: Option<Vec<u8>>,
    /// Of the server, where signatures are to name it.
    host_key: Option<Vec<u8>>,
}

impl About {
    pub(super) fn new(provider: &'static Provider, user: &[u8], binding: Binding) -> Self {
        Self {
            provider,
            user: user.to_vec(),
            session_id: Vec::new(),
            binding,
            server_sig_algs: None,
            host_key: None,
        }
    }

    pub(super) fn established(&mut self, established: &Established<'_>) {
        self.session_id = established.session_id.to_vec();
        self.server_sig_algs = established.server_sig_algs.map(<[u8]>::to_vec);
        self.host_key = match self.binding {
            Binding::HostBound => established.hostbound.map(<[u8]>::to_vec),
            Binding::Unbound => None,
        };
    }

    /// Whether the server takes that signature algorithm. One that does not say takes any.
    pub(super) fn takes(&self, algorithm: &str) -> bool {
        let list = self.server_sig_algs.as_deref();
        list.is_none_or(|list| lists(list, algorithm))
    }

    /// The request for a key, without its signature.
    pub(super) fn publickey<'a>(
        &'a self,
        attempt: &'a Attempt,
        has_signature: bool,
    ) -> PublickeyRequest<'a> {
        PublickeyRequest {
            user: &self.user,
            has_signature,
            algorithm: attempt.algorithm,
            key_blob: &attempt.key.public_blob,
            host_key: self.host_key.as_deref(),
        }
    }
}

/// A request that is due.
pub struct Request<'a> {
    pub(super) about: &'a About,
    pub(super) kind: Kind<'a>,
}

/// One of the client's requests.
pub(super) enum Kind<'a> {
    None,
    Probe(&'a Attempt),
    Signed(&'a Attempt, &'a [u8]),
    Interactive,
    Responses(&'a [Secret]),
    Password(&'a Secret),
}

impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            Kind::None => "Request(none)",
            Kind::Probe(_) => "Request(probe)",
            Kind::Signed(..) => "Request(signed)",
            Kind::Interactive => "Request(keyboard-interactive)",
            Kind::Responses(_) => "Request(responses)",
            Kind::Password(_) => "Request(password)",
        })
    }
}

impl Request<'_> {
    /// Whether it holds what a person typed: then its length says something too, and the packet's
    /// should not (RFC 4252 §8).
    #[must_use]
    pub const fn is_secret(&self) -> bool {
        match self.kind {
            Kind::Responses(_) | Kind::Password(_) => true,
            Kind::None | Kind::Probe(_) | Kind::Signed(..) | Kind::Interactive => false,
        }
    }
}

impl Encode for Request<'_> {
    fn encoded_len(&self) -> usize {
        let of = |method: Method| request(&self.about.user, method.name().as_bytes()).encoded_len();
        match self.kind {
            Kind::None => request(&self.about.user, NONE).encoded_len(),
            Kind::Probe(attempt) => self.about.publickey(attempt, false).encoded_len(),
            Kind::Signed(attempt, signature) => {
                self.about.publickey(attempt, true).encoded_len() + 4 + signature.len()
            }
            Kind::Interactive => of(Method::KeyboardInteractive) + INTERACTIVE.encoded_len(),
            // The message number and num-responses.
            Kind::Responses(responses) => responses
                .iter()
                .fold(1 + 4, |len, response| len + 4 + response.expose().len()),
            Kind::Password(password) => of(Method::Password) + fields(password).encoded_len(),
        }
    }

    fn encode(&self, writer: &mut Writer<'_>) {
        let user = &self.about.user;
        match self.kind {
            Kind::None => request(user, NONE).encode(writer),
            Kind::Probe(attempt) => self.about.publickey(attempt, false).encode(writer),
            Kind::Signed(attempt, signature) => {
                self.about.publickey(attempt, true).encode(writer);
                writer.string(signature);
            }
            Kind::Interactive => {
                request(user, Method::KeyboardInteractive.name().as_bytes()).encode(writer);
                INTERACTIVE.encode(writer);
            }
            // SSH_MSG_USERAUTH_INFO_RESPONSE (RFC 4256 §3.4).
            Kind::Responses(responses) => {
                writer.byte(number::USERAUTH_INFO_RESPONSE);
                // Cannot fail: there are as many as prompts, at most 64.
                writer.u32(u32::try_from(responses.len()).unwrap_or(u32::MAX));
                for response in responses {
                    writer.string(response.expose());
                }
            }
            Kind::Password(password) => {
                request(user, Method::Password.name().as_bytes()).encode(writer);
                fields(password).encode(writer);
            }
        }
    }
}

/// As OpenSSH: no language, and the server chooses its devices.
const INTERACTIVE: KeyboardInteractiveMethod<'_> = KeyboardInteractiveMethod {
    language_tag: b"",
    submethods: b"",
};

fn fields(password: &Secret) -> PasswordMethod<'_> {
    PasswordMethod {
        is_change: false,
        plaintext_password: password.expose(),
    }
}
