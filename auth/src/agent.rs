//! What is said to an agent that holds keys (draft-ietf-sshm-ssh-agent), as far as signing needs
//! it, and session-bind@openssh.com (OpenSSH, PROTOCOL.agent §1). Bytes only: the socket is
//! somebody else's.
//!
//! An agent is a program of the same user, and still a stranger to this one: its frames are
//! bounded, grow with what arrives and never with what is announced, and the signatures it gives
//! are verified before they are sent (see [`crate::Client::signed`]).

use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use adit_proto::{Malformed, Reader, Writer};

use crate::client::{KeyId, OfferedKey, Probe};
use crate::signed::signature_algorithms;

/// Longest frame, without its length (OpenSSH's MAX_AGENT_REPLY_LEN).
pub const FRAME_MAX: usize = 256 * 1024;

/// Most identities in one answer (OpenSSH's MAX_AGENT_IDENTITIES).
pub const IDENTITIES_MAX: u32 = 2048;

/// What an agent can say and be asked (draft-ietf-sshm-ssh-agent §6.1).
mod number {
    pub(super) const FAILURE: u8 = 5;
    pub(super) const SUCCESS: u8 = 6;
    pub(super) const REQUEST_IDENTITIES: u8 = 11;
    pub(super) const IDENTITIES_ANSWER: u8 = 12;
    pub(super) const SIGN_REQUEST: u8 = 13;
    pub(super) const SIGN_RESPONSE: u8 = 14;
    pub(super) const EXTENSION: u8 = 27;
    pub(super) const EXTENSION_FAILURE: u8 = 28;
    /// What two older agents say instead of FAILURE.
    pub(super) const OLD_FAILURES: [u8; 2] = [30, 102];
}

/// SSH_AGENTC_REQUEST_IDENTITIES, framed.
#[must_use]
pub const fn request_identities() -> [u8; 5] {
    [0, 0, 0, 1, number::REQUEST_IDENTITIES]
}

/// SSH_AGENTC_SIGN_REQUEST, framed. `None` when it would be longer than an agent takes.
#[must_use]
pub fn sign_request(key_blob: &[u8], message: &[u8], algorithm: &str) -> Option<Vec<u8>> {
    let len = [1 + 4, key_blob.len(), 4, message.len(), 4]
        .into_iter()
        .try_fold(0, usize::checked_add)
        .filter(|len| *len <= FRAME_MAX)?;
    let mut out = vec![0; len + 4];
    let mut writer = Writer::new(&mut out);
    writer.u32(u32::try_from(len).ok()?);
    writer.byte(number::SIGN_REQUEST);
    writer.string(key_blob);
    writer.string(message);
    writer.u32(flags(algorithm));
    writer.written()?;
    Some(out)
}

/// What a session is bound to: who the server proved to be in its first key exchange.
#[derive(Clone, Copy, Debug)]
pub struct SessionBind<'a> {
    /// The server's host key.
    pub host_key: &'a [u8],
    /// RFC 4253 §7.2.
    pub session_id: &'a [u8],
    /// The host key's signature over the session identifier.
    pub signature: &'a [u8],
}

impl SessionBind<'_> {
    /// SSH_AGENTC_EXTENSION with session-bind@openssh.com, framed: from now on the agent shows and
    /// uses a key that is for some hosts only where this host is one of them. `None` when it would
    /// be longer than an agent takes.
    #[must_use]
    pub fn to_frame(&self) -> Option<Vec<u8>> {
        let parts = [SESSION_BIND, self.host_key, self.session_id, self.signature];
        let is_forwarding = 0;
        let len = parts
            .iter()
            .try_fold(1 + 1_usize, |len, part| len.checked_add(4 + part.len()))
            .filter(|len| *len <= FRAME_MAX)?;
        let mut out = vec![0; len + 4];
        let mut writer = Writer::new(&mut out);
        writer.u32(u32::try_from(len).ok()?);
        writer.byte(number::EXTENSION);
        for part in parts {
            writer.string(part);
        }
        writer.byte(is_forwarding);
        writer.written()?;
        Some(out)
    }
}

/// OpenSSH, PROTOCOL.agent §1.
const SESSION_BIND: &[u8] = b"session-bind@openssh.com";

/// Which hash an RSA key signs with; no other key has a choice.
const fn flags(algorithm: &str) -> u32 {
    match algorithm.as_bytes() {
        b"rsa-sha2-256" => 2,
        b"rsa-sha2-512" => 4,
        _ => 0,
    }
}

/// Why an agent is not understood.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum AgentError {
    /// A frame that is not what its number says.
    Malformed(Malformed),
    /// A frame longer than [`FRAME_MAX`].
    TooLong,
    /// An answer to a question that was not asked.
    Unexpected,
}

