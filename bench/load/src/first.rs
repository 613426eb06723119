//! From the start of a client to the first byte that comes back through it.

use std::io;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::time::{clock_getcpuclockid, clock_gettime};
use nix::unistd::Pid;

use crate::trips::once;
use crate::{PATIENCE, connect, usage};

/// Much less than what is measured.
const STEP: Duration = Duration::from_micros(50);

/// Prints milliseconds, and those the client was on a core.
pub fn first(address: &str, command: &[String]) -> io::Result<()> {
    let (program, args) = command.split_first().unwrap_or_else(|| usage());
    let start = Instant::now();
    let mut child = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let outcome = loop {
        match connect(address).and_then(|mut stream| once(&mut stream)) {
            Ok(_) => break Ok(start.elapsed()),
            Err(error) if start.elapsed() > PATIENCE => break Err(error),
            Err(_) if child.try_wait()?.is_some() => break Err(io::ErrorKind::BrokenPipe.into()),
            Err(_) => std::thread::sleep(STEP),
        }
    };
    let used = on_core(child.id());
    child.kill()?;
    child.wait()?;
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    println!("ms {:.3} cpu_ms {:.3}", ms(outcome?), ms(used?));
    Ok(())
}

/// The process's own clock: of every thread it has had.
fn on_core(pid: u32) -> io::Result<Duration> {
    let pid = Pid::from_raw(i32::try_from(pid).map_err(io::Error::other)?);
    Ok(clock_gettime(clock_getcpuclockid(pid)?)?.into())
}
