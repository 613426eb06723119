//! Messages cut off after each of their bytes, with a byte behind them, and none at all, wherever a
//! whole one may come. The fields are such as a peer would fill in.

use adit_crypto::Provider;
use adit_testkit::scripted::channels::{Sizes, open};
use adit_testkit::scripted::{Outcome, Role, Scripted, Strict, minimal, request, string};
use adit_testkit::{on_every_provider, toy};

use super::points::{At, Point};
use super::table::{Must, must};

/// A message, and from where on it is whole: its last field is what is left.
struct Form {
    message: Vec<u8>,
    whole_from: usize,
}

fn form(parts: &[&[u8]]) -> Form {
    let message = parts.concat();
    // Past its end: one byte more is too long.
    let whole_from = message.len();
    Form {
        message,
        whole_from,
    }
}

/// One whose last field may be of any length.
fn open_ended(parts: &[&[u8]], rest: &[u8]) -> Form {
    let message = parts.concat();
    Form {
        whole_from: message.len(),
        message: [&message, rest].concat(),
    }
}

impl Form {
    fn is_whole(&self, len: usize) -> bool {
        let is_open_ended = self.whole_from < self.message.len();
        len == self.whole_from || (is_open_ended && len > self.whole_from)
    }
}

/// Messages of that number, as somebody would send them at that point.
fn forms(number: u8, role: Role, at: At, peer: &mut Scripted) -> Vec<Form> {
    let head = &[number][..];
    match number {
        1 => vec![form(&[
            head,
            &[0, 0, 0, 11],
            &string(b"bye"),
            &string(b"en"),
        ])],
        4 => vec![form(&[head, &[1], &string(b"text"), &string(b"en")])],
        7 => {
            let names = [b"server-sig-algs".as_slice(), b"ssh-ed25519", b"x", b"y"];
            vec![form(&[head, &[0, 0, 0, 2], &names.map(string).concat()])]
        }
        20 => vec![form(&[&peer.kexinit_payload()])],
        30 | 31 => vec![form(&[&peer.share_payload()])],
        50 => {
            let other = request(b"hostbased", b"");
            vec![
                form(&[&peer.probe_request()]),
                form(&[&peer.signed_request()]),
                open_ended(&[&request(b"none", b"")], b"more"),
                open_ended(&[&other], b"more"),
            ]
        }
        51 => vec![form(&[head, &string(b"publickey,password"), &[1]])],
        53 => vec![form(&[head, &string(b"Hello.\r\n"), &string(b"en")])],
        60 => vec![form(&[&at.method_specific(peer)])],
        80 => vec![open_ended(
            &[head, &string(b"x@example.com"), &[1]],
            b"more",
        )],
        81 => vec![open_ended(&[head], &[0, 0, 0, 22])],
        90 => {
            let direct = open(7, Sizes::USUAL);
            let session = [head, &string(b"session"), &[0, 0, 0, 7], &[0, 0, 64, 0]].concat();
            let session = open_ended(&[&session, &[0, 0, 64, 0]], b"more");
            // A client looks no further than to the sizes.
            let taken = match role {
                Role::Client => open_ended(&[&direct[..1 + 4 + 12 + 12]], &direct[29..]),
                Role::Server => form(&[&direct]),
            };
            vec![session, taken]
        }
        192 | 193 => vec![form(&[head, &string(b"data")])],
        _ => vec![form(&[&minimal(number, peer.channel)])],
    }
}

/// What must come of it, if it is a matter of form; those about a channel are tried elsewhere.
fn whole(role: Role, strict: Strict, at: At, number: u8) -> Option<Must> {
    let must = must(role, strict, at, number);
    let is_read = !matches!(must, Must::Refuse(_) | Must::Skip | Must::Unknown);
    (is_read && at != At::Ident && !(91..=100).contains(&number)).then_some(must)
}

/// Every number that is taken somewhere, at one point. Says what was not as it must be.
fn try_all(role: Role, strict: Strict, at: At, provider: &'static Provider) -> Vec<String> {
    let mut wrong = Vec::new();
    for number in 0..=255 {
        let Some(must) = whole(role, strict, at, number) else {
            continue;
        };
        let first = forms(number, role, at, &mut at.reach(role, strict, provider).peer);
        for (which, first) in first.into_iter().enumerate() {
            let end = first.message.len();
            // On real ones, where a session costs more: the ends.
            let lens: Vec<_> = if provider.name == toy::PROVIDER.name {
                (1..=end + 1).collect()
            } else {
                vec![1, end - 1, end, end + 1]
            };
            for len in lens.into_iter().filter(|len| *len > 0) {
                let Point { mut peer, opens } = at.reach(role, strict, provider);
                let mut form = forms(number, role, at, &mut peer).swap_remove(which);
                let is_whole = form.is_whole(len);
                form.message.resize(len, 0);
                let seen = peer.answer_to(&form.message);
                let opened = peer.opens() - opens;
                let is_right = match (must, is_whole) {
                    (Must::End, _) => seen == Outcome::Ended,
                    (_, false) => seen == Outcome::Refused(2) && opened == 0,
                    (_, true) => matches!(seen, Outcome::Said(_)),
                };
                if !is_right {
                    let message = form.message;
                    wrong.push(format!("{role:?} {strict:?} {at:?} {message:?}: {seen:?}"));
                }
            }
        }
    }
    wrong
}

fn a_message_is_whole_and_ends_where_it_ends(provider: &'static Provider) {
    for role in Role::BOTH {
        let wrong: Vec<_> = At::of(role)
            .flat_map(|at| try_all(role, Strict::Offered, at, provider))
            .collect();
        assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
    }
}

/// RFC 4253 §6 has a payload, and §11 a number at its front.
fn a_packet_without_a_message_ends_the_session(provider: &'static Provider) {
    for role in Role::BOTH {
        for strict in Strict::BOTH {
            for at in At::of(role).filter(|at| *at != At::Ident) {
                let mut peer = at.reach(role, strict, provider).peer;
                peer.forget();
                let frame = peer.frame(&[]);
                peer.send_frame(frame);
                let reason = if at.has_keys() { 5 } else { 2 };
                let expected = Outcome::Refused(reason);
                assert_eq!(peer.outcome(), expected, "{role:?} {strict:?} {at:?}");
            }
        }
    }
}

on_every_provider! {
    a_message_is_whole_and_ends_where_it_ends
    a_packet_without_a_message_ends_the_session
}