impl fmt::Display for AgentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(malformed) => malformed.fmt(f),
            Self::TooLong => f.write_str("frame too long"),
            Self::Unexpected => f.write_str("unexpected answer"),
        }
    }
}

impl core::error::Error for AgentError {}

impl From<Malformed> for AgentError {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

/// Gathers one frame after another from what a socket gives.
#[derive(Debug, Default)]
pub struct FrameReader {
    /// Length and body as far as they are here.
    bytes: Vec<u8>,
}

/// The length in front of a frame.
const HEAD: usize = 4;

impl FrameReader {
    /// Waits for the first frame.
    #[must_use]
    pub const fn new() -> Self {
        Self { bytes: Vec::new() }
    }

    /// Takes bytes up to the end of the frame under way and says how many that were. When a frame
    /// is complete it takes none: see [`FrameReader::frame`], then [`FrameReader::next_frame`].
    ///
    /// # Errors
    /// [`AgentError::TooLong`], or [`Malformed::TooShort`] for a frame of nothing.
    pub fn read(&mut self, bytes: &[u8]) -> Result<usize, AgentError> {
        let head_left = HEAD.saturating_sub(self.bytes.len());
        let (head, rest) = bytes.split_at_checked(head_left).unwrap_or((bytes, &[]));
        self.bytes.extend_from_slice(head);
        let Some(end) = self.end()? else {
            return Ok(head.len());
        };
        let body_left = end.saturating_sub(self.bytes.len());
        let body = rest.get(..body_left).unwrap_or(rest);
        self.bytes.extend_from_slice(body);
        Ok(head.len() + body.len())
    }

    /// The frame, when it is complete, without its length.
    #[must_use]
    pub fn frame(&self) -> Option<&[u8]> {
        let end = self.end().ok().flatten()?;
        let (_, body) = self.bytes.split_first_chunk::<HEAD>()?;
        (self.bytes.len() >= end).then_some(body)
    }

    /// Forgets the frame and waits for the next.
    pub fn next_frame(&mut self) {
        self.bytes = Vec::new();
    }

    /// Where the frame under way ends, when that is known.
    fn end(&self) -> Result<Option<usize>, AgentError> {
        let Some((head, _)) = self.bytes.split_first_chunk::<HEAD>() else {
            return Ok(None);
        };
        let len = usize::try_from(u32::from_be_bytes(*head)).map_err(|_| AgentError::TooLong)?;
        match len {
            0 => Err(Malformed::TooShort.into()),
            1..=FRAME_MAX => Ok(Some(HEAD + len)),
            _ => Err(AgentError::TooLong),
        }
    }
}

/// The answer to [`request_identities`].
///
/// # Errors
/// [`AgentError`]; every identity is checked before the first is given.
pub fn identities(frame: &[u8]) -> Result<Answer<Identities<'_>>, AgentError> {
    let mut reader = Reader::new(frame);
    match reader.byte()? {
        number::IDENTITIES_ANSWER => {}
        other => return failure(other, reader),
    }
    let count = reader.u32()?;
    if count > IDENTITIES_MAX {
        return Err(Malformed::TooMany.into());
    }
    let identities = Identities {
        reader: reader.clone(),
    };
    for _ in 0..count {
        reader.string()?;
        reader.string()?;
    }
    reader.finish()?;
    Ok(Answer::Given(identities))
}

/// The answer to [`sign_request`]: a signature blob.
///
/// # Errors
/// [`AgentError`].
pub fn signature(frame: &[u8]) -> Result<Answer<&[u8]>, AgentError> {
    let mut reader = Reader::new(frame);
    match reader.byte()? {
        number::SIGN_RESPONSE => {}
        other => return failure(other, reader),
    }
    let signature = reader.string()?;
    reader.finish()?;
    Ok(Answer::Given(signature))
}

/// The answer to [`SessionBind`]. Agents that do not know extensions refuse.
///
/// # Errors
/// [`AgentError`].
pub fn bound(frame: &[u8]) -> Result<Answer<()>, AgentError> {
    let mut reader = Reader::new(frame);
    match reader.byte()? {
        number::SUCCESS => {
            reader.finish()?;
            Ok(Answer::Given(()))
        }
        number::EXTENSION_FAILURE => failure(number::FAILURE, reader),
        other => failure(other, reader),
    }
}

fn failure<T>(number: u8, reader: Reader<'_>) -> Result<Answer<T>, AgentError> {
    if number != number::FAILURE && !number::OLD_FAILURES.contains(&number) {
        return Err(AgentError::Unexpected);
    }
    reader.finish()?;
    Ok(Answer::Refused)
}

/// What an agent answers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Answer<T> {
    /// What was asked for.
    Given(T),
    /// It will not, or cannot: locked, removed, or its owner said no.
    Refused,
}

