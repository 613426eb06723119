//! A client that asks, and people who answer as a test says.

use std::os::fd::AsFd as _;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use adit_crypto::{Secret, SigningKey};
use adit_forward::observer::{
    Answer, Event, Gone, HostKeyQuestion, HostKeyVerdict, PasswordQuestion, Program,
    RespondQuestion, UnlockQuestion,
};
use adit_forward::reactor::{ClientConfig, End, Handle, Reactor};
use nix::sys::socket::{setsockopt, sockopt};

use crate::scripted::Scripted;
use crate::world::PATIENCE;

/// What a person does who is asked.
pub(crate) type Person<T> = Box<dyn FnMut() -> Answer<T> + Send>;

/// A program that asks.
pub(crate) struct Asking {
    pub(crate) host_key: Person<HostKeyVerdict>,
    pub(crate) unlock: Person<Option<Box<dyn SigningKey>>>,
    pub(crate) password: Person<Option<Secret>>,
    pub(crate) respond: Person<Option<Vec<Secret>>>,
    pub(crate) told: Sender<String>,
}

impl Asking {
    /// Trusts every host, and answers nothing else.
    pub(crate) fn nothing(told: Sender<String>) -> Self {
        Self {
            host_key: Box::new(|| Answer::Now(HostKeyVerdict::Trust)),
            unlock: Box::new(|| Answer::Now(None)),
            password: Box::new(|| Answer::Now(None)),
            respond: Box::new(|| Answer::Now(None)),
            told,
        }
    }
}

impl Program for Asking {
    fn observe(&mut self, event: &Event<'_>) {
        let told = match event {
            Event::OfferingKey { name, .. } => format!("offering {name}"),
            Event::Authenticated { how, .. } => format!("authenticated by {}", how.method()),
            Event::PeerGone { why, .. } => match why {
                Gone::AuthenticationRefused(_) => "refused".to_owned(),
                Gone::Disconnected { keys_tried, .. } => format!("told off, {keys_tried} tried"),
                Gone::Socket(_) => "Closed".to_owned(),
                other => format!("{other:?}"),
            },
            _ => return,
        };
        let _ = self.told.send(told);
    }

    fn host_key(&mut self, _: &HostKeyQuestion<'_>) -> Answer<HostKeyVerdict> {
        let _ = self.told.send("asked for the host key".to_owned());
        (self.host_key)()
    }

    fn unlock(&mut self, question: &UnlockQuestion<'_>) -> Answer<Option<Box<dyn SigningKey>>> {
        let _ = self.told.send(format!("asked to unlock {}", question.name));
        (self.unlock)()
    }

    fn password(&mut self, question: &PasswordQuestion<'_>) -> Answer<Option<Secret>> {
        let PasswordQuestion { user, attempt, .. } = question;
        let asked = format!("asked for the password of {user}, {attempt} refused");
        let _ = self.told.send(asked);
        (self.password)()
    }

    fn respond(&mut self, question: &RespondQuestion<'_>) -> Answer<Option<Vec<Secret>>> {
        let prompts = question.prompts.iter();
        let prompts = prompts.map(|p| format!(" {} {:?}", p.text.escape_ascii(), p.echo));
        let prompts: String = prompts.collect();
        let name = question.name.escape_ascii();
        let instruction = question.instruction.escape_ascii();
        let _ = self
            .told
            .send(format!("asked by {name}, {instruction}:{prompts}"));
        (self.respond)()
    }
}

/// A client in its thread.
pub(crate) struct Client {
    pub(crate) handle: Handle,
    pub(crate) told: Receiver<String>,
    pub(crate) thread: JoinHandle<End>,
}

impl Client {
    pub(crate) fn start(
        config: ClientConfig,
        program: impl FnOnce(Sender<String>) -> Asking,
    ) -> Self {
        let reactor = Reactor::client(config).unwrap();
        let (sender, told) = mpsc::channel();
        let handle = reactor.handle();
        let mut program = program(sender);
        let thread = thread::spawn(move || reactor.run(&mut program).unwrap());
        Self {
            handle,
            told,
            thread,
        }
    }

    #[track_caller]
    pub(crate) fn next(&self) -> String {
        self.told.recv_timeout(PATIENCE).unwrap()
    }

    pub(crate) fn stop(self) -> End {
        self.handle.stop();
        self.thread.join().unwrap()
    }
}

/// A person who answers when the test says, and who is heard to begin to think.
pub(crate) struct Thinker<T> {
    pub(crate) answer: Sender<T>,
    pub(crate) thinks: Receiver<()>,
}

pub(crate) fn when_told<T: Send + 'static>() -> (Thinker<T>, Person<T>) {
    let (answer, receiver) = mpsc::channel::<T>();
    let (begins, thinks) = mpsc::channel();
    let receiver = Arc::new(Mutex::new(receiver));
    let person = move || {
        let (receiver, begins) = (Arc::clone(&receiver), begins.clone());
        Answer::Later(Box::new(move || {
            begins.send(()).unwrap();
            receiver.lock().unwrap().recv().unwrap()
        }))
    };
    (Thinker { answer, thinks }, Box::new(person))
}

/// One question, answered by `work` on another thread.
pub(crate) fn once<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Person<T> {
    let mut work = Some(work);
    Box::new(move || Answer::Later(Box::new(work.take().unwrap())))
}

/// How a connection is given up.
#[derive(Clone, Copy)]
pub(crate) enum Leaves {
    InOrder,
    WithReset,
}

pub(crate) fn leave(server: Scripted, how: Leaves) {
    if let Leaves::WithReset = how {
        let linger = nix::libc::linger {
            l_onoff: 1,
            l_linger: 0,
        };
        setsockopt(&server.stream.as_fd(), sockopt::Linger, &linger).unwrap();
    }
    drop(server);
}
