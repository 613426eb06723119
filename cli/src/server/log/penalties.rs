//! What is said of sources that are penalised, and of their connections, in the words of sshd 9.8
//! and later.

use std::time::{Duration, Instant};

use adit_forward::admission::{AddressAndBits, Charged, Enforced, Offence, Refused};

use super::throttling::{Ends, THROTTLING_EVERY};
use crate::report::{Level, Report};

/// Connections that are dropped for what their sources did. A source may come back in a loop, and
/// with [`Overflow::DenyAll`](adit_forward::admission::Overflow) everybody does: one line is written
/// in [`THROTTLING_EVERY`], and one for each at VERBOSE. No source is lost by that, since each had
/// its line when its penalty began.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    told: Option<Told>,
}

/// When one was told of, and how many were not since.
#[derive(Debug)]
struct Told {
    at: Instant,
    untold: u64,
}

impl Refusals {
    /// A connection was dropped.
    pub(super) fn dropped(
        &mut self,
        report: &Report,
        ends: Ends,
        startups: u32,
        why: Refused,
        now: Instant,
    ) {
        self.sum_up(report, now);
        let level = match &mut self.told {
            None => {
                self.told = Some(Told { at: now, untold: 0 });
                Level::Info
            }
            Some(told) => {
                told.untold = told.untold.saturating_add(1);
                Level::Verbose
            }
        };
        report.line(
            level,
            format_args!("drop connection #{startups} {ends} {why}"),
        );
    }

    /// A connection came, dropped or not: if it is time to, says how many were not told of.
    pub(super) fn sum_up(&mut self, report: &Report, now: Instant) {
        let is_time = |told: &mut Told| now.saturating_duration_since(told.at) > THROTTLING_EVERY;
        if let Some(Told { at, untold }) = self.told.take_if(is_time)
            && untold > 0
        {
            report.info(format_args!(
                "dropped {untold} more connections for penalties in {} s",
                now.saturating_duration_since(at).as_secs()
            ));
        }
    }
}

/// A source has a penalty now, or more of it.
pub(super) fn charged(report: &Report, source: AddressAndBits, offence: Offence, charged: Charged) {
    let family = if source.address.is_ipv4() {
        "ipv4"
    } else {
        "ipv6"
    };
    let (level, text) = match charged {
        Charged::New { left, enforced } => {
            let (level, word) = match enforced {
                Enforced::Yes => (Level::Info, "active"),
                Enforced::NotYet => (Level::Verbose, "deferred"),
            };
            let left = seconds(left);
            let text =
                format!("{family}: new {source} {word} penalty of {left} seconds for {offence}");
            (level, text)
        }
        Charged::Activated { left } => {
            let left = seconds(left);
            let text =
                format!("{source}: activating {family} penalty of {left} seconds for {offence}");
            (Level::Info, text)
        }
        Charged::Added { left, enforced } => {
            let word = match enforced {
                Enforced::Yes => "active",
                Enforced::NotYet => "inactive",
            };
            let left = left.as_secs();
            let text = format!(
                "{word} penalty for {family} {source} already exists, {left} seconds remaining"
            );
            (Level::Debug1, text)
        }
        Charged::TableFull => {
            let text =
                format!("{family} penalty table full, cannot penalise {source} for {offence}");
            (Level::Verbose, text)
        }
    };
    report.line(level, format_args!("srclimit_penalise: {text}"));
}

/// `5`, `4.037`: as many of the three digits as there is something to say with.
fn seconds(time: Duration) -> String {
    match time.subsec_millis() {
        0 => time.as_secs().to_string(),
        millis => format!("{}.{millis:03}", time.as_secs()),
    }
}

#[cfg(test)]
mod tests {
    use adit_forward::admission::NetBlocks;

    use super::*;

    fn source(address: &str) -> AddressAndBits {
        let blocks = NetBlocks::new(32, 64).unwrap();
        blocks.told(address.parse().unwrap())
    }

    fn line(level: Level, address: &str, offence: Offence, what: Charged) -> Vec<String> {
        let report = Report::memory(level);
        charged(&report, source(address), offence, what);
        report.kept()
    }

