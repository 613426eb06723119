//! What the layers of a session tell, in its own words.

use core::time::Duration;

use adit_auth::{ClientEvent, ServerEvent, UserAuthenticated};
use adit_connection as connection;
use adit_transport::Packet;

use super::{Event, Phase, Session, Span};
use crate::life::Life;

impl Session {
    pub(super) fn client_event(
        &mut self,
        packet: Option<Packet>,
        event: ClientEvent,
        now: Duration,
    ) -> Option<Event> {
        let span = |range| packet.map_or(Span::EMPTY, |packet| Span::new(packet, range));
        Some(match event {
            ClientEvent::Quiet => return None,
            ClientEvent::Authenticated(user) => self.authenticated(user, now),
            ClientEvent::Banner { message } => Event::Banner(span(&message)),
            ClientEvent::KeyOffered(key) => Event::KeyOffered(key),
            ClientEvent::PartialSuccess(method) => Event::PartialSuccess(method),
            ClientEvent::PasswordExpired { message } => Event::PasswordExpired(span(&message)),
            ClientEvent::Refused(refused) => Event::Refused(refused),
            ClientEvent::Told { name, instruction } => Event::Told {
                name: span(&name),
                instruction: span(&instruction),
            },
        })
    }

    pub(super) fn server_event(&mut self, event: ServerEvent, now: Duration) -> Option<Event> {
        match event {
            ServerEvent::Quiet => None,
            ServerEvent::Failed(failed) => Some(Event::AuthFailed(failed)),
            ServerEvent::Authenticated(user) => Some(self.authenticated(user, now)),
        }
    }

    fn authenticated(&mut self, user: UserAuthenticated, now: Duration) -> Event {
        self.transport.authenticated(now);
        self.life = Life::new(self.patience, now);
        self.phase = Phase::Open(user);
        // The first round trip, so that windows know how long a path they are to fill.
        let _ = self.transport.ping(now);
        Event::Authenticated
    }

    pub(super) fn channel_event(
        &mut self,
        packet: Packet,
        event: connection::Event,
    ) -> Option<Event> {
        Some(match event {
            connection::Event::Quiet => return None,
            connection::Event::Unknown => {
                self.transport.unimplemented(packet);
                return None;
            }
            connection::Event::Alive => Event::Alive,
            connection::Event::Closed(id) => Event::Closed(id),
            connection::Event::Data { id, range } => Event::Data {
                id,
                span: Span::new(packet, &range),
            },
            connection::Event::Eof(id) => Event::Eof(id),
            connection::Event::ForwardAsked { kind, data } => Event::ForwardAsked {
                kind,
                data: Span::new(packet, &data),
            },
            connection::Event::OpenAsked { id, kind, data } => Event::OpenAsked {
                id,
                kind,
                data: Span::new(packet, &data),
            },
            connection::Event::OpenConfirmed(id) => Event::OpenConfirmed(id),
            connection::Event::OpenRefused {
                id,
                reason_code,
                description,
            } => Event::OpenRefused {
                id,
                reason_code,
                description: Span::new(packet, &description),
            },
            connection::Event::RequestAnswered { id, answer } => {
                Event::RequestAnswered { id, answer }
            }
            connection::Event::WindowOpened(id) => Event::WindowOpened(id),
        })
    }
}
