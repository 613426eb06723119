//! The program that leads to the first server (ProxyCommand): started by a shell, as ssh does it.

use std::env;
use std::ffi::{CString, OsStr, OsString};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Duration;

use nix::errno::Errno;
use nix::libc::{STDIN_FILENO, STDOUT_FILENO};
use nix::spawn::{PosixSpawnAttr, PosixSpawnFileActions, PosixSpawnFlags, posix_spawn};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::observer::ProxyEnd;

/// A program that closed its standard output is about to end, or about to be ended: this long is
/// waited to see how. Nothing else happens then, and it is over within a few milliseconds.
const END_TIME: Duration = Duration::from_millis(200);
/// Between two looks at it.
const LOOK_INTERVAL: Duration = Duration::from_millis(5);

/// A program that was started, and not waited for yet, so that its number is its own for as long as
/// it is a child of this process.
#[derive(Debug)]
pub(super) struct Child(Pid);

impl Child {
    /// Starts `shell -c 'exec command'` with `socket` as its standard input and output.
    ///
    /// The signals that this thread has blocked, and SIGPIPE which std ignores, are as usual there:
    /// the program must end when it is interrupted.
    pub(super) fn start(shell: &OsStr, command: &OsStr, socket: UnixStream) -> io::Result<Self> {
        let mut files = PosixSpawnFileActions::init()?;
        files.add_dup2(socket.as_raw_fd(), STDIN_FILENO)?;
        files.add_dup2(socket.as_raw_fd(), STDOUT_FILENO)?;
        let mut attributes = PosixSpawnAttr::init()?;
        let signals = PosixSpawnFlags::POSIX_SPAWN_SETSIGMASK;
        attributes.set_flags(signals | PosixSpawnFlags::POSIX_SPAWN_SETSIGDEF)?;
        attributes.set_sigmask(&SigSet::empty())?;
        let mut by_default = SigSet::empty();
        by_default.add(Signal::SIGPIPE);
        attributes.set_sigdefault(&by_default)?;
        let shell = CString::new(shell.as_bytes())?;
        // The shell is not to stay between the program and the signal that ends it.
        let line = CString::new([b"exec ", command.as_bytes()].concat())?;
        let arguments = [shell.clone(), c"-c".to_owned(), line];
        let variables: Vec<CString> = env::vars_os().filter_map(variable).collect();
        let pid = posix_spawn(
            shell.as_c_str(),
            &files,
            &attributes,
            &arguments,
            &variables,
        )?;
        Ok(Self(pid))
    }

    /// How it ended, if it has, or does within moments.
    pub(super) fn ended(&mut self) -> Option<ProxyEnd> {
        let mut waited = Duration::ZERO;
        loop {
            match waitpid(self.0, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::Exited(_, code)) => return Some(ProxyEnd::Exited(code)),
                Ok(WaitStatus::Signaled(_, signal, _)) => {
                    return Some(ProxyEnd::Killed(signal as i32));
                }
                Ok(_) | Err(Errno::EINTR) => {}
                // After fork(2) it is another's child.
                Err(_) => return None,
            }
            if waited >= END_TIME {
                return None;
            }
            thread::sleep(LOOK_INTERVAL);
            waited = waited.saturating_add(LOOK_INTERVAL);
        }
    }

    /// Tells it to end, as ssh does, and lets it go. One that minds nothing stays: who waits for
    /// the end of this program is not to wait for that.
    ///
    /// After fork(2) it is another's child. Its number may be anybody's by now, so nothing is sent
    /// there: the end of its standard input is what it is told.
    pub(super) fn end(mut self) {
        if let Ok(WaitStatus::StillAlive) = waitpid(self.0, Some(WaitPidFlag::WNOHANG))
            && kill(self.0, Signal::SIGHUP).is_ok()
        {
            let _ = self.ended();
        }
    }
}

/// As a program finds it in its environment.
fn variable((name, value): (OsString, OsString)) -> Option<CString> {
    let both = [name.as_bytes(), b"=", value.as_bytes()].concat();
    CString::new(both).ok()
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, Read as _, Write as _};
    use std::process::{Command, Stdio};

    use super::*;

    /// Says its number, SIGHUP when that comes, and something at the end of its input.
    const PROGRAM: &str = "trap 'echo hangup' HUP; echo $$; read line; echo over";

    /// The program, started by that, and what it says before and after it was told to end.
    fn said(start: &str) -> (bool, String) {
        let mut shell = Command::new("/bin/sh")
            .args(["-c", start, PROGRAM])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = shell.stdin.take().unwrap();
        let mut output = BufReader::new(shell.stdout.take().unwrap());
        let mut number = String::new();
        output.read_line(&mut number).unwrap();
        let number = number.trim().parse().unwrap();
        let is_ours = i64::from(shell.id()) == i64::from(number);
        if !is_ours {
            shell.wait().unwrap();
        }
        Child(Pid::from_raw(number)).end();
        let _ = input.write_all(b"\n"); // or it has ended
        drop(input);
        let mut said = String::new();
        output.read_to_string(&mut said).unwrap();
        let _ = shell.wait(); // or that is done
        (is_ours, said)
    }

    #[test]
    fn a_program_of_this_process_is_told_to_end() {
        let (is_ours, said) = said("exec /bin/sh -c \"$0\"");
        assert!(is_ours && said.starts_with("hangup\n"), "{is_ours} {said}");
    }

    #[test]
    fn a_number_that_is_no_child_of_this_process_is_sent_nothing() {
        // As after fork(2): the shell that started it has ended.
        let (is_ours, said) = said("exec 3<&0; /bin/sh -c \"$0\" <&3 &");
        assert!(!is_ours);
        assert_eq!(said, "over\n");
    }
}
