//! What is printed, at which level, and where.
//!
//! One [`Report`] is shared by whatever speaks: the command line, the event loop, a prompt. Nobody
//! waits for whoever reads it: a line that a pipe or a stopped terminal has no room for is dropped
//! and counted, and the next one that fits says how many were. Other errors in writing are not
//! reported: there is nowhere left.

use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, IsTerminal as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::SystemTime;

use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::syslog::{self, Syslog};
use crate::time;

/// What a pipe that is ready takes without waiting (POSIX: at least 512; Linux: a page).
const CHUNK: usize = 4096;

/// How long the last words may wait for a reader.
const FATAL_WAIT_MS: u16 = 500;

/// How much is said: `LogLevel`, `-v`, `-q`. What is below the level is not printed.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub enum Level {
    /// Nothing at all.
    Quiet,
    /// What ends the program.
    Fatal,
    /// What fails.
    Error,
    /// What a person has to know.
    #[default]
    Info,
    /// What a careful person wants to know (`-v` shows it too).
    Verbose,
    /// `-v`.
    Debug1,
    /// `-vv`.
    Debug2,
    /// `-vvv`.
    Debug3,
}

impl Level {
    /// From ssh_config(5)'s name, in any case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text.to_ascii_uppercase().as_str() {
            "QUIET" | "SILENT" => Self::Quiet,
            "FATAL" => Self::Fatal,
            "ERROR" => Self::Error,
            "INFO" => Self::Info,
            "VERBOSE" => Self::Verbose,
            "DEBUG" | "DEBUG1" => Self::Debug1,
            "DEBUG2" => Self::Debug2,
            "DEBUG3" => Self::Debug3,
            _ => return None,
        })
    }

    /// As ssh_config(5) names it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Quiet => "QUIET",
            Self::Fatal => "FATAL",
            Self::Error => "ERROR",
            Self::Info => "INFO",
            Self::Verbose => "VERBOSE",
            Self::Debug1 => "DEBUG",
            Self::Debug2 => "DEBUG2",
            Self::Debug3 => "DEBUG3",
        }
    }

    /// One `-v` more.
    #[must_use]
    pub const fn more(self) -> Self {
        match self {
            Self::Quiet | Self::Fatal | Self::Error | Self::Info | Self::Verbose => Self::Debug1,
            Self::Debug1 => Self::Debug2,
            Self::Debug2 | Self::Debug3 => Self::Debug3,
        }
    }

    const fn prefix(self) -> &'static str {
        match self {
            Self::Quiet | Self::Fatal | Self::Error | Self::Info | Self::Verbose => "",
            Self::Debug1 => "debug1: ",
            Self::Debug2 => "debug2: ",
            Self::Debug3 => "debug3: ",
        }
    }
}

/// Where lines go: standard error or a log file, and nothing above its level.
#[derive(Debug)]
pub struct Report {
    level: Level,
    to: To,
    /// What each line begins with, behind the time; `None`: with neither.
    program: Option<String>,
    dropped: AtomicU32,
}

#[derive(Debug)]
enum To {
    Stderr,
    File(std::fs::File),
    Syslog(Syslog),
    /// Kept, for tests.
    Memory(Mutex<Vec<String>>),
}

impl Report {
    /// To standard error.
    #[must_use]
    pub const fn stderr(level: Level) -> Self {
        Self::new(level, To::Stderr)
    }

    const fn new(level: Level, to: To) -> Self {
        let dropped = AtomicU32::new(0);
        let program = None;
        Self {
            level,
            to,
            program,
            dropped,
        }
    }

    /// Each line begins with the time, `name` and the process: for a server's own file. A line on
    /// standard error gets that from whoever reads it. This is the shape in which filters written
    /// for syslog, such as fail2ban's for sshd, find what they look for.
    ///
    /// ```text
    /// 2026-11-22T14:08:07Z aditd[4711]: Server listening on :: port 22.
    /// 2026-11-22T14:08:09Z aditd[4711.3]: Connection closed by 192.0.2.1 port 50000 [preauth]
    /// ```
    #[must_use]
    pub fn stamped(self, name: &str) -> Self {
        let program = Some(format!("{name}[{}", std::process::id()));
        Self { program, ..self }
    }

