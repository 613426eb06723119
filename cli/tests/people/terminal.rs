//! A terminal with a program on it that has no other: what it shows, what is typed.

use std::fs::File;
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use nix::pty::openpty;
use nix::sys::signal::{Signal, kill};
use nix::sys::termios::{LocalFlags, tcgetattr};
use nix::unistd::Pid;

/// Nothing here takes this long; a test that waits for what never comes must end all the same.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A pseudo-terminal and the program that it controls.
pub(crate) struct Terminal {
    child: Child,
    master: File,
    slave: File,
    output: Receiver<Vec<u8>>,
    shown: String,
    /// How much of that was waited for.
    seen: usize,
}

impl Terminal {
    /// Runs `command` as leader of a session on a new terminal.
    pub(crate) fn run(command: &mut Command) -> Self {
        let pty = openpty(None, None).unwrap();
        let (master, slave) = (File::from(pty.master), File::from(pty.slave));
        // Whoever runs these tests may ignore signals: nohup(1), a shell's `&`.
        let mut leader = Command::new("env");
        leader.args(["--default-signal=HUP,INT,QUIT,TERM", "setsid", "--ctty"]);
        leader.arg(command.get_program());
        leader.args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => leader.env(name, value),
                None => leader.env_remove(name),
            };
        }
        if let Some(directory) = command.get_current_dir() {
            leader.current_dir(directory);
        }
        let stdio = || Stdio::from(slave.try_clone().unwrap());
        leader.stdin(stdio()).stdout(stdio()).stderr(stdio());
        let child = leader.spawn().unwrap();
        let (sender, output) = channel();
        let mut reader = master.try_clone().unwrap();
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            loop {
                match reader.read(&mut buffer) {
                    Ok(n) if n > 0 => drop(sender.send(buffer[..n].to_vec())),
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Ok(_) | Err(_) => break,
                }
            }
        });
        Self {
            child,
            master,
            slave,
            output,
            shown: String::new(),
            seen: 0,
        }
    }

    /// Waits for `text`, behind what was waited for before.
    pub(crate) fn wait_for(&mut self, text: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(at) = self.shown[self.seen..].find(text) {
                self.seen += at + text.len();
                return;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            match self.output.recv_timeout(left) {
                Ok(more) => self.shown.push_str(&String::from_utf8(more).unwrap()),
                Err(_) => panic!("{text:?} is not in {:?}", &self.shown[self.seen..]),
            }
        }
    }

    pub(crate) fn types(&self, text: &str) {
        (&self.master).write_all(text.as_bytes()).unwrap();
    }

    /// Whether what is typed is shown.
    pub(crate) fn echoes(&self) -> bool {
        let settings = tcgetattr(&self.slave).unwrap();
        settings.local_flags.contains(LocalFlags::ECHO)
    }

    /// Until what is typed is not shown.
    pub(crate) fn wait_until_silent(&self) {
        let deadline = Instant::now() + PATIENCE;
        while self.echoes() {
            assert!(Instant::now() < deadline, "it still echoes");
            thread::sleep(Duration::from_millis(5));
        }
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).unwrap())
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).unwrap();
    }

    /// Its exit code, and all that was shown.
    pub(crate) fn end(self) -> (Option<i32>, String) {
        let (status, shown) = self.wait();
        (status.code(), shown)
    }

    /// The signal that ended it.
    pub(crate) fn killed_by(self) -> Option<i32> {
        self.wait().0.signal()
    }

    fn wait(mut self) -> (ExitStatus, String) {
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            // What nobody reads would stop it.
            match self.output.recv_timeout(Duration::from_millis(10)) {
                Ok(more) => self.shown.push_str(&String::from_utf8(more).unwrap()),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => thread::yield_now(),
            }
            assert!(Instant::now() < deadline, "no end after {:?}", self.shown);
        };
        while let Ok(more) = self.output.recv_timeout(Duration::from_millis(100)) {
            self.shown.push_str(&String::from_utf8(more).unwrap());
        }
        assert!(self.echoes(), "{:?}", self.shown);
        (status, std::mem::take(&mut self.shown))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
