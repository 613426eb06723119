//! The options of a line, as sshd(8) has them under "AUTHORIZED_KEYS FILE FORMAT".
//!
//! They are read from left to right, and the last word about forwarding counts:
//! `restrict,port-forwarding` forwards, `port-forwarding,restrict` does not. `permitopen` takes
//! away and gives nothing, so `restrict,permitopen="…"` forwards nothing at all. It says nothing
//! about where a server listens for its client, nor `permitlisten` about what it opens.
//!
//! What is not understood makes the key unusable: it could have been what restricts it. What is
//! about commands, terminals, agents, X11 or network devices is accepted and has no effect, since
//! nobody has any of them here.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::str;

use super::expiry::{BadTime, Expiry};
use crate::permits::{BadPermit, ListenPermit, PERMITS_MAX, Permissions, Permit, PortForwarding};

/// What the options of a line come to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Options {
    /// What they leave of what the server permits.
    pub permissions: Permissions,
    /// `from`: the client's address must be in this list of addresses, blocks and patterns.
    pub from: Option<String>,
    /// `expiry-time`, the earliest where there are several: the key is not taken after it.
    pub expiry: Option<Expiry>,
}

impl Options {
    /// Of a line that has none.
    pub const NONE: Self = Self {
        permissions: Permissions::ALL,
        from: None,
        expiry: None,
    };
}

/// An option that makes its key unusable.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct BadOption<'a> {
    /// As it is written.
    pub name: &'a [u8],
    /// What is wrong with it.
    pub why: WhyBad,
}

/// What is wrong with an option.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum WhyBad {
    /// `cert-authority`, `principals`: the key would sign certificates, and none is taken here.
    CertAuthority,
    /// No `"` behind the value.
    MissingEndQuote,
    /// No `"` before the value.
    MissingStartQuote,
    /// It may stand on a line once.
    Multiple,
    /// Not UTF-8.
    NotUtf8,
    /// The host and port or the path in it.
    Permit(BadPermit),
    /// The time in it.
    Time(BadTime),
    /// More than [`PERMITS_MAX`] of them.
    TooMany,
    /// Nothing that sshd or adit knows, or not in that form.
    Unknown,
}

/// `[no-]NAME`, of things that nobody has here. `touch-required` and `verify-required` are about
/// security keys, which are not taken at all.
const IDLE_FLAGS: &[&[u8]] = &[
    b"agent-forwarding",
    b"x11-forwarding",
    b"pty",
    b"user-rc",
    b"touch-required",
    b"verify-required",
];

/// `NAME="…"`, of such things, and whether there may be several.
const IDLE_VALUES: &[(&[u8], Times)] = &[
    (b"command", Times::Once),
    (b"tunnel", Times::Often),
    (b"environment", Times::Often),
];

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Times {
    Once,
    Often,
}

