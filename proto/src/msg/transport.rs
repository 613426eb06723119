//! RFC 4253 §7, §10, §11; RFC 8308; ping@openssh.com.

use crate::error::Malformed;
use crate::message::message;
use crate::name::NameList;
use crate::number;
use crate::wire::{Reader, Rest};

message! {
    /// SSH_MSG_DISCONNECT (RFC 4253 §11.1).
    struct Disconnect<'a> = number::DISCONNECT {
        /// One of [`crate::reason::Disconnect`], or another.
        reason_code: u32,
        /// UTF-8, from a stranger: escape it before showing it.
        description: &'a [u8],
        /// RFC 3066, in practice empty.
        language_tag: &'a [u8],
    }

    /// SSH_MSG_IGNORE (RFC 4253 §11.2).
    struct Ignore<'a> = number::IGNORE {
        /// Of no meaning.
        data: &'a [u8],
    }

    /// SSH_MSG_UNIMPLEMENTED (RFC 4253 §11.4).
    struct Unimplemented = number::UNIMPLEMENTED {
        /// Of the packet that was not understood.
        packet_sequence_number: u32,
    }

    /// SSH_MSG_DEBUG (RFC 4253 §11.3).
    struct Debug<'a> = number::DEBUG {
        /// Whether it should be shown without being asked for.
        always_display: bool,
        /// UTF-8, from a stranger.
        message: &'a [u8],
        /// RFC 3066, in practice empty.
        language_tag: &'a [u8],
    }

    /// SSH_MSG_SERVICE_REQUEST (RFC 4253 §10).
    struct ServiceRequest<'a> = number::SERVICE_REQUEST {
        /// `ssh-userauth`.
        service_name: &'a [u8],
    }

    /// SSH_MSG_SERVICE_ACCEPT (RFC 4253 §10).
    struct ServiceAccept<'a> = number::SERVICE_ACCEPT {
        /// As requested.
        service_name: &'a [u8],
    }

    /// SSH_MSG_EXT_INFO (RFC 8308 §2.3). [`ExtInfo::extensions`] reads what is in it.
    struct ExtInfo<'a> = number::EXT_INFO {
        /// How many pairs follow.
        nr_extensions: u32,
        /// That many pairs of extension-name and extension-value, each a string.
        pairs: Rest<'a>,
    }

    /// SSH_MSG_KEXINIT (RFC 4253 §7.1).
    struct KexInit<'a> = number::KEXINIT {
        /// Random, so that neither side decides the exchange hash alone.
        cookie: [u8; 16],
        /// Also carries `ext-info-c` and `kex-strict-c-v00@openssh.com` and their server twins.
        kex_algorithms: NameList<'a>,
        /// Signature algorithms of the host key.
        server_host_key_algorithms: NameList<'a>,
        /// Ciphers.
        encryption_algorithms_client_to_server: NameList<'a>,
        /// Ciphers.
        encryption_algorithms_server_to_client: NameList<'a>,
        /// Not used with an AEAD cipher.
        mac_algorithms_client_to_server: NameList<'a>,
        /// Not used with an AEAD cipher.
        mac_algorithms_server_to_client: NameList<'a>,
        /// adit has `none` alone.
        compression_algorithms_client_to_server: NameList<'a>,
        /// adit has `none` alone.
        compression_algorithms_server_to_client: NameList<'a>,
        /// In practice empty.
        languages_client_to_server: NameList<'a>,
        /// In practice empty.
        languages_server_to_client: NameList<'a>,
        /// The sender guessed and its first exchange message follows at once.
        first_kex_packet_follows: bool,
        /// Zero; kept, since it enters the exchange hash.
        reserved: u32,
    }

    /// SSH_MSG_NEWKEYS (RFC 4253 §7.3).
    struct NewKeys = number::NEWKEYS {}

    /// SSH2_MSG_PING (OpenSSH PROTOCOL §1.8).
    struct Ping<'a> = number::PING {
        /// Comes back in the answer.
        data: &'a [u8],
    }

    /// SSH2_MSG_PONG (OpenSSH PROTOCOL §1.8).
    struct Pong<'a> = number::PONG {
        /// Of the question.
        data: &'a [u8],
    }
}

/// Most extensions in one EXT_INFO. OpenSSH 10 sends five; the count is a number from a stranger.
pub const EXTENSIONS_MAX: u32 = 16;

impl<'a> ExtInfo<'a> {
    /// The pairs of name and value, all of them checked before the first is given.
    ///
    /// # Errors
    /// [`Malformed::TooMany`] past [`EXTENSIONS_MAX`]; [`Malformed::TooShort`] or
    /// [`Malformed::TrailingBytes`] when the count and the bytes do not agree.
    pub fn extensions(
        &self,
    ) -> Result<impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a>, Malformed> {
        if self.nr_extensions > EXTENSIONS_MAX {
            return Err(Malformed::TooMany);
        }
        let mut check = Reader::new(self.pairs.0);
        for _ in 0..self.nr_extensions {
            check.string()?;
            check.string()?;
        }
        check.finish()?;
        let mut reader = Reader::new(self.pairs.0);
        Ok(core::iter::from_fn(move || {
            Some((reader.string().ok()?, reader.string().ok()?))
        }))
    }
}
