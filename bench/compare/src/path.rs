//! A long or narrow path between two networks of this machine, by interop/link.py.

use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use crate::lab::Lab;
use crate::process::readable;
use crate::world::Place;

/// The far end's address, as link.py gives it.
const FAR: &str = "192.0.2.2";
const SEED: &str = "1";

/// What the path does to packets, each way.
#[derive(Clone, Copy, Debug)]
pub struct Bad {
    pub delay: Duration,
    /// Bits a second; 0 for as many as come.
    pub rate: f64,
    /// How long packets wait for the rate before they are dropped.
    pub queue: Duration,
    /// The longest packet.
    pub mtu: u32,
}

/// Two networks and the process between them, until dropped.
pub struct Path {
    child: Child,
    /// It ends with its input.
    _input: ChildStdin,
    pub place: Place,
}

impl Path {
    pub fn new(lab: &Lab, bad: Bad) -> io::Result<Self> {
        let mut child = Command::new("python3")
            .arg(lab.root.join("interop/link.py"))
            .args([SEED, &bad.mtu.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut out = BufReader::new(child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?);
        let line = answer(&mut out)?;
        // A list of two descriptors, or why there is none.
        let inside = line
            .trim()
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'));
        let numbers = inside.and_then(|inside| inside.split_once(", "));
        let Some((near, far)) = numbers else {
            return Err(io::Error::other(line));
        };
        let way = format!(
            "{{\"delay\": {}, \"rate\": {}, \"queue\": {}}}",
            bad.delay.as_secs_f64(),
            bad.rate,
            bad.queue.as_secs_f64()
        );
        let mut input = child.stdin.take().ok_or(io::ErrorKind::BrokenPipe)?;
        writeln!(input, "{{\"up\": {way}, \"down\": {way}}}")?;
        let enter = |fd| {
            vec![
                "nsenter".to_owned(),
                format!("--net=/proc/{}/fd/{fd}", child.id()),
            ]
        };
        let place = Place {
            near: enter(near),
            far: enter(far),
            host: FAR.to_owned(),
        };
        // Its answer says that the change is in force.
        answer(&mut out)?;
        Ok(Self {
            child,
            _input: input,
            place,
        })
    }
}

fn answer(out: &mut BufReader<ChildStdout>) -> io::Result<String> {
    let mut line = String::new();
    if readable(out.get_ref())? {
        out.read_line(&mut line)?;
    }
    Ok(line)
}

impl Drop for Path {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
