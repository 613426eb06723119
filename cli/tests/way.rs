//! `adit -W` with each kind of descriptor, `-J` over several `aditd`, and a `ProxyCommand`: as
//! programs, on loopback. Ports are the system's choice.
#![forbid(unsafe_code)]
#![cfg(all(test, feature = "client", feature = "server"))]
#![expect(
    clippy::unwrap_used,
    reason = "a failure of a helper is a failure of its test"
)]

mod directory;

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use adit::provider::PROVIDER;
use adit_auth::keyfile::KeyFile;
use adit_auth::public_key::to_line;

use nix::pty::openpty;

use directory::Directory;

/// A home with a key, servers that take it, and a configuration that names them s0, s1 and so on.
struct World {
    home: Directory,
    servers: Vec<Child>,
}

impl World {
    fn new(servers: usize) -> Self {
        let home = Directory::new();
        fs::create_dir(home.join(".ssh")).unwrap();
        let public = new_key(&home.join(".ssh/id_ed25519"));
        fs::write(home.join(".ssh/authorized_keys"), public).unwrap();
        let mut world = Self {
            home,
            servers: Vec::new(),
        };
        let mut config = String::new();
        for n in 0..servers {
            let address = world.serve(n);
            config.push_str(&format!(
                "Host s{n}\nHostName 127.0.0.1\nPort {}\nHostKeyAlias s{n}\n",
                address.port()
            ));
        }
        config.push_str(
            "Host *\nUser somebody\nBatchMode yes\nStrictHostKeyChecking accept-new\n\
             WarnWeakCrypto no\n",
        );
        fs::write(world.home.join("config"), config).unwrap();
        world
    }

    fn serve(&mut self, n: usize) -> SocketAddr {
        let key = self.home.join(format!("host{n}"));
        new_key(&key);
        let mut server = Command::new(env!("CARGO_BIN_EXE_aditd"))
            .args(["-o", "ListenAddress=127.0.0.1:0"])
            .args(["-o", "AllowTcpForwarding=yes", "-h"])
            .arg(key)
            .env("HOME", &*self.home)
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(server.stderr.take().unwrap()).lines();
        self.servers.push(server);
        let mut lines = lines.map_while(Result::ok);
        let line = lines.find(|line| line.contains("Server listening on"));
        let port = line.unwrap().rsplit(' ').next().unwrap().to_owned();
        thread::spawn(move || lines.for_each(drop));
        let port = port.trim_end_matches('.').parse().unwrap();
        (Ipv4Addr::LOCALHOST, port).into()
    }

    fn adit(&self, args: &[&str]) -> Command {
        let mut adit = Command::new(env!("CARGO_BIN_EXE_adit"));
        adit.arg("-F")
            .arg(self.home.join("config"))
            .args(args)
            .env("HOME", &*self.home)
            .env("SHELL", "/bin/sh")
            .env_remove("SSH_AUTH_SOCK")
            .stderr(Stdio::piped());
        adit
    }

    /// `-W` to that address with these descriptors.
    fn stdio(&self, to: SocketAddr, input: impl Into<Stdio>, output: impl Into<Stdio>) -> Child {
        let to = to.to_string();
        let mut adit = self.adit(&["-W", &to, "s0"]);
        adit.stdin(input).stdout(output).spawn().unwrap()
    }
}

/// Writes a private key, and gives the public line.
fn new_key(path: &Path) -> String {
    let key = KeyFile::generate(PROVIDER, PROVIDER.random, "").unwrap();
    let text = key.to_text(PROVIDER.random).unwrap();
    fs::write(path, text.expose()).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    to_line(&key.public_blob(), "").unwrap()
}

