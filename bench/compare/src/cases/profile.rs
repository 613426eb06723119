//! Where the CPU time of adit's two ends goes, by the samples of perf: to tell what a faster program
//! could save from what none can.

use std::io;

use crate::cases::bulk::{Moved, WARM};
use crate::cases::{Turn, WAYS, figures};
use crate::peers::{Cipher, words};
use crate::process::output;
use crate::tunnel::Tunnel;

/// What a sample was taken in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Part {
    Kernel,
    Cipher,
    Own,
    Libraries,
}

/// Whose names the ciphers' functions begin with, or hold.
const CIPHERS: [&str; 6] = [
    "ring_core",
    "ring::",
    "chacha20",
    "poly1305",
    "aes",
    "ghash",
];
/// Samples a second: not in step with the clock of the scheduler.
const RATE: u32 = 1999;
/// Seconds that the load lasts longer than the samples.
const LONGER: f64 = 0.5;

pub fn shares(turn: &mut Turn<'_>) -> io::Result<()> {
    let world = turn.world;
    if turn.lab.perf.is_empty() {
        return Ok(());
    }
    for cipher in [Cipher::Aes128Gcm, Cipher::ChaCha20Poly1305] {
        for way in WAYS {
            let targets = [world.targets.sink, world.targets.source];
            let tunnel = Tunnel::start(world, turn.peer, cipher, &targets)?;
            Moved::through(world, &tunnel, way, WARM, 1)?;
            let (to, seconds) = (tunnel.client.to(way as usize), turn.options.seconds);
            let load = world.begin(&format!("{} {to} {} 1", way.load(), seconds + LONGER))?;
            let (perf, file) = (&turn.lab.perf, turn.lab.path("perf.data"));
            let [client, server] =
                [&tunnel.client.process, &tunnel.server.process].map(|one| one.id());
            let record = output(&words(&format!(
                "{perf} record -q -e cpu-clock -F {RATE} -o {file} -p {client},{server} -- sleep {seconds}"
            )));
            load.wait()?;
            record?;
            let report = output(&words(&format!(
                "{perf} report -i {file} --stdio -q --percent-limit 0.05 --sort dso,symbol"
            )))?;
            for (part, name) in PARTS.into_iter().zip(figures::PARTS) {
                let share = report
                    .lines()
                    .filter_map(sample)
                    .filter(|one| one.0 == part);
                let figure = figures::share(name, cipher, way);
                turn.keep(&figure, share.map(|one| one.1).sum());
            }
        }
    }
    Ok(())
}

/// In the order of their names.
const PARTS: [Part; 4] = [Part::Kernel, Part::Cipher, Part::Own, Part::Libraries];

/// `12.34%  aditd  [.] name of a function`
fn sample(line: &str) -> Option<(Part, f64)> {
    let (percent, rest) = line.trim().split_once('%')?;
    let (place, name) = rest.trim().split_once(' ')?;
    let name = name.trim().trim_start_matches("[.] ");
    let part = if place.starts_with("[kernel") {
        Part::Kernel
    } else if !place.starts_with("adit") {
        Part::Libraries
    } else if !name.contains("adit_") && CIPHERS.iter().any(|word| name.contains(word)) {
        Part::Cipher
    } else {
        Part::Own
    };
    Some((part, percent.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_belongs_to_whose_function_it_was_taken_in() {
        for (line, expected) in [
            (
                "    13.18%  [kernel.kallsyms]  [k] _copy_from_iter  -  -",
                (Part::Kernel, 13.18),
            ),
            (
                " 8.62%  adit   [.] ring_core_0_17_14__aes_gcm_enc_update",
                (Part::Cipher, 8.62),
            ),
            (
                " 5.1%  aditd   [.] chacha20::backends::avx512::inner",
                (Part::Cipher, 5.1),
            ),
            (
                " 0.3%  aditd   [.] adit_crypto::chacha20::seal",
                (Part::Own, 0.3),
            ),
            (
                " 0.40%  libc.so.6   [.] __memmove_avx512",
                (Part::Libraries, 0.4),
            ),
        ] {
            assert_eq!(sample(line), Some(expected));
        }
        assert_eq!(sample("# Overhead  Shared Object"), None);
    }
}
