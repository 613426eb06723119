//! What the demonstration prints, and how.

use std::fmt;
use std::io::{self, IsTerminal as _, Write as _};
use std::time::Duration;

/// Marks in the progress line.
const BAR: u32 = 24;

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
    pub(super) fn progress(&self, span: Duration, total: u64, took: Duration) {
        if !self.is_terminal {
            return;
        }
        let is_done = |n: u32| span * n < took * BAR;
        let bar: String = (0..BAR)
            .map(|n| if is_done(n) { '#' } else { '.' })
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
        let total = u128::from(self.total);
        let nanos = self.took.as_nanos().max(1);
        let rate = total.saturating_mul(1_000_000_000) / nanos;
        let tenths = (self.took.as_millis() + 50) / 100;
        let (seconds, tenth) = (tenths / 10, tenths % 10);
        write!(
            f,
            "{} in {seconds}.{tenth} s: {}/s",
            Size(total),
            Size(rate)
        )
    }
}

/// Milliseconds, and tenths of them.
pub(super) struct Millis(pub(super) Duration);

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = (self.0.as_micros() + 50) / 100;
        write!(f, "{}.{} ms", tenths / 10, tenths % 10)
    }
}

/// A number of bytes as people say it, in powers of 1000. In whole numbers, here as everywhere: what
/// prints others takes 20 KiB of the program.
struct Size(u128);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            n if n >= 1_000_000_000 => {
                let hundredths = (n + 5_000_000) / 10_000_000;
                write!(f, "{}.{:02} GB", hundredths / 100, hundredths % 100)
            }
            n if n >= 1_000_000 => write!(f, "{} MB", (n + 500_000) / 1_000_000),
            n if n >= 1000 => write!(f, "{} kB", (n + 500) / 1000),
            n => write!(f, "{n} bytes"),
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
            (1999, "2 kB in 2.0 s: 999 bytes/s"),
            (3_000_000, "3 MB in 2.0 s: 2 MB/s"),
            (2_000_000_000, "2.00 GB in 2.0 s: 1.00 GB/s"),
        ] {
            let took = Duration::from_secs(2);
            assert_eq!(Moved { total, took }.to_string(), text);
        }
        for (micros, text) in [(0, "0.0 ms"), (1949, "1.9 ms"), (1950, "2.0 ms")] {
            assert_eq!(Millis(Duration::from_micros(micros)).to_string(), text);
        }
    }
}
