//! Forwards as specifications that read back to the same.

use core::net::IpAddr;
use std::fmt::{self, Formatter};

use super::bind::Bind;
use super::forwards::{
    DynamicForward, Listen, LocalForward, RemoteForward, RemoteListen, StdioForward, Target,
};

impl fmt::Display for LocalForward {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.listen, self.to)
    }
}

impl fmt::Display for DynamicForward {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.listen.fmt(f)
    }
}

impl fmt::Display for RemoteForward {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.to {
            None => self.listen.fmt(f),
            Some(to) => write!(f, "{}:{to}", self.listen),
        }
    }
}

impl fmt::Display for StdioForward {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.to.fmt(f)
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { bind, port } => {
                match bind {
                    Bind::Unsaid => {}
                    Bind::Wildcard => f.write_str("*:")?,
                    Bind::Localhost => f.write_str("localhost:")?,
                    Bind::Address(IpAddr::V4(address)) => write!(f, "{address}:")?,
                    Bind::Address(IpAddr::V6(address)) => write!(f, "[{address}]:")?,
                    Bind::Name(name) => write!(f, "{}:", Word(name))?,
                }
                port.fmt(f)
            }
            Self::Unix(path) => Path(path).fmt(f),
        }
    }
}

impl fmt::Display for RemoteListen {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { bind, port } => {
                match bind.as_deref() {
                    None => {}
                    Some("") => f.write_str("*:")?,
                    Some(address) => write!(f, "{}:", Word(address))?,
                }
                port.fmt(f)
            }
            Self::Unix(path) => Path(path).fmt(f),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } => write!(f, "{}:{port}", Word(host)),
            Self::Unix(path) => Path(path).fmt(f),
        }
    }
}

/// A field that is no path.
struct Word<'a>(&'a str);

impl fmt::Display for Word<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let brackets_say_it = !self.0.contains(['/', ']']) && !self.0.contains("${");
        if self.0.contains(':') && brackets_say_it {
            return write!(f, "[{}]", self.0);
        }
        quoted(f, self.0, &[':', '\\', '/'])
    }
}

/// A field that is one.
struct Path<'a>(&'a str);

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        quoted(f, self.0, &[':', '\\'])
    }
}

/// Each of `special` behind a backslash, and so what would mean something where it stands: a `[` or
/// a blank at the start, a `{` behind a `$`.
fn quoted(f: &mut Formatter<'_>, text: &str, special: &[char]) -> fmt::Result {
    let mut before = None;
    for c in text.chars() {
        let means_something = match before {
            None => c == '[' || c.is_ascii_whitespace(),
            Some('$') => c == '{',
            Some(_) => false,
        };
        if means_something || special.contains(&c) {
            f.write_str("\\")?;
        }
        write!(f, "{c}")?;
        before = Some(c);
    }
    Ok(())
}
