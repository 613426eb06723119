//! What must come of each message at each point. A row is a set of numbers and what they lead to.
//! A number without a row is refused as a protocol error: RFC 4253 §11.4 would have unknown ones
//! answered with UNIMPLEMENTED, which happens here once somebody is logged in and not before.

use adit_testkit::scripted::{Role, Strict};

use super::points::At;

/// What must come of a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Must {
    /// DISCONNECT with that reason (RFC 4253 §11.1).
    Refuse(u32),
    /// The session ends: the peer has said so.
    End,
    /// Nothing, and its fields do not matter.
    Skip,
    /// Nothing is sent, but its fields must be there.
    Read,
    /// Messages of these numbers are sent.
    Say(&'static [u8]),
    /// UNIMPLEMENTED (RFC 4253 §11.4).
    Unknown,
    /// CHANNEL_OPEN_CONFIRMATION. This and the next are the only ways to the open hook.
    Open,
    /// The same, once new keys let it be said.
    OpenLater,
    /// Nothing is sent, and a client believes that it is logged in.
    LogIn,
}

use Must::{End, LogIn, Open, OpenLater, Read, Refuse, Say, Skip, Unknown};

type Row = (&'static [std::ops::RangeInclusive<u8>], Must);

/// RFC 4253 §11: at any time, but in a strict first exchange.
const ANY_TIME: &[Row] = &[(&[1..=1], End), (&[2..=3], Skip), (&[4..=4], Read)];

/// OpenSSH PROTOCOL §1.10: "terminate the connection if any unexpected or out-of-sequence packet
/// is received". What is left is the wish to end it.
const STRICT: &[Row] = &[(&[1..=1], End)];

/// RFC 8308 §2.4 and PROTOCOL §1.8: behind NEWKEYS and until the login. Where EXT_INFO comes among
/// the other messages there is not looked at, but how often. A PING is answered after the login.
const EXTENSIONS: &[Row] = &[(&[7..=7], Read)];
const BEFORE_LOGIN: &[Row] = &[(&[192..=193], Skip)];

/// RFC 4254, and RFC 4253 §11.4 for what nobody knows.
const LOGGED_IN: &[Row] = &[
    (&[80..=80], Say(&[82])),
    (&[192..=192], Say(&[193])),
    (&[193..=193], Read),
    (&[8..=19, 22..=29, 83..=89, 101..=191, 194..=255], Unknown),
];

/// The same with our KEXINIT on its way: RFC 4253 §7.1 forbids every answer until NEWKEYS.
const HELD: &[Row] = &[
    (&[80..=80], Read),
    (&[93..=93], Read),
    (&[192..=193], Read),
    (&[8..=19, 22..=29, 83..=89, 101..=191, 194..=255], Skip),
];

/// What both roles may get.
fn common(strict: Strict, at: At) -> &'static [&'static [Row]] {
    match (at, strict) {
        (At::Ident, _) => &[],
        (At::Share | At::NewKeys, Strict::Offered) => &[STRICT],
        (At::KexInit | At::Share | At::NewKeys | At::RekeyShare | At::RekeyNewKeys, _) => {
            &[ANY_TIME]
        }
        (At::Service, _) => &[ANY_TIME, BEFORE_LOGIN],
        (
            At::Auth | At::Probe | At::Signature | At::Password | At::Interactive | At::Answered,
            _,
        ) => &[ANY_TIME, BEFORE_LOGIN, EXTENSIONS],
        (At::Open | At::Channel, _) => &[ANY_TIME, LOGGED_IN],
        (At::Held, _) => &[ANY_TIME, HELD],
    }
}

