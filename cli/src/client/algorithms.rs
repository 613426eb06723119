//! What is offered: the defaults, changed as the user's lists say, less what only others have.

use adit_forward::{Algorithms, BadSelection};

use crate::client::config::Place;
use crate::client::options::{List, Options};
use crate::elsewhere;
use crate::escape::escaped;
use crate::provider::{PROVIDER, aead_first};

/// A list that cannot be followed, in the words of ssh.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BadList(pub String);

/// What is offered.
///
/// # Errors
/// The first list that names what nobody has, or leaves nothing.
pub fn algorithms(options: &Options) -> Result<Algorithms, BadList> {
    let mut out = Algorithms::defaults(PROVIDER, aead_first());
    if let Some(list) = &options.kex_algorithms {
        let left = elsewhere::kex(list);
        out.select_kex(PROVIDER, left.as_deref().unwrap_or(list))
            .map_err(|error| {
                bad(
                    "SSH2 KexAlgorithms",
                    list,
                    options.place_of(List::Kex),
                    &error,
                )
            })?;
    }
    if let Some(list) = &options.host_key_algorithms {
        let left = elsewhere::signatures(list);
        out.select_host_keys(PROVIDER, left.as_deref().unwrap_or(list))
            .map_err(|error| bad("key types", list, options.place_of(List::HostKeys), &error))?;
    }
    if let Some(list) = &options.ciphers {
        let left = elsewhere::ciphers(list);
        out.select_ciphers(PROVIDER, left.as_deref().unwrap_or(list))
            .map_err(|error| {
                bad(
                    "SSH2 cipher spec",
                    list,
                    options.place_of(List::Ciphers),
                    &error,
                )
            })?;
    }
    if let Some(list) = &options.macs {
        match elsewhere::macs(list) {
            Some(left) => out.select_macs(PROVIDER, &left),
            // What authenticates by itself needs none of them.
            None => out.without_macs(),
        }
        .map_err(|error| bad("SSH2 MAC spec", list, options.place_of(List::Macs), &error))?;
    }
    Ok(out)
}