    #[test]
    fn a_penalty_has_the_lines_of_sshd() {
        let left = Duration::from_secs(90);
        let new = |enforced| Charged::New { left, enforced };
        assert_eq!(
            line(Level::Info, "192.0.2.1", Offence::Crash, new(Enforced::Yes)),
            [
                "srclimit_penalise: ipv4: new 192.0.2.1/32 active penalty of 90 seconds for \
                 penalty: caused crash"
            ]
        );
        let deferred = new(Enforced::NotYet);
        assert_eq!(
            line(
                Level::Verbose,
                "2001:db8::1",
                Offence::NoAuthentication,
                deferred
            ),
            [
                "srclimit_penalise: ipv6: new 2001:db8::1/64 deferred penalty of 90 seconds for \
                 penalty: connections without attempting authentication"
            ]
        );
        let left = Duration::from_millis(17_025);
        let activated = Charged::Activated { left };
        assert_eq!(
            line(
                Level::Info,
                "192.0.2.1",
                Offence::AuthenticationFailed,
                activated
            ),
            [
                "srclimit_penalise: 192.0.2.1/32: activating ipv4 penalty of 17.025 seconds for \
                 penalty: failed authentication"
            ]
        );
        let full = Charged::TableFull;
        assert_eq!(
            line(Level::Verbose, "192.0.2.1", Offence::GraceExceeded, full),
            [
                "srclimit_penalise: ipv4 penalty table full, cannot penalise 192.0.2.1/32 for \
                 penalty: exceeded LoginGraceTime"
            ]
        );
    }

    #[test]
    fn what_changes_nothing_yet_is_no_news() {
        let left = Duration::from_secs(1);
        for (enforced, word) in [(Enforced::Yes, "active"), (Enforced::NotYet, "inactive")] {
            let added = Charged::Added { left, enforced };
            let offence = Offence::NoAuthentication;
            assert!(line(Level::Verbose, "192.0.2.1", offence, added).is_empty());
            assert_eq!(
                line(Level::Debug1, "192.0.2.1", offence, added),
                [format!(
                    "debug1: srclimit_penalise: {word} penalty for ipv4 192.0.2.1/32 already exists, 1 \
                     seconds remaining"
                )]
            );
            let new = Charged::New { left, enforced };
            let told = line(Level::Info, "192.0.2.1", offence, new).len();
            assert_eq!(told, usize::from(enforced == Enforced::Yes));
        }
    }

    fn ends() -> Ends {
        Ends {
            address: "192.0.2.7:1".parse().unwrap(),
            local: Some("[2001:db8::1]:22".parse().unwrap()),
        }
    }

    const FAILED: Refused = Refused::Penalty(Offence::AuthenticationFailed);
    const FAILED_LINE: &str = "drop connection #3 from [192.0.2.7]:1 on [2001:db8::1]:22 penalty: \
                               failed authentication";

    #[test]
    fn a_dropped_connection_has_the_line_of_sshd() {
        let report = Report::memory(Level::Verbose);
        let (mut refusals, now) = (Refusals::default(), Instant::now());
        refusals.dropped(&report, ends(), 3, FAILED, now);
        refusals.dropped(&report, ends(), 0, Refused::TableFull, now);
        assert_eq!(
            report.kept(),
            [
                FAILED_LINE,
                "drop connection #0 from [192.0.2.7]:1 on [2001:db8::1]:22 too many penalised \
                 addresses"
            ]
        );
    }

    #[test]
    fn of_connections_that_are_dropped_one_in_five_minutes_is_told_of() {
        let second = Duration::from_secs(1);
        let report = Report::memory(Level::Info);
        let (mut refusals, start) = (Refusals::default(), Instant::now());
        let mut lines_after = |after: Duration| {
            refusals.dropped(&report, ends(), 3, FAILED, start + after);
            report.kept().len()
        };
        assert_eq!(lines_after(Duration::ZERO), 1);
        assert_eq!(lines_after(THROTTLING_EVERY - second), 1, "below");
        assert_eq!(lines_after(THROTTLING_EVERY), 1, "at");
        assert_eq!(lines_after(THROTTLING_EVERY + second), 3, "above");
        let summary = "dropped 2 more connections for penalties in 301 s";
        assert_eq!(report.kept(), [FAILED_LINE, summary, FAILED_LINE]);
        // Nobody came meanwhile: there is nothing to sum up.
        assert_eq!(lines_after(3 * THROTTLING_EVERY), 4);
    }

    #[test]
    fn who_was_not_told_of_is_counted_when_somebody_is_let_in_later() {
        let report = Report::memory(Level::Info);
        let (mut refusals, start) = (Refusals::default(), Instant::now());
        refusals.sum_up(&report, start);
        refusals.dropped(&report, ends(), 3, FAILED, start);
        refusals.dropped(&report, ends(), 3, FAILED, start);
        refusals.sum_up(&report, start + THROTTLING_EVERY);
        assert_eq!(report.kept(), [FAILED_LINE]);
        let later = start + THROTTLING_EVERY + Duration::from_secs(1);
        for _ in 0..2 {
            refusals.sum_up(&report, later);
            let summary = "dropped 1 more connections for penalties in 301 s";
            assert_eq!(report.kept(), [FAILED_LINE, summary]);
        }
    }
}
