//! Every message number at every point of a connection to both roles, with and without strict key
//! exchange, well-formed, empty and one byte too long: against a table that follows the RFCs and
//! not the sources.

mod forms;
mod points;
mod table;

use adit_crypto::Provider;
use adit_testkit::scripted::{IS_OPEN_ENDED, Outcome, Role, Scripted, Strict, minimal};

use adit_testkit::{on_every_provider, seeds, toy};
use points::{At, Point};
use table::{Must, must};

/// A message of that number.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Body {
    /// Well-formed, and as short as that can be.
    Least,
    /// Nothing behind the number.
    Empty,
    /// One byte behind a message that is well-formed without it.
    TooLong,
}

impl Body {
    fn of(self, number: u8, role: Role, at: At, peer: &mut Scripted) -> Vec<u8> {
        let mut message = match number {
            20 => peer.kexinit_payload(),
            30 if role == Role::Server && at.awaits_share() => peer.share_payload(),
            31 if role == Role::Client && at.awaits_share() => peer.share_payload(),
            60 => at.method_specific(peer),
            _ => minimal(number, peer.channel),
        };
        match self {
            Self::Least => {}
            Self::Empty => message.truncate(1),
            Self::TooLong => message.push(0),
        }
        message
    }

    /// What must come of it, where `least` must come of a well-formed one.
    fn must(self, number: u8, least: Must) -> Must {
        let is_the_same = match self {
            Self::Least => true,
            Self::Empty => minimal(number, 0).len() == 1,
            Self::TooLong => IS_OPEN_ENDED.contains(&number) && !least.opens(),
        };
        // What is skipped, or unknown, is not looked into; what is refused, is refused by its
        // number already.
        let is_not_read = matches!(
            least,
            Must::End | Must::Skip | Must::Unknown | Must::Refuse(_)
        );
        if is_the_same || is_not_read {
            least
        } else {
            Must::Refuse(2)
        }
    }
}

/// All numbers at one point. Says what was not as it must be.
fn try_all(role: Role, strict: Strict, at: At, provider: &'static Provider) -> Vec<String> {
    // On real ones, where a session costs more: the numbers that are somebody's.
    let is_short = provider.name != toy::PROVIDER.name && !seeds::is_long();
    let mut wrong = Vec::new();
    for number in 0..=255 {
        // Whether fields are there does not matter where nobody knows them: half of the runs have
        // some there, and the other half none.
        let bodies: &[Body] = match (adit_proto::number::name(number), strict) {
            (Some(_), _) if is_short => &[Body::Least],
            (None, _) if is_short => &[],
            (Some(_), _) => &[Body::Least, Body::Empty, Body::TooLong],
            (None, Strict::Offered) => &[Body::Least],
            (None, Strict::Absent) => &[Body::Empty],
        };
        for &body in bodies {
            let Point { mut peer, opens } = at.reach(role, strict, provider);
            let message = body.of(number, role, at, &mut peer);
            let seen = peer.answer_to(&message);
            let must = body.must(number, must(role, strict, at, number));
            let opened = peer.opens() - opens;
            let may_log_in = at.is_logged_in() || must == Must::LogIn;
            if seen != must.outcome()
                || opened != usize::from(must.opens())
                || (peer.is_logged_in() && !may_log_in)
                || (must == Must::LogIn && !peer.is_logged_in())
            {
                wrong.push(format!(
                    "{role:?} {strict:?} {at:?} {number} {body:?}: {must:?}, but {seen:?}, {opened} opened"
                ));
            }
        }
    }
    wrong
}

impl Must {
    const fn opens(self) -> bool {
        matches!(self, Self::Open | Self::OpenLater)
    }

    fn outcome(self) -> Outcome {
        match self {
            Self::Refuse(reason) => Outcome::Refused(reason),
            Self::End => Outcome::Ended,
            Self::Skip | Self::Read | Self::LogIn | Self::OpenLater => Outcome::Said(Vec::new()),
            Self::Say(numbers) => Outcome::Said(numbers.to_vec()),
            Self::Unknown => Outcome::Said(vec![3]),
            Self::Open => Outcome::Said(vec![91]),
        }
    }
}

fn all_points(role: Role, strict: Strict, provider: &'static Provider) {
    let wrong: Vec<_> = At::of(role)
        .flat_map(|at| try_all(role, strict, at, provider))
        .collect();
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
}

fn a_client_takes_of_every_message_only_what_its_point_allows(provider: &'static Provider) {
    all_points(Role::Client, Strict::Absent, provider);
}

fn a_server_takes_of_every_message_only_what_its_point_allows(provider: &'static Provider) {
    all_points(Role::Server, Strict::Absent, provider);
}

fn a_strict_client_takes_of_every_message_only_what_its_point_allows(provider: &'static Provider) {
    all_points(Role::Client, Strict::Offered, provider);
}

fn a_strict_server_takes_of_every_message_only_what_its_point_allows(provider: &'static Provider) {
    all_points(Role::Server, Strict::Offered, provider);
}

on_every_provider! {
    a_client_takes_of_every_message_only_what_its_point_allows
    a_server_takes_of_every_message_only_what_its_point_allows
    a_strict_client_takes_of_every_message_only_what_its_point_allows
    a_strict_server_takes_of_every_message_only_what_its_point_allows
}
