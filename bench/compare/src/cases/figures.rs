//! What the figures are called, in the samples and in the table: by who measures them and by the row
//! that says what they are to reach.

use crate::cases::bulk::Way;
use crate::peers::Cipher;

/// Streams at once, beside one alone.
pub const MANY: usize = 8;
/// Connections at once, beside one after another.
pub const AT_ONCE: usize = 64;
/// How many channels do nothing beside the one that is measured.
pub const CROWDS: [usize; 2] = [1000, 10_000];
/// There and back, in milliseconds.
pub const LONG_PATHS: [u64; 2] = [100, 200];

pub const TRIP_P50: &str = "round trip µs, p50";
pub const TRIP_P99: &str = "round trip µs, p99";
pub const TRIP_ON_ONE_CORE: &str = "round trip µs on one core, p50";
pub const TRIP_CPU: &str = "CPU µs per round trip on one core";
pub const IDLE: &str = "idle RSS, MB";
pub const IDLE_STATIC: &str = "idle RSS, MB, linked statically";
pub const SIZE: &str = "stripped client, MB";
pub const LESS_BUSY: &str = "share of the less busy of two loops";
pub const BESIDE_HELD_LOOP: &str = "round trip p99 beside a loop held for 100 ms, of alone";
pub const TRIP_ON_HELD_LOOP: &str = "round trip ms on a loop held for 100 ms, p50";
pub const EIGHT_OF_ONE: &str = "CPU-s/GB of eight sessions, of one";
/// What CPU time may be spent in.
pub const PARTS: [&str; 4] = ["kernel", "cipher", "adit and aditd", "libraries"];
/// Behind a figure that compares a program with itself.
pub const OF_ALONE: &str = ", of alone";
/// Behind a figure that is of OpenSSH's server, whoever the client is.
pub const SSHD: &str = ", to sshd";

pub fn cpu_per_gigabyte(cipher: Cipher, way: Way, streams: usize) -> String {
    format!("CPU-s/GB, {}", bulk(cipher, way, streams))
}

pub fn gigabits(cipher: Cipher, way: Way, streams: usize) -> String {
    format!("Gbit/s, {}", bulk(cipher, way, streams))
}

fn bulk(cipher: Cipher, way: Way, streams: usize) -> String {
    let way = way.name();
    match streams {
        1 => format!("{}, {way}", cipher.short()),
        _ => format!("{}, {streams} streams {way}", cipher.short()),
    }
}

/// Of both ends.
pub fn ends(figure: &str) -> [String; 2] {
    ["client", "server"].map(|end| format!("{figure}, {end}"))
}

/// Gbit/s and the round trip, over what they are where no other channel is.
pub fn among(count: usize) -> [String; 2] {
    ["Gbit/s", "round trip"].map(|what| format!("{what} among {count} idle channels{OF_ALONE}"))
}

pub fn rate(at_once: usize) -> String {
    match at_once {
        1 => "connections/s, one after another".to_owned(),
        _ => format!("connections/s, {at_once} at once"),
    }
}

pub fn interactive(part: &str, way: Way) -> String {
    let way = way.name();
    format!("round trip ms beside bulk {way} on a narrow path, {part}")
}

pub fn first_byte(server: &str) -> String {
    format!("start to first byte, ms{server}")
}

pub fn first_byte_cpu(server: &str) -> String {
    format!("start to first byte, client's CPU ms{server}")
}

pub fn one_stopped(way: Way) -> String {
    format!("Gbit/s {} beside one that stopped{OF_ALONE}", way.name())
}

pub fn grown_by_one_stopped(way: Way) -> String {
    format!("MiB grown by one that stopped {}", way.name())
}

pub fn over(millis: u64, way: Way) -> String {
    format!("Mbit/s over {millis} ms, {}", way.name())
}

/// Of the CPU time of both ends.
pub fn share(part: &str, cipher: Cipher, way: Way) -> String {
    format!("% of {part}, {}", bulk(cipher, way, 1))
}
