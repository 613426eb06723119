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

/// All that a run is made of.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) seed: u64,
    pub(super) weather: Weather,
    pub(super) limits: Limits,
    /// A client that has a free slot opens a channel, though the last one there may still drain.
    pub(super) server_limits: Limits,
    pub(super) buffers: Buffers,
    pub(super) rekey: Option<u64>,
    /// One step in this many asks for new keys.
    pub(super) rekey_now: usize,
    pub(super) alive: Option<KeepAlive>,
    pub(super) login_time: Option<Duration>,
    pub(super) clock: Clock,
    pub(super) connections: usize,
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
/// The same for a server, for as many channels as a run has.
const TIGHT_SERVER: Limits = Limits {
    max_channels: 8,
    window_budget: 8 << 10,
};

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
        let (limits, server_limits) = d.pick(&[
            (TIGHT, TIGHT_SERVER),
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
            connections: d.between(1, 6),
            bytes: d.pick(&[0, 10, bytes / 4, bytes]),
            manners: Manners::Orderly,
            harm: Break::Never,
        }
    }

    /// Everything is well but for the windows: a channel that waits for one hears of nothing else.
    pub(super) fn tight(seed: u64) -> Self {
        let mut plan = Self::rough(seed);
        plan.weather = Weather::FAIR;
        (plan.limits, plan.server_limits) = (TIGHT, TIGHT_SERVER);
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
