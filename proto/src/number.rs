//! Message numbers (RFC 4250 §4.1) and the ranges that say which protocol one belongs to.

/// Which protocol a message number belongs to (RFC 4250 §4.1.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Class {
    /// 0: no message has it.
    Zero,
    /// 1–19: transport layer, generic.
    Transport,
    /// 20–29: algorithm negotiation.
    Negotiation,
    /// 30–49: key exchange method specific.
    KeyExchange,
    /// 50–59: user authentication, generic.
    Auth,
    /// 60–79: user authentication method specific.
    AuthMethod,
    /// 80–89: connection protocol, generic.
    Global,
    /// 90–127: channels.
    Channel,
    /// 128–191: reserved for client protocols.
    Reserved,
    /// 192–255: local extensions, of which adit knows PING and PONG.
    Local,
}

/// The class of a message number.
#[must_use]
pub const fn class(number: u8) -> Class {
    match number {
        0 => Class::Zero,
        1..=19 => Class::Transport,
        20..=29 => Class::Negotiation,
        30..=49 => Class::KeyExchange,
        50..=59 => Class::Auth,
        60..=79 => Class::AuthMethod,
        80..=89 => Class::Global,
        90..=127 => Class::Channel,
        128..=191 => Class::Reserved,
        192..=255 => Class::Local,
    }
}

macro_rules! numbers {
    ($($name:ident = $value:literal $doc:literal)*) => {
        $(#[doc = $doc] pub const $name: u8 = $value;)*

        /// The name of a message number as the RFCs write it, or `None` for one adit does not know.
        #[must_use]
        pub const fn name(number: u8) -> Option<&'static str> {
            match number {
                $($value => Some(stringify!($name)),)*
                _ => None,
            }
        }
    };
}

numbers! {
    DISCONNECT = 1 "RFC 4253 §11.1"
    IGNORE = 2 "RFC 4253 §11.2"
    UNIMPLEMENTED = 3 "RFC 4253 §11.4"
    DEBUG = 4 "RFC 4253 §11.3"
    SERVICE_REQUEST = 5 "RFC 4253 §10"
    SERVICE_ACCEPT = 6 "RFC 4253 §10"
    EXT_INFO = 7 "RFC 8308 §2.3"
    KEXINIT = 20 "RFC 4253 §7.1"
    NEWKEYS = 21 "RFC 4253 §7.3"
    KEX_ECDH_INIT = 30 "RFC 5656 §7.1; also the hybrids"
    KEX_ECDH_REPLY = 31 "RFC 5656 §7.1; also the hybrids"
    USERAUTH_REQUEST = 50 "RFC 4252 §5"
    USERAUTH_FAILURE = 51 "RFC 4252 §5.1"
    USERAUTH_SUCCESS = 52 "RFC 4252 §5.1"
    USERAUTH_BANNER = 53 "RFC 4252 §5.4"
    USERAUTH_PK_OK = 60 "RFC 4252 §7"
    USERAUTH_INFO_RESPONSE = 61 "RFC 4256 §3.4"
    GLOBAL_REQUEST = 80 "RFC 4254 §4"
    REQUEST_SUCCESS = 81 "RFC 4254 §4"
    REQUEST_FAILURE = 82 "RFC 4254 §4"
    CHANNEL_OPEN = 90 "RFC 4254 §5.1"
    CHANNEL_OPEN_CONFIRMATION = 91 "RFC 4254 §5.1"
    CHANNEL_OPEN_FAILURE = 92 "RFC 4254 §5.1"
    CHANNEL_WINDOW_ADJUST = 93 "RFC 4254 §5.2"
    CHANNEL_DATA = 94 "RFC 4254 §5.2"
    CHANNEL_EXTENDED_DATA = 95 "RFC 4254 §5.2"
    CHANNEL_EOF = 96 "RFC 4254 §5.3"
    CHANNEL_CLOSE = 97 "RFC 4254 §5.3"
    CHANNEL_REQUEST = 98 "RFC 4254 §5.4"
    CHANNEL_SUCCESS = 99 "RFC 4254 §5.4"
    CHANNEL_FAILURE = 100 "RFC 4254 §5.4"
    PING = 192 "ping@openssh.com, PROTOCOL §1.8"
    PONG = 193 "ping@openssh.com, PROTOCOL §1.8"
}

// 60 to 79 mean what the method under way says (RFC 4252 §6): these are PK_OK's number too.

/// RFC 4252 §8
pub const USERAUTH_PASSWD_CHANGEREQ: u8 = 60;
/// RFC 4256 §3.2
pub const USERAUTH_INFO_REQUEST: u8 = 60;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_number_is_in_the_class_of_its_protocol() {
        for number in 0..=255 {
            let class = class(number);
            match name(number) {
                None => {}
                Some("PING" | "PONG") => assert_eq!(class, Class::Local),
                Some("KEXINIT" | "NEWKEYS") => assert_eq!(class, Class::Negotiation),
                Some(n) if n.starts_with("KEX_") => assert_eq!(class, Class::KeyExchange),
                Some("USERAUTH_PK_OK" | "USERAUTH_INFO_RESPONSE") => {
                    assert_eq!(class, Class::AuthMethod);
                }
                Some(n) if n.starts_with("USERAUTH_") => assert_eq!(class, Class::Auth),
                Some("GLOBAL_REQUEST" | "REQUEST_SUCCESS" | "REQUEST_FAILURE") => {
                    assert_eq!(class, Class::Global);
                }
                Some(n) if n.starts_with("CHANNEL_") => assert_eq!(class, Class::Channel),
                Some(_) => assert_eq!(class, Class::Transport),
            }
        }
    }
}
