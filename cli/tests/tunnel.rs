//! `adit` through `aditd`, both as programs, on loopback: that bytes arrive, and what a person is
//! told when they do not. Ports are the system's choice.
#![forbid(unsafe_code)]
#![cfg(all(test, feature = "client", feature = "server"))]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failure of a helper is a failure of its test"
)]

mod directory;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use adit::provider::PROVIDER;
use adit_auth::keyfile::KeyFile;
use adit_auth::public_key::to_line;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use directory::Directory;

/// Nothing here takes this long; a test that waits for what never comes must end all the same.
const PATIENCE: Duration = Duration::from_secs(20);

/// A home directory with a key that its authorized_keys names; removed with everything in it.
struct Home(Directory);

impl Home {
    fn new() -> Self {
        let home = Self(Directory::new());
        fs::create_dir(home.0.join(".ssh")).unwrap();
        let public = home.new_key("id_ed25519");
        fs::write(home.ssh("authorized_keys"), public).unwrap();
        home
    }

    fn ssh(&self, name: &str) -> PathBuf {
        self.0.join(".ssh").join(name)
    }

    /// Writes a private key and gives the public line.
    fn new_key(&self, name: &str) -> String {
        let key = KeyFile::generate(PROVIDER, PROVIDER.random, "").unwrap();
        let text = key.to_text(PROVIDER.random).unwrap();
        let path = self.ssh(name);
        fs::write(&path, text.expose()).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        to_line(&key.public_blob(), "").unwrap()
    }

    /// A key of the tests of key files.
    fn known_key(&self, name: &str) -> String {
        let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../auth/tests/data");
        let path = self.ssh(name);
        fs::copy(data.join(name), &path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn known_hosts(&self) -> String {
        fs::read_to_string(self.ssh("known_hosts")).unwrap_or_default()
    }

    fn start(&self, program: &str, args: &[&str]) -> Running {
        let mut child = Command::new(program)
            .args(args)
            .env("HOME", &*self.0)
            .env_remove("SSH_AUTH_SOCK")
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in stderr.split(b'\n').map_while(Result::ok) {
                let _ = sender.send(String::from_utf8(line).unwrap());
            }
        });
        Running {
            child,
            lines,
            said: Vec::new(),
        }
    }

    /// A server that may open what `options` say.
    fn aditd(&self, options: &[&str]) -> (Running, SocketAddr) {
        let mut args = vec!["-o", "ListenAddress=127.0.0.1:0"];
        options.iter().for_each(|o| args.extend(["-o", o]));
        let mut server = self.start(env!("CARGO_BIN_EXE_aditd"), &args);
        let line = server.wait_for("Server listening on 127.0.0.1 port ");
        let port = line.rsplit(' ').next().unwrap().trim_end_matches('.');
        let address = (Ipv4Addr::LOCALHOST, port.parse().unwrap()).into();
        (server, address)
    }

    fn adit(&self, server: SocketAddr, args: &[&str]) -> Running {
        let port = server.port().to_string();
        // This machine's configuration is not the test's: Debian's hashes names, for one.
        let mut all = vec!["-F", "none", "-o", "BatchMode=yes", "-p", &port];
        all.extend(args);
        all.extend(["-l", "somebody", "127.0.0.1"]);
        self.start(env!("CARGO_BIN_EXE_adit"), &all)
    }

    /// A tunnel to `to` that is open, and its port here.
    fn tunnel(&self, server: SocketAddr, to: SocketAddr) -> (Running, SocketAddr) {
        let mut client = Err(String::new());
        // The port that was free may be somebody else's by now: then another one.
        for _ in 0..5 {
            let port = free_port();
            let spec = format!("127.0.0.1:{port}:{}:{}", to.ip(), to.port());
            let mut running = self.adit(
                server,
                &[
                    "-v",
                    "-oStrictHostKeyChecking=accept-new",
                    "-oExitOnForwardFailure=yes",
                    "-L",
                    &spec,
                ],
            );
            let ready = ["Local forwarding listening on 127.0.0.1 port", "bind ["];
            let line = running.wait_for_any(&ready);
            if line.contains(ready[0]) {
                return (running, (Ipv4Addr::LOCALHOST, port).into());
            }
            client = Err(line);
        }
        client.unwrap()
    }
}

/// A program; killed if the test does not end it.
struct Running {
    child: Child,
    lines: Receiver<String>,
    said: Vec<String>,
}

impl Running {
    fn wait_for(&mut self, text: &str) -> String {
        self.wait_for_any(&[text])
    }

