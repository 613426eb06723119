//! A way over several servers in one process: `-J`, and what is at its end.

use std::io::{Read, Write, pipe};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use adit_auth::Methods;
use adit_forward::observer::{
    Answer, Event, Gone, HostKeyQuestion, HostKeyVerdict, PasswordQuestion, PeerInfo, Program,
};
use adit_forward::reactor::{
    ClientConfig, End, FileKey, Handle, HopConfig, Identities, JUMPS_MAX, KeepAlive, Proxy,
    Reactor, Stdio, StdioForward, To,
};

use super::world::{
    Answers, Looped, PATIENCE, client_config, key, loopback, server, server_config, ssh,
};

/// A client's program that says of which server each thing is said.
struct Traveller {
    told: Sender<String>,
    /// The server whose host key is refused.
    mistrusts: Option<usize>,
    /// The server whose host key a person thinks about, so long, the first time that it is shown.
    thinks: Option<(usize, Duration)>,
}

#[expect(clippy::wildcard_enum_match_arm, reason = "only some events matter")]
impl Program for Traveller {
    fn observe(&mut self, event: &Event<'_>) {
        let at = |peer: &PeerInfo<'_>| peer.hop;
        let told = match event {
            Event::Authenticated { peer, .. } => format!("{} authenticated", at(peer)),
            Event::Connected { peer, .. } if peer.address.is_some() => {
                format!("{} connected", at(peer))
            }
            Event::Connected { peer, .. } => format!("{} connected through", at(peer)),
            Event::OpenRefused {
                peer, reason_code, ..
            } => format!("{} refused {reason_code}", at(peer)),
            Event::PeerGone { peer, why, .. } => match why {
                Gone::Stopped => format!("{} stopped", at(peer)),
                Gone::HostKeyRefused => format!("{} mistrusted", at(peer)),
                Gone::TooSlow => format!("{} too slow", at(peer)),
                Gone::AuthenticationRefused(_) => format!("{} denied", at(peer)),
                Gone::Silent => format!("{} silent", at(peer)),
                _ => format!("{} gone", at(peer)),
            },
            Event::Listening { .. } => "listening".to_owned(),
            Event::ProxyEnded { end } => format!("{end:?}"),
            Event::ProxyFailed { .. } => "no proxy".to_owned(),
            _ => return,
        };
        let _ = self.told.send(told);
    }

    fn host_key(&mut self, question: &HostKeyQuestion<'_>) -> Answer<HostKeyVerdict> {
        if let Some((_, time)) = self.thinks.take_if(|(hop, _)| *hop == question.peer.hop) {
            return Answer::Later(Box::new(move || {
                thread::sleep(time);
                HostKeyVerdict::Trust
            }));
        }
        Answer::Now(match self.mistrusts {
            Some(hop) if hop == question.peer.hop => HostKeyVerdict::Refuse,
            Some(_) | None => HostKeyVerdict::Trust,
        })
    }

    fn password(&mut self, _: &PasswordQuestion<'_>) -> Answer<Option<adit_crypto::Secret>> {
        Answer::Now(None)
    }
}

struct Journey {
    told: Receiver<String>,
    handle: Handle,
    thread: Option<JoinHandle<End>>,
}

impl Journey {
    fn begin(config: ClientConfig, mistrusts: Option<usize>) -> Self {
        Self::with(config, |told| Traveller {
            told,
            mistrusts,
            thinks: None,
        })
    }

    fn with(config: ClientConfig, traveller: impl FnOnce(Sender<String>) -> Traveller) -> Self {
        let reactor = Reactor::client(config).unwrap();
        let handle = reactor.handle();
        let (told, receiver) = mpsc::channel();
        let mut traveller = traveller(told);
        let thread = thread::spawn(move || reactor.run(&mut traveller).unwrap());
        Self {
            told: receiver,
            handle,
            thread: Some(thread),
        }
    }

    fn wait(&self, what: &str) {
        let mut passed = Vec::new();
        loop {
            match self.told.recv_timeout(PATIENCE) {
                Ok(told) if told == what => return,
                Ok(told) => passed.push(told),
                Err(_) => panic!("{what:?} is not in {passed:?}"),
            }
        }
    }

    fn end(mut self) -> (End, Vec<String>) {
        let end = self.thread.take().unwrap().join().unwrap();
        (end, self.told.try_iter().collect())
    }
}

