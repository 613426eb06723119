//! What a tunnel says as it lives, in the words of ssh, and its answers to the event loop.
//!
//! Scripts and people look for these lines, so those that ssh has are kept to the letter. Every
//! text that came from the server is escaped.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "events are looked through group by group, and there will be more of them"
)]

mod forwarding;
mod remote;
mod way;

use std::sync::Arc;
use std::time::Instant;

use adit_auth::{Fingerprint, key_type_label};
use adit_crypto::{Provider, Secret, SigningKey};
use adit_forward::observer::{
    Answer, Event, Gone, HostKeyQuestion, HostKeyVerdict, How, KeyHolder, Negotiated,
    PasswordQuestion, PeerInfo, Program, RespondQuestion, UnlockQuestion,
};
use adit_forward::reactor::End;
use adit_proto::blob::blob_name;
use nix::sys::signal::Signal;

use crate::client::about::{About, WeakCrypto};
use crate::client::ending;
use crate::client::words::{Tenths, connect_reason};
use crate::escape::{escaped, lines};
use crate::exit::Exit;
use crate::file::reason;
use crate::report::Report;
use forwarding::Explained;
pub use way::Server;

/// The client as the event loop sees it.
#[derive(Debug)]
pub struct Tunnel {
    /// Of the last server.
    about: About,
    provider: &'static Provider,
    report: Arc<Report>,
    /// Those that are gone through.
    jumps: Vec<Server>,
    server: Server,
    connect_error: Option<String>,
    explained: Explained,
}

impl Tunnel {
    /// Before anything happened.
    #[must_use]
    pub fn new(
        jumps: Vec<Server>,
        server: Server,
        provider: &'static Provider,
        report: Arc<Report>,
    ) -> Self {
        Self {
            about: server.about.clone(),
            provider,
            report,
            jumps,
            server,
            connect_error: None,
            explained: Explained::default(),
        }
    }

    /// Says why it is over, where no event has, and how the program ends.
    pub fn end(&self, end: End) -> Exit {
        let report = &self.report;
        let About { host, port, .. } = &self.server(0).about;
        match end {
            End::NotConnected => {
                let error = self.connect_error.as_deref();
                let error = error.unwrap_or("Connection timed out");
                report.fatal(format_args!(
                    "ssh: connect to host {host} port {port}: {error}"
                ));
                Exit::Failed
            }
            End::Signal(number) => {
                report.verbose(format_args!("Killed by signal {number}."));
                match (self.server.authenticated, Signal::try_from(number)) {
                    // As ssh, which notices no signals until then.
                    (None, Ok(signal)) => Exit::Killed(signal),
                    // As ssh -N: being told to stop is no failure, being interrupted is.
                    (Some(_), Ok(Signal::SIGTERM)) => Exit::Done,
                    (Some(_), Ok(_)) | (_, Err(_)) => Exit::Failed,
                }
            }
            End::NotOpened => {
                self.not_opened();
                Exit::Failed
            }
            End::Stopped | End::StdioDone => Exit::Done,
            End::ForwardFailed
            | End::NotAuthenticated
            | End::SessionEnded
            | End::StdioBroken
            | _ => Exit::Failed,
        }
    }

    /// The connection, up to its keys.
    fn connected(&mut self, event: &Event<'_>) {
        let report = &self.report;
        match event {
            Event::Connecting { address } => report.debug(format_args!(
                "Connecting to {} [{}] port {}.",
                self.server(0).about.host,
                address.ip(),
                address.port()
            )),
            Event::ConnectFailed { address, error } => {
                let why = connect_reason(error);
                report.debug(format_args!(
                    "connect to address {} port {}: {why}",
                    address.ip(),
                    address.port()
                ));
                self.connect_error = Some(why);
            }
            Event::Connected { .. } => report.debug("Connection established."),
            Event::IdentReceived { peer, ident } => {
                self.server_mut(peer.hop).identified = true;
                let report = &self.report;
                let software = ident.splitn(3, |b| *b == b'-').nth(2).unwrap_or_default();
                report.debug(format_args!(
                    "Remote protocol version 2.0, remote software version {}",
                    escaped(software)
                ));
            }
            Event::Negotiated { peer, negotiated } => {
                let server = self.server(peer.hop);
                say_negotiated(report, &server.about, negotiated);
                let warned = server.about.weak_crypto == WeakCrypto::WarnedOf;
                if !negotiated.post_quantum && warned && !self.jumps.is_empty() {
                    let name = escaped(server.login.host.as_bytes());
                    report.info(format_args!("** That connection leads to {name}."));
                }
            }
            Event::Rekeyed { .. } => report.debug("rekeying done"),
            _ => self.keys(event),
        }
    }

