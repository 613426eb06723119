//! What a publickey signature covers (RFC 4252 §7), and which algorithms go with which key.

use alloc::vec::Vec;

use adit_crypto::encoded;
use adit_proto::msg::{PublickeyMethod, UserauthRequest};
use adit_proto::{Encode, Field, Rest, Writer};

/// The service that authentication is for (RFC 4252 §5): adit has no other.
pub(crate) const SSH_CONNECTION: &[u8] = b"ssh-connection";
/// The method (RFC 4252 §7).
pub(crate) const PUBLICKEY: &[u8] = b"publickey";
/// The method that only asks which methods there are (RFC 4252 §5.2).
pub(crate) const NONE: &[u8] = b"none";

/// The same, bound to the server that it is for (OpenSSH PROTOCOL §3.1): what is signed names the
/// host key, so that an agent can tell where a login goes.
pub(crate) const PUBLICKEY_HOSTBOUND: &[u8] = b"publickey-hostbound-v00@openssh.com";

/// What the signature is made of, except for the session:
///
/// ```text
///   string    session identifier
///   byte      SSH_MSG_USERAUTH_REQUEST      \
///   string    user name                     |
///   string    service name                  |  the request as it is
///   string    method name                   |  sent, up to where its
///   boolean   TRUE                          |  signature begins
///   string    public key algorithm name     |
///   string    public key blob               |
///   string    server host key, if bound     /
/// ```
///
/// Both roles build it from fields: what another encoding of TRUE would sign is not this.
#[derive(Clone, Copy)]
pub(crate) struct SignedData<'a> {
    pub(crate) session_id: &'a [u8],
    pub(crate) request: PublickeyRequest<'a>,
}

impl SignedData<'_> {
    pub(crate) fn to_bytes(self) -> Vec<u8> {
        encoded(&self)
    }
}

impl Encode for SignedData<'_> {
    fn encoded_len(&self) -> usize {
        self.session_id.field_len() + self.request.encoded_len()
    }

    fn encode(&self, writer: &mut Writer<'_>) {
        writer.string(self.session_id);
        self.request.encode(writer);
    }
}

/// A publickey request up to its signature.
#[derive(Clone, Copy)]
pub(crate) struct PublickeyRequest<'a> {
    pub(crate) user: &'a [u8],
    pub(crate) has_signature: bool,
    pub(crate) algorithm: &'a str,
    pub(crate) key_blob: &'a [u8],
    /// The server's, where the method binds to it.
    pub(crate) host_key: Option<&'a [u8]>,
}

impl<'a> PublickeyRequest<'a> {
    fn head(&self) -> UserauthRequest<'a> {
        let method_name = match self.host_key {
            Some(_) => PUBLICKEY_HOSTBOUND,
            None => PUBLICKEY,
        };
        request(self.user, method_name)
    }

    /// Also the front of a request that is bound.
    fn method(&self) -> PublickeyMethod<'a> {
        PublickeyMethod {
            has_signature: self.has_signature,
            public_key_algorithm_name: self.algorithm.as_bytes(),
            public_key_blob: self.key_blob,
            signature: Rest(&[]),
        }
    }
}

impl Encode for PublickeyRequest<'_> {
    fn encoded_len(&self) -> usize {
        let host_key = self.host_key.map_or(0, |host_key| host_key.field_len());
        self.head().encoded_len() + self.method().encoded_len() + host_key
    }

    fn encode(&self, writer: &mut Writer<'_>) {
        self.head().encode(writer);
        self.method().encode(writer);
        if let Some(host_key) = self.host_key {
            writer.string(host_key);
        }
    }
}

/// A request of any method, up to where the method's own fields begin.
pub(crate) const fn request<'a>(user: &'a [u8], method_name: &'a [u8]) -> UserauthRequest<'a> {
    UserauthRequest {
        user_name: user,
        service_name: SSH_CONNECTION,
        method_name,
        method: Rest(&[]),
    }
}

