//! How fast the parts are, each alone on one core, in about a minute:
//!
//!     cd bench && cargo run --release -p adit-micro [seal|wire|channels]

mod channels;
mod seal;
mod wire;

use std::time::{Duration, Instant};

const TIME_EACH: Duration = Duration::from_millis(200);
/// Steps between two looks at the clock.
const BATCH: usize = 64;

fn main() {
    let only = std::env::args().nth(1);
    let parts: [(&str, fn()); 3] = [
        ("seal", seal::measure),
        ("wire", wire::measure),
        ("channels", channels::measure),
    ];
    for (name, measure) in parts {
        if only.as_deref().is_none_or(|only| only == name) {
            measure();
            println!();
        }
    }
}

/// Seconds that one step takes.
fn seconds_each(mut step: impl FnMut()) -> f64 {
    let start = Instant::now();
    let mut n = 0_usize;
    while start.elapsed() < TIME_EACH {
        for _ in 0..BATCH {
            step();
        }
        n += BATCH;
    }
    start.elapsed().as_secs_f64() / n as f64
}

/// One line: what, and nanoseconds.
fn say(what: &str, seconds: f64) {
    println!("{what:56} {:8.1} ns", seconds * 1e9);
}
