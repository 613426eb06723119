//! Connections that are held and do nothing, or cannot do anything.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::connect;
use crate::trips::once;

/// Fewer than wait for a listener.
const BATCH: usize = 50;
/// A write that waits so long is not taken any more.
const FULL: Duration = Duration::from_millis(500);

fn until_input_ends() -> io::Result<()> {
    io::stdin().read_to_end(&mut Vec::new()).map(drop)
}

/// Every one has carried a byte each way.
pub fn idle(address: &str, count: usize) -> io::Result<()> {
    let mut held = Vec::new();
    while held.len() < count {
        let some = BATCH.min(count - held.len());
        let batch: io::Result<Vec<TcpStream>> = (0..some).map(|_| connect(address)).collect();
        for mut stream in batch? {
            once(&mut stream)?;
            held.push(stream);
        }
    }
    println!("held {}", held.len());
    until_input_ends()
}

/// Writes until nobody takes more.
pub fn flood(address: &str) -> io::Result<()> {
    let mut stream = connect(address)?;
    stream.set_write_timeout(Some(FULL))?;
    let (buffer, mut accepted) = (vec![5; 128 * 1024], 0);
    while let Ok(n) = stream.write(&buffer) {
        accepted += n;
    }
    println!("accepted {accepted}");
    until_input_ends()
}

/// Never reads what a source sends.
pub fn hang(address: &str) -> io::Result<()> {
    let stream = connect(address)?;
    std::thread::sleep(FULL);
    println!("held 1");
    until_input_ends()?;
    drop(stream);
    Ok(())
}
