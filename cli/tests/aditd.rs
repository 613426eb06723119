//! The program `aditd` as a person or an init system runs it: what it says, makes and returns.
#![forbid(unsafe_code)]
#![cfg(all(test, feature = "server"))]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failure of a helper is a failure of its test"
)]

mod directory;
#[cfg(target_os = "linux")]
mod hardened;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use directory::Directory;

/// Nothing here takes this long; a test that waits for what never comes must end all the same.
const PATIENCE: Duration = Duration::from_secs(20);

/// A home directory for one test, removed with everything in it.
struct Home(Directory);

impl Home {
    fn new() -> Self {
        Self(Directory::new())
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    fn file(&self, name: &str, contents: &str) -> String {
        fs::write(self.0.join(name), contents).unwrap();
        self.path(name)
    }

    fn own_key(&self) -> PathBuf {
        self.0.join(".ssh/aditd_host_ed25519_key")
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_aditd"));
        command
            .args(args)
            .env("HOME", &*self.0)
            .stdin(Stdio::null());
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// It fails, with 255, and says this.
    fn fails(&self, args: &[&str], text: &str) {
        let output = self.run(args);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(255), "{args:?}: {said}");
        assert!(said.contains(text), "{args:?}: {said:?} and not {text:?}");
    }

    fn serve(&self, args: &[&str]) -> Serving {
        let mut child = self
            .command(&["-o", "ListenAddress=127.0.0.1:0"])
            .args(args)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        let said = Vec::new();
        Serving { child, lines, said }
    }
}

/// A running server; killed if the test does not end it.
struct Serving {
    child: Child,
    lines: Receiver<String>,
    said: Vec<String>,
}

impl Serving {
    /// The next line with that text.
    fn wait_for(&mut self, text: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(line) = self.lines.recv_timeout(left) else {
                panic!("no {text:?} in {:#?}", self.said);
            };
            self.said.push(line.clone());
            if line.contains(text) {
                return line;
            }
        }
    }

    fn address(&mut self) -> SocketAddr {
        let line = self.wait_for("Server listening on ");
        let words: Vec<&str> = line.split(' ').collect();
        let [.., ip, "port", port] = &*words else {
            panic!("{line}");
        };
        let port = port.strip_suffix('.').unwrap().parse().unwrap();
        SocketAddr::new(ip.parse().unwrap(), port)
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        kill(pid, signal).unwrap();
    }

