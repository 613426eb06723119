//! A line that says what is being done and how long all of it still takes.

use std::io::{IsTerminal, Write, stderr};
use std::time::Instant;

pub struct Progress {
    start: Instant,
    /// Seconds that all of it was thought to take, and those that are done.
    expected: f64,
    done: f64,
}

impl Progress {
    pub fn new(expected: f64) -> Self {
        Self {
            start: Instant::now(),
            expected,
            done: 0.0,
        }
    }

    /// What comes now and how long it was thought to take.
    pub fn step(&mut self, what: &str, takes: f64) {
        let left = format!("{} left", minutes(self.left()));
        let percent = 100.0 * self.done / self.expected;
        if stderr().is_terminal() {
            eprint!("\r\x1b[K{percent:3.0} %, {left}: {what}");
        } else {
            eprintln!("{percent:3.0} %, {left}: {what}");
        }
        drop(stderr().flush());
        self.done += takes;
    }

    pub fn end(&self) {
        eprintln!("\ntook {}", minutes(self.start.elapsed().as_secs_f64()));
    }

    /// As much longer than thought as what is done has taken, once that says something.
    fn left(&self) -> f64 {
        let elapsed = self.start.elapsed().as_secs_f64();
        let slower = if elapsed > 5.0 && self.done > 5.0 {
            elapsed / self.done
        } else {
            1.0
        };
        (self.expected - self.done) * slower
    }
}

fn minutes(seconds: f64) -> String {
    format!("{:.0}:{:02.0}", (seconds / 60.0).floor(), seconds % 60.0)
}