    /// For lines about one connection. Where lines are stamped the number is in the stamp: sshd
    /// has a process for each connection, and filters take lines of one process for one client's.
    #[must_use]
    pub const fn about(&self, connection: u64) -> ConnectionReport<'_> {
        ConnectionReport {
            report: self,
            connection,
        }
    }

    /// To the end of a file (`-E`), which is made with mode 0600 when it is missing.
    ///
    /// # Errors
    /// When it cannot be opened for appending. Opening never waits for a FIFO's reader.
    pub fn file(level: Level, path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .custom_flags((OFlag::O_NONBLOCK | OFlag::O_NOCTTY).bits())
            .open(path)?;
        Ok(Self::new(level, To::File(file)))
    }

    /// To the system's log (`-y`).
    ///
    /// # Errors
    /// When there is no socket to be had.
    pub fn syslog(level: Level, program: &'static str) -> io::Result<Self> {
        let syslog = Syslog::new(program, Path::new(syslog::SOCKET))?;
        Ok(Self::new(level, To::Syslog(syslog)))
    }

    /// Keeps its lines, to be looked at with [`Report::kept`].
    #[must_use]
    pub const fn memory(level: Level) -> Self {
        Self::new(level, To::Memory(Mutex::new(Vec::new())))
    }

    /// The lines kept so far by a [`Report::memory`].
    #[must_use]
    pub fn kept(&self) -> Vec<String> {
        match &self.to {
            To::Memory(lines) => lines.lock().map(|l| l.clone()).unwrap_or_default(),
            To::Stderr | To::File(_) | To::Syslog(_) => Vec::new(),
        }
    }

    /// The same place, another level.
    #[must_use]
    pub fn at(self, level: Level) -> Self {
        Self { level, ..self }
    }

    /// Whether something at that level would be printed: for what is costly to put together.
    #[must_use]
    pub fn shows(&self, level: Level) -> bool {
        level != Level::Quiet && level <= self.level
    }

    /// Whether it goes to a terminal, so that a person reads it as it comes.
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        match &self.to {
            To::Stderr => io::stderr().is_terminal(),
            To::File(file) => file.is_terminal(),
            To::Syslog(_) | To::Memory(_) => false,
        }
    }

    /// Whether it goes to standard error, whatever that is.
    #[must_use]
    pub const fn is_stderr(&self) -> bool {
        matches!(self.to, To::Stderr)
    }

    /// One line, without its line end.
    pub fn line(&self, level: Level, text: impl fmt::Display) {
        self.stamped_line(level, String::new, text);
    }

    fn stamped_line(&self, level: Level, connection: impl Fn() -> String, text: impl fmt::Display) {
        if !self.shows(level) {
            return;
        }
        let stamp = match &self.program {
            Some(program) => {
                let time = time::utc(SystemTime::now());
                format!("{time} {program}{}]: ", connection())
            }
            None => String::new(),
        };
        let line = format!("{stamp}{}{text}\n", level.prefix());
        let patience = if level == Level::Fatal {
            PollTimeout::from(FATAL_WAIT_MS)
        } else {
            PollTimeout::ZERO
        };
        match &self.to {
            To::Stderr => {
                let stderr = io::stderr();
                self.put(&stderr, stderr.as_fd(), &line, patience);
            }
            To::File(file) => self.put(file, file.as_fd(), &line, patience),
            // What was lost is not counted: another program keeps this log, and says so there.
            To::Syslog(syslog) => drop(syslog.send(level, &text)),
            To::Memory(lines) => {
                if let Ok(mut lines) = lines.lock() {
                    lines.push(line.trim_end_matches('\n').to_owned());
                }
            }
        }
    }

    fn put<W>(&self, out: W, fd: BorrowedFd<'_>, line: &str, patience: PollTimeout)
    where
        W: io::Write,
    {
        let dropped = self.dropped.swap(0, Ordering::Relaxed);
        let note = if dropped == 0 {
            String::new()
        } else {
            format!("({dropped} lines before this one had no reader and were dropped)\n")
        };
        if !put_all(out, fd, &format!("{note}{line}"), patience) {
            let dropped = dropped.saturating_add(1);
            self.dropped.fetch_add(dropped, Ordering::Relaxed);
        }
    }

    /// What ends the program.
    pub fn fatal(&self, text: impl fmt::Display) {
        self.line(Level::Fatal, text);
    }

    /// What fails.
    pub fn error(&self, text: impl fmt::Display) {
        self.line(Level::Error, text);
    }

    /// What a person has to know.
    pub fn info(&self, text: impl fmt::Display) {
        self.line(Level::Info, text);
    }

    /// What a careful person wants to know.
    pub fn verbose(&self, text: impl fmt::Display) {
        self.line(Level::Verbose, text);
    }

    /// For `-v`.
    pub fn debug(&self, text: impl fmt::Display) {
        self.line(Level::Debug1, text);
    }

    /// For `-vv`.
    pub fn debug2(&self, text: impl fmt::Display) {
        self.line(Level::Debug2, text);
    }
}