/// The keys that an agent holds, in its order.
#[derive(Clone, Debug)]
pub struct Identities<'a> {
    reader: Reader<'a>,
}

/// One key of an agent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Identity<'a> {
    /// The key, or a certificate of it.
    pub key_blob: &'a [u8],
    /// From whoever added it: escape it before showing it.
    pub comment: &'a [u8],
}

impl<'a> Iterator for Identities<'a> {
    type Item = Identity<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(Identity {
            key_blob: self.reader.string().ok()?,
            comment: self.reader.string().ok()?,
        })
    }
}

impl Identity<'_> {
    /// As a key to try. One of a type that adit does not know has no algorithms, and is skipped.
    #[must_use]
    pub fn offer(&self, id: KeyId) -> OfferedKey {
        let key_type = adit_proto::blob::blob_name(self.key_blob).unwrap_or_default();
        OfferedKey {
            public_blob: self.key_blob.to_vec(),
            id,
            ask_first: Probe::Yes,
            algorithms: signature_algorithms(key_type),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{ed25519_blob, mutate};
    use adit_testkit::dice::Dice;

    fn string(bytes: &[u8]) -> Vec<u8> {
        let len = u32::try_from(bytes.len()).unwrap();
        [&len.to_be_bytes(), bytes].concat()
    }

    fn answer(count: u32, keys: &[(&[u8], &[u8])]) -> Vec<u8> {
        let mut out = [&[12][..], &count.to_be_bytes()].concat();
        for (blob, comment) in keys {
            out.extend(string(blob));
            out.extend(string(comment));
        }
        out
    }

    fn blobs(frame: &[u8]) -> Result<Vec<Vec<u8>>, AgentError> {
        match identities(frame)? {
            Answer::Given(identities) => Ok(identities.map(|i| i.key_blob.to_vec()).collect()),
            Answer::Refused => Ok(Vec::new()),
        }
    }

    #[test]
    fn the_questions_are_those_of_the_draft() {
        assert_eq!(request_identities(), [0, 0, 0, 1, 11]);
        let expected = b"\0\0\0\x13\x0d\0\0\0\x03KEY\0\0\0\x03MSG\0\0\0\0";
        assert_eq!(
            sign_request(b"KEY", b"MSG", "ssh-ed25519").unwrap(),
            expected
        );
        for (algorithm, flags) in [("rsa-sha2-256", 2), ("rsa-sha2-512", 4), ("ssh-rsa", 0)] {
            let question = sign_request(b"KEY", b"MSG", algorithm).unwrap();
            assert_eq!(question.last(), Some(&flags));
        }
    }

    #[test]
    fn a_session_is_bound_as_openssh_says() {
        let bind = SessionBind {
            host_key: b"KEY",
            session_id: b"ID",
            signature: b"SIG",
        };
        let expected = [
            &b"\0\0\0\x32\x1b"[..],
            &string(b"session-bind@openssh.com"),
            &string(b"KEY"),
            &string(b"ID"),
            &string(b"SIG"),
            b"\0",
        ];
        assert_eq!(bind.to_frame().unwrap(), expected.concat());
        let room = FRAME_MAX - (expected.concat().len() - 4 - 3);
        for (n, fits) in [(room - 1, true), (room, true), (room + 1, false)] {
            let host_key = &vec![0; n][..];
            assert_eq!(SessionBind { host_key, ..bind }.to_frame().is_some(), fits);
        }
        for number in 0..=255 {
            let answer = bound(&[number]);
            match number {
                6 => assert_eq!(answer, Ok(Answer::Given(()))),
                5 | 28 | 30 | 102 => assert_eq!(answer, Ok(Answer::Refused)),
                _ => assert_eq!(answer, Err(AgentError::Unexpected)),
            }
            assert!(bound(&[number, 0]).is_err());
        }
        assert!(bound(&[]).is_err());
    }

    #[test]
    fn a_question_is_at_most_a_frame() {
        let room = FRAME_MAX - 1 - 4 - 4 - 4;
        assert!(sign_request(b"", &vec![0; room - 1], "").is_some());
        assert!(sign_request(b"", &vec![0; room], "").is_some());
        assert!(sign_request(b"", &vec![0; room + 1], "").is_none());
    }

    #[test]
    fn identities_come_in_the_agents_order() {
        let (a, b) = (ed25519_blob(1), ed25519_blob(2));
        let frame = answer(2, &[(&b, b"second"), (&a, b"")]);
        assert_eq!(blobs(&frame).unwrap(), [b, a]);
        assert_eq!(blobs(&answer(0, &[])).unwrap(), Vec::<Vec<u8>>::new());
    }

    #[test]
    fn a_key_of_an_unknown_type_is_offered_without_algorithms() {
        let identity = |key_blob| Identity {
            key_blob,
            comment: b"",
        };
        let blob = ed25519_blob(1);
        assert_eq!(identity(&blob).offer(KeyId(1)).algorithms, ["ssh-ed25519"]);
        assert!(
            identity(b"\0\0\0\x07ssh-dss")
                .offer(KeyId(1))
                .algorithms
                .is_empty()
        );
        assert!(identity(b"").offer(KeyId(1)).algorithms.is_empty());
    }

    #[test]
    fn no_truncation_and_nothing_longer_is_an_answer() {
        let blob = ed25519_blob(1);
        let list = answer(2, &[(&blob, b"x"), (&blob, b"y")]);
        let signed = [&[14][..], &string(b"signature")].concat();
        for n in 0..list.len() {
            assert!(identities(&list[..n]).is_err());
        }
        for n in 0..signed.len() {
            assert!(signature(&signed[..n]).is_err());
        }
        assert!(identities(&[&list[..], &[0]].concat()).is_err());
        assert!(signature(&[&signed[..], &[0]].concat()).is_err());
        assert_eq!(signature(&signed), Ok(Answer::Given(&b"signature"[..])));
    }

    #[test]
    fn a_count_that_does_not_agree_with_the_bytes_is_an_error() {
        let blob = ed25519_blob(1);
        for count in [0, 2, u32::MAX] {
            assert!(blobs(&answer(count, &[(&blob, b"")])).is_err(), "{count}");
        }
    }

    #[test]
    fn an_agent_has_at_most_2048_identities() {
        for (n, expected) in [
            (IDENTITIES_MAX - 1, true),
            (IDENTITIES_MAX, true),
            (IDENTITIES_MAX + 1, false),
        ] {
            let keys = vec![(&b"k"[..], &b""[..]); usize::try_from(n).unwrap()];
            assert_eq!(blobs(&answer(n, &keys)).is_ok(), expected);
        }
    }

    #[test]
    fn every_way_to_refuse_is_understood_and_nothing_else() {
        for number in 0..=255 {
            let refused = matches!(number, 5 | 30 | 102);
            assert_eq!(matches!(signature(&[number]), Ok(Answer::Refused)), refused);
            assert_eq!(
                matches!(identities(&[number]), Ok(Answer::Refused)),
                refused
            );
        }
        assert!(signature(&[5, 0]).is_err());
        let list = answer(0, &[]);
        assert_eq!(signature(&list), Err(AgentError::Unexpected));
    }

    #[test]
    fn frames_come_whole_whatever_the_pieces() {
        let frames = [&b"\0\0\0\x01\x05"[..], b"\0\0\0\x04abcd", b"\0\0\0\x01z"].concat();
        for piece in 1..=frames.len() {
            let mut reader = FrameReader::new();
            let mut got = Vec::new();
            for mut bytes in frames.chunks(piece) {
                while !bytes.is_empty() {
                    let n = reader.read(bytes).unwrap();
                    bytes = &bytes[n..];
                    if let Some(frame) = reader.frame() {
                        got.push(frame.to_vec());
                        reader.next_frame();
                    }
                }
            }
            assert_eq!(got, [&b"\x05"[..], b"abcd", b"z"]);
        }
    }

    #[test]
    fn a_complete_frame_takes_no_more() {
        let mut reader = FrameReader::new();
        assert_eq!(reader.read(b"\0\0\0\x01\x05\0\0"), Ok(5));
        assert_eq!(reader.read(b"\0\0"), Ok(0));
        assert_eq!(reader.frame(), Some(&[5][..]));
    }

    #[test]
    fn a_frame_is_bounded_before_it_arrives() {
        let announced = |len: usize| {
            let mut reader = FrameReader::new();
            let result = reader.read(&u32::try_from(len).unwrap().to_be_bytes());
            assert!(reader.bytes.capacity() < 64);
            result
        };
        assert_eq!(announced(0), Err(Malformed::TooShort.into()));
        assert_eq!(announced(FRAME_MAX - 1), Ok(4));
        assert_eq!(announced(FRAME_MAX), Ok(4));
        assert_eq!(announced(FRAME_MAX + 1), Err(AgentError::TooLong));
        assert_eq!(FrameReader::new().read(&[255; 4]), Err(AgentError::TooLong));
    }

    #[test]
    fn mutated_answers_never_panic() {
        let mut dice = Dice::new(14);
        let blob = ed25519_blob(1);
        let list = answer(2, &[(&blob, b"x"), (&blob, b"y")]);
        for _ in 0..20_000 {
            let mutated = mutate(&mut dice, &list);
            let _ = blobs(&mutated);
            let _ = signature(&mutated);
            let mut reader = FrameReader::new();
            let _ = reader.read(&mutated);
            let _ = reader.frame();
        }
    }
}
