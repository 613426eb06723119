//! One end of a pair: a session and the local sides of its channels, served as a reactor would.

use core::time::Duration;
use std::collections::{HashMap, VecDeque};
use std::io::{self, Read};
use std::sync::Arc;

use adit_auth::{Decision, KeyPolicy, OfferedKey};
use adit_connection::{ChannelId, ForwardKind};
use adit_crypto::{Secret, SigningKey};
use adit_forward::relay::{self, Locals, Outlet, Pull};
use adit_forward::session::{Event, Need, Session};
use adit_forward::{Error, Spill};
use adit_proto::msg::TcpipForward;
use adit_proto::{Decode, reason};

use super::Willing;
use crate::socket::FakeSocket;

/// The port that a server chooses where the choice is its own.
pub const CHOSEN_PORT: u16 = 40_000;

/// One end's side of a channel.
#[derive(Default)]
pub struct Local {
    /// The application's connection.
    pub socket: FakeSocket,
    /// What it has not taken.
    pub spill: Spill,
    /// The peer sends no more; the socket gets its FIN when the spill is empty.
    pub eof: bool,
    /// Bytes that it took.
    pub taken: usize,
    writable: bool,
    open: bool,
}

/// One end.
pub struct End {
    /// Its session.
    pub session: Session,
    /// Its channels' local sides.
    pub locals: HashMap<ChannelId, Local>,
    /// What happened, but for data.
    pub log: Vec<String>,
    /// Why it ended.
    pub error: Option<Error>,
    /// Every byte that it has sent from when this was set.
    pub sent: Option<Vec<u8>>,
    /// The keys that a server lets in, each in a line of its own from 1: at first the client's.
    pub authorized: Vec<Vec<u8>>,
    /// The peer's bytes that were not read yet.
    pub(crate) inbox: VecDeque<u8>,
    pub(super) is_mute: bool,
    key: Arc<dyn SigningKey>,
    offered: Vec<OfferedKey>,
    /// What a person would type, if there is one.
    pub(crate) secret: Option<&'static [u8]>,
    /// What it does when asked.
    pub willing: Willing,
    /// Channels that the peer asked for and the test is to decide about.
    pub asked: Vec<ChannelId>,
}

impl Local {
    /// Whether both ends know of each other, and its bytes are read.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.open
    }

    /// A connection that was just made.
    pub(super) fn new() -> Self {
        Self {
            writable: true,
            ..Self::default()
        }
    }
}

impl End {
    pub(crate) fn new(
        session: Session,
        key: Arc<dyn SigningKey>,
        offered: Vec<OfferedKey>,
        willing: Willing,
    ) -> Self {
        Self {
            session,
            locals: HashMap::new(),
            log: Vec::new(),
            error: None,
            sent: None,
            authorized: vec![key.public_blob().to_vec()],
            inbox: VecDeque::new(),
            is_mute: false,
            key,
            offered,
            secret: None,
            willing,
            asked: Vec::new(),
        }
    }

    /// Whether the session goes on.
    #[must_use]
    pub const fn is_alive(&self) -> bool {
        self.error.is_none()
    }

    /// The peer gets the channel that it asked for.
    pub fn accept(&mut self, id: ChannelId) {
        self.locals.insert(id, Local::new());
        self.session.accept(id);
    }

    /// The application goes away, and takes nothing more.
    pub fn release(&mut self, id: ChannelId) {
        self.locals.remove(&id);
        self.session.release(id);
    }

    /// Neither reads nor sends from now on, as if its machine had gone.
    pub const fn mute(&mut self) {
        self.is_mute = true;
    }

    pub(crate) fn check(&mut self, result: Result<(), Error>) {
        if let Err(error) = result
            && self.error.is_none()
        {
            self.log.push(format!("error: {error}"));
            self.session.fail(error);
            self.error = Some(error);
        }
    }

    /// As a reactor's turn of a peer. Whether anything happened.
    pub(crate) fn turn(&mut self, now: Duration) -> bool {
        if self.error.is_some() || self.is_mute {
            return false;
        }
        let mut moved = self.receive(now);
        moved |= self.answer(now);
        let (seen, due) = (self.log.len(), self.session.has_due());
        let result = self.send_due(now);
        self.check(result);
        moved |= self.log.len() != seen || (due && !self.session.has_due());
        moved |= self.drain(now);
        moved |= self.pull();
        moved
    }

    fn send_due(&mut self, now: Duration) -> Result<(), Error> {
        while let Some(event) = self.session.send_due(now)? {
            self.log.push(format!("{event:?}"));
            if let Event::OpenConfirmed(id) = event
                && let Some(local) = self.locals.get_mut(&id)
            {
                local.open = true;
            }
        }
        Ok(())
    }

    fn receive(&mut self, now: Duration) -> bool {
        let mut moved = false;
        if !self.inbox.is_empty()
            && let Some(space) = self.session.recv_space()
        {
            let n = self.inbox.read(space).unwrap_or(0);
            self.session.recv_filled(n, now);
            moved = n > 0;
        }
        let seen = self.log.len();
        let mut side = Side {
            locals: &mut self.locals,
            asked: &mut self.asked,
            log: &mut self.log,
            willing: self.willing,
        };
        let result = relay::push(&mut self.session, now, &mut side);
        self.check(result);
        moved || self.log.len() != seen
    }