impl Options {
    /// Reads all options of a line.
    ///
    /// # Errors
    /// The first one that is not understood, or that cannot be held.
    pub fn parse(options: &[u8]) -> Result<Self, BadOption<'_>> {
        let mut read = Self::NONE;
        let mut seen: Vec<&[u8]> = Vec::new();
        let mut rest = options;
        loop {
            let end = rest.iter().position(|b| matches!(b, b'=' | b','));
            let (name, behind) = rest
                .split_at_checked(end.unwrap_or(rest.len()))
                .unwrap_or((rest, b""));
            let bad = |why| BadOption { name, why };
            rest = match behind.split_first() {
                Some((b'=', behind)) => {
                    let (value, behind) = unquote(behind).map_err(bad)?;
                    read.value(name, &value, &mut seen).map_err(bad)?;
                    behind
                }
                _ => {
                    read.flag(name).map_err(bad)?;
                    behind
                }
            };
            match rest.split_first() {
                None => return Ok(read),
                Some((b',', behind)) => rest = behind,
                Some(_) => return Err(bad(WhyBad::Unknown)),
            }
        }
    }

    fn flag(&mut self, name: &[u8]) -> Result<(), WhyBad> {
        let is = |known: &[u8]| name.eq_ignore_ascii_case(known);
        let positive = match name.split_at_checked(b"no-".len()) {
            Some((no, rest)) if no.eq_ignore_ascii_case(b"no-") => rest,
            _ => name,
        };
        if is(b"restrict") || is(b"no-port-forwarding") {
            self.permissions.port_forwarding = PortForwarding::No;
        } else if is(b"port-forwarding") {
            self.permissions.port_forwarding = PortForwarding::Yes;
        } else if is(b"cert-authority") {
            return Err(WhyBad::CertAuthority);
        } else if name.is_empty() {
            // As sshd: what is not there between two commas says nothing.
            return Ok(());
        } else if !IDLE_FLAGS.iter().any(|f| f.eq_ignore_ascii_case(positive)) {
            return Err(WhyBad::Unknown);
        }
        Ok(())
    }

    fn value<'a>(
        &mut self,
        name: &'a [u8],
        value: &[u8],
        seen: &mut Vec<&'a [u8]>,
    ) -> Result<(), WhyBad> {
        let is = |known: &[u8]| name.eq_ignore_ascii_case(known);
        let text = || str::from_utf8(value).map_err(|_| WhyBad::NotUtf8);
        let mut once = || {
            if seen.iter().any(|seen| seen.eq_ignore_ascii_case(name)) {
                return Err(WhyBad::Multiple);
            }
            seen.push(name);
            Ok(())
        };
        if is(b"permitopen") {
            let list = self.permissions.permit_open.get_or_insert_default();
            add(list, Permit::parse(text()?))
        } else if is(b"permitlisten") {
            let list = self.permissions.permit_listen.get_or_insert_default();
            add(list, ListenPermit::parse(text()?))
        } else if is(b"from") {
            once()?;
            self.from = Some(text()?.into());
            Ok(())
        } else if is(b"expiry-time") {
            let expiry = Expiry::parse(text()?).map_err(WhyBad::Time)?;
            self.expiry = Some(self.expiry.map_or(expiry, |other| other.min(expiry)));
            Ok(())
        } else if is(b"principals") {
            Err(WhyBad::CertAuthority)
        } else {
            match IDLE_VALUES.iter().find(|(known, _)| is(known)) {
                Some((_, Times::Once)) => once(),
                Some((_, Times::Often)) => Ok(()),
                None => Err(WhyBad::Unknown),
            }
        }
    }
}

fn add<P>(list: &mut Vec<P>, permit: Result<P, BadPermit>) -> Result<(), WhyBad> {
    let permit = permit.map_err(WhyBad::Permit)?;
    if list.len() >= PERMITS_MAX {
        return Err(WhyBad::TooMany);
    }
    list.push(permit);
    Ok(())
}

/// A value without its quotes, and what is behind it. Within quotes `\"` is a quote, and nothing
/// else is more than it looks.
fn unquote(text: &[u8]) -> Result<(Vec<u8>, &[u8]), WhyBad> {
    let Some((b'"', mut rest)) = text.split_first() else {
        return Err(WhyBad::MissingStartQuote);
    };
    let mut value = Vec::new();
    loop {
        rest = match rest {
            [] => return Err(WhyBad::MissingEndQuote),
            [b'"', behind @ ..] => return Ok((value, behind)),
            [b'\\', b'"', behind @ ..] => {
                value.push(b'"');
                behind
            }
            [byte, behind @ ..] => {
                value.push(*byte);
                behind
            }
        };
    }
}

impl fmt::Display for BadOption<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// Names of options are short; what is not one need not fill the log.
        const SHOWN: usize = 64;
        let (name, cut) = match self.name.get(..SHOWN) {
            Some(first) if first.len() < self.name.len() => (first, "…"),
            _ => (self.name, ""),
        };
        let name = name.escape_ascii();
        write!(f, "bad key option \"{name}{cut}\": ")?;
        match self.why {
            WhyBad::CertAuthority => f.write_str("no certificates are taken here"),

            WhyBad::MissingEndQuote => f.write_str("missing end quote"),
            WhyBad::MissingStartQuote => f.write_str("missing start quote"),
            WhyBad::Multiple => f.write_str("multiple clauses"),
            WhyBad::NotUtf8 => f.write_str("not UTF-8"),
            WhyBad::Permit(why) => why.fmt(f),
            WhyBad::Time(why) => why.fmt(f),
            WhyBad::TooMany => f.write_str("too many permission directives"),
            WhyBad::Unknown => f.write_str("unknown key option"),
        }?;
        f.write_str(", so the key is refused")
    }
}

#[cfg(test)]
mod tests;
