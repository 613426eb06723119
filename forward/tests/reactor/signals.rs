//! Signals end a loop in order. A signal is raised in the loop's own thread, by the program when it
//! hears that it listens, so that no other test's thread is asked to take it.

use std::sync::mpsc::{self, Sender};
use std::thread;

use adit_forward::observer::{Event, Program};
use adit_forward::reactor::{End, Reactor, Signals, listen};
use nix::sys::signal::{Signal, raise};

use crate::world::{Answers, Heard, client, client_config, loopback, server_config};

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
    thread::spawn(move || {
        let blocked = Signals::block().unwrap();
        let listeners = listen(&[loopback()]).unwrap();
        let mut reactor = Reactor::server(server_config(), listeners).unwrap();
        reactor.watch_signals(blocked).unwrap();
        reactor.run(&mut Raiser { signals, on, gone }).unwrap()
    })
    .join()
    .unwrap()
}

fn on_listening(event: &Event<'_>) -> bool {
    matches!(event, Event::Listening { .. })
}

#[test]
fn each_signal_ends_the_loop_and_says_which() {
    assert_eq!(run(&[Signal::SIGTERM], on_listening), End::Signal(15));
    assert_eq!(run(&[Signal::SIGINT], on_listening), End::Signal(2));
    assert_eq!(run(&[Signal::SIGHUP], on_listening), End::Signal(1));
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let both = &[Signal::SIGTERM, Signal::SIGINT];
    // The kernel hands out the lower number first.
    assert_eq!(run(both, on_listening), End::Signal(15));
}

#[test]
fn a_signal_tells_the_peer_goodbye() {
    let (gone, said) = mpsc::channel();
    let (at, address) = mpsc::channel();
    let server = thread::spawn(move || {
        let blocked = Signals::block().unwrap();
        let listeners = listen(&[loopback()]).unwrap();
        at.send(listeners[0].local_addr().unwrap()).unwrap();
        let mut reactor = Reactor::server(server_config(), listeners).unwrap();
        reactor.watch_signals(blocked).unwrap();
        let on = |event: &Event<'_>| matches!(event, Event::IdentReceived { .. });
        let signals = &[Signal::SIGTERM];
        reactor.run(&mut Raiser { signals, on, gone }).unwrap()
    });
    let client = client(
        client_config(address.recv().unwrap(), loopback()),
        Answers::default(),
    );
    assert_eq!(server.join().unwrap(), End::Signal(15));
    assert_eq!(said.recv().unwrap(), "Stopped");
    let why = client.wait(|heard| match heard {
        Heard::Gone(why) => Some(why.clone()),
        _ => None,
    });
    assert_eq!(why, "Disconnected(11)");
}
