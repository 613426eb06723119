//! The way to a server: hosts to go through (`-J`, `ProxyJump`) or a program that leads there
//! (`ProxyCommand`).
//!
//! ssh starts itself once more for each host. What that means for the options is kept: a host is
//! looked up in the same configuration files under its own name, and has nothing of what the command
//! line says of the last one, but for `-F` and `-v`. The first host of a list may have a way of its
//! own in the files; of the others the list says it.

use std::ffi::OsString;

use adit_forward::reactor::JUMPS_MAX;

use crate::client::command::{Purpose, Tunnel, WithoutForwards};
use crate::client::destination::{Destination, DestinationError, is_valid_host, is_valid_user};
use crate::client::merge::{With, merge_one};
use crate::client::option_error::OptionError;
use crate::client::options::{Options, Route, first};
use crate::client::paths::Tokens;
use crate::client::run::{Fatal, SSH_PORT};
use crate::escape::escaped;
use crate::report::Level;

/// What runs a command where no `SHELL` is set.
const SHELL: &str = "/bin/sh";

/// A list of hosts that is none. In ssh's words, where it has any: a line to be said before the one
/// that says which option it was.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct BadRoute(Option<String>);

impl BadRoute {
    fn new(host: &str, error: DestinationError) -> Self {
        let (user, name) = host.rsplit_once('@').unwrap_or(("", host));
        // A port is none of the name.
        let name = match name.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
            Some(_) | None => name,
        };
        Self(match error {
            DestinationError::Form => None,
            DestinationError::Host => Some(format!("parse_jump: invalid hostname \"{name}\"")),
            DestinationError::User => Some(format!("parse_jump: invalid username \"{user}\"")),
        })
    }

    /// That line, if there is one, above `line`.
    pub(super) fn above(self, line: &str) -> String {
        let above = self
            .0
            .map(|above| escaped(above.as_bytes()).to_string() + "\n");
        above.unwrap_or_default() + line
    }
}

/// What `-J` and `ProxyJump` take: `none`, or destinations with commas between them.
///
/// # Errors
/// Where one of them is no destination.
pub fn route(list: &str) -> Result<Route, BadRoute> {
    if list.eq_ignore_ascii_case("none") {
        return Ok(Route::Direct);
    }
    let hosts = list
        .split(',')
        .map(|host| Destination::with_port(host).map_err(|error| BadRoute::new(host, error)));
    hosts.collect::<Result<Vec<_>, _>>().map(Route::Jump)
}

/// Whether the value of a keyword in lower case is all the rest of its line, as it is written.
pub(super) fn takes_rest(keyword: &str) -> bool {
    matches!(keyword, "proxycommand" | "proxyjump")
}

/// `ProxyCommand`.
pub(super) fn proxy_command(options: &mut Options, text: &str) -> Result<(), OptionError> {
    let route = match text.eq_ignore_ascii_case("none") {
        true => Route::Direct,
        false => Route::Command(text.to_owned()),
    };
    first(&mut options.proxy, route);
    Ok(())
}

/// `ProxyJump`.
pub(super) fn proxy_jump(options: &mut Options, text: &str) -> Result<(), OptionError> {
    // Here a comment may follow, as with ssh.
    let list = text.split('#').next().unwrap_or_default().trim_ascii();
    match route(list) {
        Ok(route) => first(&mut options.proxy, route),
        Err(why) => {
            return Err(OptionError::Jump(
                why,
                format!("Invalid ProxyJump \"{list}\""),
            ));
        }
    }
    Ok(())
}

