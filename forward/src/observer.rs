//! What a program is told by the event loop, and what it is asked.
//!
//! Everything here is plain data, borrowed where it is large: no sockets, nothing to call. Bytes
//! that came from a peer (names, texts, hosts) are as received: whoever prints them escapes them
//! first.
//!
//! Nothing that is called here may wait. What takes time (a file, a person) is handed back as
//! [`Answer::Later`] and runs on another thread, while the loop goes on.

mod end;
mod event;
mod place;
mod question;

use adit_auth::Decision;
pub use adit_auth::{Echo, How, Prompt};
use adit_crypto::{Secret, SigningKey};
pub use adit_transport::Negotiated;

use crate::policy::{Denied, Permitted, PermittedListen};
pub use end::{Authenticated, ChannelEnd, ClosedChannel, Gone, OpenError, Opener, ProxyEnd};
pub use event::Event;
pub use place::{Destination, KeyHolder, PeerId, PeerInfo, Place};
pub use question::{
    Answer, HostKeyQuestion, HostKeyVerdict, KeyQuestion, ListenQuestion, OpenQuestion,
    PasswordQuestion, RespondQuestion, UnlockQuestion,
};

/// A program on an event loop. Each method has a default that refuses or does nothing, so that a
/// client does not have to speak for a server.
///
/// What a client hands back as [`Answer::Later`] runs on one thread, which it may take for its own
/// as long as it likes: there is one terminal, so two questions are never put at once. It is
/// dropped, and so is its answer, when its session ends before it.
pub trait Program {
    /// Something happened.
    fn observe(&mut self, event: &Event<'_>);

    /// Client: whether to go on with that host key. [`Answer::Later`] may ask a person.
    fn host_key(&mut self, question: &HostKeyQuestion<'_>) -> Answer<HostKeyVerdict> {
        let _ = question;
        Answer::Now(HostKeyVerdict::Refuse)
    }

    /// Client: the passphrase-protected key that the server accepts, unlocked. `None`: nobody
    /// unlocks it, and the next key is tried. [`Answer::Later`] may ask a person, as often as it
    /// likes.
    fn unlock(&mut self, question: &UnlockQuestion<'_>) -> Answer<Option<Box<dyn SigningKey>>> {
        let _ = question;
        Answer::Now(None)
    }

    /// Client: the user's password on the server. `None`: nobody answers, and the method is given
    /// up. [`Answer::Later`] may ask a person.
    fn password(&mut self, question: &PasswordQuestion<'_>) -> Answer<Option<Secret>> {
        let _ = question;
        Answer::Now(None)
    }

    /// Client: answers to the server's own questions, one for each, in their order. `None`: nobody
    /// answers, and the method is given up. [`Answer::Later`] may ask a person.
    fn respond(&mut self, question: &RespondQuestion<'_>) -> Answer<Option<Vec<Secret>>> {
        let _ = question;
        Answer::Now(None)
    }

    /// Server: whether that key may log in as that user.
    fn authorize(&mut self, question: &KeyQuestion<'_>) -> Answer<Decision> {
        let _ = question;
        Answer::Now(Decision::Refused)
    }

    /// Server: whether that destination may be opened.
    ///
    /// # Errors
    /// Why not; its words go to the client.
    fn may_open(&mut self, question: &OpenQuestion<'_>) -> Result<Permitted, Denied> {
        let _ = question;
        Err(Denied::NothingAllowed)
    }

    /// Server: whether to listen there for the client, and on which addresses then.
    ///
    /// # Errors
    /// Why not, for the log: a refused request has no words for the client (RFC 4254 §4).
    fn may_listen(&mut self, question: &ListenQuestion<'_>) -> Result<PermittedListen, Denied> {
        let _ = question;
        Err(Denied::ListenNothing)
    }
}