/// The signature algorithms that adit uses with a key of this type, best first; none for a type it
/// does not know.
#[must_use]
pub const fn signature_algorithms(key_type: &[u8]) -> &'static [&'static str] {
    match key_type {
        b"ssh-ed25519" => &["ssh-ed25519"],
        b"ecdsa-sha2-nistp256" => &["ecdsa-sha2-nistp256"],
        b"ecdsa-sha2-nistp384" => &["ecdsa-sha2-nistp384"],
        // RFC 8332: never ssh-rsa, which signs with SHA-1.
        b"ssh-rsa" => &["rsa-sha2-512", "rsa-sha2-256"],
        _ => &[],
    }
}

/// The name of a key type as it stands in log lines and questions: `ED25519`.
#[must_use]
pub const fn key_type_label(key_type: &[u8]) -> &'static str {
    match key_type {
        b"ssh-ed25519" => "ED25519",
        b"ssh-rsa" => "RSA",
        b"ssh-dss" => "DSA",
        b"ecdsa-sha2-nistp256" | b"ecdsa-sha2-nistp384" | b"ecdsa-sha2-nistp521" => "ECDSA",
        b"sk-ssh-ed25519@openssh.com" => "ED25519-SK",
        b"sk-ecdsa-sha2-nistp256@openssh.com" => "ECDSA-SK",
        _ => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use adit_crypto::Provider;
    use adit_testkit::on_every_provider;

    use super::*;

    #[test]
    fn the_signed_bytes_are_those_of_rfc_4252_section_7() {
        let bytes = SignedData {
            session_id: b"ID",
            request: PublickeyRequest {
                user: b"bob",
                has_signature: true,
                algorithm: "ssh-ed25519",
                key_blob: b"KEY",
                host_key: None,
            },
        }
        .to_bytes();
        let mut expected = std::vec![0, 0, 0, 2, b'I', b'D', 50, 0, 0, 0, 3];
        expected.extend_from_slice(b"bob\0\0\0\x0essh-connection\0\0\0\x09publickey\x01");
        expected.extend_from_slice(b"\0\0\0\x0bssh-ed25519\0\0\0\x03KEY");
        assert_eq!(bytes, expected);
    }

    fn each_key_type_has_the_algorithms_that_its_keys_sign_with_and_providers_verify(
        provider: &'static Provider,
    ) {
        let mut verified = 0;
        for key_type in [
            &b"ssh-ed25519"[..],
            b"ecdsa-sha2-nistp256",
            b"ecdsa-sha2-nistp384",
            b"ssh-rsa",
        ] {
            assert_ne!(key_type_label(key_type), "unknown");
            for algorithm in signature_algorithms(key_type) {
                let verifier = provider.verifier(algorithm.as_bytes()).unwrap();
                assert_eq!(verifier.key_type().as_bytes(), key_type);
                verified += 1;
            }
        }
        assert_eq!(verified, provider.verifiers.len());
    }

    on_every_provider! {
        real: each_key_type_has_the_algorithms_that_its_keys_sign_with_and_providers_verify
    }

    #[test]
    fn a_key_of_any_other_type_has_no_algorithms() {
        for other in [
            &b"ssh-dss"[..],
            b"rsa-sha2-512",
            b"ecdsa-sha2-nistp521",
            b"ssh-ed25519-cert-v01@openssh.com",
            b"",
        ] {
            assert!(signature_algorithms(other).is_empty());
        }
    }

    #[test]
    fn what_is_bound_to_a_host_names_its_key_last() {
        let bytes = SignedData {
            session_id: b"ID",
            request: PublickeyRequest {
                user: b"bob",
                has_signature: true,
                algorithm: "ssh-ed25519",
                key_blob: b"KEY",
                host_key: Some(b"HOST"),
            },
        }
        .to_bytes();
        let mut expected = std::vec![0, 0, 0, 2, b'I', b'D', 50, 0, 0, 0, 3];
        expected.extend_from_slice(b"bob\0\0\0\x0essh-connection");
        expected.extend_from_slice(b"\0\0\0\x23publickey-hostbound-v00@openssh.com\x01");
        expected.extend_from_slice(b"\0\0\0\x0bssh-ed25519\0\0\0\x03KEY\0\0\0\x04HOST");
        assert_eq!(bytes, expected);
    }
}
