//! The keywords about what is forwarded: what may be opened, where clients may have this server
//! listen, and how the Unix sockets are made there.

use adit_forward::policy::{
    AllowForwarding, BadPermit, DisableForwarding, GatewayPorts, PermitListen, PermitOpen, Policy,
    RunsAs,
};
use adit_forward::reactor::{StreamLocalBind, Unlink};

use super::words::{first, keep_first, several};
use crate::escape::escaped;
use crate::value;

/// Permission bits of a socket.
const MODE_BITS: u32 = 0o777;

/// One of the keywords.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::server) enum Keyword {
    AllowStreamLocalForwarding,
    AllowTcpForwarding,
    DisableForwarding,
    GatewayPorts,
    PermitListen,
    PermitOpen,
    StreamLocalBindMask,
    StreamLocalBindUnlink,
}

/// What was said of forwarding; `None` where nothing was.
#[derive(Clone, Debug, Default)]
pub struct Forwarding {
    allow_streamlocal: Option<AllowForwarding>,
    allow_tcp: Option<AllowForwarding>,
    disable: Option<DisableForwarding>,
    gateway_ports: Option<GatewayPorts>,
    permit_listen: Option<PermitListen>,
    permit_open: Option<PermitOpen>,
    mask: Option<u32>,
    unlink: Option<Unlink>,
}

impl Forwarding {
    pub(super) fn set(
        &mut self,
        keyword: Keyword,
        name: &str,
        values: &[&str],
    ) -> Result<(), String> {
        let yes = |word: &str| value::yes_or_no(&word.to_ascii_lowercase());
        match keyword {
            Keyword::AllowStreamLocalForwarding => first(
                &mut self.allow_streamlocal,
                name,
                values,
                AllowForwarding::parse,
            ),
            Keyword::AllowTcpForwarding => {
                first(&mut self.allow_tcp, name, values, AllowForwarding::parse)
            }
            Keyword::DisableForwarding => first(&mut self.disable, name, values, |word| {
                yes(word).map(|yes| match yes {
                    true => DisableForwarding::Yes,
                    false => DisableForwarding::No,
                })
            }),
            Keyword::GatewayPorts => {
                first(&mut self.gateway_ports, name, values, GatewayPorts::parse)
            }
            Keyword::PermitListen => {
                let list = PermitListen::parse(several(name, values)?).map_err(bad(name))?;
                keep_first(&mut self.permit_listen, list);
                Ok(())
            }
            Keyword::PermitOpen => {
                let list = PermitOpen::parse(several(name, values)?).map_err(bad(name))?;
                keep_first(&mut self.permit_open, list);
                Ok(())
            }
            Keyword::StreamLocalBindMask => first(&mut self.mask, name, values, |word| {
                let is_octal = word.bytes().all(|b| matches!(b, b'0'..=b'7'));
                let mask = u32::from_str_radix(word, 8).ok();
                mask.filter(|mask| is_octal && *mask <= MODE_BITS)
            }),
            Keyword::StreamLocalBindUnlink => first(&mut self.unlink, name, values, |word| {
                yes(word).map(|yes| match yes {
                    true => Unlink::Always,
                    false => Unlink::IfStale,
                })
            }),
        }
    }

    /// What may be opened and listened on, by a process with an ordinary user's rights.
    #[must_use]
    pub fn policy(&self) -> Policy {
        Policy {
            allow_tcp: self.allow_tcp,
            allow_streamlocal: self.allow_streamlocal,
            disable: self.disable.unwrap_or_default(),
            gateway_ports: self.gateway_ports.unwrap_or_default(),
            permit_listen: self.permit_listen.clone(),
            permit_open: self.permit_open.clone(),
            runs_as: RunsAs::default(),
        }
    }

    /// How sockets are made.
    #[must_use]
    pub fn bind(&self) -> StreamLocalBind {
        let default = StreamLocalBind::default();
        StreamLocalBind {
            mask: self.mask.unwrap_or(default.mask),
            unlink: self.unlink.unwrap_or(default.unlink),
        }
    }
}

fn bad(name: &str) -> impl FnOnce((BadPermit, &str)) -> String {
    move |(bad, word)| format!("{name} {}: {bad}", escaped(word.as_bytes()))
}

