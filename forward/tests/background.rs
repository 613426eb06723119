//! A loop that is left when it is ready, with no thread beside it, and taken up again. In a process
//! of its own: threads are counted.

#![cfg(feature = "reactor")]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    dead_code,
    reason = "tests"
)]

#[path = "reactor/world.rs"]
mod world;

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

use adit_forward::observer::{Answer, Event, HostKeyQuestion, HostKeyVerdict, Place, Program};
use adit_forward::policy::{AllowForwarding, Policy};
use adit_forward::reactor::{
    End, Forward, Listen, OnForwardFailure, Reactor, RemoteForward, RemoteListen, Signals, listen,
};
use nix::sys::signal::{Signal, raise};

use world::{Answers, PATIENCE, client_config, loopback, server, server_config};

/// Names of this process's threads.
fn threads() -> Vec<String> {
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    let names = tasks.map(|task| fs::read_to_string(task.unwrap().path().join("comm")));
    // One may end between the two calls.
    let names = names.map_while(Result::ok);
    names.map(|name| name.trim().to_owned()).collect()
}

/// Whether one is there that an answer took.
fn has_prompt() -> bool {
    threads().iter().any(|name| name == "adit-prompt")
}

#[derive(Default)]
struct Asking {
    listening: Option<SocketAddr>,
    failures: usize,
    granted: usize,
}

impl Program for Asking {
    fn observe(&mut self, event: &Event<'_>) {
        match event {
            Event::Listening {
                address: Place::Tcp(address),
                ..
            } => self.listening = Some(*address),
            Event::ListenFailed { .. } | Event::RemoteListenFailed { .. } => self.failures += 1,
            Event::RemoteListening { .. } => self.granted += 1,
            _ => {}
        }
    }

    fn host_key(&mut self, _: &HostKeyQuestion<'_>) -> Answer<HostKeyVerdict> {
        Answer::Later(Box::new(|| {
            assert!(has_prompt());
            HostKeyVerdict::Trust
        }))
    }
}

#[test]
fn a_loop_is_left_without_threads_and_taken_up_again() {
    let (_server, address) = server(server_config(), Answers::default());
    let far = TcpListener::bind(loopback()).unwrap();
    let config = || client_config(address, far.local_addr().unwrap());

    let mut reactor = Reactor::client(config()).unwrap();
    let mut program = Asking::default();
    assert_eq!(reactor.run_until_ready(&mut program).unwrap(), None);
    // It waits for more questions a while.
    assert!(has_prompt());
    reactor.quiesce();
    // A thread leaves /proc a moment after it was joined.
    while has_prompt() {
        thread::yield_now();
    }

    // What connected meanwhile is served when the loop goes on.
    let near = TcpStream::connect(program.listening.unwrap()).unwrap();
    let handle = reactor.handle();
    let running = thread::spawn(move || reactor.run(&mut program).unwrap());
    let mut there = far.accept().unwrap().0;
    there.set_read_timeout(Some(PATIENCE)).unwrap();
    (&near).write_all(b"x").unwrap();
    there.read_exact(&mut [0]).unwrap();
    handle.stop();
    assert_eq!(running.join().unwrap(), End::Stopped);

    // A forward that fails is no readiness where that is to end the program, and one otherwise.
    let taken = TcpListener::bind(loopback()).unwrap();
    for (on_failure, ended) in [
        (OnForwardFailure::End, Some(End::ForwardFailed)),
        (OnForwardFailure::GoOn, None),
    ] {
        let mut config = config();
        config.on_forward_failure = on_failure;
        config.forwards.push(Forward {
            listen: Listen::Tcp(vec![taken.local_addr().unwrap()]),
            ..config.forwards[0].clone()
        });
        let mut program = Asking::default();
        let mut reactor = Reactor::client(config).unwrap();
        assert_eq!(reactor.run_until_ready(&mut program).unwrap(), ended);
        assert_eq!(program.failures, 1);
    }

    // Where a refusal is to end the program, all answers of the server are waited for.
    for (policy, ended) in [
        (AllowForwarding::Yes, None),
        (AllowForwarding::Local, Some(End::ForwardFailed)),
    ] {
        let answers = Answers {
            policy: Policy::new(Some(policy), None),
            ..Answers::default()
        };
        let (_server, address) = server(server_config(), answers);
        let mut config = client_config(address, far.local_addr().unwrap());
        let any_port = RemoteForward {
            listen: RemoteListen::Tcp {
                address: "localhost".to_owned(),
                port: 0,
            },
            to: config.forwards[0].to.clone(),
        };
        config.remote_forwards = vec![any_port; 20];
        let mut program = Asking::default();
        let mut reactor = Reactor::client(config).unwrap();
        assert_eq!(reactor.run_until_ready(&mut program).unwrap(), ended);
        assert_eq!(program.granted, if ended.is_none() { 20 } else { 0 });
    }

    // Nor is a login that fails.
    let mut config = config();
    config.identities.files.clear();
    let mut reactor = Reactor::client(config).unwrap();
    let ended = reactor.run_until_ready(&mut Asking::default()).unwrap();
    assert_eq!(ended, Some(End::NotAuthenticated));

    // Signals from a new descriptor. In a thread of its own: the mask is a thread's, and raise(3)
    // signals its caller.
    thread::spawn(|| {
        let sockets = listen(&[loopback()]).unwrap();
        let mut reactor = Reactor::server(server_config(), sockets).unwrap();
        reactor.watch_signals(Signals::block().unwrap()).unwrap();
        let mut program = Asking::default();
        assert_eq!(reactor.run_until_ready(&mut program).unwrap(), None);
        reactor.renew_signals(Signals::block().unwrap()).unwrap();
        raise(Signal::SIGTERM).unwrap();
        let end = reactor.run(&mut program).unwrap();
        assert_eq!(end, End::Signal(Signal::SIGTERM as i32));
    })
    .join()
    .unwrap();
}