impl Drop for World {
    fn drop(&mut self) {
        for server in &mut self.servers {
            let _ = server.kill();
            let _ = server.wait();
        }
    }
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

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// It ends so, having said all of that.
fn ends(output: &Output, code: i32, texts: &[&str]) {
    let said = said(output);
    assert_eq!(output.status.code(), Some(code), "{said}");
    for text in texts {
        assert!(said.contains(text), "{text:?} is not in {said}");
    }
}

fn bytes() -> Vec<u8> {
    (0..2_000_000_u32).map(|n| n.to_le_bytes()[1]).collect()
}

#[test]
fn a_file_goes_through_to_a_file() {
    let world = World::new(1);
    let (from, to) = (world.home.join("from"), world.home.join("to"));
    fs::write(&from, bytes()).unwrap();
    let child = world.stdio(
        echo(),
        File::open(&from).unwrap(),
        File::create(&to).unwrap(),
    );
    ends(&child.wait_with_output().unwrap(), 0, &[]);
    assert!(fs::read(&to).unwrap() == bytes());
}

#[test]
fn nothing_goes_through_from_dev_null() {
    let world = World::new(1);
    let child = world.stdio(echo(), Stdio::null(), Stdio::null());
    ends(&child.wait_with_output().unwrap(), 0, &[]);
}

#[test]
fn a_slow_reader_gets_all_of_it() {
    let world = World::new(1);
    let mut child = world.stdio(echo(), Stdio::piped(), Stdio::piped());
    let mut input = child.stdin.take().unwrap();
    let writing = thread::spawn(move || input.write_all(&bytes()).unwrap());
    thread::sleep(Duration::from_millis(300));
    let mut output = child.stdout.take().unwrap();
    let mut read = vec![0; 100_000];
    output.read_exact(&mut read).unwrap();
    thread::sleep(Duration::from_millis(300));
    output.read_to_end(&mut read).unwrap();
    assert!(read == bytes());
    writing.join().unwrap();
    ends(&child.wait_with_output().unwrap(), 0, &[]);
}

#[test]
fn each_half_of_a_socket_ends_by_itself() {
    let far = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let world = World::new(1);
    let (near, theirs) = UnixStream::pair().unwrap();
    let [input, output] = [(); 2].map(|()| OwnedFd::from(theirs.try_clone().unwrap()));
    drop(theirs);
    let child = world.stdio(far.local_addr().unwrap(), input, output);
    let mut far = far.accept().unwrap().0;
    far.write_all(b"done").unwrap();
    far.shutdown(Shutdown::Write).unwrap();
    let mut read = String::new();
    (&near).read_to_string(&mut read).unwrap();
    assert_eq!(read, "done");
    (&near).write_all(b"and I").unwrap();
    near.shutdown(Shutdown::Write).unwrap();
    read.clear();
    far.read_to_string(&mut read).unwrap();
    assert_eq!(read, "and I");
    drop(far);
    ends(&child.wait_with_output().unwrap(), 0, &[]);
}

#[test]
fn a_terminal_is_as_good_as_anything() {
    let world = World::new(1);
    let pty = openpty(None, None).unwrap();
    let input = pty.slave.try_clone().unwrap();
    let child = world.stdio(echo(), input, pty.slave);
    let mut person = File::from(pty.master);
    person.write_all(b"hello\n\x04").unwrap(); // a line, and Ctrl-D
    ends(&child.wait_with_output().unwrap(), 0, &[]);
    let mut shown = Vec::new();
    let mut piece = [0; 100];
    // With the last one who has the other end gone, a read fails.
    while let Ok(n @ 1..) = person.read(&mut piece) {
        shown.extend_from_slice(&piece[..n]);
    }
    // What was typed, and what came back.
    assert_eq!(String::from_utf8_lossy(&shown), "hello\r\nhello\r\n");
}

#[test]
fn a_reader_that_has_seen_enough_ends_it() {
    let world = World::new(1);
    let mut child = world.stdio(echo(), Stdio::piped(), Stdio::piped());
    let mut input = child.stdin.take().unwrap();
    let writing = thread::spawn(move || while input.write_all(&[0; 1000]).is_ok() {});
    let mut output = child.stdout.take().unwrap();
    output.read_exact(&mut [0; 10]).unwrap();
    drop(output);
    let output = child.wait_with_output().unwrap();
    ends(&output, 0, &[]);
    assert!(!said(&output).contains("stdout"));
    writing.join().unwrap();
}

#[test]
fn what_is_not_reached_is_said_as_ssh_says_it() {
    let world = World::new(1);
    let nobody = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let to = nobody.local_addr().unwrap();
    drop(nobody);
    let child = world.stdio(to, Stdio::piped(), Stdio::null());
    let texts = [
        "channel 0: open failed: connect failed: ",
        "stdio forwarding failed",
    ];
    ends(&child.wait_with_output().unwrap(), 255, &texts);
}

#[test]
fn jump_hosts_are_gone_through_with_the_names_and_keys_of_each() {
    let world = World::new(3);
    let to = echo().to_string();
    let adit = |extra: &[&str]| {
        let mut args = vec!["-v", "-J", "s0,s1", "-W", &to];
        args.extend(extra);
        let mut child = world.adit(&args);
        let child = child.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = child.spawn().unwrap();
        child.stdin.take().unwrap().write_all(b"hello").unwrap();
        child.wait_with_output().unwrap()
    };
    let output = adit(&["s2"]);
    let texts = [
        "to 127.0.0.1 ([127.0.0.1]:",
        "to 127.0.0.1 (via proxy) using \"publickey\".",
    ];
    ends(&output, 0, &texts);
    assert_eq!(output.stdout, b"hello");
    let known = fs::read_to_string(world.home.join(".ssh/known_hosts")).unwrap();
    let names: Vec<_> = known.lines().map(|l| l.split(' ').next()).collect();
    assert_eq!(names, [Some("s0"), Some("s1"), Some("s2")]);

    // Somebody else stands where the second one was.
    let third = known.lines().nth(2).unwrap().replace("s2 ", "s1 ");
    let changed: Vec<&str> = vec![known.lines().next().unwrap(), &third];
    fs::write(
        world.home.join(".ssh/known_hosts"),
        changed.join("\n") + "\n",
    )
    .unwrap();
    let texts = [
        "Host key for s1 has changed and you have requested strict checking.",
        "Host key verification failed.",
    ];
    ends(&adit(&["s2"]), 255, &texts);
}

#[test]
fn a_way_that_ends_half_way_is_named() {
    let mut world = World::new(2);
    let mut config = fs::read_to_string(world.home.join("config")).unwrap();
    config.push_str("Host s0\nServerAliveInterval 1\n");
    fs::write(world.home.join("config"), config).unwrap();
    let nobody = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = nobody.local_addr().unwrap().port().to_string();
    drop(nobody);
    let through = |world: &World, args: &[&str]| world.adit(args).output().unwrap();
    let output = through(&world, &["-N", "-J", "s0", "-p", &port, "127.0.0.1"]);
    let texts = [
        "channel 0: open failed: connect failed: ",
        "through 127.0.0.1: it was refused there",
    ];
    ends(&output, 255, &texts);
    let output = through(
        &world,
        &[
            "-N",
            "-J",
            "s0",
            "-l",
            "x",
            "-oPubkeyAuthentication=no",
            "s1",
        ],
    );
    ends(&output, 255, &["At s1, behind s0:", "Permission denied"]);
    // The first host goes away while the way stands.
    let mut child = world.adit(&["-N", "-v", "-J", "s0", "s1"]).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("(via proxy)")));
    world.servers[0].kill().unwrap();
    let rest: Vec<String> = lines.map_while(Result::ok).collect();
    let rest = rest.join("\n");
    assert_eq!(child.wait().unwrap().code(), Some(255), "{rest}");
    assert!(rest.contains("At s0, jump host 1 of 1:"), "{rest}");
}

