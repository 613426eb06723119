//! What the demonstration prints, and how.

use std::fmt;
use std::io::{self, IsTerminal as _, Write as _};
use std::time::Duration;

/// Marks in the progress line.
const BAR: usize = 24;

/// Standard output. That nobody reads it is no reason to stop.
#[derive(Debug)]
pub(super) struct Screen {
    is_terminal: bool,
}

impl Screen {
    pub(super) fn new() -> Self {
        let is_terminal = io::stdout().is_terminal();
        Self { is_terminal }
    }

    /// Whether a person is looking on.
    pub(super) const fn is_terminal(&self) -> bool {
        self.is_terminal
    }

    /// A line as it is.
    pub(super) fn line(&self, text: impl fmt::Display) {
        let _ = writeln!(io::stdout(), "{text}");
    }

    /// Something happens: who, and what.
    pub(super) fn step(&self, who: &str, what: impl fmt::Display) {
        self.line(format_args!("  {who:<12} {what}"));
    }

    /// A line that the next one replaces, on a terminal; elsewhere nothing.
    pub(super) fn progress(&self, done: f64, total: u64, took: Duration) {
        if !self.is_terminal {
            return;
        }
        let bar: String = (0..BAR)
            .map(|n| {
                if (n as f64) < done * BAR as f64 {
                    '#'
                } else {
                    '.'
                }
            })
            .collect();
        let mut out = io::stdout();
        let moved = Moved { total, took }.to_string();
        let _ = write!(out, "\r  {:<12} {bar} {moved:<36}", "data");
        let _ = out.flush();
    }

    /// Makes room for a line where progress was shown.
    pub(super) fn clear_progress(&self) {
        if self.is_terminal {
            let _ = write!(io::stdout(), "\r{:78}\r", "");
        }
    }
}

/// So many bytes in so long.
pub(super) struct Moved {
    pub(super) total: u64,
    pub(super) took: Duration,
}

impl fmt::Display for Moved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.took.as_secs_f64().max(1e-9);
        let rate = self.total as f64 / seconds;
        write!(
            f,
            "{} in {seconds:.1} s: {}/s",
            Size(self.total as f64),
            Size(rate)
        )
    }
}

/// A number of bytes as people say it, in powers of 1000.
struct Size(f64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            n if n >= 1e9 => write!(f, "{:.2} GB", n / 1e9),
            n if n >= 1e6 => write!(f, "{:.0} MB", n / 1e6),
            n if n >= 1e3 => write!(f, "{:.0} kB", n / 1e3),
            n => write!(f, "{n:.0} bytes"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_said_as_people_say_them() {
        for (total, text) in [
            (0, "0 bytes in 2.0 s: 0 bytes/s"),
            (1999, "2 kB in 2.0 s: 1000 bytes/s"),
            (3_000_000, "3 MB in 2.0 s: 2 MB/s"),
            (2_000_000_000, "2.00 GB in 2.0 s: 1.00 GB/s"),
        ] {
            let took = Duration::from_secs(2);
            assert_eq!(Moved { total, took }.to_string(), text);
        }
    }
}
