//! The policy in words, for the lines at start-up that say what may be opened and listened on.

use core::fmt;

use super::allow::{AllowForwarding, DisableForwarding, Rule, Said};
use super::{GatewayPorts, ListenPermit, Permit, PermitListen, PermitOpen, Policy};

/// Entries of a list written out; the line must fit a screen.
const SHOWN: usize = 16;

impl Policy {
    /// What clients may open.
    pub fn opens(&self) -> impl fmt::Display + '_ {
        fmt::from_fn(|f| {
            f.write_str("Clients may open ")?;
            let ports = shown(self.open_tcp(), "any destination", |p| !p.is_path());
            let paths = shown(self.open_paths(), "any Unix socket", Permit::is_path);
            match [ports, paths].concat().as_slice() {
                [] => {
                    let none = self.permit_open == Some(PermitOpen::Nothing);
                    let list = none.then_some("PermitOpen none");
                    self.nothing(f, AllowForwarding::opens, "PermitOpen", list)
                }
                all => line(f, all),
            }
        })
    }

    /// Where clients may have this server listen.
    pub fn listens(&self) -> impl fmt::Display + '_ {
        fmt::from_fn(|f| {
            f.write_str("Clients may listen on ")?;
            let ports = shown(self.listen_tcp(), "any port", |p| !p.is_path());
            let paths = shown(
                self.listen_paths(),
                "any Unix socket",
                ListenPermit::is_path,
            );
            let reach = match self.gateway_ports {
                _ if ports.is_empty() => "",
                GatewayPorts::No => " (GatewayPorts no: of loopback)",
                GatewayPorts::Yes => " (GatewayPorts yes: of every address)",
                GatewayPorts::ClientSpecified => " (GatewayPorts clientspecified)",
            };
            match [ports, paths].concat().as_slice() {
                [] => {
                    let none = self.permit_listen == Some(PermitListen::Nothing);
                    let list = none.then_some("PermitListen none");
                    self.nothing(f, AllowForwarding::listens, "PermitListen", list)
                }
                all => {
                    line(f, all)?;
                    f.write_str(reach)
                }
            }
        })
    }

    /// What keeps a side shut. `none` is said where the list is what does.
    fn nothing(
        &self,
        f: &mut fmt::Formatter<'_>,
        side: fn(AllowForwarding) -> Said,
        list: &str,
        none: Option<&str>,
    ) -> fmt::Result {
        f.write_str("nothing")?;
        let closes = |allow: &AllowForwarding| side(*allow) == Said::No;
        let tcp = self.allow_tcp.filter(closes);
        let streamlocal = self.allow_streamlocal.filter(closes);
        match (tcp, none, streamlocal) {
            _ if self.disable == DisableForwarding::Yes => f.write_str(" (DisableForwarding yes)"),
            (Some(word), _, _) => write!(f, " (AllowTcpForwarding {})", word.word()),
            (None, Some(none), _) => write!(f, " ({none})"),
            (None, None, Some(word)) => write!(f, " (AllowStreamLocalForwarding {})", word.word()),
            (None, None, None) => write!(f, ": set AllowTcpForwarding or {list}"),
        }
    }
}

/// A rule as the entries of a line.
fn shown<P: ToString>(
    rule: Option<Rule<'_, P>>,
    any: &str,
    is_meant: impl Fn(&P) -> bool,
) -> Vec<String> {
    match rule {
        None => Vec::new(),
        Some(Rule::Any) => vec![any.to_owned()],
        Some(Rule::Only(list)) => list
            .iter()
            .filter(|p| is_meant(p))
            .map(P::to_string)
            .collect(),
    }
}

fn line(f: &mut fmt::Formatter<'_>, all: &[String]) -> fmt::Result {
    for (i, one) in all.iter().take(SHOWN).enumerate() {
        let before = if i == 0 { "" } else { ", " };
        write!(f, "{before}{one}")?;
    }
    match all.len().saturating_sub(SHOWN) {
        0 => Ok(()),
        more => write!(f, " and {more} more"),
    }
}
