//! The destinations: echo, sink, source and stall.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;

use mio::{Events, Interest, Poll, Token};

/// More than one read of a socket brings.
const BUFFER: usize = 256 * 1024;
const LISTENER: Token = Token(0);

/// Serves until it is killed.
pub fn serve(host: &str) -> io::Result<()> {
    let echoes = mio::net::TcpListener::bind(parse(&format!("{host}:0"))?)?;
    print!("echo {}", echoes.local_addr()?.port());
    thread::spawn(move || echo(echoes));
    listen(host, "sink", sink)?;
    listen(host, "source", source)?;
    listen(host, "stall", stall)?;
    println!();
    loop {
        thread::park();
    }
}

/// A thread for each connection: there are few of them.
fn listen(host: &str, name: &str, handle: fn(TcpStream)) -> io::Result<()> {
    let listener = TcpListener::bind((host, 0))?;
    print!(" {name} {}", listener.local_addr()?.port());
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || handle(stream));
        }
    });
    Ok(())
}

fn parse(address: &str) -> io::Result<std::net::SocketAddr> {
    address.parse().map_err(io::Error::other)
}

fn sink(mut stream: TcpStream) {
    let mut buffer = vec![0; BUFFER];
    while let Ok(1..) = stream.read(&mut buffer) {}
}

/// Writes until the other side has closed its half.
fn source(mut stream: TcpStream) {
    let (buffer, ended) = (vec![0x5a; BUFFER], AtomicBool::new(false));
    let Ok(mut other_half) = stream.try_clone() else {
        return;
    };
    thread::scope(|scope| {
        scope.spawn(|| {
            while let Ok(1..) = other_half.read(&mut [0]) {}
            ended.store(true, Relaxed);
        });
        while !ended.load(Relaxed) {
            if stream.write_all(&buffer).is_err() {
                break;
            }
        }
        // Ends the reader as well, if it was the writer that failed.
        drop(stream.shutdown(Shutdown::Both));
    });
}

/// Holds the connection and never reads.
fn stall(stream: TcpStream) {
    loop {
        thread::park();
        drop(stream.peer_addr());
    }
}

/// One loop for all of them: ten thousand threads would be measured, not the tunnel.
fn echo(mut listener: mio::net::TcpListener) -> io::Result<()> {
    let mut poll = Poll::new()?;
    poll.registry()
        .register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut events = Events::with_capacity(256);
    let mut streams = HashMap::new();
    let mut next = LISTENER.0;
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            if event.token() == LISTENER {
                while let Ok((mut stream, _)) = listener.accept() {
                    next += 1;
                    stream.set_nodelay(true)?;
                    poll.registry()
                        .register(&mut stream, Token(next), Interest::READABLE)?;
                    streams.insert(Token(next), stream);
                }
            } else if let Some(stream) = streams.get_mut(&event.token())
                && answer(stream).is_none()
            {
                streams.remove(&event.token());
            }
        }
    }
}

/// Sends back what has come; None at the end. What is echoed is short, so a write takes all of it.
fn answer(stream: &mut mio::net::TcpStream) -> Option<()> {
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return None,
            Ok(n) => stream.write_all(&buffer[..n]).ok()?,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Some(()),
            Err(_) => return None,
        }
    }
}
