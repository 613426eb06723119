//! Standard input and output beside the loop: two threads that copy between them and one end of a
//! socket pair, whose other end is a socket like any other.
//!
//! They use calls that wait. A descriptor that is not to wait would not wait for anybody who shares
//! it, and a file cannot be polled for at all.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::thread;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{self, shutdown};

use super::inbox::{Note, Outlet};
use super::way::Stdio;
use crate::retry::retry;

/// Bytes that are copied at once.
const PIECE: usize = 64 * 1024;

/// Copies until both are done. The loop hears when everything is written, or why it is not.
pub(super) fn join(stdio: Stdio, socket: UnixStream, notes: Outlet) -> io::Result<()> {
    let socket = Arc::new(socket);
    let Stdio { input, output } = stdio;
    let from_input = {
        let (input, socket) = (File::from(input), Arc::clone(&socket));
        move || copy_input(input, &socket)
    };
    thread::Builder::new()
        .name("adit-stdin".to_owned())
        .spawn(from_input)?;
    let to_output = move || {
        let written = copy_to_output(&socket, File::from(output));
        notes.send(Note::Written(written));
    };
    thread::Builder::new()
        .name("adit-stdout".to_owned())
        .spawn(to_output)?;
    Ok(())
}

/// From standard input to the socket. What cannot be read is over.
fn copy_input(mut input: File, mut socket: &UnixStream) {
    let mut piece = vec![0; PIECE];
    loop {
        match patiently(&mut input, PollFlags::POLLIN, |input| {
            input.read(&mut piece)
        }) {
            Ok(0) | Err(_) => break,
            Ok(n) => {
                if socket.write_all(piece.get(..n).unwrap_or(&[])).is_err() {
                    return; // the channel is over
                }
            }
        }
    }
    let _ = socket.shutdown(Shutdown::Write); // or the other end is gone
}

/// From the socket to standard output. When nobody takes it any more, what would still be read is
/// for nobody.
fn copy_to_output(mut socket: &UnixStream, mut output: File) -> io::Result<()> {
    let mut piece = vec![0; PIECE];
    let written = loop {
        // A channel that broke off has its own way to say so.
        let n = match retry(|| socket.read(&mut piece)) {
            Ok(0) | Err(_) => break Ok(()),
            Ok(n) => n,
        };
        let mut rest = piece.get(..n).unwrap_or(&[]);
        let mut failed = None;
        while !rest.is_empty() && failed.is_none() {
            match patiently(&mut output, PollFlags::POLLOUT, |output| output.write(rest)) {
                Ok(0) => failed = Some(ErrorKind::WriteZero.into()),
                Ok(n) => rest = rest.get(n..).unwrap_or(&[]),
                Err(error) => failed = Some(error),
            }
        }
        if let Some(error) = failed {
            break Err(error);
        }
    };
    match &written {
        // Of a socket there may be another descriptor (standard input is the same one), and closing
        // this one would tell nobody. Anything else has no such thing as half an end.
        Ok(()) => drop(shutdown(output.as_raw_fd(), socket::Shutdown::Write)),
        Err(_) => drop(socket.shutdown(Shutdown::Both)),
    }
    written
}

/// Does what `call` does, and waits where somebody else has told this descriptor not to.
fn patiently(
    file: &mut File,
    until: PollFlags,
    mut call: impl FnMut(&mut File) -> io::Result<usize>,
) -> io::Result<usize> {
    loop {
        match retry(|| call(file)) {
            Err(e) if e.kind() == ErrorKind::WouldBlock => {
                let mut polled = [PollFd::new(file.as_fd(), until)];
                retry(|| Ok(poll(&mut polled, PollTimeout::NONE)?))?;
            }
            done => return done,
        }
    }
}

#[cfg(test)]
mod tests;
