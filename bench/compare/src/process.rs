//! Programs that run, what they use, and that none outlives the measurement.

use std::fs;
use std::fs::File;
use std::io;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::param::clock_ticks_per_second;
use rustix::process::{Pid, Signal, kill_process};

/// A program that takes longer than this to listen does not.
const PATIENCE: Duration = Duration::from_secs(15);
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

    /// User and system seconds of all of it.
    pub fn cpu(&self) -> f64 {
        self.tree()
            .iter()
            .map(|pid| cpu(&format!("/proc/{pid}/stat"), Reaped::Too))
            .sum()
    }

    /// The same, thread by thread of the program itself.
    pub fn cpu_of_threads(&self) -> Vec<f64> {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id()));
        let paths = tasks
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path().join("stat"));
        paths
            .map(|path| cpu(&path.to_string_lossy(), Reaped::Not))
            .collect()
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

/// Runs to its end and gives what it wrote.
pub fn output(argv: &[String]) -> io::Result<String> {
    let done = command(argv)?.stderr(Stdio::piped()).output()?;
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

fn listening(pid: u32, port: u16) -> bool {
    let text = fs::read_to_string(format!("/proc/{pid}/net/tcp")).unwrap_or_default();
    let suffix = format!(":{port:04X}");
    text.lines().any(|line| {
        let mut fields = line.split_whitespace().skip(1);
        let local = fields.next().is_some_and(|field| field.ends_with(&suffix));
        local && fields.nth(1) == Some(LISTEN)
    })
}

/// Whether children that have ended and been waited for count.
#[derive(PartialEq)]
enum Reaped {
    Too,
    Not,
}

/// proc(5): utime, stime, cutime and cstime are the fields 14 to 17; the name, field 2, may hold anything.
fn cpu(path: &str, reaped: Reaped) -> f64 {
    let text = fs::read_to_string(path).unwrap_or_default();
    let after_name = text.rsplit(')').next().unwrap_or_default();
    let fields = if reaped == Reaped::Too { 4 } else { 2 };
    let ticks = after_name.split_whitespace().skip(11).take(fields);
    let sum: f64 = ticks.filter_map(|field| field.parse::<f64>().ok()).sum();
    sum / clock_ticks_per_second() as f64
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