    /// The next line with one of these texts.
    fn wait_for_any(&mut self, texts: &[&str]) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(line) = self.lines.recv_timeout(left) else {
                panic!("none of {texts:?} in {:#?}", self.said);
            };
            self.said.push(line.clone());
            if texts.iter().any(|text| line.contains(text)) {
                return line;
            }
        }
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        kill(pid, signal).unwrap();
    }

    /// Its exit code, and all that it said.
    fn end(mut self) -> (Option<i32>, String) {
        let deadline = Instant::now() + PATIENCE;
        // Standard error is at its end when the process is.
        while let Ok(line) = self
            .lines
            .recv_timeout(deadline.saturating_duration_since(Instant::now()))
        {
            self.said.push(line);
        }
        let said = self.said.join("\n");
        assert!(Instant::now() < deadline, "it does not end: {said}");
        (self.child.wait().unwrap().code(), said)
    }

    /// It ends with 255, and has said this.
    fn fails(self, texts: &[&str]) {
        let (code, said) = self.end();
        for text in texts {
            assert!(said.contains(text), "{text:?} is not in {said}");
        }
        assert_eq!(code, Some(255), "{said}");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that nobody had a moment ago, in both families.
fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

/// An application that gives back what it gets, and ends when its peer does.
fn echo() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || {
                let mut out = stream.try_clone().unwrap();
                let _ = std::io::copy(&mut &stream, &mut out);
                let _ = stream.shutdown(Shutdown::Write);
            });
        }
    });
    address
}

