//! A call that a signal interrupted is made again.

use std::io::{self, ErrorKind};

/// Calls again when a signal came between. Readiness is edge-triggered: an interrupted call that
/// passed for a full or empty socket would wait for an event that never comes.
pub(crate) fn retry<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            end => return end,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_interrupted_call_is_made_again() {
        let mut calls = 0;
        let end = retry(|| {
            calls += 1;
            match calls {
                1..=3 => Err(ErrorKind::Interrupted.into()),
                _ => Ok(calls),
            }
        });
        assert_eq!(end.unwrap(), 4);

        let mut calls = 0;
        let end: io::Result<()> = retry(|| {
            calls += 1;
            Err(ErrorKind::WouldBlock.into())
        });
        assert_eq!(end.unwrap_err().kind(), ErrorKind::WouldBlock);
        assert_eq!(calls, 1);
    }
}