/// Writes what fits without waiting; `false` when some did not.
fn put_all(mut out: impl io::Write, fd: BorrowedFd<'_>, text: &str, patience: PollTimeout) -> bool {
    for chunk in text.as_bytes().chunks(CHUNK) {
        let mut ready = [PollFd::new(fd, PollFlags::POLLOUT)];
        // Errors are left to the write, which will not wait to say them.
        if poll(&mut ready, patience) == Ok(0) {
            return false;
        }
        if out.write_all(chunk).is_err() {
            return false;
        }
    }
    true
}

/// Says what there is to say about one connection; see [`Report::about`].
#[derive(Clone, Copy, Debug)]
pub struct ConnectionReport<'a> {
    report: &'a Report,
    connection: u64,
}

impl ConnectionReport<'_> {
    /// As [`Report::line`].
    pub fn line(&self, level: Level, text: impl fmt::Display) {
        let connection = || format!(".{}", self.connection);
        self.report.stamped_line(level, connection, text);
    }

    /// As [`Report::error`].
    pub fn error(&self, text: impl fmt::Display) {
        self.line(Level::Error, text);
    }

    /// As [`Report::info`].
    pub fn info(&self, text: impl fmt::Display) {
        self.line(Level::Info, text);
    }

    /// As [`Report::verbose`].
    pub fn verbose(&self, text: impl fmt::Display) {
        self.line(Level::Verbose, text);
    }

    /// As [`Report::debug`].
    pub fn debug(&self, text: impl fmt::Display) {
        self.line(Level::Debug1, text);
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::testing::Directory;

    #[test]
    fn levels_have_the_names_of_ssh_config() {
        for (text, level) in [
            ("QUIET", Some(Level::Quiet)),
            ("quiet", Some(Level::Quiet)),
            ("SILENT", Some(Level::Quiet)),
            ("FATAL", Some(Level::Fatal)),
            ("ERROR", Some(Level::Error)),
            ("INFO", Some(Level::Info)),
            ("VERBOSE", Some(Level::Verbose)),
            ("DEBUG", Some(Level::Debug1)),
            ("DEBUG1", Some(Level::Debug1)),
            ("DEBUG2", Some(Level::Debug2)),
            ("DEBUG3", Some(Level::Debug3)),
            ("DEBUG4", None),
            ("", None),
        ] {
            assert_eq!(Level::parse(text), level, "{text}");
            let again = level.map(|level| Level::parse(level.name()));
            assert_eq!(again.flatten(), level, "{text}");
        }
    }

    #[test]
    fn a_level_shows_itself_and_what_weighs_more() {
        let report = Report::memory(Level::Debug1);
        report.fatal("a");
        report.error("b");
        report.info("c");
        report.verbose("d");
        report.debug("e");
        report.debug2("f");
        assert_eq!(report.kept(), ["a", "b", "c", "d", "debug1: e"]);
    }

    #[test]
    fn quiet_says_nothing() {
        let report = Report::memory(Level::Quiet);
        report.fatal("a");
        report.line(Level::Quiet, "b");
        assert_eq!(report.kept(), [""; 0]);
    }

    #[test]
    fn a_stamped_line_has_time_program_and_process() {
        let report = Report::memory(Level::Info).stamped("aditd");
        report.info("a");
        report.about(7).info("b");
        report.about(7).verbose("c");
        let lines = report.kept();
        let pid = std::process::id();
        let expected = [format!("aditd[{pid}]: a"), format!("aditd[{pid}.7]: b")];
        assert_eq!(lines.len(), expected.len());
        for (line, expected) in lines.iter().zip(expected) {
            let (time, text) = line.split_once(' ').unwrap();
            assert_eq!(time.len(), "2026-11-22T14:08:07Z".len());
            assert_eq!(text, expected);
        }
        let bare = Report::memory(Level::Info);
        bare.about(7).info("b");
        assert_eq!(bare.kept(), ["b"]);
    }

    #[test]
    fn a_log_file_is_made_private_and_appended_to() {
        use std::os::unix::fs::MetadataExt as _;
        let directory = Directory::new();
        let path = directory.join("log");
        for line in ["one", "two"] {
            Report::file(Level::Info, &path).unwrap().info(line);
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), "one\ntwo\n");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_pipe_that_nobody_reads_does_not_stop_the_speaker() {
        let (reader, writer) = io::pipe().unwrap();
        let file = fs::File::from(std::os::fd::OwnedFd::from(writer));
        let report = Report::new(Level::Info, To::File(file));
        let line = "x".repeat(1000);
        for _ in 0..1000 {
            report.info(&line);
        }
        assert!(report.dropped.load(Ordering::Relaxed) > 100);
        drop(reader);
        report.info("no reader at all");
    }
}
