//! Descriptors that a program was started with beside standard input, output and error. Whoever
//! waits for the end of one of them would wait for a tunnel in the background, and what a
//! ProxyCommand is may write to it. ssh and sshd close them, too.

use std::fs;
use std::os::fd::RawFd;

use nix::errno::Errno;
use nix::libc::STDERR_FILENO;
use nix::sys::resource::{Resource, getrlimit};
use nix::unistd::close;

/// Where the system lists what a process has open.
const LISTED_IN: &str = "/proc/self/fd";
/// Where it does not, numbers up to the limit are tried, but not those from here on: each costs a
/// call, and the limit may be a thousand million.
const TRIED_MAX: u64 = 65_536;

/// Closes them all. The first thing that a program does, before it has opened any of its own.
pub fn close_all() {
    let numbers = listed().unwrap_or_else(|| {
        let limit = getrlimit(Resource::RLIMIT_NOFILE).map_or(TRIED_MAX, |(soft, _)| soft);
        tried(limit)
    });
    for number in numbers {
        // EBADF where there is none, as of the directory that was read.
        let _: Result<(), Errno> = close(number);
    }
}

fn listed() -> Option<Vec<RawFd>> {
    let entries = fs::read_dir(LISTED_IN).ok()?;
    let number = |name: &std::ffi::OsStr| name.to_str()?.parse().ok();
    let numbers = entries.map_while(Result::ok);
    let numbers = numbers.filter_map(|entry| number(&entry.file_name()));
    Some(numbers.filter(|number| *number > STDERR_FILENO).collect())
}

fn tried(limit: u64) -> Vec<RawFd> {
    let end = RawFd::try_from(limit.min(TRIED_MAX)).unwrap_or(RawFd::MAX);
    (STDERR_FILENO.saturating_add(1)..end).collect()
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::fd::AsRawFd as _;

    use super::*;

    #[test]
    fn what_is_open_is_listed_but_for_the_first_three() {
        let file = File::open("/dev/null").unwrap();
        let listed = listed().unwrap();
        assert!(listed.contains(&file.as_raw_fd()), "{listed:?}");
        assert!(listed.iter().all(|number| *number > 2), "{listed:?}");
    }

    #[test]
    fn numbers_are_tried_up_to_the_limit_and_to_a_bound() {
        assert_eq!(tried(3), []);
        assert_eq!(tried(5), [3, 4]);
        for (limit, last) in [
            (TRIED_MAX - 1, 65_534),
            (TRIED_MAX, 65_535),
            (TRIED_MAX + 1, 65_535),
            (u64::MAX, 65_535),
        ] {
            assert_eq!(tried(limit).last(), Some(&last), "{limit}");
        }
    }
}
