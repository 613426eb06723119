//! The two messages of a key exchange (RFC 5656 §7.1, RFC 8731 §3; the hybrids use the same).

use crate::message::message;
use crate::number;

message! {
    /// SSH_MSG_KEX_ECDH_INIT.
    struct KexEcdhInit<'a> = number::KEX_ECDH_INIT {
        /// The client's share. RFC 5656 calls it Q_C, the hybrids C_INIT.
        q_c: &'a [u8],
    }

    /// SSH_MSG_KEX_ECDH_REPLY.
    struct KexEcdhReply<'a> = number::KEX_ECDH_REPLY {
        /// The server's public host key.
        k_s: &'a [u8],
        /// The server's share: Q_S or S_REPLY.
        q_s: &'a [u8],
        /// Of the exchange hash.
        signature: &'a [u8],
    }
}
