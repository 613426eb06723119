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

/// The part of the time before what counts.
const WARM: f64 = 0.1;

/// Round trips one after another.
pub fn ping(address: &str, time: Duration) -> io::Result<()> {
    let mut stream = connect(address)?;
    let (mut times, mut warming) = (Vec::new(), 0);
    let start = Instant::now() + time.mul_f64(WARM);
    while Instant::now() < start {
        once(&mut stream)?;
        warming += 1;
    }
    while start.elapsed() < time {
        times.push(once(&mut stream)?);
    }
    times.sort_unstable();
    let (count, p50, p99) = (times.len(), micros(&times, 0.5), micros(&times, 0.99));
    let all = count + warming;
    println!("count {count} all {all} p50 {p50:.1} p99 {p99:.1}");
    Ok(())
}

/// Short connections, so many at a time, and at least one of each.
pub fn rate(address: &str, time: Duration, at_once: usize) -> io::Result<()> {
    let (count, failed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let start = Instant::now() + time.mul_f64(WARM);
    thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(|| {
                loop {
                    let done = connect(address).and_then(|mut stream| once(&mut stream));
                    failed.fetch_add(usize::from(done.is_err()), Relaxed);
                    let now = Instant::now();
                    if now >= start + time {
                        break;
                    }
                    count.fetch_add(usize::from(done.is_ok() && now >= start), Relaxed);
                }
            });
        }
    });
    let (count, failed) = (count.load(Relaxed), failed.load(Relaxed));
    let seconds = time.as_secs_f64();
    println!("count {count} failed {failed} seconds {seconds:.4}");
    Ok(())
}