    fn answer(&mut self, now: Duration) -> bool {
        match self.session.need() {
            Need::Nothing => false,
            Need::Keys => {
                let offered = core::mem::take(&mut self.offered);
                self.session.offer_keys(offered);
                true
            }
            Need::Password { .. } => {
                self.session.password(self.secret.map(Secret::copy_of));
                true
            }
            Need::Respond { prompts, .. } => {
                let answers = prompts.iter().map(|_| self.secret.map(Secret::copy_of));
                let answers = answers.collect();
                self.session.respond(answers);
                true
            }
            Need::Sign {
                key,
                algorithm,
                message,
            } => {
                let signature = self.key.sign(algorithm, message);
                let _ = self.session.signed(key, signature);
                true
            }
            Need::Authorize { key_blob, .. } => {
                let mut lines = self.authorized.iter().zip(1..);
                let line = lines.find(|(key, _)| *key == key_blob);
                let decision = match line {
                    Some((_, line)) if self.willing != Willing::Nobody => {
                        Decision::Allowed(KeyPolicy::unrestricted(0, line))
                    }
                    _ => Decision::Refused,
                };
                match self.session.authorize(decision, now) {
                    Ok(event) => self.log.extend(event.map(|event| format!("{event:?}"))),
                    Err(error) => self.check(Err(error)),
                }
                true
            }
        }
    }

    fn drain(&mut self, now: Duration) -> bool {
        let mut moved = false;
        for (id, local) in &mut self.locals {
            local.writable = true;
            let mut outlet = Outlet {
                sink: &mut local.socket,
                spill: &mut local.spill,
                writable: &mut local.writable,
            };
            if let Ok(n) = outlet.drain()
                && n > 0
            {
                local.taken += n;
                self.session.delivered(*id, n, now);
                moved = true;
            }
        }
        moved
    }

    fn pull(&mut self) -> bool {
        let mut moved = false;
        let mut broken = Vec::new();
        for (id, local) in self.locals.iter_mut().filter(|(_, local)| local.open) {
            match relay::pull(&mut self.session, *id, &mut local.socket) {
                Ok(Pull::Moved { .. }) => moved = true,
                Ok(Pull::Ended) => {
                    local.open = false;
                    moved = true;
                }
                Ok(Pull::Failed(_)) => {
                    broken.push(*id);
                    moved = true;
                }
                Ok(Pull::NoRoom) => break,
                Ok(Pull::NoWindow | Pull::NotReady) => {}
                Err(error) => {
                    self.check(Err(error));
                    return true;
                }
            }
        }
        for id in broken {
            self.locals.remove(&id);
            self.session.release(id);
        }
        moved
    }
}

/// What the relay sees of one end.
struct Side<'a> {
    locals: &'a mut HashMap<ChannelId, Local>,
    asked: &'a mut Vec<ChannelId>,
    log: &'a mut Vec<String>,
    willing: Willing,
}

impl Locals for Side<'_> {
    type Sink = FakeSocket;

    fn outlet(&mut self, id: ChannelId) -> Option<Outlet<'_, FakeSocket>> {
        let local = self.locals.get_mut(&id)?;
        Some(Outlet {
            sink: &mut local.socket,
            spill: &mut local.spill,
            writable: &mut local.writable,
        })
    }

    fn took(&mut self, id: ChannelId, n: usize) {
        if let Some(local) = self.locals.get_mut(&id) {
            local.taken += n;
        }
    }

    fn failed(&mut self, session: &mut Session, id: ChannelId, error: io::Error) {
        self.log
            .push(format!("Local {id:?} failed: {:?}", error.kind()));
        self.locals.remove(&id);
        session.release(id);
    }

    fn event(&mut self, session: &mut Session, event: Event) -> Result<(), Error> {
        self.log.push(format!("{event:?}"));
        match event {
            Event::HostKey(offer) => session.trust(offer.trust()),
            Event::OpenAsked { id, .. } if self.willing == Willing::All => {
                self.locals.insert(id, Local::new());
                session.accept(id);
            }
            Event::OpenAsked { id, .. } if self.willing == Willing::Undecided => {
                self.asked.push(id)
            }
            Event::OpenAsked { id, .. } => {
                session.refuse(id, reason::OpenFailure::ConnectFailed, "Connection refused");
            }
            Event::ForwardAsked { kind, data } if self.willing == Willing::All => {
                // Port 0 leaves the choice to the server, which has to say what it is.
                let port = match (kind, TcpipForward::decode(session.bytes(data))) {
                    (ForwardKind::TcpipForward, Ok(asked)) if asked.port_number_to_bind == 0 => {
                        Some(CHOSEN_PORT)
                    }
                    _ => None,
                };
                session.grant_forward(port);
            }
            Event::ForwardAsked { .. } => session.refuse_forward(),
            Event::OpenConfirmed(id) => {
                if let Some(local) = self.locals.get_mut(&id) {
                    local.open = true;
                }
            }
            Event::OpenRefused { id, .. } => {
                self.locals.remove(&id);
                session.release(id);
            }
            Event::Eof(id) => {
                if let Some(local) = self.locals.get_mut(&id) {
                    local.eof = true;
                }
            }
            Event::Closed(id) => {
                if let Some(local) = self.locals.get_mut(&id) {
                    local.eof = true;
                    local.open = false;
                }
            }
            Event::Alive
            | Event::Authenticated
            | Event::AuthFailed(_)
            | Event::Banner(_)
            | Event::Data { .. }
            | Event::Debug { .. }
            | Event::Disconnected { .. }
            | Event::Established
            | Event::KeyOffered(_)
            | Event::PartialSuccess(_)
            | Event::PasswordExpired(_)
            | Event::Refused(_)
            | Event::Rekeyed
            | Event::Told { .. }
            | Event::RequestAnswered { .. }
            | Event::WindowOpened(_) => {}
        }
        Ok(())
    }
}
