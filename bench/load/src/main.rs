//! Load for measurements of tunnels. Each command prints one line, `name value name value ...`.
//!
//! ```text
//!   load serve HOST              echo, sink, source and stall on ports of the system's choosing; until killed
//!   load push ADDR SECONDS N     N connections that write, to a sink; until the last byte has arrived
//!   load pull ADDR SECONDS N     N connections that read, from a source; until it has closed
//!   load ping ADDR SECONDS       one connection, one byte there and back
//!   load rate ADDR SECONDS N     connections of one byte there and back, N at a time
//!   load idle ADDR COUNT         COUNT connections, held until standard input ends
//!   load flood ADDR              one that writes to a stall; says when no more is taken; held as above
//!   load hang ADDR               one to a source that never reads; held as above
//!   load first ADDR COMMAND...   from the start of COMMAND to the first byte back through ADDR
//! ```

mod bulk;
mod first;
mod hold;
mod serve;
mod trips;

use std::io;
use std::net::TcpStream;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Long enough for a machine under load: what takes longer does not happen.
const PATIENCE: Duration = Duration::from_secs(30);

fn main() -> io::Result<()> {
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(
        Resource::Nofile,
        Rlimit {
            current: maximum,
            maximum,
        },
    )?;
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [command, address, rest @ ..] = args.as_slice() else {
        usage()
    };
    let number = |at: usize| {
        let text = rest.get(at).unwrap_or_else(|| usage());
        text.parse::<f64>().unwrap_or_else(|_| usage())
    };
    let time = || Duration::from_secs_f64(number(0));
    match command.as_str() {
        "serve" => serve::serve(address),
        "push" => bulk::push(address, time(), number(1) as usize),
        "pull" => bulk::pull(address, time(), number(1) as usize),
        "ping" => trips::ping(address, time()),
        "rate" => trips::rate(address, time(), number(1) as usize),
        "idle" => hold::idle(address, number(0) as usize),
        "flood" => hold::flood(address),
        "hang" => hold::hang(address),
        "first" => first::first(address, rest),
        _ => usage(),
    }
}

fn usage() -> ! {
    eprintln!(
        "usage: load serve | push | pull | ping | rate | idle | flood | hang | first: src/main.rs"
    );
    std::process::exit(2)
}

fn connect(address: &str) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}
