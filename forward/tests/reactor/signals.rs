//! Signals end a loop in order. A signal is raised in the loop's own thread, by the program when it
//! hears that it listens, so that no other test's thread is asked to take it. One that whoever runs
//! the tests ignores (SIGHUP under nohup) stays ignored, and is left out.

use core::time::Duration;
use std::fs;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use adit_forward::observer::{Event, Program};
use adit_forward::reactor::{End, Reactor, Signals, listen};
use nix::sys::signal::{Signal, raise};

use crate::world::{Answers, Heard, client, client_config, loopback, server_config};

/// A loop that has not ended by then never will.
const DEADLINE: Duration = Duration::from_secs(20);

/// Whether this process was begun with the signal ignored; says so, once for each that asks.
fn is_ignored(signal: Signal) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .unwrap();
    let mask = u64::from_str_radix(mask.trim(), 16).unwrap();
    let ignored = mask >> (signal as u32 - 1) & 1 == 1;
    if ignored {
        println!("note: {signal} is ignored here: what needs it is left out");
    }
    ignored
}

/// What the thread of a loop sends in the end.
fn ended<T>(end: &Receiver<T>) -> T {
    let ended = end.recv_timeout(DEADLINE);
    ended.unwrap_or_else(|why| panic!("the loop did not end: {why}"))
}

struct Raiser {
    signals: &'static [Signal],
    on: fn(&Event<'_>) -> bool,
    gone: Sender<String>,
}

impl Program for Raiser {
    fn observe(&mut self, event: &Event<'_>) {
        if (self.on)(event) {
            for signal in self.signals {
                raise(*signal).unwrap();
            }
        }
        if let Event::PeerGone { why, .. } = event {
            let _ = self.gone.send(format!("{why:?}"));
        }
    }
}

fn run(signals: &'static [Signal], on: fn(&Event<'_>) -> bool) -> End {
    let (gone, _) = mpsc::channel();
    let (end, says) = mpsc::channel();
    thread::spawn(move || {
        let blocked = Signals::block().unwrap();
        let listeners = listen(&[loopback()]).unwrap();
        let mut reactor = Reactor::server(server_config(), listeners).unwrap();
        reactor.watch_signals(blocked).unwrap();
        let ended = reactor.run(&mut Raiser { signals, on, gone });
        end.send(ended.unwrap()).unwrap();
    });
    ended(&says)
}

fn on_listening(event: &Event<'_>) -> bool {
    matches!(event, Event::Listening { .. })
}

#[test]
fn each_signal_ends_the_loop_and_says_which() {
    let one: [(&[Signal], i32); 3] = [
        (&[Signal::SIGTERM], 15),
        (&[Signal::SIGINT], 2),
        (&[Signal::SIGHUP], 1),
    ];
    for (signals, number) in one {
        if !signals.iter().copied().any(is_ignored) {
            assert_eq!(run(signals, on_listening), End::Signal(number));
        }
    }
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let both = &[Signal::SIGTERM, Signal::SIGINT];
    if both.iter().copied().any(is_ignored) {
        return;
    }
    // The kernel hands out the lower number first.
    assert_eq!(run(both, on_listening), End::Signal(15));
}

#[test]
fn a_signal_tells_the_peer_goodbye() {
    if is_ignored(Signal::SIGTERM) {
        return;
    }
    let (gone, said) = mpsc::channel();
    let (at, address) = mpsc::channel();
    let (end, says) = mpsc::channel();
    thread::spawn(move || {
        let blocked = Signals::block().unwrap();
        let listeners = listen(&[loopback()]).unwrap();
        at.send(listeners[0].local_addr().unwrap()).unwrap();
        let mut reactor = Reactor::server(server_config(), listeners).unwrap();
        reactor.watch_signals(blocked).unwrap();
        let on = |event: &Event<'_>| matches!(event, Event::IdentReceived { .. });
        let signals = &[Signal::SIGTERM];
        let ended = reactor.run(&mut Raiser { signals, on, gone });
        end.send(ended.unwrap()).unwrap();
    });
    let client = client(
        client_config(address.recv().unwrap(), loopback()),
        Answers::default(),
    );
    assert_eq!(ended(&says), End::Signal(15));
    assert_eq!(said.recv_timeout(DEADLINE).unwrap(), "Stopped");
    let why = client.wait(|heard| match heard {
        Heard::Gone(why) => Some(why.clone()),
        _ => None,
    });
    assert_eq!(why, "Disconnected(11)");
}