fn connect(to: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(to).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

const OPEN: &[&str] = &["AllowTcpForwarding=yes"];

#[test]
fn bytes_go_there_and_back_and_the_end_of_them_too() {
    let home = Home::new();
    let (_server, server) = home.aditd(OPEN);
    let (client, port) = home.tunnel(server, echo());
    let mut stream = connect(port);
    let mut sender = stream.try_clone().unwrap();
    let sent: Vec<u8> = (0..3_000_000_u32).map(|n| n.to_le_bytes()[1]).collect();
    let expected = sent.clone();
    let sending = thread::spawn(move || {
        sender.write_all(&sent).unwrap();
        sender.shutdown(Shutdown::Write).unwrap();
    });
    let mut got = Vec::new();
    stream.read_to_end(&mut got).unwrap();
    sending.join().unwrap();
    assert!(got == expected, "{} bytes came back", got.len());
    client.signal(Signal::SIGTERM);
    let (code, said) = client.end();
    assert_eq!(code, Some(0), "{said}");
    for line in [
        "Authenticated to 127.0.0.1 ([127.0.0.1]:",
        "debug1: kex: algorithm: ",
        "debug1: Server host key: ssh-ed25519 SHA256:",
        "debug1: Will attempt key: ",
        "debug1: Server accepts key: ED25519 SHA256:",
        "Killed by signal 15.",
    ] {
        assert!(said.contains(line), "{line} is not in {said}");
    }
}

#[test]
fn an_unknown_host_key_is_not_accepted_without_asking() {
    let home = Home::new();
    let (_server, server) = home.aditd(OPEN);
    home.adit(server, &["-N"]).fails(&[
        "No ED25519 host key is known for [127.0.0.1]:",
        "Host key verification failed.",
    ]);
    assert_eq!(home.known_hosts(), "");
}

#[test]
fn a_new_host_key_is_kept_and_a_changed_one_refused() {
    let home = Home::new();
    let (_server, server) = home.aditd(OPEN);
    let (client, _) = home.tunnel(server, echo());
    drop(client);
    let known = home.known_hosts();
    let name = format!("[127.0.0.1]:{} ssh-ed25519 ", server.port());
    assert!(known.starts_with(&name), "{known}");
    // Now it is known, and the strictest policy is content.
    let mut client = home.adit(server, &["-N", "-v", "-oStrictHostKeyChecking=yes"]);
    client.wait_for("Authenticated to ");
    drop(client);

    let other = home.new_key("other");
    let changed = format!("{name}{}\n", other.split(' ').nth(1).unwrap().trim());
    fs::write(home.ssh("known_hosts"), &changed).unwrap();
    home.adit(server, &["-N", "-oStrictHostKeyChecking=no"])
        .fails(&[
            "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @",
            "has changed and you have requested strict checking.",
            "Host key verification failed.",
        ]);
    assert_eq!(home.known_hosts(), changed);
}

/// Key files, and the algorithms that go with each. Without ring nothing signs with RSA.
const KEYS: [(&str, &str, &[&str]); 4] = [
    ("ed25519", "ssh-ed25519", &["ssh-ed25519"]),
    (
        "ecdsa256_pem",
        "ecdsa-sha2-nistp256",
        &["ecdsa-sha2-nistp256"],
    ),
    (
        "ecdsa384_pkcs8",
        "ecdsa-sha2-nistp384",
        &["ecdsa-sha2-nistp384"],
    ),
    ("rsa", "ssh-rsa", &["rsa-sha2-512", "rsa-sha2-256"]),
];

fn usable_keys() -> &'static [(&'static str, &'static str, &'static [&'static str])] {
    if cfg!(feature = "ring") {
        &KEYS
    } else {
        &KEYS[..3]
    }
}

#[test]
fn a_server_with_keys_of_every_type_shows_the_one_that_is_asked_for() {
    let home = Home::new();
    let host_keys: Vec<String> = usable_keys()
        .iter()
        .map(|(file, ..)| format!("HostKey={}", home.known_key(file)))
        .collect();
    let mut options = OPEN.to_vec();
    options.extend(host_keys.iter().map(String::as_str));
    let (_server, server) = home.aditd(&options);
    for (_, key_type, algorithms) in usable_keys() {
        for algorithm in *algorithms {
            let only = format!("-oHostKeyAlgorithms={algorithm}");
            let alias = format!("-oHostKeyAlias={key_type}");
            let accept = "-oStrictHostKeyChecking=accept-new";
            let mut client = home.adit(server, &["-N", "-v", accept, &alias, &only]);
            client.wait_for(&format!("kex: host key algorithm: {algorithm}"));
            client.wait_for("Authenticated to ");
        }
        let line = format!("{key_type} {key_type} ");
        let known = home.known_hosts();
        assert_eq!(known.matches(&line).count(), 1, "{known}");
        // From now on it is asked for this type before others, without being told to.
        let alias = format!("-oHostKeyAlias={key_type}");
        let strict = "-oStrictHostKeyChecking=yes";
        let mut client = home.adit(server, &["-N", "-v", strict, &alias]);
        client.wait_for(&format!("kex: host key algorithm: {}", algorithms[0]));
        client.wait_for("Authenticated to ");
    }
}

#[test]
fn users_log_in_with_keys_of_every_type_that_the_server_accepts() {
    let home = Home::new();
    let mut authorized = String::new();
    for (file, ..) in usable_keys() {
        let text = fs::read(home.known_key(file)).unwrap();
        let key = KeyFile::parse(&text, PROVIDER.keys).unwrap().plain();
        authorized += &to_line(&key.unwrap().public_blob(), "").unwrap();
    }
    fs::write(home.ssh("authorized_keys"), authorized).unwrap();
    let (mut server, address) = home.aditd(OPEN);
    let accept = "-oStrictHostKeyChecking=accept-new";
    let log_in = |address: SocketAddr, file: &str| {
        let file = home.ssh(file);
        let file = file.to_str().unwrap();
        home.adit(
            address,
            &["-N", "-v", accept, "-oIdentitiesOnly=yes", "-i", file],
        )
    };
    for (file, key_type, _) in usable_keys() {
        let mut client = log_in(address, file);
        client.wait_for("Authenticated to ");
        let line = server.wait_for("Accepted publickey for somebody from 127.0.0.1 port ");
        let label = adit_auth::key_type_label(key_type.as_bytes());
        assert!(line.contains(&format!(" ssh2: {label} SHA256:")), "{line}");
    }
    let (mut server, address) = home.aditd(&["PubkeyAcceptedAlgorithms=-ecdsa*,rsa-sha2-512"]);
    log_in(address, "ecdsa256_pem").fails(&["Permission denied (publickey)."]);
    log_in(address, "ed25519").wait_for("Authenticated to ");
    server.wait_for("Accepted publickey for somebody");
    if cfg!(feature = "ring") {
        // The server says that the other algorithm is left.
        log_in(address, "rsa").wait_for("Authenticated to ");
        server.wait_for(" ssh2: RSA SHA256:");
    }
}

#[test]
fn twenty_clients_at_once_lose_none_of_each_others_hosts() {
    let home = Home::new();
    let old = "# a comment without an end";
    fs::write(home.ssh("known_hosts"), old).unwrap();
    let (_server, server) = home.aditd(&["MaxStartups=100"]);
    let clients: Vec<_> = (0..20)
        .map(|n| {
            let alias = format!("-oHostKeyAlias=host{n}");
            let accept = "-oStrictHostKeyChecking=accept-new";
            home.adit(server, &["-N", "-v", accept, &alias])
        })
        .collect();
    for mut client in clients {
        client.wait_for("Permanently added 'host");
    }
    let known = home.known_hosts();
    assert!(known.starts_with(&format!("{old}\n")), "{known}");
    for n in 0..20 {
        let name = format!("host{n} ssh-ed25519 ");
        assert_eq!(known.lines().filter(|l| l.starts_with(&name)).count(), 1);
    }
    let names: Vec<_> = fs::read_dir(home.ssh("")).unwrap().flatten().collect();
    let left_over = names
        .iter()
        .find(|e| e.path().to_string_lossy().contains(".adit-"));
    assert!(left_over.is_none(), "{left_over:?}");
}

#[test]
fn a_host_that_cannot_be_added_for_want_of_room_is_told_and_the_tunnel_stands() {
    let home = Home::new();
    let old = "somebody.example ssh-ed25519 AAAA\n";
    fs::write(home.ssh("known_hosts"), old).unwrap();
    let (_server, server) = home.aditd(OPEN);
    // No process of this shell can make a file longer than nothing; the signal that says so kills
    // whoever does not expect it.
    let adit = format!(
        "ulimit -f 0 && exec {} -F none -N -v -p {} -oStrictHostKeyChecking=accept-new -l me 127.0.0.1",
        env!("CARGO_BIN_EXE_adit"),
        server.port()
    );
    let mut client = home.start("/bin/sh", &["-c", &adit]);
    let said = client.wait_for("Failed to add the host to the list of known hosts (");
    assert!(said.ends_with("/known_hosts): File too large."), "{said}");
    client.wait_for("Authenticated to ");
    client.signal(Signal::SIGTERM);
    assert_eq!(client.end().0, Some(0));
    assert_eq!(home.known_hosts(), old);
}

#[test]
fn a_refused_login_names_user_and_methods() {
    let home = Home::new();
    let (_server, server) = home.aditd(OPEN);
    home.new_key("stranger");
    let key = home.ssh("stranger");
    home.adit(
        server,
        &[
            "-N",
            "-oStrictHostKeyChecking=no",
            "-i",
            key.to_str().unwrap(),
        ],
    )
    .fails(&["somebody@127.0.0.1: Permission denied (publickey)."]);
    fs::remove_file(home.ssh("id_ed25519")).unwrap();
    home.adit(server, &["-N", "-oStrictHostKeyChecking=no"])
        .fails(&[
            "There was no key to log in with",
            "somebody@127.0.0.1: Permission denied (publickey).",
        ]);
}

#[test]
fn a_refused_destination_ends_that_connection_alone() {
    let home = Home::new();
    let allowed = echo();
    let (_server, server) = home.aditd(&[&format!("PermitOpen={allowed}")]);
    let (mut client, port) = home.tunnel(server, ([127, 0, 0, 1], 9).into());
    let mut stream = connect(port);
    let mut rest = Vec::new();
    // The application sees its connection break, not end.
    assert!(stream.read_to_end(&mut rest).is_err());
    client.wait_for("open failed: administratively prohibited: ");
    // The tunnel lives: the next one is refused like the first.
    let _second = connect(port);
    client.wait_for("open failed: administratively prohibited: ");
    client.signal(Signal::SIGTERM);
    assert_eq!(client.end().0, Some(0));
}

/// The port in `Allocated port N for …`.
fn allocated(running: &mut Running, what: &str) -> SocketAddr {
    let line = running.wait_for("Allocated port ");
    assert!(line.ends_with(what), "{line}");
    let port = line.split(' ').nth(2).unwrap().parse().unwrap();
    (Ipv4Addr::LOCALHOST, port).into()
}

fn assert_echoes(port: SocketAddr) {
    let mut stream = connect(port);
    stream.write_all(b"there and back").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut got = String::new();
    stream.read_to_string(&mut got).unwrap();
    assert_eq!(got, "there and back");
}

const NEW: &str = "-oStrictHostKeyChecking=accept-new";

#[test]
fn a_port_of_the_servers_choice_leads_here_until_the_client_goes() {
    let home = Home::new();
    let (_server, server) = home.aditd(OPEN);
    let to = echo();
    let mut client = home.adit(server, &[NEW, "-R", &format!("0:127.0.0.1:{}", to.port())]);
    let what = format!(" for remote forward to 127.0.0.1:{}", to.port());
    let port = allocated(&mut client, &what);
    assert_echoes(port);
    client.signal(Signal::SIGTERM);
    let (code, said) = client.end();
    assert_eq!(code, Some(0), "{said}");
    let deadline = Instant::now() + PATIENCE;
    while TcpStream::connect(port).is_ok() {
        assert!(Instant::now() < deadline, "the server listens still");
        thread::yield_now();
    }
}

#[test]
fn a_free_port_here_is_told_and_is_one_in_both_families() {
    let home = Home::new();
    let (_server, server) = home.aditd(OPEN);
    let to = echo();
    let mut client = home.adit(server, &[NEW, "-L", &format!("0:127.0.0.1:{}", to.port())]);
    let what = format!(" for local forward to 127.0.0.1:{}", to.port());
    let port = allocated(&mut client, &what);
    assert_echoes(port);
    assert_echoes((Ipv6Addr::LOCALHOST, port.port()).into());
}

#[test]
fn a_remote_forward_that_is_refused_ends_the_program_only_if_asked_to() {
    let home = Home::new();
    let (_server, server) = home.aditd(&["AllowTcpForwarding=local"]);
    for (listen, at) in [
        ("4080", "port 4080"),
        ("*:0", "port 0"),
        ("/nowhere/socket", "path /nowhere/socket"),
    ] {
        let spec = format!("{listen}:127.0.0.1:9");
        let mut client = home.adit(server, &[NEW, "-R", &spec]);
        let text = format!("remote port forwarding failed for listen {at}");
        client.wait_for(&format!("Warning: {text}"));
        // And where to look.
        client.wait_for("sshd -T");
        drop(client);
        let args = [NEW, "-oExitOnForwardFailure=yes", "-R", &spec];
        home.adit(server, &args).fails(&[&format!("Error: {text}")]);
    }
}

#[test]
fn a_remote_forward_to_where_nobody_is_says_so() {
    let home = Home::new();
    let (_server, server) = home.aditd(OPEN);
    let closed = free_port();
    let mut client = home.adit(server, &[NEW, "-R", &format!("0:127.0.0.1:{closed}")]);
    let what = format!(" for remote forward to 127.0.0.1:{closed}");
    let port = allocated(&mut client, &what);
    let read = connect(port).read(&mut [0]);
    assert!(!matches!(read, Ok(1..)), "{read:?}");
    client.wait_for(&format!(
        "connect_to 127.0.0.1 port {closed}: failed. (Connection refused)"
    ));
}

#[test]
fn a_destination_that_is_closed_is_named() {
    let home = Home::new();
    let (_server, server) = home.aditd(OPEN);
    let closed: SocketAddr = (Ipv4Addr::LOCALHOST, free_port()).into();
    let (mut client, port) = home.tunnel(server, closed);
    let _stream = connect(port);
    let line = client.wait_for("open failed: connect failed: ");
    assert!(line.contains(&closed.to_string()), "{line}");
}

#[test]
fn a_port_in_use_is_named_and_ends_the_program_only_if_asked_to() {
    let home = Home::new();
    let (_server, server) = home.aditd(OPEN);
    let held = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = held.local_addr().unwrap().port();
    let spec = format!("127.0.0.1:{port}:h:1");
    let args = ["-v", "-oStrictHostKeyChecking=no", "-L", &spec];
    let said = [
        &*format!("bind [127.0.0.1]:{port}: Address already in use"),
        &*format!("channel_setup_fwd_listener_tcpip: cannot listen to port: {port}"),
        "Could not request local forwarding.",
    ];
    let mut strict = args.to_vec();
    strict.push("-oExitOnForwardFailure=yes");
    home.adit(server, &strict).fails(&said);

    let mut client = home.adit(server, &args);
    client.wait_for("Could not request local forwarding.");
    client.signal(Signal::SIGTERM);
    assert_eq!(client.end().0, Some(0));
}

#[test]
fn localhost_is_both_families_and_half_of_it_is_a_failure() {
    let Ok(held) = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)) else {
        return; // no IPv6 on this machine
    };
    let home = Home::new();
    let (_server, server) = home.aditd(OPEN);
    let port = held.local_addr().unwrap().port();
    home.adit(
        server,
        &[
            "-oStrictHostKeyChecking=no",
            "-oExitOnForwardFailure=yes",
            "-L",
            &format!("{port}:h:1"),
        ],
    )
    .fails(&[&format!("bind [::1]:{port}: Address already in use")]);
}

