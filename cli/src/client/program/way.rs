//! The servers on the way to the last one, and what a person is told where the way ends.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "events are looked through group by group, and there will be more of them"
)]

use std::io::ErrorKind;
use std::time::Instant;

use adit_forward::observer::{Event, ProxyEnd};

use super::Tunnel;
use crate::client::about::About;
use crate::client::login::Login;
use crate::client::trust::Trust;
use crate::escape::escaped;
use crate::file::reason;

/// One server on the way.
#[derive(Debug)]
pub struct Server {
    /// What it is, for messages.
    pub about: About,
    /// Who it has to be.
    pub trust: Trust,
    /// How it is logged in to.
    pub login: Login,
    /// It said that it speaks SSH.
    pub(super) identified: bool,
    pub(super) authenticated: Option<Instant>,
}

impl Server {
    /// Before anything happened.
    #[must_use]
    pub const fn new(about: About, trust: Trust, login: Login) -> Self {
        Self {
            about,
            trust,
            login,
            identified: false,
            authenticated: None,
        }
    }
}

impl Tunnel {
    /// The server at that place on the way.
    pub(super) fn server(&self, hop: usize) -> &Server {
        self.jumps.get(hop).unwrap_or(&self.server)
    }

    pub(super) fn server_mut(&mut self, hop: usize) -> &mut Server {
        self.jumps.get_mut(hop).unwrap_or(&mut self.server)
    }

    /// Those that are gone through are named where something ends, or nobody would know which of
    /// them a message is about.
    pub(super) fn say_where(&self, hop: usize) {
        let jumps = self.jumps.len();
        // As questions name it: the way as it was written.
        let name = |hop: usize| escaped(self.server(hop).login.host.as_bytes());
        let host = name(hop);
        match jumps {
            0 => {}
            _ if hop < jumps => self.report.error(format_args!(
                "At {host}, jump host {} of {jumps}:",
                hop.saturating_add(1)
            )),
            1 => self
                .report
                .error(format_args!("At {host}, behind {}:", name(0))),
            _ => self
                .report
                .error(format_args!("At {host}, behind {jumps} jump hosts:")),
        }
    }

    /// What a server did not lead on to.
    pub(super) fn not_opened(&self) {
        let logged_in = |server: &&Server| server.authenticated.is_some();
        let led_here = self.jumps.iter().take_while(logged_in).count();
        if self.server.authenticated.is_some() || led_here == 0 {
            self.report.fatal("stdio forwarding failed");
        } else {
            let before = &self.server(led_here.saturating_sub(1)).about.host;
            let About { host, port, .. } = &self.server(led_here).about;
            self.report.fatal(format_args!(
                "ssh: connect to host {host} port {port} through {before}: it was refused there"
            ));
        }
    }

    /// What leads to the first server, and what standard input and output are led to.
    pub(super) fn on_the_way(&mut self, event: &Event<'_>) {
        let report = &self.report;
        match event {
            Event::ProxyFailed { error } => {
                let why = reason(error);
                report.error(format_args!("what leads to the server: {why}"));
                self.connect_error = Some(why);
            }
            Event::ProxyEnded { end } => match end {
                ProxyEnd::Exited(code) => report.error(format_args!(
                    "The ProxyCommand ended with exit code {code}, and with it the way to {}.",
                    self.server(0).about.host
                )),
                ProxyEnd::Killed(signal) => report.error(format_args!(
                    "The ProxyCommand was ended by signal {signal}, and with it the way to {}.",
                    self.server(0).about.host
                )),
            },
            // Whoever read it has gone, as `head` does.
            Event::StdioFailed { error } if error.kind() == ErrorKind::BrokenPipe => {
                report.debug("stdout: nobody reads it any more");
            }
            Event::StdioFailed { error } => {
                report.error(format_args!("stdout: {}", reason(error)));
            }
            _ => {}
        }
    }
}
