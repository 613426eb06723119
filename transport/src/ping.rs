//! Asking the peer for a sign of life: ping@openssh.com (OpenSSH PROTOCOL §1.8).

use core::time::Duration;

use adit_proto::msg;

use crate::error::Error;
use crate::input::Sent;
use crate::{Stage, Transport};

/// A PING that is not answered yet.
#[derive(Clone, Copy)]
pub(crate) struct PingSent {
    pub(crate) data: [u8; 8],
    pub(crate) at: Duration,
}

impl Transport {
    /// Sends a PING, if the peer takes one and there is room now.
    pub fn ping(&mut self, now: Duration) -> Sent {
        if !self.extensions.ping {
            return Sent::NotOffered;
        }
        if self.stage != Stage::Open {
            return Sent::NotNow;
        }
        self.pings = self.pings.wrapping_add(1);
        let data = self.pings.to_be_bytes();
        match self.tx.send(&msg::Ping { data: &data }) {
            Ok(()) => {
                self.ping = Some(PingSent { data, at: now });
                Sent::Yes
            }
            Err(Error::Full | Error::Ended) => Sent::NotNow,
            Err(error) => {
                self.fail(error);
                Sent::NotNow
            }
        }
    }
}