#[test]
fn a_port_for_everybody_is_warned_of() {
    let home = Home::new();
    let (_server, server) = home.aditd(OPEN);
    let spec = format!("*:{}:127.0.0.1:1", free_port());
    let mut client = home.adit(server, &["-oStrictHostKeyChecking=no", "-L", &spec]);
    let line = client.wait_for_any(&["is open to other machines", "bind ["]);
    assert!(
        !line.contains("open to") || line.contains("without authenticating"),
        "{line}"
    );
}

#[test]
fn a_last_leg_without_protection_is_told_once_at_v() {
    let home = Home::new();
    let (_server, server) = home.aditd(OPEN);
    for (host, told) in [("192.0.2.1", 1), ("localhost", 0)] {
        let spec = format!("127.0.0.1:{}:{host}:1", free_port());
        let args = ["-v", "-oStrictHostKeyChecking=no", "-L", &spec];
        let mut client = home.adit(server, &args);
        client.wait_for_any(&["listening on", "cannot listen"]);
        client.signal(Signal::SIGTERM);
        let (_, said) = client.end();
        assert_eq!(said.matches("is not encrypted").count(), told, "{said}");
    }
}

#[test]
fn a_server_that_goes_away_ends_the_client() {
    let home = Home::new();
    let (server, address) = home.aditd(OPEN);
    let (client, port) = home.tunnel(address, echo());
    let mut stream = connect(port);
    stream.write_all(b"x").unwrap();
    stream.read_exact(&mut [0]).unwrap();
    drop(server);
    // Killed, so without a word: an end of its connection, or a reset when bytes were on their way.
    client.fails(&["127.0.0.1", "onnection"]);
    assert!(stream.read_to_end(&mut Vec::new()).is_err());
}