#[cfg(test)]
mod tests {
    use crate::server::config::Config;

    /// What may be opened and what listened on, or what is wrong.
    fn said(text: &str) -> String {
        let mut config = Config::default();
        match config.read("f", text.as_bytes()) {
            Ok(()) => {
                let policy = config.forwarding.policy();
                let (opens, listens) = (policy.opens().to_string(), policy.listens().to_string());
                let opens = opens.strip_prefix("Clients may open ").unwrap();
                let listens = listens.strip_prefix("Clients may listen on ").unwrap();
                format!("{opens}; {listens}")
            }
            Err(errors) => errors[0].to_string(),
        }
    }

    #[test]
    fn the_keywords_come_to_what_is_said_at_the_start() {
        for (text, expected) in [
            (
                "",
                "nothing: set AllowTcpForwarding or PermitOpen; \
                 nothing: set AllowTcpForwarding or PermitListen",
            ),
            (
                "AllowTcpForwarding yes",
                "any destination; any port (GatewayPorts no: of loopback)",
            ),
            (
                "AllowTcpForwarding local",
                "any destination; nothing (AllowTcpForwarding local)",
            ),
            (
                "AllowTcpForwarding remote\nGatewayPorts yes",
                "nothing (AllowTcpForwarding remote); any port (GatewayPorts yes: of every address)",
            ),
            (
                "AllowTcpForwarding yes\nDisableForwarding yes",
                "nothing (DisableForwarding yes); nothing (DisableForwarding yes)",
            ),
            (
                "AllowTcpForwarding yes\nPermitListen none\nPermitOpen none",
                "nothing (PermitOpen none); nothing (PermitListen none)",
            ),
            (
                "PermitListen 8080 [::1]:80 /run/a\nGatewayPorts clientspecified",
                "nothing: set AllowTcpForwarding or PermitOpen; \
                 *:8080, [::1]:80, /run/a (GatewayPorts clientspecified)",
            ),
            (
                "PermitOpen db:5432 /run/db",
                "db:5432, /run/db; nothing: set AllowTcpForwarding or PermitListen",
            ),
            (
                "AllowStreamLocalForwarding yes",
                "any Unix socket; any Unix socket",
            ),
            (
                "AllowStreamLocalForwarding no\nPermitOpen /run/db",
                "nothing (AllowStreamLocalForwarding no); nothing (AllowStreamLocalForwarding no)",
            ),
            // The first value wins.
            (
                "GatewayPorts no\nGatewayPorts yes\nPermitListen 1\nPermitListen 2",
                "nothing: set AllowTcpForwarding or PermitOpen; \
                 *:1 (GatewayPorts no: of loopback)",
            ),
            (
                "GatewayPorts maybe",
                "f line 1: unsupported option \"maybe\".",
            ),
            ("DisableForwarding 1", "f line 1: unsupported option \"1\"."),
            (
                "AllowStreamLocalForwarding on",
                "f line 1: unsupported option \"on\".",
            ),
            (
                "PermitListen localhost",
                "f line 1: PermitListen localhost: bad port number",
            ),
            (
                "PermitOpen /run/*",
                "f line 1: PermitOpen /run/*: not the path of a socket: it is too long or has a pattern",
            ),
            (
                "PermitListen",
                "f line 1: no argument after keyword \"PermitListen\"",
            ),
        ] {
            assert_eq!(said(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_mask_is_octal_and_has_nine_bits() {
        let mask = |word: &str| {
            let mut config = Config::default();
            let read = config.option(&format!("StreamLocalBindMask={word}"));
            read.ok().map(|()| config.forwarding.bind().mask)
        };
        for (word, expected) in [
            ("0", Some(0)),
            ("0177", Some(0o177)),
            ("111", Some(0o111)),
            ("0776", Some(0o776)),
            ("0777", Some(0o777)),
            ("01000", None),
            ("0178", None),
            ("-1", None),
            ("+1", None),
            ("0o17", None),
        ] {
            assert_eq!(mask(word), expected, "{word}");
        }
        assert_eq!(Config::default().forwarding.bind().mask, 0o177);
    }
}
