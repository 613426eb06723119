//! The identification line (RFC 4253 §4.2), read byte by byte, since nothing says how long it is.

use crate::error::Malformed;

/// Longest line with its CR LF (RFC 4253 §4.2).
const IDENT_MAX: usize = 255;
/// Lines that a client skips before the server's identification. OpenSSH takes 1024; no server in
/// use sends more than a screenful.
const LINES_BEFORE_MAX: u8 = 64;
/// Longest of those lines. RFC 4253 sets no limit; OpenSSH takes 8192.
const LINE_BEFORE_MAX: u16 = 1024;

/// What a peer said it is: the line without CR LF, as it enters the exchange hash.
#[derive(Clone, Eq, PartialEq)]
pub struct Ident {
    bytes: [u8; IDENT_MAX],
    len: u8,
}

impl Ident {
    /// Checks a line without its line end: our own, or a peer's.
    ///
    /// # Errors
    /// [`Malformed::LineTooLong`] past 253 bytes, [`Malformed::BadIdent`] for another protocol
    /// version, an empty software version, or bytes that are not printable.
    pub fn new(line: &[u8]) -> Result<Self, Malformed> {
        // RFC 4253 §4.2: 255 characters "including the Carriage Return and Line Feed".
        if line.len() > IDENT_MAX.saturating_sub(2) {
            return Err(Malformed::LineTooLong);
        }
        let software = line
            .strip_prefix(b"SSH-2.0-")
            // §5.1: a server that also speaks version 1.
            .or_else(|| line.strip_prefix(b"SSH-1.99-"))
            .ok_or(Malformed::BadIdent)?;
        // §4.2 allows printable US-ASCII; real servers put UTF-8 into comments.
        let printable = |b: &u8| !b.is_ascii_control();
        if software.is_empty() || !line.iter().all(printable) {
            return Err(Malformed::BadIdent);
        }
        let mut bytes = [0; IDENT_MAX];
        for (to, from) in bytes.iter_mut().zip(line) {
            *to = *from;
        }
        let len = u8::try_from(line.len()).map_err(|_| Malformed::LineTooLong)?;
        Ok(Self { bytes, len })
    }

    /// The line without CR LF.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or(&[])
    }

    /// `softwareversion` and comments, without the protocol version.
    #[must_use]
    pub fn software(&self) -> &[u8] {
        self.as_bytes()
            .splitn(3, |b| *b == b'-')
            .nth(2)
            .unwrap_or(&[])
    }
}

impl core::fmt::Debug for Ident {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Ident({})", self.as_bytes().escape_ascii())
    }
}

/// Collects a peer's identification from single bytes.
#[derive(Clone, Debug)]
pub struct IdentReader {
    line: [u8; IDENT_MAX],
    /// Length of the line so far, of which `line` holds the first part.
    len: u16,
    lines_before_left: u8,
}

impl IdentReader {
    /// For a server, which accepts no line before a client's identification (RFC 4253 §4.2 lets
    /// only the server send such lines).
    #[must_use]
    pub const fn server() -> Self {
        Self {
            line: [0; IDENT_MAX],
            len: 0,
            lines_before_left: 0,
        }
    }

    /// For a client, which skips a server's lines before it.
    #[must_use]
    pub const fn client() -> Self {
        Self {
            line: [0; IDENT_MAX],
            len: 0,
            lines_before_left: LINES_BEFORE_MAX,
        }
    }

    /// Takes the next byte. `Some` at the end of the identification line: not one byte more may
    /// be given, since what follows it is a packet.
    ///
    /// # Errors
    /// [`Malformed`] when this can no longer become an identification.
    pub fn push(&mut self, byte: u8) -> Result<Option<Ident>, Malformed> {
        if byte != b'\n' {
            if let Some(at) = self.line.get_mut(usize::from(self.len)) {
                *at = byte;
            }
            self.len = self.len.saturating_add(1);
            return self.check_length();
        }
        let len = usize::from(self.len);
        self.len = 0;
        if let Some(line) = self
            .line
            .get(..len)
            .filter(|line| line.starts_with(b"SSH-"))
        {
            // A line feed alone ends it too: old servers send that (§4.2 lets a client accept it).
            return Ident::new(line.strip_suffix(b"\r").unwrap_or(line)).map(Some);
        }
        self.lines_before_left = self
            .lines_before_left
            .checked_sub(1)
            .ok_or(Malformed::BadIdent)?;
        Ok(None)
    }