#[test]
fn a_proxy_command_leads_to_the_server_or_says_why_not() {
    let world = World::new(2);
    let to = echo().to_string();
    let config = world.home.join("config");
    let (adit, config) = (env!("CARGO_BIN_EXE_adit"), config.to_str().unwrap());
    let inner = format!("ProxyCommand='{adit}' -q -F '{config}' -W %h:%p s0");
    let mut child = world
        .adit(&["-o", &inner, "-W", &to, "s1"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"hello").unwrap();
    let output = child.wait_with_output().unwrap();
    ends(&output, 0, &[]);
    assert_eq!(output.stdout, b"hello");
    for (command, text) in [
        ("true", "ended with exit code 0"),
        ("sh -c \"exit 7\"", "ended with exit code 7"),
        ("/nonexistent/program", "ended with exit code 127"),
    ] {
        let option = format!("ProxyCommand={command}");
        let output = world.adit(&["-N", "-o", &option, "s0"]).output().unwrap();
        let with_host = format!("The ProxyCommand {text}, and with it the way to 127.0.0.1.");
        ends(&output, 255, &[&with_host]);
    }
    let args = ["-N", "-oProxyCommand=sleep 100", "-oConnectTimeout=1", "s0"];
    let output = world.adit(&args).output().unwrap();
    ends(
        &output,
        255,
        &["Connection to UNKNOWN port 65535 timed out"],
    );
    let args = ["-N", "-oProxyCommand=x", "-oProxyUseFdpass=yes", "s0"];
    let output = world.adit(&args).output().unwrap();
    ends(&output, 255, &["ProxyUseFdpass: "]);
}