impl Drop for Journey {
    fn drop(&mut self) {
        self.handle.stop();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn to(address: SocketAddr) -> To {
    To::Tcp {
        host: address.ip().to_string(),
        port: address.port(),
    }
}

fn jump(next: SocketAddr) -> HopConfig {
    HopConfig {
        ssh: ssh(),
        connect_timeout: Some(PATIENCE),
        user: "jumper".to_owned(),
        methods: Methods::default(),
        identities: Identities {
            files: vec![FileKey::loaded("test".to_owned(), key())],
            agent: None,
        },
        alive: None,
        leads_to: to(next),
    }
}

/// A way over that many servers to one more, and where its forward listens.
fn way(jumps: usize, far: SocketAddr) -> (Vec<Looped>, ClientConfig) {
    let (servers, addresses): (Vec<Looped>, Vec<SocketAddr>) = (0..=jumps)
        .map(|_| server(server_config(), Answers::default()))
        .unzip();
    let mut config = client_config(addresses[0], far);
    config.jumps = addresses[1..].iter().map(|next| jump(*next)).collect();
    (servers, config)
}

/// That, with standard input and output instead of a forward.
fn with_stdio(mut config: ClientConfig, far: SocketAddr, stdio: Stdio) -> ClientConfig {
    config.forwards = Vec::new();
    config.stdio = Some(StdioForward { to: to(far), stdio });
    config
}

#[test]
fn three_servers_in_a_row_lead_to_the_far_end_and_back() {
    let far = TcpListener::bind(loopback()).unwrap();
    let (_servers, config) = way(2, far.local_addr().unwrap());
    let ((input, mut their_output), (mut their_input, output)) = (pipe().unwrap(), pipe().unwrap());
    let stdio = Stdio {
        input: input.into(),
        output: output.into(),
    };
    let config = with_stdio(config, far.local_addr().unwrap(), stdio);
    let journey = Journey::begin(config, None);
    let (mut there, _) = far.accept().unwrap();
    there.set_read_timeout(Some(PATIENCE)).unwrap();
    let bytes: Vec<u8> = (0..1_000_000_u32).map(|n| (n % 251) as u8).collect();
    let sent = bytes.clone();
    let sender = thread::spawn(move || their_output.write_all(&sent).unwrap());
    let mut read = Vec::new();
    there.read_to_end(&mut read).unwrap();
    assert_eq!(read, bytes);
    sender.join().unwrap();
    // Its half is still open.
    there.write_all(&bytes).unwrap();
    drop(there);
    let mut read = Vec::new();
    their_input.read_to_end(&mut read).unwrap();
    assert_eq!(read, bytes);
    let (end, told) = journey.end();
    assert_eq!(end, End::StdioDone);
    assert_eq!(
        told,
        [
            "0 connected",
            "0 authenticated",
            "1 connected through",
            "1 authenticated",
            "2 connected through",
            "2 authenticated",
            "2 stopped",
            "1 stopped",
            "0 stopped"
        ]
    );
}

#[test]
fn every_server_of_a_way_hears_the_last_words() {
    let far = TcpListener::bind(loopback()).unwrap();
    let (servers, config) = way(2, far.local_addr().unwrap());
    let journey = Journey::begin(config, None);
    journey.wait("listening");
    journey.handle.stop();
    for server in servers.iter().rev() {
        // SSH_DISCONNECT_BY_APPLICATION
        assert_eq!(server.gone(), "Disconnected(11)");
    }
    assert_eq!(journey.end().0, End::Stopped);
}

#[test]
fn a_host_key_that_is_refused_on_the_way_ends_all_of_it() {
    for hop in 0..3 {
        let far = TcpListener::bind(loopback()).unwrap();
        let (_servers, config) = way(2, far.local_addr().unwrap());
        let (end, told) = Journey::begin(config, Some(hop)).end();
        assert_eq!(end, End::NotAuthenticated);
        let mistrusted = format!("{hop} mistrusted");
        assert!(told.contains(&mistrusted), "{told:?}");
        let further = |n: usize| told.contains(&format!("{n} authenticated"));
        assert!(!further(hop) && (0..hop).all(further), "{told:?}");
    }
}

#[test]
fn a_server_that_does_not_lead_on_is_named() {
    let far = TcpListener::bind(loopback()).unwrap();
    let (_servers, mut config) = way(2, far.local_addr().unwrap());
    let nobody = TcpListener::bind(loopback()).unwrap();
    config.jumps[1].leads_to = to(nobody.local_addr().unwrap());
    drop(nobody);
    let (end, told) = Journey::begin(config, None).end();
    assert_eq!(end, End::NotOpened);
    assert!(told.contains(&"1 refused 2".to_owned()), "{told:?}");
}

#[test]
fn a_server_that_goes_away_takes_the_rest_of_the_way_along() {
    let far = TcpListener::bind(loopback()).unwrap();
    let (mut servers, config) = way(2, far.local_addr().unwrap());
    let journey = Journey::begin(config, None);
    journey.wait("listening");
    drop(servers.remove(1));
    let (end, told) = journey.end();
    assert_eq!(end, End::SessionEnded);
    assert_eq!(told.first().map(String::as_str), Some("1 gone"), "{told:?}");
}

#[test]
fn a_host_behind_the_first_that_says_nothing_is_given_up_in_time() {
    let silent = TcpListener::bind(loopback()).unwrap();
    let far = TcpListener::bind(loopback()).unwrap();
    let (_servers, mut config) = way(1, far.local_addr().unwrap());
    config.jumps[0].leads_to = to(silent.local_addr().unwrap());
    config.connect_timeout = Some(Duration::from_millis(100));
    let (end, told) = Journey::begin(config, None).end();
    assert_eq!(end, End::NotAuthenticated);
    assert!(told.contains(&"1 too slow".to_owned()), "{told:?}");
}

#[test]
fn a_server_on_the_way_that_hung_up_while_a_person_decided_is_led_to_again() {
    let far = TcpListener::bind(loopback()).unwrap();
    let (_servers, mut config) = way(1, far.local_addr().unwrap());
    let mut hasty = server_config();
    hasty.login_grace = Some(Duration::from_millis(600));
    let (_hasty, address) = server(hasty, Answers::default());
    config.jumps[0].leads_to = to(address);
    let journey = Journey::with(config, |told| Traveller {
        told,
        mistrusts: None,
        thinks: Some((1, Duration::from_millis(900))),
    });
    for told in [
        "0 authenticated",
        "1 connected through",
        "1 connected through",
        "1 authenticated",
        "listening",
    ] {
        journey.wait(told);
    }
}

/// What passes bytes on between whoever connects and that address, until it is told to be still.
fn passage(to: SocketAddr, still: &Arc<AtomicBool>) -> SocketAddr {
    let listener = TcpListener::bind(loopback()).unwrap();
    let address = listener.local_addr().unwrap();
    let still = Arc::clone(still);
    thread::spawn(move || {
        let near = listener.accept().unwrap().0;
        let far = TcpStream::connect(to).unwrap();
        let ways = [(near.try_clone(), far.try_clone()), (Ok(far), Ok(near))];
        for (from, to) in ways {
            let (mut from, mut to, still) = (from.unwrap(), to.unwrap(), Arc::clone(&still));
            thread::spawn(move || {
                let mut piece = [0; 4096];
                while let Ok(n @ 1..) = from.read(&mut piece) {
                    if !still.load(Ordering::Relaxed) && to.write_all(&piece[..n]).is_err() {
                        break;
                    }
                }
            });
        }
    });
    address
}

#[test]
fn a_server_behind_others_that_falls_silent_is_given_up() {
    let far = TcpListener::bind(loopback()).unwrap();
    let (_servers, mut config) = way(1, far.local_addr().unwrap());
    let To::Tcp { port, .. } = config.jumps[0].leads_to else {
        panic!("not a port");
    };
    let still = Arc::new(AtomicBool::new(false));
    let address = passage(SocketAddr::from(([127, 0, 0, 1], port)), &still);
    config.jumps[0].leads_to = to(address);
    let interval = Duration::from_millis(300);
    config.alive = Some(KeepAlive { interval, count: 2 });
    let journey = Journey::begin(config, None);
    journey.wait("listening");
    still.store(true, Ordering::Relaxed);
    let (end, told) = journey.end();
    assert_eq!(end, End::SessionEnded);
    assert_eq!(
        told.first().map(String::as_str),
        Some("1 silent"),
        "{told:?}"
    );
}

#[test]
fn a_server_that_refuses_the_login_is_named() {
    for hop in [0, 1] {
        let far = TcpListener::bind(loopback()).unwrap();
        let (_servers, mut config) = way(1, far.local_addr().unwrap());
        match hop {
            0 => config.jumps[0].identities.files.clear(),
            _ => config.identities.files.clear(),
        }
        let (end, told) = Journey::begin(config, None).end();
        assert_eq!(end, End::NotAuthenticated);
        assert!(told.contains(&format!("{hop} denied")), "{told:?}");
    }
}

#[test]
fn as_many_servers_as_may_be_are_gone_through_and_no_more() {
    let far = TcpListener::bind(loopback()).unwrap();
    for jumps in [JUMPS_MAX - 1, JUMPS_MAX] {
        let (_servers, config) = way(jumps, far.local_addr().unwrap());
        let journey = Journey::begin(config, None);
        journey.wait(&format!("{jumps} authenticated"));
        journey.wait("listening");
    }
    let mut config = client_config(far.local_addr().unwrap(), far.local_addr().unwrap());
    config.jumps = (0..=JUMPS_MAX).map(|_| jump(loopback())).collect();
    assert!(Reactor::client(config).is_err());
}

#[test]
fn standard_output_has_everything_before_the_end_however_slowly_it_takes_it() {
    let far = TcpListener::bind(loopback()).unwrap();
    let (_servers, config) = way(0, far.local_addr().unwrap());
    let ((input, their_output), (mut their_input, output)) = (pipe().unwrap(), pipe().unwrap());
    drop(their_output);
    let stdio = Stdio {
        input: input.into(),
        output: output.into(),
    };
    let config = with_stdio(config, far.local_addr().unwrap(), stdio);
    let journey = Journey::begin(config, None);
    let (mut there, _) = far.accept().unwrap();
    let bytes = vec![7; 200_000];
    there.write_all(&bytes).unwrap();
    drop(there);
    thread::sleep(Duration::from_millis(200));
    let mut read = Vec::new();
    their_input.read_to_end(&mut read).unwrap();
    assert_eq!(read, bytes);
    assert_eq!(journey.end().0, End::StdioDone);
}

#[test]
fn standard_input_and_output_that_are_led_nowhere_end_the_program() {
    let nobody = TcpListener::bind(loopback()).unwrap();
    let (_servers, config) = way(0, nobody.local_addr().unwrap());
    let address = nobody.local_addr().unwrap();
    drop(nobody);
    let ((input, _their_output), (_their_input, output)) = (pipe().unwrap(), pipe().unwrap());
    let stdio = Stdio {
        input: input.into(),
        output: output.into(),
    };
    let (end, told) = Journey::begin(with_stdio(config, address, stdio), None).end();
    assert_eq!(end, End::NotOpened);
    assert!(told.contains(&"0 refused 2".to_owned()), "{told:?}");
}

fn by_command(command: &str) -> ClientConfig {
    let mut config = client_config(loopback(), loopback());
    config.proxy = Some(Proxy::Command {
        shell: "/bin/sh".into(),
        command: command.into(),
    });
    config
}

#[test]
fn a_program_may_lead_to_the_first_server() {
    let far = TcpListener::bind(loopback()).unwrap();
    let (_servers, config) = way(1, far.local_addr().unwrap());
    let address = config.addresses[0];
    // A program that copies between its standard input and output and that address.
    let command = format!(
        "python3 -c 'import socket,threading,os\n\
         s=socket.create_connection((\"{}\",{}))\n\
         def up():\n\
         \x20while True:\n\
         \x20 b=os.read(0,65536)\n\
         \x20 if not b: break\n\
         \x20 s.sendall(b)\n\
         threading.Thread(target=up,daemon=True).start()\n\
         while True:\n\
         \x20b=s.recv(65536)\n\
         \x20if not b: break\n\
         \x20os.write(1,b)\n'",
        address.ip(),
        address.port()
    );
    let jumps = config.jumps;
    let mut config = by_command(&command);
    config.jumps = jumps;
    let journey = Journey::begin(config, None);
    journey.wait("0 connected through");
    journey.wait("1 authenticated");
    journey.wait("listening");
}

#[test]
fn a_program_that_ends_before_there_is_a_session_says_how() {
    for (command, said) in [
        ("true", "Exited(0)"),
        ("sh -c 'exit 7'", "Exited(7)"),
        ("sh -c 'kill -9 $$'", "Killed(9)"),
        ("/nonexistent/program 2>/dev/null", "Exited(127)"),
    ] {
        let (end, told) = Journey::begin(by_command(command), None).end();
        assert_eq!(end, End::NotAuthenticated, "{command}");
        assert!(told.contains(&said.to_owned()), "{command}: {told:?}");
    }
    let mut config = by_command("true");
    config.proxy = Some(Proxy::Command {
        shell: "/nonexistent/shell".into(),
        command: "true".into(),
    });
    let (end, told) = Journey::begin(config, None).end();
    assert_eq!(
        (end, told),
        (End::NotConnected, vec!["no proxy".to_owned()])
    );
}

#[test]
fn a_program_that_leads_nowhere_is_given_up_in_time_and_ended() {
    let mut config = by_command("sleep 1000");
    config.connect_timeout = Some(Duration::from_millis(100));
    let (end, told) = Journey::begin(config, None).end();
    assert_eq!(end, End::NotAuthenticated);
    assert!(told.contains(&"0 too slow".to_owned()), "{told:?}");
}

#[test]
fn standard_input_and_output_may_lead_to_the_first_server_themselves() {
    let far = TcpListener::bind(loopback()).unwrap();
    let (_servers, mut config) = way(0, far.local_addr().unwrap());
    let stream = TcpStream::connect(config.addresses[0]).unwrap();
    config.proxy = Some(Proxy::Stdio(Stdio {
        input: stream.try_clone().unwrap().into(),
        output: stream.into(),
    }));
    let journey = Journey::begin(config, None);
    journey.wait("0 connected through");
    journey.wait("listening");
}
