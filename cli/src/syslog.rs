//! The system's log, by the socket that every syslogd listens on (RFC 3164). A message is one
//! datagram and has no time of its own: whoever receives it puts it on (§4.3.2).

use std::fmt;
use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

use crate::report::Level;

/// Where syslogd listens.
pub const SOCKET: &str = "/dev/log";

/// RFC 3164 §4.1.1: user-level messages, ssh's SyslogFacility.
const USER: u8 = 1;

/// A way to the system's log. It is not connected, so that a syslogd that is started anew still
/// gets what follows.
#[derive(Debug)]
pub struct Syslog {
    socket: UnixDatagram,
    to: PathBuf,
    program: &'static str,
}

impl Syslog {
    /// For lines of `program`.
    ///
    /// # Errors
    /// When there is no socket to be had.
    pub fn new(program: &'static str, to: &Path) -> io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        socket.set_nonblocking(true)?;
        let to = to.to_path_buf();
        Ok(Self {
            socket,
            to,
            program,
        })
    }

    /// Sends one line, or loses it: nothing waits for a log.
    ///
    /// # Errors
    /// When it is lost.
    pub fn send(&self, level: Level, text: impl fmt::Display) -> io::Result<()> {
        let (severity, label) = severity(level);
        let (priority, pid) = (USER * 8 + severity, std::process::id());
        let line = format!("<{priority}>{}[{pid}]: {label}{text}", self.program);
        self.socket.send_to(line.as_bytes(), &self.to).map(drop)
    }
}

/// RFC 3164 §4.1.1, table 2, and what ssh puts before a line, whose weight files do not show.
const fn severity(level: Level) -> (u8, &'static str) {
    match level {
        Level::Quiet | Level::Fatal => (2, "fatal: "),
        Level::Error => (3, "error: "),
        Level::Info | Level::Verbose => (6, ""),
        Level::Debug1 => (7, "debug1: "),
        Level::Debug2 => (7, "debug2: "),
        Level::Debug3 => (7, "debug3: "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Directory;

    #[test]
    fn a_line_is_one_datagram_with_its_priority() {
        let directory = Directory::new();
        let path = directory.join("log");
        let syslogd = UnixDatagram::bind(&path).unwrap();
        let syslog = Syslog::new("adit", &path).unwrap();
        let pid = std::process::id();
        for (level, line) in [
            (Level::Fatal, format!("<10>adit[{pid}]: fatal: x y")),
            (Level::Error, format!("<11>adit[{pid}]: error: x y")),
            (Level::Info, format!("<14>adit[{pid}]: x y")),
            (Level::Debug2, format!("<15>adit[{pid}]: debug2: x y")),
        ] {
            syslog.send(level, "x y").unwrap();
            let mut buffer = [0; 100];
            let n = syslogd.recv(&mut buffer).unwrap();
            assert_eq!(buffer[..n], *line.as_bytes());
        }
    }

    #[test]
    fn a_syslogd_that_does_not_read_or_is_not_there_stops_nobody() {
        let directory = Directory::new();
        let path = directory.join("log");
        let syslog = Syslog::new("adit", &path).unwrap();
        assert!(syslog.send(Level::Info, "lost").is_err());
        let syslogd = UnixDatagram::bind(&path).unwrap();
        let sent = (0..10_000).take_while(|_| syslog.send(Level::Info, "x").is_ok());
        assert!((1..10_000).contains(&sent.count()));
        drop(syslogd);
    }
}
