//! What a seed has in store.

use core::time::Duration;

use adit_connection::Limits;
use adit_testkit::dice::Dice;
use adit_testkit::net::Weather;
use adit_transport::Buffers;

use super::super::super::KeepAlive;

/// How the clock goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Clock {
    /// A little at a time.
    Steady,
    /// Not at all while there is something to do.
    Stands,
    /// Hours at once, now and then: the machine slept.
    Jumps,
    /// Back, now and then, which the caller must not do.
    Stumbles,
}

/// What happens to the connection between the programs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Break {
    Never,
    /// One bit of one byte is turned over.
    Flip,
    /// It ends with FIN.
    Fin,
    /// It is reset.
    Reset,
    /// It falls silent.
    Silence,
}

/// What applications do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Manners {
    /// Both send all they have, end, and read to the end.
    Orderly,
    /// Some reset their connection or close it early.
    Mixed,
}

/// What kind of forward a connection goes through.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// `-L`, from port to port.
    Local,
    /// `-L`, from path to path.
    LocalPath,
    /// `-D`.
    Dynamic,
    /// `-R`, from port to port.
    Remote,
    /// `-R`, from path to path.
    RemotePath,
    /// `-R` with a port alone.
    RemoteDynamic,
}

/// Of which the client opens the channels.
const CLIENTS: &[Kind] = &[Kind::Local, Kind::LocalPath, Kind::Dynamic];
/// Of which the server does.
const SERVERS: &[Kind] = &[Kind::Remote, Kind::RemotePath, Kind::RemoteDynamic];
const EVERY: &[Kind] = &[
    Kind::Local,
    Kind::LocalPath,
    Kind::Dynamic,
    Kind::Remote,
    Kind::RemotePath,
    Kind::RemoteDynamic,
];

/// All that a run is made of.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) seed: u64,
    pub(super) weather: Weather,
    /// Who has a free slot opens a channel, though the last one may still drain at the other end:
    /// that one has more.
    pub(super) limits: Limits,
    pub(super) server_limits: Limits,
    pub(super) buffers: Buffers,
    pub(super) rekey: Option<u64>,
    /// One step in this many asks for new keys.
    pub(super) rekey_now: usize,
    pub(super) alive: Option<KeepAlive>,
    pub(super) login_time: Option<Duration>,
    pub(super) clock: Clock,
    /// Of each connection.
    pub(super) kinds: Vec<Kind>,
    /// Most bytes in one direction of one connection.
    pub(super) bytes: usize,
    pub(super) manners: Manners,
    pub(super) harm: Break,
}

/// Small enough that every limit is met.
const TIGHT: Limits = Limits {
    max_channels: 3,
    window_budget: 6 << 10,
};
/// The same for the other end, for as many channels as a run has: the bases of all of them are half
/// of the book, so that whoever knows of a free slot here is never refused one.
const TIGHT_OTHER: Limits = Limits {
    max_channels: 8,
    window_budget: 16 << 10,
};

/// A client's limits and a server's.
fn tight(kinds: &[Kind]) -> (Limits, Limits) {
    let of = |some: &[Kind]| kinds.iter().any(|kind| some.contains(kind));
    match (of(CLIENTS), of(SERVERS)) {
        (_, false) => (TIGHT, TIGHT_OTHER),
        (false, true) => (TIGHT_OTHER, TIGHT),
        (true, true) => (TIGHT_OTHER, TIGHT_OTHER),
    }
}

impl Plan {
    /// Nothing breaks, everything is difficult.
    pub(super) fn rough(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let d = &mut dice;
        let piece = d.pick(&[1, 7, 100, 1460, usize::MAX]);
        let room = d.pick(&[1, 20, 700, 5000, 64 << 10]);
        let link_room = d.pick(&[50, 700, 5000, 64 << 10]);
        // Each byte may be a packet, and each byte of that a step.
        let bytes = match piece.min(room).min(link_room) {
            0..=7 => 60,
            8..=100 => 800,
            _ => 20_000,
        };
        let kinds = d.pick(&[CLIENTS, SERVERS, EVERY]);
        let connections = d.between(1, 6);
        let kinds: Vec<Kind> = (0..connections).map(|_| d.pick(kinds)).collect();
        let (limits, server_limits) = d.pick(&[
            tight(&kinds),
            (Limits::EMBEDDED, Limits::EMBEDDED),
            (Limits::CLIENT, Limits::SERVER),
        ]);
        Self {
            seed,
            weather: Weather {
                interrupted: d.pick(&[0, 2, 3, 10]),
                full: d.pick(&[0, 2, 5]),
                short: d.pick(&[0, 1, 3]),
                spurious: d.pick(&[0, 0, 3, 20]),
                late: d.pick(&[0, 2, 4]),
                piece,
                room,
                link_room,
                no_descriptor: d.pick(&[0, 0, 3]),
                refused: 0,
                at_once: d.pick(&[1, 2, 0]),
            },
            limits,
            server_limits,
            buffers: d.pick(&[Buffers { recv: 0, send: 1 }, Buffers::default()]),
            rekey: d.pick(&[None, Some(3000), Some(40_000)]),
            rekey_now: if piece < 100 { 0 } else { d.pick(&[0, 300]) },
            alive: d.pick(&[
                None,
                Some(KeepAlive {
                    interval: Duration::from_secs(15),
                    count: 3,
                }),
            ]),
            login_time: None,
            clock: Clock::Steady,
            kinds,
            bytes: d.pick(&[0, 10, bytes / 4, bytes]),
            manners: Manners::Orderly,
            harm: Break::Never,
        }
    }

    /// Everything is well but for the windows: a channel that waits for one hears of nothing else.
    pub(super) fn tight(seed: u64) -> Self {
        let mut plan = Self::rough(seed);
        plan.weather = Weather::FAIR;
        (plan.limits, plan.server_limits) = tight(&plan.kinds);
        plan.bytes = 20_000;
        plan
    }

    /// Applications that reset and close as they like, destinations that cannot be reached.
    pub(super) fn rude(seed: u64) -> Self {
        let mut plan = Self::rough(seed);
        plan.manners = Manners::Mixed;
        plan.weather.refused = Dice::new(!seed).pick(&[0, 3]);
        plan
    }

    /// The clock does what it likes.
    pub(super) fn untimely(seed: u64) -> Self {
        let mut plan = Self::rough(seed);
        let d = &mut Dice::new(!seed);
        plan.clock = d.pick(&[Clock::Stands, Clock::Jumps, Clock::Jumps, Clock::Stumbles]);
        // A sign of life and its answer, a byte in each step, would see several jumps, each of which
        // counts as one that was not answered.
        plan.weather.piece = plan.weather.piece.max(7);
        plan.alive = Some(KeepAlive {
            interval: Duration::from_secs(15),
            count: d.pick(&[1, 2, 3]),
        });
        plan
    }

    /// The connection between the programs breaks.
    pub(super) fn broken(seed: u64) -> Self {
        let mut plan = Self::rough(seed);
        let d = &mut Dice::new(!seed);
        plan.login_time = Some(Duration::from_secs(120));
        plan.harm = d.pick(&[Break::Flip, Break::Fin, Break::Reset, Break::Silence]);
        plan.alive = Some(KeepAlive {
            interval: Duration::from_secs(15),
            count: 3,
        });
        plan
    }
}
