//! Programs that run, what they use, and that none outlives the measurement.

use std::collections::BTreeMap;
use std::fs;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::time::{clock_getcpuclockid, clock_gettime};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::param::clock_ticks_per_second;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};

/// A program that takes longer than this to listen does not.
const PATIENCE: Duration = Duration::from_secs(15);
/// One that takes longer than this to end is stuck: the longest load takes a fifth of it.
const STUCK: Duration = Duration::from_secs(60);
const STEP: Duration = Duration::from_millis(2);
/// LISTEN, as /proc/net/tcp has it.
const LISTEN: &str = "0A";

/// A program and what it has started.
pub struct Process {
    child: Child,
    line: String,
}

impl Process {
    /// What it says goes to the file.
    pub fn start(argv: &[String], log: &Path) -> io::Result<Self> {
        let log = File::options().create(true).append(true).open(log)?;
        let child = command(argv)?
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        Ok(Self {
            child,
            line: argv.join(" "),
        })
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn alive(&mut self) -> io::Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => Err(io::Error::other(format!("{status}: {}", self.line))),
        }
    }

    /// Waits until something listens on the port in the network the program is in.
    pub fn wait_listening(&mut self, port: u16) -> io::Result<()> {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            self.alive()?;
            if listening(self.child.id(), port) {
                return Ok(());
            }
            sleep(STEP);
        }
        Err(io::Error::other(format!("does not listen: {}", self.line)))
    }

    /// User and system seconds of all of it, of threads and children that have ended as well.
    pub fn cpu(&self) -> f64 {
        let tree = self.tree();
        tree.iter().map(|pid| cpu(*pid) + reaped(*pid)).sum()
    }

    /// Seconds on a core of each thread of the program itself.
    pub fn cpu_of_threads(&self) -> BTreeMap<u32, f64> {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id()));
        let names = tasks.into_iter().flatten().flatten();
        let threads = names.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        threads.map(|tid| (tid, on_core(tid))).collect()
    }

    /// Resident KiB of all of it.
    pub fn resident(&self) -> f64 {
        self.tree().iter().map(|pid| resident(*pid)).sum()
    }

    fn tree(&self) -> Vec<u32> {
        let mut found = vec![self.child.id()];
        let mut at = 0;
        while let Some(pid) = found.get(at) {
            let path = format!("/proc/{pid}/task/{pid}/children");
            let text = fs::read_to_string(path).unwrap_or_default();
            found.extend(
                text.split_whitespace()
                    .filter_map(|word| word.parse::<u32>().ok()),
            );
            at += 1;
        }
        found
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        for pid in self.tree() {
            if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
                let _ended_before = kill_process(pid, Signal::KILL);
            }
        }
        drop(self.child.wait());
    }
}

/// The command of an argument list.
pub fn command(argv: &[String]) -> io::Result<Command> {
    let (program, args) = argv.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    let mut command = Command::new(program);
    command.args(args);
    Ok(command)
}

/// Runs to its end and gives what it wrote: a few lines, so that it never waits for its reader.
pub fn output(argv: &[String]) -> io::Result<String> {
    let pipe = Stdio::piped;
    let mut command = command(argv)?;
    let child = command.stdin(Stdio::null()).stdout(pipe()).stderr(pipe());
    let done = finish(child.spawn()?)?;
    if done.status.success() {
        return Ok(String::from_utf8_lossy(&done.stdout).into_owned());
    }
    let why = String::from_utf8_lossy(&done.stderr);
    Err(io::Error::other(format!(
        "{}: {}: {}",
        done.status,
        argv.join(" "),
        why.trim()
    )))
}

/// Waits for the end of what writes a few lines, and ends it where that does not come.
pub fn finish(mut child: Child) -> io::Result<Output> {
    let ended = pidfd_open(Pid::from_child(&child), PidfdFlags::empty())?;
    if !readable(&ended)? {
        child.kill()?;
        child.wait()?;
        return Err(io::Error::other(format!("not done in {STUCK:?}")));
    }
    child.wait_with_output()
}

/// Whether there is something to read, or comes before the time is up.
pub fn readable(descriptor: &impl AsFd) -> io::Result<bool> {
    let wait = Timespec::try_from(STUCK).map_err(io::Error::other)?;
    let mut polled = [PollFd::new(descriptor, PollFlags::IN)];
    Ok(poll(&mut polled, Some(&wait))? > 0)
}

fn listening(pid: u32, port: u16) -> bool {
    let text = fs::read_to_string(format!("/proc/{pid}/net/tcp")).unwrap_or_default();
    let suffix = format!(":{port:04X}");
    text.lines().any(|line| {
        let mut fields = line.split_whitespace().skip(1);
        let local = fields.next().is_some_and(|field| field.ends_with(&suffix));
        local && fields.nth(1) == Some(LISTEN)
    })
}

/// By the process's own clock, which counts nanoseconds where /proc/PID/stat counts hundredths of a
/// second, and counts every thread it has had.
fn cpu(pid: u32) -> f64 {
    let read = || {
        let clock =
            clock_getcpuclockid(nix::unistd::Pid::from_raw(i32::try_from(pid).ok()?)).ok()?;
        Some(Duration::from(clock_gettime(clock).ok()?).as_secs_f64())
    };
    read().unwrap_or(0.0)
}

/// What children took that have ended: cutime and cstime, the fields 16 and 17 of proc(5); the name,
/// field 2, may hold anything.
fn reaped(pid: u32) -> f64 {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let after_name = text.rsplit(')').next().unwrap_or_default();
    let ticks = after_name.split_whitespace().skip(13).take(2);
    let sum: f64 = ticks.filter_map(|field| field.parse::<f64>().ok()).sum();
    sum / clock_ticks_per_second() as f64
}

/// The first number of a thread's schedstat: nanoseconds on a core.
fn on_core(tid: u32) -> f64 {
    let text = fs::read_to_string(format!("/proc/{tid}/schedstat")).unwrap_or_default();
    let nanos = text.split(' ').next().and_then(|field| field.parse().ok());
    nanos.unwrap_or(0.0) / 1e9
}

fn resident(pid: u32) -> f64 {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("Rss:"))
        .unwrap_or_default();
    line.split_whitespace()
        .next()
        .and_then(|number| number.parse().ok())
        .unwrap_or(f64::NAN)
}
