//! Somebody who uses the tunnel: fetches the page, reads the data and checks each byte.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::application::{PERIOD, pattern};

/// How long anything may take before the demonstration has failed.
const PATIENCE: Duration = Duration::from_secs(10);
/// Largest page that is taken.
const PAGE_MAX: u64 = 64 * 1024;
/// Bytes read at a time.
const CHUNK: usize = 256 * 1024;
/// How often progress is told.
const PROGRESS: Duration = Duration::from_millis(100);

/// A page that was fetched.
pub(super) struct Page {
    /// `HTTP/1.1 200 OK`
    pub(super) status: String,
    /// Bytes after the head.
    pub(super) len: usize,
    /// From connecting to the last byte.
    pub(super) took: Duration,
}

fn get(at: SocketAddr, path: &str) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect_timeout(&at, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {at}\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    Ok(stream)
}

/// Fetches `/`.
pub(super) fn fetch(at: SocketAddr) -> io::Result<Page> {
    let start = Instant::now();
    let mut answer = Vec::new();
    get(at, "/")?.take(PAGE_MAX).read_to_end(&mut answer)?;
    let took = start.elapsed();
    let text = String::from_utf8_lossy(&answer);
    let (head, body) = text
        .split_once("\r\n\r\n")
        .ok_or(io::ErrorKind::UnexpectedEof)?;
    Ok(Page {
        status: head.lines().next().unwrap_or_default().to_owned(),
        len: body.len(),
        took,
    })
}

/// Reads `/data` for `span`, tells `progress` how many bytes came in how long, and gives the same
/// at the end.
pub(super) fn read_data(
    at: SocketAddr,
    span: Duration,
    mut progress: impl FnMut(u64, Duration),
) -> io::Result<(u64, Duration)> {
    let mut stream = get(at, "/data")?;
    skip_head(&mut stream)?;
    // Twice the period, so that any stretch of it that fits a chunk is one slice.
    let mut expected = pattern().repeat(2 + CHUNK / PERIOD);
    expected.shrink_to_fit();
    let mut buffer = vec![0; CHUNK];
    let (mut phase, mut total) = (0, 0_u64);
    let start = Instant::now();
    let mut told = start;
    loop {
        let n = stream.read(&mut buffer)?;
        let (got, due) = (buffer.get(..n), expected.get(phase..phase + n));
        if n == 0 || got != due {
            return Err(io::Error::other("the data is not what was sent"));
        }
        phase = (phase + n) % PERIOD;
        total += n as u64;
        let now = Instant::now();
        if now.duration_since(start) >= span {
            return Ok((total, now.duration_since(start)));
        }
        if now.duration_since(told) >= PROGRESS {
            told = now;
            progress(total, now.duration_since(start));
        }
    }
}

/// Byte by byte: what follows must not be taken along.
fn skip_head(stream: &mut TcpStream) -> io::Result<()> {
    let mut last = [0; 4];
    let mut byte = [0];
    while last != *b"\r\n\r\n" {
        stream.read_exact(&mut byte)?;
        last.rotate_left(1);
        let [.., end] = &mut last;
        *end = byte[0];
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::application;

    #[test]
    fn page_and_data_arrive_without_a_tunnel_too() {
        let at = application::start().unwrap();
        let page = fetch(at).unwrap();
        assert_eq!(page.status, "HTTP/1.1 200 OK");
        assert!(page.len > 100);
        let (total, _) = read_data(at, Duration::from_millis(20), |_, _| {}).unwrap();
        assert!(total > 0);
    }
}
