//! RFC 4252, what publickey needs of it.

use crate::message::message;
use crate::name::NameList;
use crate::number;
use crate::wire::Rest;

message! {
    /// SSH_MSG_USERAUTH_REQUEST (RFC 4252 §5).
    struct UserauthRequest<'a> = number::USERAUTH_REQUEST {
        /// UTF-8, from a stranger.
        user_name: &'a [u8],
        /// `ssh-connection`.
        service_name: &'a [u8],
        /// `publickey`, or what will be refused.
        method_name: &'a [u8],
        /// [`PublickeyMethod`] when the method is that.
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
}
