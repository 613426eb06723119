//! Where the ssh-agent is: `IdentityAgent` and `$SSH_AUTH_SOCK`.

use std::path::PathBuf;

use adit_forward::spec::Names;

use crate::client::options::Options;
use crate::client::paths::{PathError, Tokens};

/// The variable that agents and shells agree on, and the word for it in `IdentityAgent`.
const VARIABLE: &str = "SSH_AUTH_SOCK";

/// The agent's socket, if one is wanted and named. See ssh_config(5), "IdentityAgent".
///
/// # Errors
/// When the option does not lead to a file name.
pub fn agent_socket(
    options: &Options,
    tokens: &Tokens,
    names: &dyn Names,
) -> Result<Option<PathBuf>, PathError> {
    let from = |variable: &str| {
        let path = names.variable(variable).filter(|path| !path.is_empty());
        path.map(PathBuf::from)
    };
    Ok(match options.identity_agent.as_deref() {
        None | Some(VARIABLE) => from(VARIABLE),
        Some(none) if none.eq_ignore_ascii_case("none") => None,
        Some(option) => match option.strip_prefix('$') {
            Some(name) if !name.starts_with('{') => from(name),
            Some(_) | None => Some(tokens.path(option, names)?),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Variables;
    impl Names for Variables {
        fn variable(&self, name: &str) -> Option<String> {
            let value = match name {
                "SSH_AUTH_SOCK" => "/run/agent",
                "OTHER" => "/run/other",
                "EMPTY" => "",
                _ => return None,
            };
            Some(value.to_owned())
        }
        fn service(&self, _: &str) -> Option<u16> {
            None
        }
    }

    #[test]
    fn the_option_comes_before_the_variable() {
        let tokens = Tokens {
            home: "/home/me".into(),
            host: "h".into(),
            host_key_alias: None,
            local_host: "l".into(),
            local_user: "u".into(),
            local_uid: 7,
            original_host: "h".into(),
            port: 22,
            user: "u".into(),
        };
        for (option, socket) in [
            (None, Ok(Some("/run/agent"))),
            (Some("SSH_AUTH_SOCK"), Ok(Some("/run/agent"))),
            (Some("none"), Ok(None)),
            (Some("NONE"), Ok(None)),
            (Some("$OTHER"), Ok(Some("/run/other"))),
            (Some("$EMPTY"), Ok(None)),
            (Some("$MISSING"), Ok(None)),
            (Some("${OTHER}.2"), Ok(Some("/run/other.2"))),
            (Some("${MISSING}"), Err(())),
            (Some("/x/agent"), Ok(Some("/x/agent"))),
            (Some("~/agent"), Ok(Some("/home/me/agent"))),
            (Some("/run/user/%i/agent"), Ok(Some("/run/user/7/agent"))),
            (Some("%z"), Err(())),
        ] {
            let options = Options {
                identity_agent: option.map(str::to_owned),
                ..Options::default()
            };
            let found = agent_socket(&options, &tokens, &Variables).map_err(drop);
            assert_eq!(found, socket.map(|s| s.map(PathBuf::from)), "{option:?}");
        }
    }
}
