//! Files of known hosts, read as fast as may be: all of them, before each connection.

use std::path::Path;

use adit_auth::known_hosts::KnownHosts;

use crate::file::{self, FileError};

/// Pieces of this size with hashed names are looked through by two threads: each name costs a hash
/// or two, and a thread some tens of microseconds.
const SHARED_MIN: usize = 32 * 1024;

/// Adds a file to what is known.
///
/// # Errors
/// [`FileError`].
pub(super) fn add_file(known: &mut KnownHosts, path: &Path) -> Result<(), FileError> {
    known.begin_file();
    file::read_lines(path, file::HOSTS_MAX, |piece| add_lines(known, piece))
}

/// A piece of a file; the second half on another thread where that saves time.
fn add_lines(known: &mut KnownHosts, piece: &[u8]) {
    let (_, second) = piece.split_at_checked(piece.len() / 2).unwrap_or_default();
    let end = second.iter().position(|b| *b == b'\n').unwrap_or(0);
    let middle = (piece.len() / 2).saturating_add(end).saturating_add(1);
    let is_hashed = piece.starts_with(b"|") && piece.len() >= SHARED_MIN;
    let Some((first, second)) = piece.split_at_checked(middle).filter(|_| is_hashed) else {
        known.add_lines(piece);
        return;
    };
    let (first, second) = std::thread::scope(|scope| {
        let scan = || known.scan(second);
        let other = std::thread::Builder::new().spawn_scoped(scope, scan);
        let first = known.scan(first);
        // Where there is no other thread it is done here.
        let second = other.ok().and_then(|other| other.join().ok());
        (first, second.unwrap_or_else(scan))
    });
    known.add(first);
    known.add(second);
}
