//! When a failure may be told, so that its time does not say why it is one.

use core::time::Duration;

use adit_crypto::{Provider, Secret, digest};
use adit_proto::Reader;

/// A failure is told no sooner than this after its request (OpenSSH's MIN_FAIL_DELAY_SECONDS), so
/// that the time it took does not say what was found.
const FAIL_DELAY: Duration = Duration::from_millis(5);

/// When a decision took longer than this, no delay can hide it (OpenSSH's MAX_FAIL_DELAY_SECONDS).
const FAIL_DELAY_MAX: Duration = Duration::from_secs(5);

/// When a failure may be told: a whole delay after its request, doubled as often as the time is
/// already past.
pub(super) fn fail_time(since: Duration, now: Duration, user_delay: Duration) -> Duration {
    let elapsed = now.saturating_sub(since);
    if elapsed > FAIL_DELAY_MAX {
        return now;
    }
    let mut delay = FAIL_DELAY.saturating_add(user_delay);
    while delay < elapsed {
        delay = delay.saturating_mul(2);
    }
    since.saturating_add(delay)
}

/// 0 to 4.3 ms that belong to a user name, as OpenSSH adds them: whoever measures the sum does not
/// know which part of it is work.
pub(super) fn user_delay(provider: &Provider, secret: &Secret, user: &[u8]) -> Duration {
    let hash = digest(provider.sha256, &[secret.expose(), user]);
    let picoseconds = Reader::new(&hash).u32().unwrap_or_default();
    Duration::from_nanos(u64::from(picoseconds / 1000))
}

#[cfg(test)]
mod tests {
    use adit_testkit::on_every_provider;

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_failure_waits_for_a_whole_delay_doubled_as_often_as_needed() {
        let since = 100 * MS;
        for (elapsed, user_delay, waited) in [
            (0, 0, 5),
            (4, 0, 5),
            (5, 0, 5),
            (6, 0, 10),
            (10, 0, 10),
            (11, 0, 20),
            (0, 3, 8),
            (9, 3, 16),
            (4999, 0, 5120),
            (5000, 0, 5120),
            (5001, 0, 5001),
        ] {
            assert_eq!(
                fail_time(since, since + elapsed * MS, user_delay * MS),
                since + waited * MS,
                "{elapsed}"
            );
        }
    }

    #[test]
    fn a_clock_at_its_end_does_no_harm() {
        assert_eq!(fail_time(Duration::MAX, Duration::ZERO, MS), Duration::MAX);
        assert_eq!(fail_time(Duration::ZERO, Duration::MAX, MS), Duration::MAX);
    }

    fn each_user_has_a_delay_that_the_secret_decides(provider: &'static Provider) {
        let delay = |secret: &[u8], user: &[u8]| {
            let delay = user_delay(provider, &Secret::copy_of(secret), user);
            assert!(delay < Duration::from_micros(4300));
            delay
        };
        assert_eq!(delay(b"secret", b"bob"), delay(b"secret", b"bob"));
        assert_ne!(delay(b"secret", b"bob"), delay(b"secret", b"eve"));
        assert_ne!(delay(b"secret", b"bob"), delay(b"other", b"bob"));
    }

    on_every_provider! { each_user_has_a_delay_that_the_secret_decides }
}
