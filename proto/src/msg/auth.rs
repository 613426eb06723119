//! RFC 4252 with publickey and password, RFC 4256, and publickey bound to a host.

use crate::error::Malformed;
use crate::message::message;
use crate::name::NameList;
use crate::number;
use crate::wire::{Reader, Rest};

message! {
    /// SSH_MSG_USERAUTH_REQUEST (RFC 4252 §5).
    struct UserauthRequest<'a> = number::USERAUTH_REQUEST {
        /// UTF-8, from a stranger.
        user_name: &'a [u8],
        /// `ssh-connection`.
        service_name: &'a [u8],
        /// `publickey`, …
        method_name: &'a [u8],
        /// Its fields, such as a [`PublickeyMethod`].
        method: Rest<'a>,
    }

    /// The fields of method `publickey` (RFC 4252 §7).
    struct PublickeyMethod<'a> {
        /// Without a signature it only asks whether the key would do.
        has_signature: bool,
        /// Signature algorithm.
        public_key_algorithm_name: &'a [u8],
        /// The key.
        public_key_blob: &'a [u8],
        /// One string with the signature, or nothing.
        signature: Rest<'a>,
    }

    /// The fields of method `publickey-hostbound-v00@openssh.com` (OpenSSH PROTOCOL §3.1).
    struct PublickeyHostboundMethod<'a> {
        /// Without a signature it only asks whether the key would do.
        has_signature: bool,
        /// Signature algorithm.
        public_key_algorithm_name: &'a [u8],
        /// The key.
        public_key_blob: &'a [u8],
        /// The server's, of the first key exchange.
        server_host_key: &'a [u8],
        /// One string with the signature, or nothing.
        signature: Rest<'a>,
    }

    /// The fields of method `password` (RFC 4252 §8).
    struct PasswordMethod<'a> {
        /// FALSE: no new password follows.
        is_change: bool,
        /// UTF-8.
        plaintext_password: &'a [u8],
    }

    /// The fields of method `keyboard-interactive` (RFC 4256 §3.1).
    struct KeyboardInteractiveMethod<'a> {
        /// Deprecated, empty.
        language_tag: &'a [u8],
        /// A hint, in practice empty.
        submethods: &'a [u8],
    }

    /// SSH_MSG_USERAUTH_FAILURE (RFC 4252 §5.1).
    struct UserauthFailure<'a> = number::USERAUTH_FAILURE {
        /// Methods that may go on.
        authentications_that_can_continue: NameList<'a>,
        /// The request was good, and more is asked for.
        partial_success: bool,
    }

    /// SSH_MSG_USERAUTH_SUCCESS (RFC 4252 §5.1).
    struct UserauthSuccess = number::USERAUTH_SUCCESS {}

    /// SSH_MSG_USERAUTH_BANNER (RFC 4252 §5.4).
    struct UserauthBanner<'a> = number::USERAUTH_BANNER {
        /// UTF-8, from a stranger.
        message: &'a [u8],
        /// RFC 3066, in practice empty.
        language_tag: &'a [u8],
    }

    /// SSH_MSG_USERAUTH_PK_OK (RFC 4252 §7).
    struct UserauthPkOk<'a> = number::USERAUTH_PK_OK {
        /// As in the request.
        public_key_algorithm_name: &'a [u8],
        /// As in the request.
        public_key_blob: &'a [u8],
    }

    /// SSH_MSG_USERAUTH_PASSWD_CHANGEREQ (RFC 4252 §8).
    struct UserauthPasswdChangereq<'a> = number::USERAUTH_PASSWD_CHANGEREQ {
        /// UTF-8, from a stranger.
        prompt: &'a [u8],
        /// RFC 3066, in practice empty.
        language_tag: &'a [u8],
    }

    /// SSH_MSG_USERAUTH_INFO_REQUEST (RFC 4256 §3.2).
    struct UserauthInfoRequest<'a> = number::USERAUTH_INFO_REQUEST {
        /// UTF-8, from a stranger; may be empty.
        name: &'a [u8],
        /// UTF-8, from a stranger; may be empty.
        instruction: &'a [u8],
        /// Deprecated, in practice empty.
        language_tag: &'a [u8],
        /// How many there are. It is held against the bytes by [`UserauthInfoRequest::prompts`].
        num_prompts: u32,
        /// A text and whether to echo, as many times.
        prompts: Rest<'a>,
    }
}

/// Most prompts in one SSH_MSG_USERAUTH_INFO_REQUEST. PAM sends one or two; a person answers each.
/// OpenSSH has no limit of its own.
pub const PROMPTS_MAX: u32 = 64;

impl<'a> UserauthInfoRequest<'a> {
    /// The texts, each with whether its answer may be seen; all of them checked before the first is
    /// given.
    ///
    /// # Errors
    /// [`Malformed::TooMany`] past [`PROMPTS_MAX`]; [`Malformed::TooShort`] or
    /// [`Malformed::TrailingBytes`] when the count and the bytes do not agree.
    pub fn prompts(&self) -> Result<impl Iterator<Item = (&'a [u8], bool)> + use<'a>, Malformed> {
        if self.num_prompts > PROMPTS_MAX {
            return Err(Malformed::TooMany);
        }
        let mut check = Reader::new(self.prompts.0);
        for _ in 0..self.num_prompts {
            check.string()?;
            check.boolean()?;
        }
        check.finish()?;
        let mut reader = Reader::new(self.prompts.0);
        Ok(core::iter::from_fn(move || {
            Some((reader.string().ok()?, reader.boolean().ok()?))
        }))
    }
}
