//! What a local side says about its channel. Each goes to the table; nothing is sent here.

use core::time::Duration;

use adit_connection::{
    ChannelId, ForwardRequest, Full, NotOpened, OpenKind, ProcessBook, RequestId,
};
use adit_proto::msg::Debug;
use adit_proto::{Encode, reason};

use super::Session;

impl Session {
    /// Lends windows from that book as well, which the other sessions of this process lend from.
    /// Before there is a channel.
    pub fn share(&mut self, process: ProcessBook) {
        self.channels.share(process);
    }

    /// Asks the peer for a connection to a host as it resolves it.
    ///
    /// # Errors
    /// The table has no slot or the budget nothing to lend, or no message can say where to.
    pub fn open(&mut self, kind: OpenKind<'_>) -> Result<ChannelId, NotOpened> {
        self.channels.open(kind)
    }

    /// The answer to [`super::Event::OpenAsked`]: the destination is reached.
    pub fn accept(&mut self, id: ChannelId) {
        self.channels.accept(id);
    }

    /// The other answer to it. The channel is gone.
    pub fn refuse(&mut self, id: ChannelId, reason: reason::OpenFailure, text: &'static str) {
        self.channels.refuse(id, reason, text);
    }

    /// Client: asks the server to listen somewhere, or no longer to. The answer is
    /// [`super::Event::RequestAnswered`].
    ///
    /// # Errors
    /// [`Full`]: too many have no answer yet, or nobody could listen there.
    pub fn request(&mut self, request: ForwardRequest<'_>) -> Result<RequestId, Full> {
        self.channels.request(request)
    }

    /// Client: the same, and wants no answer.
    ///
    /// # Errors
    /// As [`Session::request`].
    pub fn tell(&mut self, request: ForwardRequest<'_>) -> Result<(), Full> {
        self.channels.tell(request)
    }

    /// The answer to [`super::Event::ForwardAsked`]; the port where the choice was ours.
    pub fn grant_forward(&mut self, port: Option<u16>) {
        self.channels.grant_forward(port);
    }

    /// The other answer to it.
    pub fn refuse_forward(&mut self) {
        self.channels.refuse_forward();
    }

    /// Tells the peer something that it may show, if there is room (RFC 4253 §11.3).
    pub fn remark(&mut self, text: &str) {
        let message = Debug {
            always_display: true,
            message: text.as_bytes(),
            language_tag: b"",
        };
        let tx = self.transport.tx();
        if message.encoded_len() <= tx.control_room() {
            // A remark that cannot be made is no reason to end anything.
            let _ = tx.send(&message);
        }
    }

    /// A local side took `n` more bytes, or they were given up.
    pub fn delivered(&mut self, id: ChannelId, n: usize, now: Duration) {
        self.channels.delivered(id, n, now);
    }

    /// A local side sends no more: EOF is due.
    pub fn finish_sending(&mut self, id: ChannelId) {
        self.channels.finish_sending(id);
    }

    /// A local side broke, or nobody wants it any more: CLOSE is due.
    pub fn close(&mut self, id: ChannelId) {
        self.channels.close(id);
    }

    /// The local side is gone and needs nothing more of this channel.
    pub fn release(&mut self, id: ChannelId) {
        self.channels.release(id);
    }
}
