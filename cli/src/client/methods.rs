//! By which methods to log in: the options that say so, put together.

use adit_auth::{Binding, Method, Methods};

use crate::client::options::{Options, PubkeyAuthentication};

/// How often a person is asked when nothing is said: ssh's NumberOfPasswordPrompts.
const PROMPTS: u32 = 3;

/// How often a person is asked for one thing: a passphrase, a password. With `BatchMode` never.
#[must_use]
pub fn prompts(options: &Options) -> u32 {
    match options.batch_mode {
        Some(true) => 0,
        _ => options.number_of_password_prompts.unwrap_or(PROMPTS),
    }
}

/// What `PreferredAuthentications` names, in its order, or all that there are; without what is off.
/// As in ssh, names that mean nothing here are passed over.
#[must_use]
pub fn methods(options: &Options) -> Methods {
    let order = match &options.preferred_authentications {
        None => Method::ALL.to_vec(),
        Some(list) => {
            let mut order: Vec<Method> = Vec::new();
            for name in list.split(',') {
                let known = Method::ALL.into_iter().find(|m| m.name() == name);
                order.extend(known.filter(|method| !order.contains(method)));
            }
            order
        }
    };
    let is_on = |method: &Method| match method {
        Method::Publickey => options.pubkey_authentication != Some(PubkeyAuthentication::No),
        Method::KeyboardInteractive => options.kbd_interactive_authentication != Some(false),
        Method::Password => options.password_authentication != Some(false),
    };
    Methods {
        order: order.into_iter().filter(is_on).collect(),
        prompts: prompts(options),
        binding: match options.pubkey_authentication {
            Some(PubkeyAuthentication::Unbound) => Binding::Unbound,
            Some(
                PubkeyAuthentication::Yes
                | PubkeyAuthentication::No
                | PubkeyAuthentication::HostBound,
            )
            | None => Binding::HostBound,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(change: impl Fn(&mut Options)) -> Vec<&'static str> {
        let mut options = Options::default();
        change(&mut options);
        methods(&options).order.iter().map(|m| m.name()).collect()
    }

    #[test]
    fn what_is_preferred_and_on_is_used_in_that_order() {
        let all = ["publickey", "keyboard-interactive", "password"];
        assert_eq!(order(|_| ()), all);
        for (list, expected) in [
            ("password,publickey", &["password", "publickey"][..]),
            ("gssapi-with-mic,password,password,none", &["password"]),
            ("hostbased", &[]),
            ("", &[]),
            ("Password, publickey", &[]),
        ] {
            let preferred = order(|o| o.preferred_authentications = Some(list.to_owned()));
            assert_eq!(preferred, expected, "{list}");
        }
        let off = PubkeyAuthentication::No;
        assert_eq!(order(|o| o.pubkey_authentication = Some(off)), all[1..]);
        let without = order(|o| o.kbd_interactive_authentication = Some(false));
        assert_eq!(without, ["publickey", "password"]);
        assert_eq!(order(|o| o.password_authentication = Some(false)), all[..2]);
        let unbound = PubkeyAuthentication::Unbound;
        assert_eq!(order(|o| o.pubkey_authentication = Some(unbound)), all);
    }

    #[test]
    fn only_unbound_leaves_the_host_out_of_signatures() {
        use PubkeyAuthentication::{HostBound, No, Unbound, Yes};
        for pubkey_authentication in [None, Some(Yes), Some(No), Some(HostBound), Some(Unbound)] {
            let expected = match pubkey_authentication {
                Some(Unbound) => Binding::Unbound,
                _ => Binding::HostBound,
            };
            let options = Options {
                pubkey_authentication,
                ..Options::default()
            };
            assert_eq!(methods(&options).binding, expected);
        }
    }

    #[test]
    fn a_batch_asks_nobody() {
        let mut options = Options::default();
        assert_eq!(methods(&options).prompts, 3);
        options.number_of_password_prompts = Some(1);
        assert_eq!(methods(&options).prompts, 1);
        options.batch_mode = Some(true);
        assert_eq!(methods(&options).prompts, 0);
    }
}