/// The hosts to go through on the way to where `tunnel` leads, each with its own options.
///
/// # Errors
/// When there are too many, one of them twice, or one whose configuration is bad.
pub(super) fn jumps(
    tunnel: &Tunnel,
    level: Option<Level>,
    with: &With<'_>,
) -> Result<Vec<Tunnel>, Fatal> {
    let mut jumps: Vec<Tunnel> = Vec::new(); // last first
    let mut list = match &tunnel.options.proxy {
        Some(Route::Jump(list)) => list.clone(),
        Some(Route::Command(_) | Route::Direct) | None => return Ok(Vec::new()),
    };
    while let Some(host) = list.pop() {
        if jumps.len() >= JUMPS_MAX {
            return Err(Fatal(format!("Too many jump hosts (max {JUMPS_MAX}).")));
        }
        let name = host.host.clone();
        let jump = merge_one(hop(host, &list, level, tunnel), with)?;
        let is_same = |other: &Tunnel| {
            let port = |options: &Options| options.port.unwrap_or(SSH_PORT);
            other.host == jump.host
                && port(&other.options) == port(&jump.options)
                && user(other, with) == user(&jump, with)
        };
        if is_same(tunnel) || jumps.iter().any(is_same) {
            return Err(Fatal(format!("jumphost loop via {name}")));
        }
        if list.is_empty()
            && let Some(Route::Jump(own)) = &jump.options.proxy
        {
            list.clone_from(own);
        }
        jumps.push(jump);
    }
    jumps.reverse();
    Ok(jumps)
}

fn user<'a>(tunnel: &'a Tunnel, with: &'a With<'_>) -> Option<&'a str> {
    let user = tunnel.options.user.as_deref();
    user.or(with.me.name.as_deref())
}

/// The command line with which ssh would start itself for that host.
fn hop(host: Destination, before: &[Destination], level: Option<Level>, last: &Tunnel) -> Tunnel {
    let mut options = Options {
        user: host.user,
        port: host.port,
        log_level: level,
        clear_all_forwardings: Some(true),
        ..Options::default()
    };
    if !before.is_empty() {
        options.proxy = Some(Route::Jump(before.to_vec()));
    }
    Tunnel {
        host: host.host.clone(),
        original_host: host.host,
        options,
        log_file: None,
        config: last.config.clone(),
        purpose: Purpose::Connect,
        without_forwards: WithoutForwards::Connect,
        jumps: Vec::new(),
        warnings: Vec::new(),
    }
}

/// What leads to a server instead of its address.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Program {
    /// This shell runs this command.
    Command { shell: OsString, command: OsString },
    /// Standard input and output do.
    Stdio,
}

/// The `ProxyCommand` of a server.
pub(super) fn program(options: &Options, here: &Tokens) -> Result<Option<Program>, Fatal> {
    let Some(Route::Command(template)) = &options.proxy else {
        return Ok(None);
    };
    if options.proxy_use_fdpass == Some(true) {
        return Err(Fatal(
            "ProxyUseFdpass: adit takes no descriptor from a ProxyCommand, it reads and writes \
             through it: set it to no, with a command that stays."
                .to_owned(),
        ));
    }
    if template == "-" {
        return Ok(Some(Program::Stdio));
    }
    // These end up in a shell. A user's name may come from a file and not have been looked at.
    for host in [&here.host, &here.original_host] {
        if !is_valid_host(host) {
            return Err(Fatal("hostname contains invalid characters".to_owned()));
        }
    }
    if !is_valid_user(&here.user) {
        let why = "remote username contains invalid characters";
        return Err(Fatal(why.to_owned()));
    }
    let shell = std::env::var_os("SHELL").filter(|shell| !shell.is_empty());
    Ok(Some(Program::Command {
        shell: shell.unwrap_or_else(|| SHELL.into()),
        command: expand(template, here)?.into(),
    }))
}

fn expand(template: &str, here: &Tokens) -> Result<String, Fatal> {
    let mut out = String::with_capacity(template.len());
    let mut chars = template.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('%') => out.push('%'),
            Some('h') => out.push_str(&here.host),
            Some('k') => out.push_str(key_name(here)?),
            Some('n') => out.push_str(&here.original_host),
            Some('p') => out.push_str(&here.port.to_string()),
            Some('r') => out.push_str(&here.user),
            other => {
                let token = other.map(String::from).unwrap_or_default();
                let token = escaped(token.as_bytes());
                return Err(Fatal(format!("ProxyCommand: unknown token %{token}")));
            }
        }
    }
    Ok(out)
}

/// `%k`. An alias may be any text, but here it ends up in a shell.
fn key_name(here: &Tokens) -> Result<&str, Fatal> {
    match &here.host_key_alias {
        None => Ok(&here.original_host),
        Some(alias) if is_valid_host(alias) => Ok(alias),
        Some(_) => Err(Fatal(
            "HostKeyAlias contains invalid characters for %k in ProxyCommand".to_owned(),
        )),
    }
}

#[cfg(test)]
mod tests;
