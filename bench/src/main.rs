//! Load for measurements of tunnels on loopback. Each command prints one line of JSON.
//!
//! ```text
//!   load serve                 echo, sink and source on ports of the system's choosing; until killed
//!   load push PORT SECONDS N   N connections that write, to a sink
//!   load pull PORT SECONDS N   N connections that read, from a source
//!   load ping PORT SECONDS     one connection, one byte there and back
//!   load rate PORT COUNT N     COUNT connections of one byte there and back, N at a time
//!   load idle PORT COUNT       COUNT connections, held until standard input ends; then a ping on one
//!   load first PORT COMMAND    from the start of COMMAND to the first byte back through PORT
//! ```

#![forbid(unsafe_code)]

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

const BUFFER: usize = 256 * 1024;
const PATIENCE: Duration = Duration::from_secs(30);

fn main() -> io::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize| {
        args.get(at)
            .and_then(|arg| arg.parse::<u64>().ok())
            .unwrap_or_else(|| usage())
    };
    let port = || u16::try_from(number(1)).unwrap_or_else(|_| usage());
    match args.first().map(String::as_str) {
        Some("serve") => serve(),
        Some("push") => bulk(port(), number(2), number(3), push),
        Some("pull") => bulk(port(), number(2), number(3), pull),
        Some("ping") => ping(port(), Duration::from_secs(number(2))),
        Some("rate") => rate(port(), number(2), number(3)),
        Some("idle") => idle(port(), number(2)),
        Some("first") => first(port(), args.get(2..).unwrap_or_default()),
        _ => usage(),
    }
}

fn usage() -> ! {
    eprintln!("usage: load serve | push | pull | ping | rate | idle | first; see src/main.rs");
    std::process::exit(2)
}

fn connect(port: u16) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}

fn serve() -> io::Result<()> {
    let mut ports = Vec::new();
    for handle in [echo, sink, source] {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        ports.push(listener.local_addr()?.port());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let small = thread::Builder::new().stack_size(64 * 1024);
                drop(small.spawn(move || handle(stream)));
            }
        });
    }
    println!(
        "{{\"echo\":{},\"sink\":{},\"source\":{}}}",
        ports[0], ports[1], ports[2]
    );
    loop {
        thread::park();
    }
}

fn echo(mut stream: TcpStream) {
    let mut buffer = [0; 4096];
    drop(stream.set_nodelay(true));
    while let Ok(n @ 1..) = stream.read(&mut buffer) {
        if stream.write_all(&buffer[..n]).is_err() {
            return;
        }
    }
}

fn sink(mut stream: TcpStream) {
    let mut buffer = vec![0; BUFFER];
    while let Ok(1..) = stream.read(&mut buffer) {}
}

fn source(mut stream: TcpStream) {
    let buffer = vec![0x5a; BUFFER];
    while stream.write_all(&buffer).is_ok() {}
}

fn push(stream: &mut TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
    stream.write(buffer)
}

fn pull(stream: &mut TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
    stream.read(buffer)
}

fn bulk(
    port: u16,
    seconds: u64,
    connections: u64,
    step: fn(&mut TcpStream, &mut [u8]) -> io::Result<usize>,
) -> io::Result<()> {
    let total = Arc::new(AtomicU64::new(0));
    let start = Instant::now();
    let end = start + Duration::from_secs(seconds);
    let mut threads = Vec::new();
    for _ in 0..connections {
        let (mut stream, total) = (connect(port)?, Arc::clone(&total));
        threads.push(thread::spawn(move || {
            let mut buffer = vec![0; BUFFER];
            while Instant::now() < end {
                match step(&mut stream, &mut buffer) {
                    Ok(n @ 1..) => total.fetch_add(n as u64, Relaxed),
                    Ok(0) | Err(_) => return Err(io::ErrorKind::UnexpectedEof),
                };
            }
            Ok(())
        }));
    }
    let failed = threads
        .into_iter()
        .filter_map(|thread| thread.join().ok()?.err())
        .count();
    let (bytes, secs) = (total.load(Relaxed), start.elapsed().as_secs_f64());
    println!("{{\"bytes\":{bytes},\"seconds\":{secs:.4},\"failed\":{failed}}}");
    Ok(())
}

fn once(stream: &mut TcpStream) -> io::Result<Duration> {
    let start = Instant::now();
    stream.write_all(b"!")?;
    stream.read_exact(&mut [0])?;
    Ok(start.elapsed())
}

fn micros(sorted: &[Duration], part: f64) -> f64 {
    let at = ((sorted.len().saturating_sub(1)) as f64 * part) as usize;
    sorted.get(at).map_or(0.0, |time| time.as_secs_f64() * 1e6)
}

fn ping(port: u16, time: Duration) -> io::Result<()> {
    let mut stream = connect(port)?;
    for _ in 0..300 {
        once(&mut stream)?;
    }
    let end = Instant::now() + time;
    let mut times = Vec::new();
    while Instant::now() < end {
        times.push(once(&mut stream)?);
    }
    times.sort_unstable();
    let (p50, p99) = (micros(&times, 0.5), micros(&times, 0.99));
    println!(
        "{{\"count\":{},\"p50\":{p50:.1},\"p99\":{p99:.1}}}",
        times.len()
    );
    Ok(())
}

fn rate(port: u16, count: u64, at_once: u64) -> io::Result<()> {
    let (next, failed) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let start = Instant::now();
    let threads: Vec<_> = (0..at_once)
        .map(|_| {
            let (next, failed) = (Arc::clone(&next), Arc::clone(&failed));
            thread::spawn(move || {
                while next.fetch_add(1, Relaxed) < count {
                    if connect(port)
                        .and_then(|mut stream| once(&mut stream))
                        .is_err()
                    {
                        failed.fetch_add(1, Relaxed);
                    }
                }
            })
        })
        .collect();
    for thread in threads {
        drop(thread.join());
    }
    let (failed, secs) = (failed.load(Relaxed), start.elapsed().as_secs_f64());
    println!("{{\"count\":{count},\"failed\":{failed},\"seconds\":{secs:.4}}}");
    Ok(())
}

fn idle(port: u16, count: u64) -> io::Result<()> {
    let mut held = Vec::new();
    for _ in 0..count {
        let mut stream = connect(port)?;
        once(&mut stream)?;
        held.push(stream);
    }
    println!("{{\"held\":{}}}", held.len());
    io::stdin().read_to_end(&mut Vec::new())?;
    let mut times = Vec::new();
    let step = (held.len() / 100).max(1);
    for stream in held.iter_mut().step_by(step) {
        times.push(once(stream)?);
    }
    times.sort_unstable();
    println!("{{\"p50\":{:.1}}}", micros(&times, 0.5));
    Ok(())
}

fn first(port: u16, command: &[String]) -> io::Result<()> {
    let (program, args) = command.split_first().unwrap_or_else(|| usage());
    let start = Instant::now();
    let mut child = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let outcome = loop {
        match connect(port).and_then(|mut stream| once(&mut stream)) {
            Ok(_) => break Ok(start.elapsed()),
            Err(error) if start.elapsed() > PATIENCE => break Err(error),
            Err(_) if child.try_wait()?.is_some() => break Err(io::ErrorKind::BrokenPipe.into()),
            Err(_) => thread::sleep(Duration::from_micros(100)),
        }
    };
    child.kill()?;
    child.wait()?;
    println!("{{\"ms\":{:.3}}}", outcome?.as_secs_f64() * 1e3);
    Ok(())
}
