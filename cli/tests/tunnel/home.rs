//! A home with a key, programs of ours that use it, and an application behind them.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
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

use crate::directory::Directory;

/// Nothing here takes this long; a test that waits for what never comes must end all the same.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A home directory with a key that its authorized_keys names; removed with everything in it.
pub(crate) struct Home(pub(crate) Directory);

impl Home {
    pub(crate) fn new() -> Self {
        let home = Self(Directory::new());
        fs::create_dir(home.0.join(".ssh")).unwrap();
        let public = home.new_key("id_ed25519");
        fs::write(home.ssh("authorized_keys"), public).unwrap();
        home
    }

    pub(crate) fn ssh(&self, name: &str) -> PathBuf {
        self.0.join(".ssh").join(name)
    }

    /// Writes a private key and gives the public line.
    pub(crate) fn new_key(&self, name: &str) -> String {
        let key = KeyFile::generate(PROVIDER, PROVIDER.random, "").unwrap();
        let text = key.to_text(PROVIDER.random).unwrap();
        let path = self.ssh(name);
        fs::write(&path, text.expose()).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        to_line(&key.public_blob(), "").unwrap()
    }

    /// A key of the tests of key files.
    pub(crate) fn known_key(&self, name: &str) -> String {
        let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../auth/tests/data");
        let path = self.ssh(name);
        fs::copy(data.join(name), &path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path.to_str().unwrap().to_owned()
    }

    pub(crate) fn known_hosts(&self) -> String {
        fs::read_to_string(self.ssh("known_hosts")).unwrap_or_default()
    }

    pub(crate) fn start(&self, program: &str, args: &[&str]) -> Running {
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
    pub(crate) fn aditd(&self, options: &[&str]) -> (Running, SocketAddr) {
        let mut args = vec!["-o", "ListenAddress=127.0.0.1:0"];
        options.iter().for_each(|o| args.extend(["-o", o]));
        let mut server = self.start(env!("CARGO_BIN_EXE_aditd"), &args);
        let line = server.wait_for("Server listening on 127.0.0.1 port ");
        let port = line.rsplit(' ').next().unwrap().trim_end_matches('.');
        let address = (Ipv4Addr::LOCALHOST, port.parse().unwrap()).into();
        (server, address)
    }

    pub(crate) fn adit(&self, server: SocketAddr, args: &[&str]) -> Running {
        let port = server.port().to_string();
        // This machine's configuration is not the test's: Debian's hashes names, for one.
        let mut all = vec!["-F", "none", "-o", "BatchMode=yes", "-p", &port];
        all.extend(args);
        all.extend(["-l", "somebody", "127.0.0.1"]);
        self.start(env!("CARGO_BIN_EXE_adit"), &all)
    }

    /// A tunnel to `to` that is open, and its port here.
    pub(crate) fn tunnel(&self, server: SocketAddr, to: SocketAddr) -> (Running, SocketAddr) {
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
pub(crate) struct Running {
    child: Child,
    lines: Receiver<String>,
    said: Vec<String>,
}

impl Running {
    pub(crate) fn wait_for(&mut self, text: &str) -> String {
        self.wait_for_any(&[text])
    }

    /// The next line with one of these texts.
    pub(crate) fn wait_for_any(&mut self, texts: &[&str]) -> String {
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

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        kill(pid, signal).unwrap();
    }

    /// Its exit code, and all that it said.
    pub(crate) fn end(mut self) -> (Option<i32>, String) {
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
    pub(crate) fn fails(self, texts: &[&str]) {
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
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

/// An application that gives back what it gets, and ends when its peer does.
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

pub(crate) fn connect(to: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(to).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

pub(crate) const OPEN: &[&str] = &["AllowTcpForwarding=yes"];

/// Takes a host key that is new.
pub(crate) const NEW: &str = "-oStrictHostKeyChecking=accept-new";

pub(crate) fn assert_echoes(port: SocketAddr) {
    let mut stream = connect(port);
    stream.write_all(b"there and back").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut got = String::new();
    stream.read_to_string(&mut got).unwrap();
    assert_eq!(got, "there and back");
}

/// The port in `Allocated port N for …`.
pub(crate) fn allocated(running: &mut Running, what: &str) -> SocketAddr {
    let line = running.wait_for("Allocated port ");
    assert!(line.ends_with(what), "{line}");
    let port = line.split(' ').nth(2).unwrap().parse().unwrap();
    (Ipv4Addr::LOCALHOST, port).into()
}
