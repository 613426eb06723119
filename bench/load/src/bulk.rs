//! As many bytes as go through in some seconds.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use crate::connect;

const BUFFER: usize = 256 * 1024;
/// Where nothing moves for so long, nothing moves any more.
const STANDS_STILL: Duration = Duration::from_secs(5);

/// Writes to a sink. Done when the sink has closed: what waits on the way is not yet moved.
pub fn push(address: &str, time: Duration, connections: usize) -> io::Result<()> {
    run(address, time, connections, |stream, end| {
        let buffer = vec![0xa5; BUFFER];
        let mut bytes = 0;
        while Instant::now() < end {
            bytes += stream.write(&buffer)?;
        }
        stream.shutdown(Shutdown::Write)?;
        while stream.read(&mut [0])? > 0 {}
        Ok(bytes)
    })
}

/// Reads from a source, and then what is still on the way: that has cost something, too.
pub fn pull(address: &str, time: Duration, connections: usize) -> io::Result<()> {
    run(address, time, connections, |stream, end| {
        let mut buffer = vec![0; BUFFER];
        let (mut bytes, mut ended) = (0, false);
        loop {
            if !ended && Instant::now() >= end {
                stream.shutdown(Shutdown::Write)?;
                ended = true;
            }
            match stream.read(&mut buffer)? {
                0 if ended => return Ok(bytes),
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                n => bytes += n,
            }
        }
    })
}

fn run(
    address: &str,
    time: Duration,
    connections: usize,
    work: fn(&mut TcpStream, Instant) -> io::Result<usize>,
) -> io::Result<()> {
    // A round trip of connecting belongs to it: without a tunnel it is spent here, with one behind
    // the first write.
    let start = Instant::now();
    let streams: io::Result<Vec<_>> = (0..connections).map(|_| connect(address)).collect();
    let streams = streams?;
    for stream in &streams {
        stream.set_read_timeout(Some(STANDS_STILL))?;
        stream.set_write_timeout(Some(STANDS_STILL))?;
    }
    let threads: Vec<_> = streams
        .into_iter()
        .map(|mut stream| thread::spawn(move || work(&mut stream, start + time)))
        .collect();
    let mut bytes = 0;
    for thread in threads {
        bytes += thread.join().map_err(|_| io::ErrorKind::Other)??;
    }
    println!("bytes {bytes} seconds {:.4}", start.elapsed().as_secs_f64());
    Ok(())
}
