//! The application that is reached through the tunnel: a small HTTP server.
//!
//! `GET /` gives a page, `GET /data` as many bytes as the reader takes. It knows nothing of SSH.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Longest request that is read.
const REQUEST_MAX: usize = 8 * 1024;
/// Connections at a time; a browser makes six.
const CONNECTIONS_MAX: usize = 64;
/// How long a connection may be idle.
const PATIENCE: Duration = Duration::from_secs(10);

/// The data repeats itself after this many bytes: a prime, so that no power of two that gets lost
/// goes unnoticed.
pub(super) const PERIOD: usize = 65_521;

/// Starts it on a port that the system chooses.
pub(super) fn start() -> io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    let connections = Arc::new(AtomicUsize::new(0));
    let serve = move || {
        for stream in listener.incoming().flatten() {
            let connections = Arc::clone(&connections);
            if connections.fetch_add(1, Ordering::Relaxed) >= CONNECTIONS_MAX {
                connections.fetch_sub(1, Ordering::Relaxed);
                continue;
            }
            let answer = move || {
                // A reader that goes away is how `/data` ends.
                let _ = answer(stream, address);
                connections.fetch_sub(1, Ordering::Relaxed);
            };
            let _ = std::thread::Builder::new().spawn(answer);
        }
    };
    std::thread::Builder::new()
        .name("application".to_owned())
        .spawn(serve)?;
    Ok(address)
}

/// One request on one connection.
fn answer(mut stream: TcpStream, here: SocketAddr) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let request = request(&mut stream)?;
    let mut words = request.split(|b| *b == b' ');
    match (words.next(), words.next()) {
        (Some(b"GET"), Some(b"/")) => {
            let body = page(here, stream.peer_addr()?);
            respond(&mut stream, "200 OK", &body)
        }
        (Some(b"GET"), Some(b"/data")) => {
            stream.write_all(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n\
                  Connection: close\r\n\r\n",
            )?;
            let data = pattern();
            loop {
                stream.write_all(&data)?;
            }
        }
        (Some(b"GET"), _) => respond(&mut stream, "404 Not Found", "There is / and /data.\n"),
        _ => respond(&mut stream, "405 Method Not Allowed", "Only GET.\n"),
    }
}

/// The head of a request; what follows it is not read.
fn request(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut request = Vec::new();
    let mut part = [0; 1024];
    while !request.windows(4).any(|w| w == b"\r\n\r\n") {
        let n = stream.read(&mut part)?;
        if n == 0 || request.len() >= REQUEST_MAX {
            return Err(io::ErrorKind::InvalidData.into());
        }
        request.extend(part.iter().take(n));
    }
    Ok(request)
}

fn respond(stream: &mut TcpStream, status: &str, body: &str) -> io::Result<()> {
    let len = body.len();
    let response = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\n\
         Content-Length: {len}\r\nConnection: close\r\n\r\n{body}"
    );
    stream.write_all(response.as_bytes())
}

/// One period of the data.
pub(super) fn pattern() -> Vec<u8> {
    // The high byte of a counter times a large odd number: no two neighbours alike.
    (0_u32..)
        .map(|n| n.wrapping_mul(0x9e37_79b1).to_be_bytes()[0])
        .take(PERIOD)
        .collect()
}

fn page(here: SocketAddr, from: SocketAddr) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>adit</title>\n\
         <style>body{{font:1.1em/1.6 system-ui,sans-serif;max-width:38em;margin:3em auto;\
         padding:0 1em;color-scheme:light dark}}code{{font-size:.95em}}</style>\n\
         <h1>You came through the tunnel.</h1>\n\
         <p>This page is served by an application on <code>{here}</code>. It saw your connection \
         come from <code>{from}</code>: that is <code>aditd</code>, on the same machine as the \
         application.</p>\n\
         <p>Between your browser and here your request was read by <code>adit</code>, sealed into \
         SSH packets, and opened again by <code>aditd</code>. The answer took the same way \
         back.</p>\n\
         <p><a href=\"/data\">/data</a> is a download without an end.</p>\n</html>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_has_no_short_period() {
        let data = pattern();
        assert_eq!(data.len(), PERIOD);
        for shift in [1, 2, 255, 256, 4096, 32768] {
            assert_ne!(data[..1024], data[shift..shift + 1024], "{shift}");
        }
    }
}
