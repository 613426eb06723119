//! Specifications as fields, before anybody asks what those mean.

use super::Names;
use super::error::SpecError;

/// Longest host name, NI_MAXHOST less its NUL, as OpenSSH has it.
pub const HOST_MAX: usize = 1024;

/// Longest path of a Unix socket: `sun_path` of unix(7) less its NUL.
pub const SOCKET_PATH_MAX: usize = 107;

/// Longest name between `${` and `}` (OpenSSH's limit).
pub const VARIABLE_MAX: usize = 1024;

/// One field, its quotes removed.
pub(super) struct Field {
    pub(super) text: String,
    pub(super) is_path: bool,
}

/// Expands a specification and splits it into fields. As in ssh, blanks before it say nothing, and
/// one colon at the very end begins no field.
pub(super) fn read(spec: &str, names: &dyn Names) -> Result<Vec<Field>, SpecError> {
    let expanded = expand(spec, names)?;
    let mut out = Vec::new();
    let mut rest = expanded.trim_start_matches(|c: char| c.is_ascii_whitespace());
    while !rest.is_empty() {
        let (field, after) = match rest.strip_prefix('[') {
            Some(quoted) => bracketed(quoted)?,
            None => plain(rest)?,
        };
        out.push(field);
        rest = after;
    }
    Ok(out)
}

impl Field {
    /// What cannot be a path.
    pub(super) fn word(&self) -> Result<&str, SpecError> {
        match self.is_path {
            true => Err(SpecError::Path(self.text.clone())),
            false => Ok(&self.text),
        }
    }

    /// The path that it is.
    pub(super) fn path(&self) -> Result<String, SpecError> {
        if self.text.contains('\0') {
            return Err(SpecError::PathNul);
        }
        if self.text.len() > SOCKET_PATH_MAX {
            return Err(SpecError::PathTooLong);
        }
        Ok(self.text.clone())
    }

    /// A port to listen on; 0 has whoever listens choose.
    pub(super) fn listen_port(&self, names: &dyn Names) -> Result<u16, SpecError> {
        let text = self.word()?;
        tcp_port(text, names).ok_or_else(|| SpecError::ListenPort(text.to_owned()))
    }

    /// A destination's port.
    pub(super) fn port(&self, names: &dyn Names) -> Result<u16, SpecError> {
        let text = self.word()?;
        tcp_port(text, names)
            .filter(|port| *port != 0)
            .ok_or_else(|| SpecError::Port(text.to_owned()))
    }
}

/// Whether it can be the name of a host.
pub(super) fn host_length(text: &str) -> Result<(), SpecError> {
    match text.len() > HOST_MAX {
        true => Err(SpecError::HostTooLong),
        false => Ok(()),
    }
}

/// Replaces each `${NAME}`. Values are not looked through again.
fn expand(spec: &str, names: &dyn Names) -> Result<String, SpecError> {
    let mut out = String::with_capacity(spec.len());
    let mut rest = spec;
    while let Some((before, after)) = rest.split_once("${") {
        let (name, after) = after.split_once('}').ok_or(SpecError::Variable)?;
        if !(1..=VARIABLE_MAX).contains(&name.len()) {
            return Err(SpecError::Variable);
        }
        let value = names
            .variable(name)
            .ok_or_else(|| SpecError::UnknownVariable(name.to_owned()))?;
        out.push_str(before);
        out.push_str(&value);
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

fn bracketed(quoted: &str) -> Result<(Field, &str), SpecError> {
    let (text, after) = quoted.split_once(']').ok_or(SpecError::Bracket)?;
    let field = Field {
        text: text.to_owned(),
        is_path: text.contains('/'),
    };
    match after.strip_prefix(':') {
        Some(after) => Ok((field, after)),
        None if after.is_empty() => Ok((field, after)),
        None => Err(SpecError::Bracket),
    }
}

fn plain(rest: &str) -> Result<(Field, &str), SpecError> {
    let mut field = Field {
        text: String::new(),
        is_path: false,
    };
    let mut chars = rest.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => field
                .text
                .push(chars.next().ok_or(SpecError::TrailingBackslash)?),
            ':' => break,
            _ => {
                field.is_path |= c == '/';
                field.text.push(c);
            }
        }
    }
    Ok((field, chars.as_str()))
}

/// A port number, or a service's name.
fn tcp_port(text: &str, names: &dyn Names) -> Option<u16> {
    if text.bytes().all(|b| b.is_ascii_digit()) {
        text.parse().ok()
    } else {
        names.service(text)
    }
}