    /// Its exit code.
    fn end(mut self) -> Option<i32> {
        let deadline = Instant::now() + PATIENCE;
        // Standard error is at its end when the process is.
        while self
            .lines
            .recv_timeout(deadline.saturating_duration_since(Instant::now()))
            .map(|line| self.said.push(line))
            .is_ok()
        {}
        assert!(
            Instant::now() < deadline,
            "it does not end: {:#?}",
            self.said
        );
        self.child.wait().unwrap().code()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn a_good_configuration_passes_and_nothing_is_made() {
    let home = Home::new();
    let config = home.file("config", "Port 2222\nPermitOpen localhost:80 # why not\n");
    let output = home.run(&["-t", "-f", &config]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!((output.stdout, output.stderr), (vec![], vec![]));
    assert!(!home.own_key().exists());
    assert_eq!(home.run(&["-t"]).status.code(), Some(0));
    assert_eq!(home.run(&["-t", "-f", "none"]).status.code(), Some(0));
}

#[test]
fn a_bad_configuration_is_told_with_file_and_line() {
    let home = Home::new();
    let config = home.file("config", "Port 2222\n\nFrob yes\nSubsystem sftp /x\n");
    let output = home.run(&["-t", "-f", &config]);
    assert_eq!(output.status.code(), Some(255));
    let said = String::from_utf8(output.stderr).unwrap();
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 3, "{said}");
    assert_eq!(
        lines[0],
        format!("{config} line 3: Bad configuration option: Frob")
    );
    assert!(lines[1].starts_with(&format!("{config} line 4: Unsupported option Subsystem: ")));
    assert_eq!(
        lines[2],
        format!("{config}: terminating, 2 bad configuration options")
    );
    // The same without -t.
    home.fails(&["-f", &config], "Bad configuration option: Frob");
}

#[test]
fn a_bad_command_line_is_told() {
    let home = Home::new();
    for (args, text) in [
        (
            &["-o", "Frob=1"][..],
            "command-line line 0: Bad configuration option: Frob",
        ),
        (&["-o", "UsePAM=yes"], "Unsupported option UsePAM"),
        (&["-o", "PermitOpen=::1:80"], "an IPv6 address needs []"),
        (&["-o", "Ciphers=rot13"], "rot13"),
        (&["-o", "AuthorizedKeysFile=%x"], "only %%, %h and %u"),
        (&["-p", "x"], "Bad port number."),
        (&["-Z"], "usage: aditd"),
        (&["extra"], "Extra argument extra."),
        (
            &["-f", "/nonexistent"],
            "/nonexistent: No such file or directory",
        ),
        (&["-f", "/dev/zero"], "/dev/zero: Not a regular file"),
        (
            &["-E", "/nonexistent/log"],
            "Couldn't open logfile /nonexistent/log",
        ),
        (&["-o", "HostKey=/nonexistent"], "no hostkeys available"),
        (&["-o", "HostKeyAlgorithms=-*"], "no algorithm is left"),
    ] {
        home.fails(args, text);
        let test: Vec<&str> = [&["-t"], args].concat();
        home.fails(&test, text);
    }
    assert!(!home.own_key().exists());
}

#[test]
fn version_and_help_are_printed() {
    let home = Home::new();
    let output = home.run(&["-V"]);
    assert_eq!(output.status.code(), Some(0));
    let version = concat!("adit_", env!("CARGO_PKG_VERSION"));
    assert!(
        String::from_utf8(output.stderr)
            .unwrap()
            .starts_with(version)
    );
    let output = home.run(&["--help"]);
    assert_eq!(output.status.code(), Some(0));
    let help = String::from_utf8(output.stdout).unwrap();
    assert!(help.contains("always stays in the foreground"), "{help}");
}

#[test]
fn help_that_nobody_can_read_is_no_fault() {
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let output = Home::new()
        .command(&["--help"])
        .stdout(full)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn a_key_that_others_can_read_is_refused() {
    let home = Home::new();
    let key = home.path("key");
    home.serve(&["-h", &key]).address();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    home.fails(
        &["-t", "-h", &key],
        "WARNING: UNPROTECTED PRIVATE KEY FILE!",
    );
    home.fails(
        &["-t", "-h", &key],
        &format!("Permissions 0644 for '{key}' are too open."),
    );
}

#[test]
fn what_is_no_key_is_never_written_over() {
    let home = Home::new();
    let precious = home.file("precious", "not a key\n");
    fs::set_permissions(&precious, fs::Permissions::from_mode(0o600)).unwrap();
    home.fails(
        &["-h", &precious],
        &format!("Unable to load host key \"{precious}\": invalid format"),
    );
    assert_eq!(fs::read(&precious).unwrap(), b"not a key\n");
    let link = home.path("link");
    std::os::unix::fs::symlink(home.path("elsewhere"), &link).unwrap();
    home.fails(&["-h", &link], "cannot be made: File exists");
    assert!(!home.0.join("elsewhere").exists());
}

#[test]
fn the_start_makes_a_key_and_says_fingerprint_policy_and_port() {
    let home = Home::new();
    let mut server = home.serve(&[]);
    server.wait_for(&format!("Made host key {}", home.own_key().display()));
    let line = server.wait_for("Host key ED25519 SHA256:");
    let fingerprint = line.split(' ').nth(3).unwrap().to_owned();
    server.wait_for("Clients may open nothing: set AllowTcpForwarding or PermitOpen");
    let address = server.address();
    assert!(address.ip().is_loopback() && address.port() != 0);
    assert_eq!(mode(&home.own_key()), 0o600);
    assert_eq!(mode(&home.0.join(".ssh")), 0o700);
    drop(server);

    let mut again = home.serve(&["-o", "PermitOpen=localhost:80 [::1]:*"]);
    again.wait_for(&fingerprint);
    again.wait_for("Clients may open localhost:80, [::1]:*");
    assert!(
        !again.said.iter().any(|line| line.contains("Made")),
        "{:?}",
        again.said
    );
}

#[test]
fn a_client_finds_a_server_at_the_port_it_says() {
    let home = Home::new();
    let mut server = home.serve(&[]);
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut ident = [0; 13];
    stream.read_exact(&mut ident).unwrap();
    assert_eq!(&ident, b"SSH-2.0-adit_");
    let address = stream.local_addr().unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    server.wait_for(&format!(
        "banner exchange: Connection from {} port {}: invalid format",
        address.ip(),
        address.port()
    ));
}

/// What a client that says nothing reads until the server has no more to say.
fn read_of(server: SocketAddr) -> (String, SocketAddr) {
    let mut stream = TcpStream::connect(server).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let address = stream.local_addr().unwrap();
    let mut read = [0; 26];
    stream.read_exact(&mut read).unwrap();
    (String::from_utf8_lossy(&read).into_owned(), address)
}

#[test]
fn a_source_with_a_penalty_is_refused_and_an_exempt_one_has_none() {
    const NOT_NOW: &str = "Not allowed at this time\r\n";
    let home = Home::new();
    let noauth = "PerSourcePenalties=noauth:60s min:1s";
    let mut server = home.serve(&["-o", noauth]);
    let address = server.address();
    assert_ne!(read_of(address).0, NOT_NOW);
    let reason = "penalty: connections without attempting authentication";
    server.wait_for(&format!(
        "srclimit_penalise: ipv4: new 127.0.0.1/32 active penalty of 60 seconds for {reason}"
    ));
    let (read, from) = read_of(address);
    assert_eq!(read, NOT_NOW);
    server.wait_for(&format!(
        "drop connection #0 from [{}]:{} on [{}]:{} {reason}",
        from.ip(),
        from.port(),
        address.ip(),
        address.port()
    ));

    let exempt = "PerSourcePenaltyExemptList=192.0.2.1,127.0.0.0/8";
    let mut server = home.serve(&["-o", noauth, "-o", exempt]);
    let address = server.address();
    for _ in 0..3 {
        assert_ne!(read_of(address).0, NOT_NOW);
        server.wait_for(" by 127.0.0.1 port ");
    }
}

#[test]
fn a_source_has_so_many_places_before_its_login() {
    let home = Home::new();
    let mut server = home.serve(&["-o", "PerSourceMaxStartups=2"]);
    let address = server.address();
    let connect = || TcpStream::connect(address).unwrap();
    let mut held = [connect(), connect()];
    for stream in &mut held {
        stream.read_exact(&mut [0; 4]).unwrap();
    }
    let mut third = connect();
    third.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut told = String::new();
    third.read_to_string(&mut told).unwrap();
    assert_eq!(told, "Not allowed at this time\r\n");
    server.wait_for("beginning MaxStartups throttling");
    server.wait_for("drop connection #2 from [127.0.0.1]:");
}

#[test]
fn a_port_that_is_taken_is_named() {
    let home = Home::new();
    let mut server = home.serve(&[]);
    let address = server.address();
    let listen = format!("ListenAddress={address}");
    home.fails(
        &["-o", &listen],
        &format!(
            "Bind to port {} on 127.0.0.1 failed: Address already in use.",
            address.port()
        ),
    );
    home.fails(
        &["-o", "ListenAddress=host.invalid"],
        "bad addr or host: host.invalid",
    );
}

#[test]
fn sigterm_ends_it_with_0_and_sigint_with_255() {
    for (signal, code) in [(Signal::SIGTERM, 0), (Signal::SIGINT, 255)] {
        if is_ignored(signal) {
            continue; // Whoever started the tests has them ignore it, and so does what they start.
        }
        let home = Home::new();
        let mut server = home.serve(&[]);
        let address = server.address();
        // Also while a client is in the middle of its key exchange.
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.read_exact(&mut [0; 1]).unwrap();
        let started = Instant::now();
        server.signal(signal);
        server.wait_for(&format!("Received signal {}; terminating.", signal as i32));
        assert_eq!(server.end(), Some(code));
        assert!(started.elapsed() < Duration::from_secs(2));
    }
}

/// Whether this process ignores a signal, as a shell without job control has what it starts with
/// `&` ignore SIGINT.
fn is_ignored(signal: Signal) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask & (1 << (signal as u32 - 1)) != 0)
}

#[cfg(target_os = "linux")]
#[test]
fn a_server_can_dump_no_core_and_gain_no_rights() {
    let home = Home::new();
    let mut server = home.serve(&[]);
    server.address();
    assert!(hardened::is_hardened(server.child.id()));
}

#[test]
fn the_log_goes_to_a_file_with_time_and_process() {
    let home = Home::new();
    let log = home.path("log");
    let server = home.serve(&["-E", &log]);
    let deadline = Instant::now() + PATIENCE;
    let line = loop {
        let text = fs::read_to_string(&log).unwrap_or_default();
        if let Some(line) = text.lines().find(|line| line.contains("Server listening")) {
            break line.to_owned();
        }
        assert!(Instant::now() < deadline, "{text}");
        std::thread::yield_now();
    };
    let (time, text) = line.split_once(' ').unwrap();
    assert!(time.ends_with('Z') && time.len() == 20, "{line}");
    let program = format!("aditd[{}]: Server listening on ", server.child.id());
    assert!(text.starts_with(&program), "{line}");
    server.signal(Signal::SIGTERM);
    assert_eq!(server.end(), Some(0));
}

#[test]
fn quiet_says_nothing() {
    let home = Home::new();
    let output = home.run(&["-q", "-o", "Frob=1"]);
    assert_eq!(output.status.code(), Some(255));
    let output = home.run(&["-q", "-o", "HostKey=/nonexistent"]);
    assert_eq!(output.status.code(), Some(255));
    assert_eq!(output.stderr, b"");
}