#[test]
fn a_port_where_nobody_listens_is_named() {
    let home = Home::new();
    let closed: SocketAddr = (Ipv4Addr::LOCALHOST, free_port()).into();
    let port = closed.port();
    home.adit(closed, &["-N"]).fails(&[&format!(
        "ssh: connect to host 127.0.0.1 port {port}: Connection refused"
    )]);
}

#[test]
fn what_a_hostile_server_says_is_escaped() {
    let home = Home::new();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let serve = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        // RFC 4253 §4.2: lines may come before the identification.
        stream
            .write_all(b"\x1b]0;owned\x07\r\nSSH-2.0-evil_\xc2\x9b31m\r\n")
            .unwrap();
        // §11.1, before any key exchange: reason 2, a text, no language.
        let text = "\x1b[2J\r\nnot a line of its own\u{202e}".as_bytes();
        let mut payload = vec![1, 0, 0, 0, 2, 0, 0, 0, u8::try_from(text.len()).unwrap()];
        payload.extend(text);
        payload.extend([0; 4]);
        let padding = 8 - (5 + payload.len()) % 8 + 8;
        let len = u32::try_from(1 + payload.len() + padding).unwrap();
        let mut packet = len.to_be_bytes().to_vec();
        packet.push(u8::try_from(padding).unwrap());
        packet.extend(payload);
        packet.extend(vec![0; padding]);
        stream.write_all(&packet).unwrap();
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let (code, said) = home.adit(address, &["-N", "-vvv"]).end();
    serve.join().unwrap();
    assert_eq!(code, Some(255));
    let harmless = |c: char| c == '\n' || (!c.is_control() && c != '\u{202e}');
    assert!(said.chars().all(harmless), "{said:?}");
    assert!(
        !said.lines().any(|line| line.starts_with("not a line")),
        "{said}"
    );
}

#[test]
fn a_server_that_says_nothing_is_given_up() {
    let home = Home::new();
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = silent.local_addr().unwrap();
    let started = Instant::now();
    home.adit(address, &["-N", "-oConnectTimeout=1"])
        .fails(&["timed out"]);
    assert!(started.elapsed() >= Duration::from_secs(1));
}

#[cfg(feature = "demo")]
#[test]
fn the_demonstration_shows_the_main_job_and_ends() {
    let home = Home::new();
    let output = Command::new(env!("CARGO_BIN_EXE_adit"))
        .arg("--demo=once")
        .env("HOME", &*home.0)
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}{:?}", output.stderr);
    for text in [
        "200 OK",
        "every byte checked",
        "SHA256:",
        "listens on 127.0.0.1:",
    ] {
        assert!(said.contains(text), "{said}");
    }
    // Nothing was made or changed where the user keeps such things.
    assert!(!home.ssh("known_hosts").exists());
}
