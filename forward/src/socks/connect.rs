//! HTTP CONNECT (RFC 9110 §9.3.6, RFC 9112 §3), behind the first byte.
//!
//! ```text
//! CONNECT host:port HTTP/1.1 CR LF
//! *( a field CR LF )                    skipped, none of it is kept
//! CR LF
//! ```
//!
//! A line may end in LF alone (RFC 9112 §2.2).

use super::host::{NAME_MAX, host, is_ipv6, port};
use super::{Refusal, Request, Step, Version};

/// Longest method that is taken for one: HTTP's own have 7 letters, WebDAV's up to 17.
pub const METHOD_MAX: usize = 32;

/// Longest request target: a name in brackets, a colon and a port.
pub const TARGET_MAX: usize = NAME_MAX + 8;

/// Most bytes up to the empty line, as squid has it. They are skipped, so that it is time that they
/// cost and no memory; tickets in Proxy-Authorization may have 16 KiB and more.
pub const HEAD_MAX: usize = 64 * 1024;

#[derive(Debug)]
pub(super) struct Connect {
    at: At,
    /// Bytes of the head so far.
    head: usize,
    /// The method, then the target.
    held: Vec<u8>,
    host: Box<[u8]>,
    port: u16,
}

/// What comes next.
#[derive(Debug)]
enum At {
    Method,
    Target,
    /// So many bytes of [`VERSION`] are here.
    Version(usize),
    /// The last digit of the version.
    Minor,
    /// The end of the line, behind the version.
    LineEnd,
    Field(Line),
}

/// How far a line of the head is.
#[derive(Debug)]
enum Line {
    Empty,
    /// Nothing but CR.
    Cr,
    Filled,
}

const VERSION: &[u8] = b"HTTP/1.";

impl Connect {
    pub(super) fn new(first: u8) -> Self {
        Self {
            at: At::Method,
            head: 1,
            held: vec![first],
            host: Box::default(),
            port: 0,
        }
    }

    /// Bytes held of what was said.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.held.capacity()
    }

    pub(super) fn byte(&mut self, byte: u8) -> Option<Step> {
        self.head += 1;
        if self.head > HEAD_MAX {
            return Some(Step::Refused(Refusal::TooLong));
        }
        match self.next(byte) {
            Ok(None) => None,
            Ok(Some(request)) => Some(Step::Asked(request)),
            Err(why) => Some(Step::Refused(why)),
        }
    }

    fn next(&mut self, byte: u8) -> Result<Option<Request>, Refusal> {
        match &mut self.at {
            At::Method => match byte {
                b' ' if self.held == b"CONNECT" => {
                    self.held.clear();
                    self.at = At::Target;
                }
                b' ' => return Err(Refusal::Method),
                _ if !is_tchar(byte) => return Err(Refusal::NotProxy),
                _ if self.held.len() == METHOD_MAX => return Err(Refusal::NotProxy),
                _ => self.held.push(byte),
            },
            At::Target => match byte {
                b' ' => {
                    (self.host, self.port) = authority(&self.held)?;
                    self.at = At::Version(0);
                }
                b'\r' | b'\n' => return Err(Refusal::Malformed), // HTTP/0.9 had no CONNECT
                _ if self.held.len() == TARGET_MAX => return Err(Refusal::TooLong),
                _ => self.held.push(byte),
            },
            At::Version(n) => {
                if VERSION.get(*n) != Some(&byte) {
                    return Err(Refusal::Malformed);
                }
                *n += 1;
                if *n == VERSION.len() {
                    self.at = At::Minor;
                }
            }
            At::Minor if byte.is_ascii_digit() => self.at = At::LineEnd,
            At::Minor => return Err(Refusal::Malformed),
            At::LineEnd => match byte {
                b'\r' => {}
                b'\n' => self.at = At::Field(Line::Empty),
                _ => return Err(Refusal::Malformed),
            },
            At::Field(line) => match (&line, byte) {
                (Line::Empty | Line::Cr, b'\n') => {
                    return Ok(Some(Request {
                        version: Version::Connect,
                        host: core::mem::take(&mut self.host),
                        port: self.port,
                    }));
                }
                (Line::Filled, b'\n') => *line = Line::Empty,
                (Line::Empty, b'\r') => *line = Line::Cr,
                _ => *line = Line::Filled,
            },
        }
        Ok(None)
    }
}

/// host:port, an IPv6 address in brackets (RFC 9112 §3.2.3).
fn authority(target: &[u8]) -> Result<(Box<[u8]>, u16), Refusal> {
    let colon = target.iter().rposition(|b| *b == b':');
    let parts = colon.and_then(|at| target.split_at_checked(at));
    let Some((name, [_colon, digits @ ..])) = parts else {
        return Err(Refusal::BadPort);
    };
    let is_bracketed = name.starts_with(b"[");
    let literal = name.strip_prefix(b"[").and_then(|n| n.strip_suffix(b"]"));
    match literal {
        Some(literal) if !is_ipv6(literal) => return Err(Refusal::BadHost),
        None if is_bracketed => return Err(Refusal::BadHost),
        // "::1:80" may be meant as ::1 and 80, or not. And there are no users here, nor paths.
        None if name.iter().any(|b| b":@/?#[]".contains(b)) => return Err(Refusal::BadHost),
        Some(_) | None => {}
    }
    Ok((host(name)?, port(number(digits)?)?))
}

fn number(digits: &[u8]) -> Result<u16, Refusal> {
    if !digits.iter().all(u8::is_ascii_digit) {
        return Err(Refusal::BadPort);
    }
    let text = core::str::from_utf8(digits).map_err(|_| Refusal::BadPort)?;
    text.parse().map_err(|_| Refusal::BadPort)
}

/// A character of a token (RFC 9110 §5.6.2).
const fn is_tchar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}