    /// What there is to log in with.
    fn keys(&mut self, event: &Event<'_>) {
        let report = &self.report;
        match event {
            Event::AgentFailed { error } => {
                report.debug(format_args!("ssh-agent: {}", reason(error)));
            }
            Event::AgentRefused { name, key_blob, .. } => {
                let label = key_type_label(blob_name(key_blob).unwrap_or_default());
                let name = escaped(name.as_bytes());
                // ssh's words.
                report.error(format_args!(
                    "sign_and_send_pubkey: signing failed for {label} \"{name}\" from agent: agent \
                     refused operation"
                ));
            }
            Event::KeyFound {
                name,
                key_blob,
                holder,
                ..
            } => {
                let key = self.key(name, key_blob);
                let agent = match holder {
                    KeyHolder::Agent => " agent",
                    KeyHolder::File => "",
                };
                report.debug(format_args!("Will attempt key: {key}{agent}"));
            }
            Event::OfferingKey { name, key_blob, .. } => {
                let key = self.key(name, key_blob);
                report.debug(format_args!("Offering public key: {key}"));
            }
            _ => self.authenticating(event),
        }
    }

    /// How the login goes.
    fn authenticating(&mut self, event: &Event<'_>) {
        let report = &self.report;
        match event {
            Event::PartialSuccess { method, .. } => report.verbose(format_args!(
                "Authenticated using \"{method}\" with partial success."
            )),
            Event::PasswordExpired { peer, message } => {
                lines(message).for_each(|line| report.error(line));
                self.server(peer.hop).about.missed.note(
                    "The password has expired and has to be changed: log in once with ssh."
                        .to_owned(),
                );
            }
            Event::Banner { message, .. } => {
                for line in lines(message) {
                    report.info(line);
                }
            }
            Event::Authenticated { peer, how } => {
                if let How::Publickey {
                    key_type,
                    fingerprint,
                } = how
                {
                    let label = key_type_label(key_type.as_bytes());
                    report.debug(format_args!("Server accepts key: {label} {fingerprint}"));
                }
                self.logged_in(peer, how);
            }
            _ => {}
        }
    }

    /// A key as ssh names it with `-v`.
    fn key(&self, name: &str, key_blob: &[u8]) -> String {
        let label = key_type_label(blob_name(key_blob).unwrap_or_default());
        let fingerprint = Fingerprint::of(self.provider, key_blob);
        format!("{} {label} {fingerprint}", escaped(name.as_bytes()))
    }

    fn logged_in(&mut self, peer: &PeerInfo<'_>, how: &How) {
        let server = self.server_mut(peer.hop);
        server.authenticated = Some(Instant::now());
        let report = &self.report;
        let method = how.method();
        let host = &self.server(peer.hop).about.host;
        match peer.address {
            Some(address) => report.verbose(format_args!(
                "Authenticated to {host} ([{}]:{}) using \"{method}\".",
                address.ip(),
                address.port()
            )),
            None => report.verbose(format_args!(
                "Authenticated to {host} (via proxy) using \"{method}\"."
            )),
        }
        if peer.hop < self.jumps.len() {
            return;
        }
        let targets = self.about.forwards.iter().filter_map(|f| f.to.as_ref());
        let mut further = targets.filter(|to| to.leaves_server(host));
        if let Some(to) = further.next() {
            report.verbose(format_args!(
                "The last leg, from {host} to {to}, is not encrypted by this tunnel."
            ));
        }
    }
}

