//! `adit` with OpenSSH's own ssh-agent: keys of each type, and keys that are for some hosts only.
#![forbid(unsafe_code)]
#![cfg(all(test, feature = "client", feature = "server"))]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failure of a helper is a failure of its test"
)]

mod directory;

use std::fs;
use std::io::{BufRead as _, BufReader, Lines, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use directory::Directory;

/// A folder with a host key, and an agent and a server that run as long as it does.
struct World {
    path: Directory,
    agent: Child,
    server: Option<Child>,
    port: String,
}

/// Whether there is an agent to try.
fn has_agent() -> bool {
    let is_there = Command::new("ssh-add")
        .arg("-l")
        .env("SSH_AUTH_SOCK", "/nonexistent")
        .output()
        .is_ok();
    if !is_there {
        println!("skip: no OpenSSH agent here");
    }
    is_there
}

fn lines(from: impl Read) -> Lines<BufReader<impl Read>> {
    BufReader::new(from).lines()
}

impl World {
    fn new() -> Self {
        let path = Directory::new();
        fs::create_dir(path.join(".ssh")).unwrap();
        let mut agent = Command::new("ssh-agent")
            .args(["-D", "-a"])
            .arg(path.join("agent"))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // It says where it listens once it does.
        let said = lines(agent.stdout.take().unwrap()).next();
        assert!(said.unwrap().unwrap().contains("SSH_AUTH_SOCK"));
        let mut world = Self {
            path,
            agent,
            server: None,
            port: String::new(),
        };
        world.key("host", "ed25519");
        world.start_server();
        world
    }

    fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Makes a key, and gives its public line without the comment.
    fn key(&self, name: &str, key_type: &str) -> String {
        let made = Command::new("ssh-keygen")
            .args(["-q", "-N", "", "-C", name, "-t", key_type, "-f"])
            .arg(self.file(name))
            .status();
        assert!(made.unwrap().success());
        let line = fs::read_to_string(self.file(&format!("{name}.pub"))).unwrap();
        let words: Vec<_> = line.split(' ').take(2).collect();
        words.join(" ")
    }

    fn authorize(&self, line: &str) {
        fs::write(self.file(".ssh/authorized_keys"), line).unwrap();
    }

    fn add(&self, args: &[&Path]) {
        let added = Command::new("ssh-add")
            .arg("-q")
            .args(args)
            .env("SSH_AUTH_SOCK", self.file("agent"))
            .status();
        assert!(added.unwrap().success());
    }

    fn start_server(&mut self) {
        let mut server = Command::new(env!("CARGO_BIN_EXE_aditd"))
            .args(["-o", "ListenAddress=127.0.0.1:0", "-h"])
            .arg(self.file("host"))
            .env("HOME", &*self.path)
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = lines(server.stderr.take().unwrap());
        let listening = "Server listening on 127.0.0.1 port ";
        let line = said.find_map(|line| line.ok().filter(|line| line.contains(listening)));
        let line = line.unwrap();
        line.rsplit(' ')
            .next()
            .unwrap()
            .trim_end_matches('.')
            .clone_into(&mut self.port);
        // Somebody has to read the rest, or it stands still.
        std::thread::spawn(move || said.for_each(drop));
        self.server = Some(server);
        let host_key = fs::read_to_string(self.file("host.pub")).unwrap();
        let known = format!("[127.0.0.1]:{} {host_key}", self.port);
        fs::write(self.file(".ssh/known_hosts"), known).unwrap();
    }

    /// Tries to log in, and says how that went.
    fn log_in(&self, options: &[&str]) -> Login {
        let mut client = Command::new(env!("CARGO_BIN_EXE_adit"))
            .args(["-v", "-F", "none", "-o", "BatchMode=yes"])
            .args(["-l", "somebody", "-p", &self.port, "-L", "1:h:1"])
            .args(options)
            .arg("127.0.0.1")
            .env("HOME", &*self.path)
            .env("SSH_AUTH_SOCK", self.file("agent"))
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = Vec::new();
        let mut through = None;
        for line in lines(client.stderr.take().unwrap()).map_while(Result::ok) {
            if line.contains("Authenticated to ") {
                through = Some(true);
            } else if line.contains("Permission denied (") {
                through = Some(false);
            }
            said.push(line);
            if through.is_some() {
                break;
            }
        }
        client.kill().unwrap();
        client.wait().unwrap();
        match through {
            Some(true) => Login::Through(said),
            Some(false) => Login::Refused(said),
            None => panic!("no end: {said:#?}"),
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        for child in [Some(&mut self.agent), self.server.as_mut()]
            .into_iter()
            .flatten()
        {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// With all that was said.
#[derive(Debug)]
enum Login {
    Through(Vec<String>),
    Refused(Vec<String>),
}

impl Login {
    fn offered(&self) -> Vec<&str> {
        let (Self::Through(said) | Self::Refused(said)) = self;
        let offers = said
            .iter()
            .filter(|line| line.contains("Offering public key"));
        offers.map(String::as_str).collect()
    }
}

#[test]
fn keys_of_each_type_log_in_from_the_agent() {
    if !has_agent() {
        return;
    }
    let world = World::new();
    for key_type in ["ed25519", "ecdsa", "rsa"] {
        let line = world.key(key_type, key_type);
        world.authorize(&line);
        world.add(&[&world.file(key_type)]);
        let login = world.log_in(&[]);
        assert!(matches!(login, Login::Through(_)), "{key_type}: {login:#?}");
    }
}

#[test]
fn an_agent_that_gives_no_signature_is_named() {
    if !has_agent() {
        return;
    }
    let world = World::new();
    world.authorize(&world.key("guarded", "ed25519"));
    // The agent has to ask before each use, and has nobody to ask.
    world.add(&["-c".as_ref(), &world.file("guarded")]);
    let Login::Refused(said) = world.log_in(&[]) else {
        panic!("nobody allowed it");
    };
    let expected = "sign_and_send_pubkey: signing failed for ED25519 \"guarded\" from agent: agent \
                    refused operation";
    assert!(said.iter().any(|line| line == expected), "{said:#?}");
}

#[test]
fn a_key_that_is_for_some_hosts_only_is_used_there_only() {
    if !has_agent() {
        return;
    }
    let world = World::new();
    world.authorize(&world.key("user", "ed25519"));
    world.key("elsewhere", "ed25519");
    for (host_key, is_here) in [("elsewhere", false), ("host", true)] {
        let line = fs::read_to_string(world.file(&format!("{host_key}.pub"))).unwrap();
        let hosts = world.file(&format!("hosts-{host_key}"));
        fs::write(&hosts, format!("there {line}")).unwrap();
        let args = ["-H".as_ref(), &*hosts, "-h".as_ref(), "there".as_ref()];
        world.add(&[&args[..], &[&world.file("user")]].concat());
        let login = world.log_in(&[]);
        assert_eq!(matches!(login, Login::Through(_)), is_here, "{login:#?}");
        assert_eq!(login.offered().len(), usize::from(is_here), "{login:#?}");
    }
}

#[test]
fn of_many_keys_those_that_files_name_come_first_or_alone() {
    if !has_agent() {
        return;
    }
    let world = World::new();
    world.authorize("");
    for name in ["a", "b", "c"] {
        world.key(name, "ed25519");
        world.add(&[&world.file(name)]);
    }
    let offered = |options: &[&str]| {
        let public = world.file("b.pub").display().to_string();
        let login = world.log_in(&[options, &["-i", &public]].concat());
        assert!(matches!(login, Login::Refused(_)), "{login:#?}");
        let offered: Vec<_> = login.offered().iter().map(|line| name_in(line)).collect();
        offered.concat()
    };
    assert_eq!(offered(&[]), "bac");
    assert_eq!(offered(&["-o", "IdentitiesOnly=yes"]), "b");
}

/// `b` in `Offering public key: /folder/b.pub ED25519 SHA256:... agent`.
fn name_in(line: &str) -> String {
    let mut words = line.split("Offering public key: ");
    let name = words.nth(1).unwrap().split(' ').next().unwrap();
    let name = Path::new(name).file_stem().unwrap();
    name.to_str().unwrap().to_owned()
}