    /// Ends a line that cannot become good as soon as that is known, not at its line feed.
    fn check_length(&self) -> Result<Option<Ident>, Malformed> {
        let len = usize::from(self.len);
        let head = self.line.get(..len.min(4)).unwrap_or(&[]);
        let is_ident = b"SSH-".starts_with(head);
        if is_ident && len >= IDENT_MAX {
            return Err(Malformed::LineTooLong);
        }
        if !is_ident && self.lines_before_left == 0 {
            return Err(Malformed::BadIdent);
        }
        if self.len > LINE_BEFORE_MAX {
            return Err(Malformed::LineTooLong);
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    /// What comes of `bytes`, and how many were taken.
    fn read(mut reader: IdentReader, bytes: &[u8]) -> (Result<Option<Ident>, Malformed>, usize) {
        for (i, byte) in bytes.iter().enumerate() {
            match reader.push(*byte) {
                Ok(None) => {}
                end => return (end, i + 1),
            }
        }
        (Ok(None), bytes.len())
    }

    fn line(bytes: &[u8]) -> Vec<u8> {
        let (ident, taken) = read(IdentReader::server(), bytes);
        let ident = ident.unwrap().unwrap();
        assert_eq!(bytes[taken - 1], b'\n');
        ident.as_bytes().to_vec()
    }

    #[test]
    fn a_line_is_taken_without_its_end_and_not_a_byte_more() {
        assert_eq!(
            line(b"SSH-2.0-OpenSSH_9.2\r\n\0\0\0\x0c"),
            b"SSH-2.0-OpenSSH_9.2"
        );
        assert_eq!(line(b"SSH-2.0-x y z\n"), b"SSH-2.0-x y z");
        assert_eq!(line(b"SSH-1.99-Cisco-1.25\r\n"), b"SSH-1.99-Cisco-1.25");
    }

    #[test]
    fn software_is_what_follows_the_version() {
        let ident = Ident::new(b"SSH-2.0-a-b c").unwrap();
        assert_eq!(ident.software(), b"a-b c");
    }

    #[test]
    fn other_versions_and_control_bytes_are_refused() {
        for bad in [
            &b"SSH-1.5-old\r\n"[..],
            b"SSH-2.0-\r\n",
            b"SSH-2.0-a\0b\r\n",
            b"SSH-2.0-a\x1b[31m\r\n",
            b"SSH-2.0-a\rb\r\n",
            b"SSH-\r\n",
            b"GET / HTTP/1.1\r\n",
            b"\n",
        ] {
            assert_eq!(
                read(IdentReader::server(), bad).0,
                Err(Malformed::BadIdent),
                "{bad:?}"
            );
        }
    }

    #[test]
    fn a_server_ends_another_protocol_at_its_first_byte() {
        assert_eq!(
            read(IdentReader::server(), b"G"),
            (Err(Malformed::BadIdent), 1)
        );
        assert_eq!(
            read(IdentReader::server(), b"SSH_"),
            (Err(Malformed::BadIdent), 4)
        );
    }

    #[test]
    fn a_line_has_at_most_255_bytes_with_its_end() {
        let sized = |n: usize| {
            let mut line = Vec::from(&b"SSH-2.0-"[..]);
            line.resize(n - 2, b'x');
            line.extend_from_slice(b"\r\n");
            read(IdentReader::server(), &line).0.map(|i| i.is_some())
        };
        assert_eq!(sized(254), Ok(true));
        assert_eq!(sized(255), Ok(true));
        assert_eq!(sized(256), Err(Malformed::LineTooLong));
        assert_eq!(sized(100_000), Err(Malformed::LineTooLong));
    }

    #[test]
    fn a_client_skips_64_lines_and_no_more() {
        let before = |lines: usize| {
            let mut bytes = b"hello\r\n".repeat(lines);
            bytes.extend_from_slice(b"SSH-2.0-x\r\n");
            read(IdentReader::client(), &bytes).0.map(|i| i.is_some())
        };
        assert_eq!(before(0), Ok(true));
        assert_eq!(before(63), Ok(true));
        assert_eq!(before(64), Ok(true));
        assert!(before(65).is_err());
    }

    #[test]
    fn a_line_before_has_at_most_1024_bytes() {
        let before = |len: usize| {
            let mut bytes = std::vec![b'.'; len];
            bytes.extend_from_slice(b"\nSSH-2.0-x\r\n");
            read(IdentReader::client(), &bytes).0.map(|i| i.is_some())
        };
        assert_eq!(before(1023), Ok(true));
        assert_eq!(before(1024), Ok(true));
        assert_eq!(before(1025), Err(Malformed::LineTooLong));
    }
}