impl Program for Tunnel {
    fn observe(&mut self, event: &Event<'_>) {
        match event {
            Event::PeerGone {
                peer,
                why,
                received,
                sent,
                ..
            } => {
                // Nothing that is asked now has any use.
                self.server.login.person.hang_up();
                let Server {
                    about,
                    identified,
                    authenticated,
                    ..
                } = self.server(peer.hop);
                // What is said about host keys names the host.
                if !matches!(why, Gone::Stopped | Gone::HostKeyRefused) {
                    self.say_where(peer.hop);
                }
                if !identified && !matches!(why, Gone::Stopped) {
                    ending::say_no_identification(&self.report, why);
                }
                ending::say(&self.report, about, peer, why, *authenticated);
                if let Some(since) = authenticated {
                    self.report.verbose(format_args!(
                        "Transferred: sent {sent}, received {received} bytes, in {} seconds",
                        Tenths(since.elapsed())
                    ));
                }
            }
            Event::Debug { text, .. } => self.report.debug(escaped(text.as_bytes())),
            _ => {
                self.connected(event);
                self.on_the_way(event);
                self.forwarding(event);
            }
        }
    }

    fn host_key(&mut self, question: &HostKeyQuestion<'_>) -> Answer<HostKeyVerdict> {
        let fingerprint = Fingerprint::of(self.provider, question.key_blob);
        self.report.debug(format_args!(
            "Server host key: {} {fingerprint}",
            escaped(blob_name(question.key_blob).unwrap_or_default())
        ));
        let trust = &self.server(question.peer.hop).trust;
        trust.decide(question.peer.address, question.key_blob)
    }

    fn unlock(&mut self, question: &UnlockQuestion<'_>) -> Answer<Option<Box<dyn SigningKey>>> {
        let login = &self.server(question.peer.hop).login;
        login.unlocker.unlock(question)
    }

    fn password(&mut self, question: &PasswordQuestion<'_>) -> Answer<Option<Secret>> {
        self.server(question.peer.hop).login.password(question)
    }

    fn respond(&mut self, question: &RespondQuestion<'_>) -> Answer<Option<Vec<Secret>>> {
        self.server(question.peer.hop).login.respond(question)
    }
}

/// What the two ends agreed on.
fn say_negotiated(report: &Report, about: &About, negotiated: &Negotiated) {
    report.debug(format_args!("kex: algorithm: {}", negotiated.kex));
    report.debug(format_args!(
        "kex: host key algorithm: {}",
        negotiated.host_key
    ));
    let to_client = (negotiated.cipher_to_client, negotiated.mac_to_client);
    let to_server = (negotiated.cipher_to_server, negotiated.mac_to_server);
    for (way, (cipher, mac)) in [("server->client", to_client), ("client->server", to_server)] {
        let mac = mac.unwrap_or("<implicit>");
        report.debug(format_args!(
            "kex: {way} cipher: {cipher} MAC: {mac} compression: none"
        ));
    }
    if !negotiated.strict_kex {
        report.verbose("The server does not support strict key exchange.");
    }
    if !negotiated.post_quantum && about.weak_crypto == WeakCrypto::WarnedOf {
        report.info("** WARNING: connection is not using a post-quantum key exchange algorithm.");
    }
}

#[cfg(test)]
mod tests {
    use adit_auth::Methods;
    use adit_forward::observer::Negotiated;

    use super::*;
    use crate::client::about::Stays;

    fn said(weak_crypto: WeakCrypto, post_quantum: bool) -> Vec<String> {
        let about = About {
            host: "hostb".into(),
            port: 22,
            user: "me".into(),
            forwards: vec![],
            remote_forwards: vec![],
            on_forward_failure: adit_forward::reactor::OnForwardFailure::GoOn,
            methods: Methods::default(),
            stays: Stays::Foreground,
            weak_crypto,
            missed: Vec::new().into(),
        };
        let report = Report::memory(crate::report::Level::Info);
        say_negotiated(
            &report,
            &about,
            &Negotiated {
                kex: "curve25519-sha256",
                post_quantum,
                host_key: "ssh-ed25519",
                cipher_to_server: "aes256-gcm@openssh.com",
                cipher_to_client: "aes256-gcm@openssh.com",
                mac_to_server: None,
                mac_to_client: None,
                strict_kex: true,
            },
        );
        report.kept()
    }

    #[test]
    fn an_exchange_that_a_quantum_computer_could_undo_is_warned_of_unless_that_is_known() {
        let warning = "** WARNING: connection is not using a post-quantum key exchange algorithm.";
        assert_eq!(said(WeakCrypto::WarnedOf, false), [warning]);
        assert!(said(WeakCrypto::Accepted, false).is_empty());
        assert!(said(WeakCrypto::WarnedOf, true).is_empty());
    }
}