fn of_server(at: At) -> &'static [Row] {
    match at {
        // RFC 4253 §4.2: a client has nothing to say before its identification.
        At::Ident => &[(&[0..=255], Refuse(8))],
        At::Share => &[(&[30..=30], Say(&[31, 21, 7]))],
        At::RekeyShare => &[(&[30..=30], Say(&[31, 21]))],
        At::NewKeys | At::RekeyNewKeys => &[(&[21..=21], Read)],
        At::Service => &[(&[5..=5], Say(&[6])), (&[7..=7], Read)],
        // RFC 4253 §10: what is supported is accepted, again too.
        At::Auth | At::Probe | At::Password => &[(&[5..=5], Say(&[6])), (&[50..=50], Say(&[51]))],
        // RFC 4252 §5.1: further requests "SHOULD be silently ignored".
        At::Open => &[
            (&[20..=20], Say(&[20])),
            (&[50..=50], Skip),
            (&[90..=90], Open),
            (&[93..=93], Read),
        ],
        At::Channel => &[
            (&[20..=20], Say(&[20])),
            (&[50..=50], Skip),
            (&[90..=90], Open),
            (&[93..=94, 96..=96], Read),
            (&[97..=97], Say(&[97])),
            (&[98..=98], Say(&[100])),
        ],
        At::Held => &[
            (&[20..=20], Read),
            (&[50..=50], Skip),
            (&[90..=90], OpenLater),
        ],
        At::KexInit => &[(&[20..=20], Read)],
        At::Signature | At::Interactive | At::Answered => &[],
    }
}

fn of_client(at: At) -> &'static [Row] {
    // A banner may come at any time of authentication (RFC 4252 §5.4), and so may a failure that
    // leaves nothing to try.
    match at {
        // RFC 4253 §4.2: "other lines of data" before the identification.
        At::Ident => &[(&[0..=255], Skip)],
        At::KexInit => &[(&[20..=20], Say(&[30]))],
        At::Share => &[(&[31..=31], Say(&[21, 7, 5]))],
        At::RekeyShare => &[(&[31..=31], Say(&[21]))],
        At::NewKeys | At::RekeyNewKeys => &[(&[21..=21], Read)],
        // RFC 4253 §10: who knows the server does not wait for SERVICE_ACCEPT, but for EXT_INFO.
        At::Service => &[(&[6..=7], Say(&[50]))],
        At::Auth => &[(&[51..=51, 53..=53], Read)],
        At::Probe => &[(&[51..=51, 53..=53], Read), (&[60..=60], Say(&[50]))],
        At::Signature => &[(&[51..=51, 53..=53], Read), (&[52..=52], LogIn)],
        // 60 is PASSWD_CHANGEREQ: the method is given up.
        At::Password => &[(&[51..=51, 53..=53, 60..=60], Read), (&[52..=52], LogIn)],
        // 60 is INFO_REQUEST, which asks nothing and is answered at once.
        At::Interactive => &[(&[51..=51, 53..=53], Read), (&[60..=60], Say(&[61]))],
        At::Answered => &[
            (&[51..=51, 53..=53], Read),
            (&[52..=52], LogIn),
            (&[60..=60], Say(&[61])),
        ],
        // Nothing was asked for that a server could open a channel for.
        At::Open => &[
            (&[20..=20], Say(&[20, 30])),
            (&[90..=90], Say(&[92])),
            (&[93..=93], Read),
        ],
        At::Channel => &[
            (&[20..=20], Say(&[20, 30])),
            (&[90..=90], Say(&[92])),
            (&[93..=94, 96..=96], Read),
            (&[97..=97], Say(&[97])),
            (&[98..=98], Say(&[100])),
        ],
        At::Held => &[(&[20..=20], Say(&[30])), (&[90..=90], Read)],
    }
}

pub(super) fn must(role: Role, strict: Strict, at: At, number: u8) -> Must {
    let own = match role {
        Role::Server => of_server(at),
        Role::Client => of_client(at),
    };
    let rows = common(strict, at).iter().copied().chain([own]).flatten();
    let found = rows
        .filter(|(numbers, _)| numbers.iter().any(|range| range.contains(&number)))
        .map(|(_, must)| *must);
    let found: Vec<_> = found.collect();
    assert!(found.len() <= 1, "{role:?} {at:?} {number}: {found:?}");
    found.first().copied().unwrap_or(Refuse(2))
}
