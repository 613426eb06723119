//! A home with keys, a server that knows them, and an application behind it.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::Instant;

use adit::provider::PROVIDER;
use adit_auth::keyfile::KeyFile;
use adit_auth::public_key::to_line;
use adit_crypto::Secret;

use crate::directory::Directory;
use crate::terminal::PATIENCE;

/// Of the key in `.ssh/locked`.
pub(crate) const PASSPHRASE: &str = "correct horse";

/// Of bcrypt: few, since nobody guesses here.
const ROUNDS: u32 = 2;

/// A home directory and a server; both are gone with it.
pub(crate) struct Lab {
    pub(crate) home: Directory,
    server: Child,
    pub(crate) port: u16,
}

impl Lab {
    /// The server lets in whoever has `.ssh/locked`, which has a passphrase, or `.ssh/plain`.
    pub(crate) fn new() -> Self {
        Self::serving("LoginGraceTime=120")
    }

    /// The same, by a server with another option.
    pub(crate) fn serving(option: &str) -> Self {
        let home = Directory::new();
        fs::create_dir(home.join(".ssh")).unwrap();
        let mut public = String::new();
        for (name, (text, line)) in ["locked", "plain"].into_iter().zip(keys()) {
            let path = home.join(".ssh").join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            public.push_str(line);
        }
        fs::write(home.join(".ssh/authorized_keys"), public).unwrap();
        let mut server = Command::new(env!("CARGO_BIN_EXE_aditd"))
            .args(["-o", "ListenAddress=127.0.0.1:0", "-o", "PermitOpen=any"])
            .args(["-o", option])
            // Who is asked for a passphrase again and again in vain has done nothing wrong here.
            .args(["-o", "PerSourcePenalties=no"])
            .env("HOME", &*home)
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(server.stderr.take().unwrap()).lines();
        let port = loop {
            let line = lines.next().unwrap().unwrap();
            if let Some(port) = line.strip_prefix("Server listening on 127.0.0.1 port ") {
                break port.trim_end_matches('.').parse().unwrap();
            }
        };
        thread::spawn(move || lines.for_each(drop));
        Self { home, server, port }
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.home.join(name).to_str().unwrap().to_owned()
    }

    /// `adit` with these arguments, a new server's key accepted.
    pub(crate) fn adit(&self, args: &[&str]) -> Command {
        self.checking("StrictHostKeyChecking=accept-new", args)
    }

    /// The same under another policy.
    pub(crate) fn checking(&self, policy: &str, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_adit"));
        command
            .args(["-F", "none", "-o", policy])
            .args(["-p", &self.port.to_string(), "-l", "somebody"])
            .args(args)
            .arg("127.0.0.1")
            .env("HOME", &*self.home)
            .current_dir(&*self.home)
            .stdin(Stdio::null());
        for name in [
            "SSH_AUTH_SOCK",
            "SSH_ASKPASS",
            "SSH_ASKPASS_REQUIRE",
            "DISPLAY",
            "WAYLAND_DISPLAY",
        ] {
            command.env_remove(name);
        }
        command
    }

    /// A program that does as `script` says.
    pub(crate) fn script(&self, name: &str, script: &str) -> String {
        let path = self.path(name);
        // Written by somebody else: a file that this process has open for writing, or a child
        // made just then by another test, could not be run.
        let written = Command::new("sh")
            .args(["-c", "printf '#!/bin/sh\\n%s\\n' \"$1\" > \"$2\"", "sh"])
            .args([script, &path])
            .status();
        assert!(written.unwrap().success());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
        path
    }

    /// What a file holds, once it holds something.
    pub(crate) fn wait_for_file(&self, name: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let text = fs::read_to_string(self.home.join(name)).unwrap_or_default();
            if text.ends_with('\n') {
                return text;
            }
            assert!(Instant::now() < deadline, "nothing is in {name}");
            thread::yield_now();
        }
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// The files of two keys, private and public; made once, since passphrases take their time.
fn keys() -> &'static [(Vec<u8>, String); 2] {
    static KEYS: OnceLock<[(Vec<u8>, String); 2]> = OnceLock::new();
    KEYS.get_or_init(|| {
        [Some(Secret::copy_of(PASSPHRASE.as_bytes())), None].map(|passphrase| {
            let key = KeyFile::generate(PROVIDER, PROVIDER.random, "").unwrap();
            let text = match &passphrase {
                Some(passphrase) => {
                    key.to_locked_text(passphrase, ROUNDS, PROVIDER, PROVIDER.random)
                }
                None => key.to_text(PROVIDER.random),
            };
            let text = text.unwrap().expose().to_vec();
            (text, to_line(&key.public_blob(), "").unwrap())
        })
    })
}

/// A port that nobody had a moment ago.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

/// An application that gives back what it gets.
pub(crate) fn echo() -> SocketAddr {
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

/// Whether bytes come back through that port.
pub(crate) fn carries(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else {
        return false;
    };
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut back = [0; 4];
    stream.write_all(b"ping").is_ok() && stream.read_exact(&mut back).is_ok() && back == *b"ping"
}
