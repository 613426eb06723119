//! The ssh-agent's socket. Questions go out as they come, answers come back in their order, and
//! the loop waits for none.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::path::Path;

use adit_auth::agent::{self, Answer, FrameReader, SessionBind};
use adit_auth::{KeyId, OfferedKey};
use adit_crypto::Unspecified;
use mio::Token;
use mio::net::UnixStream;

use super::Source;
use super::context::Context;
use super::ready::{Readiness, Ready};
use super::stream::BOTH;

/// What was asked, in order: an agent answers in that order.
#[derive(Debug)]
enum Asked {
    Bind,
    Identities,
    Signature(KeyId),
}

/// What an agent said.
#[derive(Debug)]
pub(super) enum Said {
    /// Its keys, with their comments.
    Identities(Vec<(OfferedKey, String)>),
    /// A signature, or none.
    Signature(KeyId, Result<Vec<u8>, Unspecified>),
}

/// A connection to an agent.
#[derive(Debug)]
pub(super) struct Agent {
    stream: UnixStream,
    source: usize,
    ready: Ready,
    out: VecDeque<u8>,
    frames: FrameReader,
    asked: VecDeque<Asked>,
}

impl Agent {
    /// Connects.
    pub(super) fn connect(path: &Path, context: &mut Context) -> io::Result<Self> {
        let mut stream = UnixStream::connect(path)?;
        let source = context.sources.insert(Source::Agent);
        let registered = context.registry.register(&mut stream, Token(source), BOTH);
        if let Err(error) = registered {
            context.sources.remove(source);
            return Err(error);
        }
        Ok(Self {
            stream,
            source,
            ready: Ready::default(),
            out: VecDeque::new(),
            frames: FrameReader::new(),
            asked: VecDeque::new(),
        })
    }

    /// Asks for its keys, in one go with the session that they are for. A question too long for an
    /// agent is left out: then it shows no key that is for some hosts only.
    pub(super) fn ask_for_keys(&mut self, session: &SessionBind<'_>) {
        if let Some(bind) = session.to_frame() {
            self.out.extend(bind);
            self.asked.push_back(Asked::Bind);
        }
        self.out.extend(agent::request_identities());
        self.asked.push_back(Asked::Identities);
    }

    /// Asks for a signature; `None` when the question is too long for any agent.
    pub(super) fn sign(
        &mut self,
        key: KeyId,
        key_blob: &[u8],
        algorithm: &str,
        message: &[u8],
    ) -> Option<()> {
        self.out
            .extend(agent::sign_request(key_blob, message, algorithm)?);
        self.asked.push_back(Asked::Signature(key));
        Some(())
    }

    pub(super) fn note(&mut self, event: Readiness) {
        self.ready.note(event);
    }

    /// Its place among the sources.
    pub(super) fn source(&self) -> usize {
        self.source
    }

    /// Moves bytes both ways; what came is given to `heard`. An error, the agent's end among
    /// them, is the end of this connection.
    pub(super) fn turn(&mut self, heard: &mut dyn FnMut(Said)) -> io::Result<()> {
        while self.ready.writable && !self.out.is_empty() {
            match self.stream.write(self.out.make_contiguous()) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(n) => drop(self.out.drain(..n)),
                Err(e) if e.kind() == ErrorKind::WouldBlock => self.ready.writable = false,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        let mut buffer = [0; 4096];
        while self.ready.readable {
            match self.stream.read(&mut buffer) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(n) => self.take(buffer.get(..n).unwrap_or(&[]), heard)?,
                Err(e) if e.kind() == ErrorKind::WouldBlock => self.ready.readable = false,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    fn take(&mut self, mut bytes: &[u8], heard: &mut dyn FnMut(Said)) -> io::Result<()> {
        while !bytes.is_empty() {
            let n = self.frames.read(bytes).map_err(io::Error::other)?;
            bytes = bytes.get(n..).unwrap_or(&[]);
            if let Some(frame) = self.frames.frame() {
                let Some(asked) = self.asked.front() else {
                    return Err(io::Error::other(agent::AgentError::Unexpected));
                };
                // Answered only when it is understood: otherwise `close` answers it.
                let said = said(asked, frame).map_err(io::Error::other)?;
                self.asked.pop_front();
                said.into_iter().for_each(&mut *heard);
                self.frames.next_frame();
            }
        }
        Ok(())
    }

    /// Gives up. Questions without an answer get none.
    pub(super) fn close(self) -> impl Iterator<Item = Said> {
        self.asked.into_iter().filter_map(|asked| match asked {
            Asked::Bind => None,
            Asked::Identities => Some(Said::Identities(Vec::new())),
            Asked::Signature(key) => Some(Said::Signature(key, Err(Unspecified))),
        })
    }
}

fn said(asked: &Asked, frame: &[u8]) -> Result<Option<Said>, agent::AgentError> {
    Ok(Some(match asked {
        Asked::Bind => {
            // An agent that knows no such thing has no key that needs it.
            let (Answer::Given(()) | Answer::Refused) = agent::bound(frame)?;
            return Ok(None);
        }
        Asked::Identities => Said::Identities(match agent::identities(frame)? {
            Answer::Given(identities) => (0..)
                .zip(identities)
                .map(|(n, identity)| {
                    let comment = String::from_utf8_lossy(identity.comment);
                    (identity.offer(KeyId(n)), comment.into_owned())
                })
                .collect(),
            Answer::Refused => Vec::new(),
        }),
        Asked::Signature(key) => Said::Signature(
            *key,
            match agent::signature(frame)? {
                Answer::Given(signature) => Ok(signature.to_vec()),
                Answer::Refused => Err(Unspecified),
            },
        ),
    }))
}
