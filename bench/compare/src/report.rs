//! Table, plot and samples, where the documents are.

use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::lab::Lab;
use crate::options::Options;
use crate::peers::words;
use crate::plot::plot;
use crate::process::output;
use crate::samples::Samples;
use crate::table;

const FOLDER: &str = "docs/performance";
/// What lies between these lines of a document is written by the program, the rest by people.
const BEGIN: &str = "<!-- bench/run writes from here -->\n";
const END: &str = "<!-- to here -->\n";

/// Where everything goes.
pub struct Report {
    folder: PathBuf,
    /// The project's first page, which has the short form.
    front: Option<PathBuf>,
}

impl Report {
    pub fn new(options: &Options) -> Self {
        match &options.out {
            Some(folder) => Self {
                folder: folder.clone(),
                front: None,
            },
            None => Self {
                folder: options.root.join(FOLDER),
                front: Some(options.root.join("README.md")),
            },
        }
    }

    /// Those that are there.
    pub fn samples(&self) -> Result<Samples, Box<dyn Error>> {
        let path = self.folder.join("samples.tsv");
        let samples = Samples::parse(&fs::read_to_string(&path)?);
        Ok(samples.ok_or_else(|| format!("{}: not samples", path.display()))?)
    }

    /// # Errors
    /// When a file cannot be written, or the first page has lost the lines that it is written between.
    pub fn write(&self, samples: &Samples) -> Result<(), Box<dyn Error>> {
        fs::create_dir_all(&self.folder)?;
        fs::write(self.folder.join("samples.tsv"), samples.lines())?;
        plot(samples, &self.folder.join("plot.svg"))?;
        let page = self.folder.join("README.md");
        let text = fs::read_to_string(&page).unwrap_or_else(|_| format!("{BEGIN}{END}"));
        let part = format!(
            "{}. {}.\n\n![the figures as bars](plot.svg)\n\n{}{}",
            samples.about,
            table::tally(samples),
            table::full(samples),
            table::shares(samples),
        );
        fs::write(&page, between(&text, &part).ok_or("docs: no place")?)?;
        if let Some(front) = &self.front {
            let text = fs::read_to_string(front)?;
            let part = format!(
                "{}\n{}. {}: [all of them, and why some are not]({FOLDER}/README.md).\n\n\
                 ![the figures as bars]({FOLDER}/plot.svg)\n",
                table::short(samples),
                samples.about,
                table::tally(samples),
            );
            fs::write(front, between(&text, &part).ok_or("README.md: no place")?)?;
        }
        println!("{}", page.display());
        Ok(())
    }
}

/// The text with another part between the two lines; None where it lacks them.
fn between(text: &str, part: &str) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}{part}{END}{after}"))
}

/// What was measured where, in a sentence without its end.
pub fn about(options: &Options, lab: &Lab) -> String {
    let first = |text: String| text.lines().next().unwrap_or_default().trim().to_owned();
    let said = |line: &str| output(&words(line)).map(first).unwrap_or_default();
    let root = lab.root.display();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let model = fact("/proc/cpuinfo", "model name\t: ");
    let lock = lab.root.join("bench/Cargo.lock");
    let russh = fact(&lock.to_string_lossy(), "name = \"russh\"\nversion = ");
    format!(
        "adit {}, {}, russh {}, {}; Linux {}, {cores} cores, {model}; loads of {} s, {}",
        said(&format!("git -C {root} describe --always --dirty")),
        version(&lab.ssh),
        russh.trim_matches('"'),
        version(&lab.dropbear),
        said("uname -r"),
        options.seconds,
        said("date -u +%F"),
    )
}

/// The rest of the line that begins so.
fn fact(path: &str, begin: &str) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    let rest = text.split_once(begin).map_or("", |(_, rest)| rest);
    rest.lines().next().unwrap_or_default().to_owned()
}

/// ssh and dropbear say it on their standard error; the first two words of it are enough.
fn version(program: &str) -> String {
    let done = Command::new(program).arg("-V").output();
    let text = done.map(|done| String::from_utf8_lossy(&done.stderr).into_owned());
    let text = text.unwrap_or_default();
    let two: Vec<&str> = text.split([' ', ',', '\n']).take(2).collect();
    two.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_wrote_stays_as_it_is() {
        let text = format!("before\n{BEGIN}old\nlines\n{END}after\n");
        let expected = format!("before\n{BEGIN}new\n{END}after\n");
        assert_eq!(between(&text, "new\n"), Some(expected.clone()));
        assert_eq!(between(&expected, "new\n"), Some(expected));
        assert_eq!(between("nothing", "new\n"), None);
    }
}
