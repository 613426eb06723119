//! Bytes there and back: on one connection, and each on a connection of its own.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use crate::connect;

/// One byte there and back.
pub fn once(stream: &mut TcpStream) -> io::Result<Duration> {
    let start = Instant::now();
    stream.write_all(b"!")?;
    stream.read_exact(&mut [0])?;
    Ok(start.elapsed())
}

/// Microseconds below which such a part of the times is.
fn micros(sorted: &[Duration], part: f64) -> f64 {
    let at = (sorted.len().saturating_sub(1) as f64 * part) as usize;
    sorted
        .get(at)
        .map_or(f64::NAN, |time| time.as_secs_f64() * 1e6)
}

/// Round trips one after another, after a tenth of the time to warm up.
pub fn ping(address: &str, time: Duration) -> io::Result<()> {
    let mut stream = connect(address)?;
    let warm = Instant::now() + time / 10;
    while Instant::now() < warm {
        once(&mut stream)?;
    }
    let end = Instant::now() + time;
    let mut times = Vec::new();
    while Instant::now() < end {
        times.push(once(&mut stream)?);
    }
    times.sort_unstable();
    let (count, p50, p99) = (times.len(), micros(&times, 0.5), micros(&times, 0.99));
    println!("count {count} p50 {p50:.1} p99 {p99:.1}");
    Ok(())
}

/// Short connections, so many at a time.
pub fn rate(address: &str, count: usize, at_once: usize) -> io::Result<()> {
    let (next, failed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let start = Instant::now();
    thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(|| {
                while next.fetch_add(1, Relaxed) < count {
                    let done = connect(address).and_then(|mut stream| once(&mut stream));
                    failed.fetch_add(usize::from(done.is_err()), Relaxed);
                }
            });
        }
    });
    let (failed, seconds) = (failed.load(Relaxed), start.elapsed().as_secs_f64());
    println!(
        "count {} failed {failed} seconds {seconds:.4}",
        count - failed
    );
    Ok(())
}
