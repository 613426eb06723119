//! A source of randomness that fails, at every call that a session makes of it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::atomic::{AtomicUsize, Ordering};

use adit_connection::OpenKind;
use adit_crypto::{Provider, SecureRandom, Unspecified};
use adit_forward::Error;
use adit_forward::relay::{self, Pull};
use adit_forward::session::Session;
use adit_testkit::pair::{End, Pair, Setup};
use adit_transport::CryptoFailure;

/// What every end of a session says that has none.
const NO_RANDOMNESS: Error = Error::Transport(adit_transport::Error::Crypto(CryptoFailure::Random));

/// Fails at some calls.
struct Failing {
    from: &'static dyn SecureRandom,
    calls: AtomicUsize,
    /// The first call that fails, counted from 1.
    first: usize,
    /// The last one.
    last: usize,
}

impl Failing {
    fn new(provider: &'static Provider, first: usize, last: usize) -> &'static Self {
        Box::leak(Box::new(Self {
            from: provider.random,
            calls: AtomicUsize::new(0),
            first,
            last,
        }))
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }
}

impl SecureRandom for Failing {
    fn fill(&self, out: &mut [u8]) -> Result<(), Unspecified> {
        let call = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        if (self.first..=self.last).contains(&call) {
            out.fill(0xee); // which nobody may take for randomness
            return Err(Unspecified);
        }
        self.from.fill(out)
    }
}

/// Logs in, opens a channel, sends a little both ways, changes keys twice, and ends in order.
fn whole_session(provider: &'static Provider, random: &'static Failing) -> Result<Pair, Error> {
    let mut setup = Setup::new(provider);
    setup.random = random;
    setup.rekey.bytes = Some(20_000);
    let mut pair = Pair::try_new(&setup)?;
    pair.run();
    if pair.client.session.user().is_none() || pair.server.session.user().is_none() {
        return Ok(pair);
    }
    let id = pair.open();
    pair.run();
    for end in [&mut pair.client, &mut pair.server] {
        for local in end.locals.values_mut() {
            local.socket.to_read.extend([7; 150_000]);
        }
    }
    pair.run();
    if let Some(local) = pair.client.locals.get_mut(&id) {
        local.socket.read_closed = true;
    }
    pair.run();
    Ok(pair)
}

/// Nothing can be had of a session that has failed, and nothing makes it panic.
fn assert_over(end: &mut End, now: core::time::Duration) {
    let pending = |session: &Session| session.send_pending().concat();
    let before = pending(&end.session);
    let session = &mut end.session;
    assert!(session.recv_space().is_none());
    assert!(session.user().is_none());
    let _ = session.poll(now);
    let _ = session.send_due(now);
    let _ = session.handle_timeout(now);
    let kind = OpenKind::DirectTcpip {
        host: b"localhost",
        port: 80,
        originator: b"127.0.0.1",
        originator_port: 4000,
    };
    if let Ok(id) = session.open(kind) {
        let pulled = relay::pull(session, id, &mut &[1_u8; 100][..]);
        assert!(!matches!(pulled, Ok(Pull::Moved { .. })), "{pulled:?}");
    }
    assert!(pending(session) == before, "something was sealed after all");
}

fn one_failed_call_ends_its_end_of_the_session_and_says_so(provider: &'static Provider) {
    let keys = Failing::new(provider, usize::MAX, usize::MAX);
    for _ in 0..2 {
        provider.keys.generate_ed25519(keys).unwrap();
    }
    let whole = Failing::new(provider, usize::MAX, usize::MAX);
    let pair = whole_session(provider, whole).unwrap();
    assert!(pair.client.is_alive() && pair.server.is_alive());
    let rekeyed = pair.client.log.iter().filter(|line| *line == "Rekeyed");
    assert!(rekeyed.count() >= 2, "{:?}", pair.client.log);
    let (before, all) = (keys.calls(), whole.calls());
    assert!(all > before + 6, "{all} calls, {before} of them for keys");
    for first in before + 1..=all {
        for last in [first, usize::MAX] {
            let random = Failing::new(provider, first, last);
            let mut pair = match whole_session(provider, random) {
                Ok(pair) => pair,
                Err(error) => {
                    assert_eq!(error, NO_RANDOMNESS, "call {first} of {all}");
                    continue;
                }
            };
            let now = pair.now;
            let failed: Vec<_> = [&mut pair.client, &mut pair.server]
                .into_iter()
                .filter_map(|end| {
                    let error = end.error?;
                    assert_over(end, now);
                    Some(error)
                })
                .collect();
            assert!(!failed.is_empty(), "call {first} of {all} failed unheard");
            for error in failed {
                assert_eq!(error, NO_RANDOMNESS, "call {first} of {all}");
            }
        }
    }
}

adit_testkit::on_every_provider! {
    one_failed_call_ends_its_end_of_the_session_and_says_so
}
