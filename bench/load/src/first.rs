//! From the start of a client to the first byte that comes back through it.

use std::io;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::trips::once;
use crate::{PATIENCE, connect, usage};

/// Much less than what is measured.
const STEP: Duration = Duration::from_micros(50);

/// Prints milliseconds, and those of them the client's main thread was on a core.
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
    println!("ms {:.3} cpu_ms {:.3}", ms(outcome?), ms(used));
    Ok(())
}

fn on_core(pid: u32) -> Duration {
    let text = std::fs::read_to_string(format!("/proc/{pid}/schedstat")).unwrap_or_default();
    let nanos = text.split(' ').next().and_then(|field| field.parse().ok());
    Duration::from_nanos(nanos.unwrap_or(0))
}