fn bad(what: &str, list: &str, place: &Place, error: &BadSelection) -> BadList {
    let text = format!("{place}: Bad {what} '{list}': {error}.");
    BadList(escaped(text.as_bytes()).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(set: impl FnOnce(&mut Options)) -> Result<Algorithms, String> {
        let mut options = Options::default();
        set(&mut options);
        algorithms(&options).map_err(|BadList(text)| text)
    }

    fn ciphers(list: &str) -> Result<Vec<&'static str>, String> {
        let mut names: Vec<_> = with(|o| o.ciphers = Some(list.into()))?
            .ciphers
            .iter()
            .map(|c| c.name())
            .collect();
        names.dedup();
        Ok(names)
    }

    fn macs(list: &str) -> Result<Vec<&'static str>, String> {
        let algorithms = with(|o| o.macs = Some(list.into()))?;
        assert!(algorithms.ciphers.iter().any(|c| c.mac().is_none()));
        let ctr = algorithms
            .ciphers
            .iter()
            .filter(|c| c.name() == "aes256-ctr");
        Ok(ctr.filter_map(|c| c.mac()).collect())
    }

    #[test]
    fn names_that_only_others_have_are_passed_over() {
        let guide = "curve25519-sha256@libssh.org,ecdh-sha2-nistp521,\
                     diffie-hellman-group-exchange-sha256";
        let kex = with(|o| o.kex_algorithms = Some(guide.into())).unwrap().kex;
        let kex: Vec<_> = kex.iter().map(|k| k.name()).collect();
        assert_eq!(kex, ["curve25519-sha256@libssh.org"]);
        let keys = "ssh-ed25519-cert-v01@openssh.com,ssh-ed25519,ssh-rsa";
        let keys = with(|o| o.host_key_algorithms = Some(keys.into())).unwrap();
        assert_eq!(keys.host_keys, ["ssh-ed25519"]);
        let gcm = "aes128-gcm@openssh.com";
        assert_eq!(
            ciphers(&format!("3des-cbc,{gcm},aes256-cbc")),
            Ok(vec![gcm])
        );
        let all = ciphers("-nothing");
        assert_eq!(ciphers("+aes128-cbc"), all);
        assert_eq!(ciphers("^aes128-cbc"), all);
    }

    #[test]
    fn host_key_algorithms_may_be_patterns() {
        let keys = |list: &str| {
            let algorithms = with(|o| o.host_key_algorithms = Some(list.into()))?;
            Ok::<_, String>(algorithms.host_keys)
        };
        let all = keys("-nothing").unwrap();
        assert_eq!(keys("ssh-ed*"), Ok(vec!["ssh-ed25519"]));
        assert_eq!(keys("+ssh-*"), Ok(all.clone()));
        assert_eq!(keys("^*ed25519"), Ok(all.clone()));
        assert_eq!(
            keys("*").map(|keys| keys.len()),
            Ok(PROVIDER.verifiers.len())
        );
        assert_eq!(keys("sk-*,ssh-ed*"), Ok(vec!["ssh-ed25519"]));
        assert!(keys("sk-*").unwrap_err().contains("no algorithm is left"));
    }

    #[test]
    fn a_bad_list_is_named_with_its_place() {
        let mut options = Options::default();
        let place = Place::Line("/x".into(), 3);
        let rot13 = ["rot13".to_owned()];
        let names = crate::client::names::ThisMachine::default();
        options.take("ciphers", &rot13, &place, &names).unwrap();
        let BadList(text) = algorithms(&options).unwrap_err();
        assert!(
            text.starts_with("/x line 3: Bad SSH2 cipher spec 'rot13'"),
            "{text}"
        );
    }

    #[test]
    fn what_nobody_has_is_a_mistake_and_so_is_a_list_of_nothing() {
        let bad = |list, what| {
            let said = "command-line line 0: Bad SSH2 cipher spec";
            assert_eq!(ciphers(list), Err(format!("{said} '{list}': {what}.")));
        };
        bad("rot13", "unknown or unsupported algorithm \"rot13\"");
        bad(
            "aes128-gcm@openssh.com,rot13",
            "unknown or unsupported algorithm \"rot13\"",
        );
        bad(
            "aes128-cbc",
            "unknown or unsupported algorithm \"aes128-cbc\"",
        );
        bad("+rot13", "unknown or unsupported algorithm \"rot13\"");
        bad("-*", "no algorithm is left");
        bad("", "no algorithm is left");
    }

    #[cfg(feature = "ctr")]
    #[test]
    fn a_list_of_macs_chooses_and_orders_them() {
        let (sha256, sha512) = (
            "hmac-sha2-256-etm@openssh.com",
            "hmac-sha2-512-etm@openssh.com",
        );
        assert_eq!(macs(sha512), Ok(vec![sha512]));
        assert_eq!(macs(&format!("^{sha512}")), Ok(vec![sha512, sha256]));
        assert_eq!(macs("-*512*"), Ok(vec![sha256]));
        let guide = format!("{sha512},{sha256},umac-128-etm@openssh.com,hmac-sha2-512");
        assert_eq!(macs(&guide), Ok(vec![sha512, sha256]));
        assert_eq!(macs("+hmac-sha1"), Ok(vec![sha256, sha512]));
    }

    #[test]
    fn without_a_mac_of_ours_only_what_needs_none_is_offered() {
        assert_eq!(macs("hmac-sha2-256,hmac-sha1"), Ok(vec![]));
        let both = with(|o| {
            o.macs = Some("hmac-sha2-256".into());
            o.ciphers = Some("aes256-gcm@openssh.com".into());
        });
        assert_eq!(both.unwrap().ciphers.len(), 1);
    }

    #[cfg(feature = "ctr")]
    #[test]
    fn a_cipher_that_needs_a_mac_needs_one_of_ours() {
        let both = with(|o| {
            o.macs = Some("hmac-sha2-256".into());
            o.ciphers = Some("aes256-ctr".into());
        });
        let said = "command-line line 0: Bad SSH2 MAC spec 'hmac-sha2-256': no algorithm is left.";
        assert_eq!(both.unwrap_err(), said);
        let unknown = macs("hmac-rot13").unwrap_err();
        assert!(unknown.contains("unknown or unsupported algorithm \"hmac-rot13\""));
    }
}
