//! Where programs run: on which core, in which network; and the load that is put on them.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader};
use std::process::{Child, ChildStdout, Stdio};

use crate::lab::Lab;
use crate::peers::words;
use crate::process::{command, finish, output, readable};

/// Which cores the two ends may use.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Cores {
    /// The client and its application on the first, the server and its destination on the second.
    Apart,
    /// Everything on the first.
    One,
    /// As the system likes.
    Any,
}

/// One of the two ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum End {
    Client,
    Server,
}

/// The networks of the two ends. On loopback they are one.
#[derive(Clone, Debug)]
pub struct Place {
    /// What stands before a command line to run it there.
    pub near: Vec<String>,
    pub far: Vec<String>,
    /// The server's address.
    pub host: String,
}

impl Place {
    pub fn loopback() -> Self {
        Self {
            near: Vec::new(),
            far: Vec::new(),
            host: "127.0.0.1".to_owned(),
        }
    }
}

/// What the measurements of one kind have in common.
pub struct World<'a> {
    pub lab: &'a Lab,
    pub place: Place,
    pub cores: Cores,
    pub targets: Targets,
}

impl<'a> World<'a> {
    pub fn new(lab: &'a Lab, place: Place, cores: Cores) -> io::Result<Self> {
        let argv = placed(
            &place,
            cores,
            End::Server,
            words(&format!("{} serve 0.0.0.0", lab.load)),
        );
        Ok(Self {
            lab,
            targets: Targets::start(&argv)?,
            place,
            cores,
        })
    }

    /// The command line that runs there.
    pub fn placed(&self, end: End, argv: Vec<String>) -> Vec<String> {
        placed(&self.place, self.cores, end, argv)
    }

    /// Puts a load on the near end and gives what it says.
    pub fn load(&self, arguments: &str) -> io::Result<Figures> {
        Ok(Figures::read(&output(&self.load_argv(arguments))?))
    }

    /// A load that lasts until the value is dropped.
    pub fn hold(&self, arguments: &str) -> io::Result<Held> {
        Held::start(&self.load_argv(arguments)).map(|(held, _)| held)
    }

    /// A load that is waited for later.
    pub fn begin(&self, arguments: &str) -> io::Result<Running> {
        let child = command(&self.load_argv(arguments))?
            .stdout(Stdio::piped())
            .spawn()?;
        Ok(Running(child))
    }

    fn load_argv(&self, arguments: &str) -> Vec<String> {
        let mut argv = vec![self.lab.load.clone()];
        argv.extend(words(arguments));
        self.placed(End::Client, argv)
    }
}

fn placed(place: &Place, cores: Cores, end: End, argv: Vec<String>) -> Vec<String> {
    let several = std::thread::available_parallelism().is_ok_and(|count| count.get() > 1);
    let core = match (cores, end) {
        (Cores::Any, _) => None,
        (Cores::Apart, End::Server) if several => Some(1),
        (Cores::Apart | Cores::One, _) => Some(0),
    };
    let mut line = match end {
        End::Client => place.near.clone(),
        End::Server => place.far.clone(),
    };
    line.extend(
        core.map(|core| words(&format!("taskset -c {core}")))
            .unwrap_or_default(),
    );
    line.extend(argv);
    line
}

/// `name value name value ...`
pub struct Figures(BTreeMap<String, f64>);

impl Figures {
    fn read(line: &str) -> Self {
        let words: Vec<&str> = line.split_whitespace().collect();
        let pairs = words.chunks_exact(2).filter_map(|pair| {
            let [name, value] = pair else { return None };
            Some(((*name).to_owned(), value.parse().ok()?))
        });
        Self(pairs.collect())
    }

    /// Not a number where it was not said.
    pub fn of(&self, name: &str) -> f64 {
        self.0.get(name).copied().unwrap_or(f64::NAN)
    }
}

/// A load that goes on.
pub struct Held(Child);

impl Held {
    fn start(argv: &[String]) -> io::Result<(Self, Figures)> {
        let pipes = || Stdio::piped();
        let mut child = command(argv)?.stdin(pipes()).stdout(pipes()).spawn()?;
        let mut line = String::new();
        let out: Option<&mut ChildStdout> = child.stdout.as_mut();
        if let Some(out) = out
            && readable(out)?
        {
            BufReader::new(out).read_line(&mut line)?;
        }
        let held = Self(child);
        if line.is_empty() {
            return Err(io::Error::other(format!("no answer: {}", argv.join(" "))));
        }
        Ok((held, Figures::read(&line)))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// A load that ends by itself.
pub struct Running(Child);

impl Running {
    pub fn wait(self) -> io::Result<Figures> {
        let done = finish(self.0)?;
        if !done.status.success() {
            return Err(io::Error::other(format!("load: {}", done.status)));
        }
        Ok(Figures::read(&String::from_utf8_lossy(&done.stdout)))
    }
}

/// The destinations of the far end.
pub struct Targets {
    _serving: Held,
    pub echo: u16,
    pub sink: u16,
    pub source: u16,
    pub stall: u16,
}

impl Targets {
    fn start(argv: &[String]) -> io::Result<Self> {
        let (serving, ports) = Held::start(argv)?;
        let port = |name| ports.of(name) as u16;
        Ok(Self {
            echo: port("echo"),
            sink: port("sink"),
            source: port("source"),
            stall: port("stall"),
            _serving: serving,
        })
    }
}
