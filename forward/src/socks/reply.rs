//! What an application is told: its protocol's code for what really happened.

use core::fmt::Write as _;

use adit_proto::reason::OpenFailure;

use super::{Refusal, Version};

/// Most of a server's words that go into the text of an HTTP reply.
const WORDS_MAX: usize = 200;

/// What became of a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Answer<'a> {
    /// The destination is connected.
    Connected,
    /// The channel was not opened, as CHANNEL_OPEN_FAILURE has it (RFC 4254 §5.1).
    Failed {
        /// One of [`OpenFailure`], or another.
        reason_code: u32,
        /// From a stranger. SSH has one code for all that may happen to a connection, so its words
        /// are what tells.
        description: &'a [u8],
    },
}

/// What may have happened, as far as any of the protocols tells it apart.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Why {
    General,
    HostUnreachable,
    NetworkUnreachable,
    NotAllowed,
    NotSupported,
    Refused,
    Shortage,
    TimedOut,
}

impl Version {
    /// The reply to a request, complete. Behind [`Answer::Connected`] come the destination's bytes.
    #[must_use]
    pub fn answer(self, answer: Answer<'_>) -> Vec<u8> {
        match (self, answer) {
            (Self::Socks4 | Self::Socks4a, Answer::Connected) => socks4(90),
            (Self::Socks4 | Self::Socks4a, Answer::Failed { .. }) => socks4(91),
            (Self::Socks5, Answer::Connected) => socks5(0),
            (Self::Connect, Answer::Connected) => {
                // No Content-Length and no Transfer-Encoding (RFC 9110 §9.3.6).
                b"HTTP/1.1 200 Connection established\r\n\r\n".to_vec()
            }
            (
                Self::Socks5,
                Answer::Failed {
                    reason_code,
                    description,
                },
            ) => socks5(match why(reason_code, description) {
                Why::General | Why::Shortage => 1,
                Why::NotAllowed => 2,
                Why::NetworkUnreachable => 3,
                Why::HostUnreachable | Why::TimedOut => 4,
                Why::Refused => 5,
                Why::NotSupported => 7,
            }),
            (
                Self::Connect,
                Answer::Failed {
                    reason_code,
                    description,
                },
            ) => {
                let (status, text) = match why(reason_code, description) {
                    Why::NotAllowed => (
                        "403 Forbidden",
                        "the SSH server does not permit that destination",
                    ),
                    Why::TimedOut => ("504 Gateway Timeout", "the destination does not answer"),
                    Why::Shortage => (
                        "503 Service Unavailable",
                        "the SSH server has no room for it",
                    ),
                    Why::General
                    | Why::HostUnreachable
                    | Why::NetworkUnreachable
                    | Why::NotSupported
                    | Why::Refused => ("502 Bad Gateway", "the SSH server could not connect to it"),
                };
                let mut text = text.to_owned();
                if !description.is_empty() {
                    let _ = write!(text, ": {}", words(description));
                }
                page(status, "", &text)
            }
        }
    }

    /// The reply to what is not followed at all.
    pub(super) fn refuse(self, why: Refusal) -> Vec<u8> {
        match self {
            Self::Socks4 | Self::Socks4a => socks4(91),
            Self::Socks5 => socks5(match why {
                Refusal::AddressType => 8,
                Refusal::Command(_) => 7,
                Refusal::NotPermitted => 2,
                Refusal::BadHost
                | Refusal::BadPort
                | Refusal::Crowded
                | Refusal::Malformed
                | Refusal::Method
                | Refusal::NoMethod
                | Refusal::NotProxy
                | Refusal::Tls
                | Refusal::TooLong
                | Refusal::TooSlow => 1,
            }),
            Self::Connect => {
                let (status, fields) = match why {
                    Refusal::Crowded => ("503 Service Unavailable", ""),
                    // RFC 9110 §15.5.6: with what is allowed.
                    Refusal::Method => ("405 Method Not Allowed", "Allow: CONNECT\r\n"),
                    Refusal::NotPermitted => ("403 Forbidden", ""),
                    Refusal::TooLong => ("431 Request Header Fields Too Large", ""),
                    Refusal::TooSlow => ("408 Request Timeout", ""),
                    Refusal::AddressType
                    | Refusal::BadHost
                    | Refusal::BadPort
                    | Refusal::Command(_)
                    | Refusal::Malformed
                    | Refusal::NoMethod
                    | Refusal::NotProxy
                    | Refusal::Tls => ("400 Bad Request", ""),
                };
                page(status, fields, &why.to_string())
            }
        }
    }
}

/// The bound address is left out, as OpenSSH does: SSH does not tell it.
fn socks4(code: u8) -> Vec<u8> {
    vec![0, code, 0, 0, 0, 0, 0, 0]
}

/// Likewise: 0.0.0.0 and 0.
fn socks5(code: u8) -> Vec<u8> {
    vec![5, code, 0, 1, 0, 0, 0, 0, 0, 0]
}

/// A reply of HTTP that ends its connection, in words for whoever is in front of a browser.
fn page(status: &str, fields: &str, text: &str) -> Vec<u8> {
    let body = format!(
        "{text}\n\nThis is a SOCKS and CONNECT proxy of adit: it takes SOCKS 4, 4a and 5, and HTTP \
         CONNECT.\n"
    );
    let len = body.len();
    format!(
        "HTTP/1.1 {status}\r\n{fields}Content-Type: text/plain; charset=us-ascii\r\n\
         Content-Length: {len}\r\nConnection: close\r\n\r\n{body}"
    )
    .into_bytes()
}

/// Words of a stranger that mean nothing but themselves.
fn words(text: &[u8]) -> String {
    let plain = |byte: &u8| match *byte {
        byte @ b' '..=b'~' => char::from(byte),
        _ => '?',
    };
    text.iter().take(WORDS_MAX).map(plain).collect()
}

/// RFC 4254 §5.1 has a code for a connection that failed and none for how. OpenSSH and adit give
/// the system's words, which are the same everywhere; what others say has the same words in it.
fn why(reason_code: u32, description: &[u8]) -> Why {
    match OpenFailure::from_code(reason_code) {
        Some(OpenFailure::AdministrativelyProhibited) => Why::NotAllowed,
        Some(OpenFailure::UnknownChannelType) => Why::NotSupported,
        Some(OpenFailure::ResourceShortage) => Why::Shortage,
        Some(OpenFailure::ConnectFailed) | None => {
            let text = words(description).to_ascii_lowercase();
            let has = |any: &[&str]| any.iter().any(|part| text.contains(part));
            if has(&["refused"]) {
                Why::Refused
            } else if has(&["timed out", "timeout"]) {
                Why::TimedOut
            } else if has(&[
                "no route",
                "host is unreachable",
                "host unreachable",
                "host is down",
            ]) {
                Why::HostUnreachable
            } else if has(&["network is unreachable", "network unreachable"]) {
                Why::NetworkUnreachable
            } else {
                Why::General
            }
        }
    }
}
