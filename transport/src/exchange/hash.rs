//! The exchange hash H (RFC 4253 §8, RFC 5656 §4), fed with bytes as they were sent and received.
//!
//! ```text
//!   H = HASH(V_C ‖ V_S ‖ I_C ‖ I_S ‖ K_S ‖ Q_C ‖ Q_S ‖ K)    all strings, K as its method says
//! ```

use alloc::boxed::Box;

use adit_crypto::{HASH_MAX, Hash, HashContext, Secret};
use adit_proto::Ident;

use crate::error::Internal;
use crate::keys::SessionId;

/// H under way: both identifications and both KEXINITs are in it, so neither needs to be kept.
pub(crate) struct ExchangeHash {
    hash: &'static dyn Hash,
    context: Box<dyn HashContext>,
}

impl ExchangeHash {
    /// Begins; of each pair the client's goes first.
    pub(crate) fn start(
        hash: &'static dyn Hash,
        idents: [&Ident; 2],
        kexinits: [&[u8]; 2],
    ) -> Result<Self, Internal> {
        let mut this = Self {
            hash,
            context: hash.start(),
        };
        for ident in idents {
            this.string(ident.as_bytes())?;
        }
        for kexinit in kexinits {
            this.string(kexinit)?;
        }
        Ok(this)
    }

    /// Which hash this is; keys are derived with the same.
    pub(crate) const fn hash(&self) -> &'static dyn Hash {
        self.hash
    }

    /// Ends. `k` is encoded already.
    pub(crate) fn finish(
        mut self,
        k_s: &[u8],
        q_c: &[u8],
        q_s: &[u8],
        k: &Secret,
    ) -> Result<SessionId, Internal> {
        self.string(k_s)?;
        self.string(q_c)?;
        self.string(q_s)?;
        self.context.update(k.expose());
        let mut out = [0; HASH_MAX];
        let len = self.context.finish(&mut out);
        Ok(SessionId::new(out, len))
    }

    fn string(&mut self, bytes: &[u8]) -> Result<(), Internal> {
        let len = u32::try_from(bytes.len()).map_err(|_| Internal::Encode)?;
        self.context.update(&len.to_be_bytes());
        self.context.update(bytes);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use adit_crypto::{Provider, SharedSecret};
    use adit_testkit::on_every_provider;

    use super::*;
    use crate::keys::encoded_secret;

    fn another_implementations_exchange_hashes(provider: &'static Provider) {
        let records = adit_vectors::records(adit_vectors::EXCHANGE);
        assert!(records.len() >= 8);
        for record in &records {
            assert_eq!(hash_of(provider, record).as_bytes(), record.bytes("h"));
        }
    }

    fn hash_of(provider: &'static Provider, record: &adit_vectors::Record) -> SessionId {
        let kex = provider.kex(record.bytes("kex")).unwrap();
        let encoding = if kex.is_post_quantum() {
            adit_crypto::SecretEncoding::String
        } else {
            adit_crypto::SecretEncoding::Mpint
        };
        let bytes = Secret::copy_of(record.bytes("secret"));
        let k = encoded_secret(&SharedSecret { bytes, encoding });
        let idents = ["v_c", "v_s"].map(|name| Ident::new(record.bytes(name)).unwrap());
        let kexinits = ["i_c", "i_s"].map(|name| record.bytes(name));
        ExchangeHash::start(kex.hash(), idents.each_ref(), kexinits)
            .and_then(|hash| {
                let [k_s, q_c, q_s] = ["k_s", "q_c", "q_s"].map(|name| record.bytes(name));
                hash.finish(k_s, q_c, q_s, &k)
            })
            .unwrap()
    }

    on_every_provider! { real: another_implementations_exchange_hashes }
}
