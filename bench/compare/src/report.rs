//! Table, plot and samples, where the documents are.

use std::error::Error;
use std::fs;
use std::process::Command;

use crate::lab::Lab;
use crate::options::Options;
use crate::peers::words;
use crate::plot::plot;
use crate::process::output;
use crate::samples::Samples;
use crate::table::table;

const FOLDER: &str = "docs/performance";

/// Some cases alone are for who asks, and go to standard output.
pub fn write(options: &Options, lab: &Lab, samples: &Samples) -> Result<(), Box<dyn Error>> {
    let text = format!("{}\n{}", heading(options, lab), table(samples));
    let folder = match (&options.out, options.only.is_empty()) {
        (Some(folder), _) => folder.clone(),
        (None, true) => options.root.join(FOLDER),
        (None, false) => {
            println!("{text}");
            return Ok(());
        }
    };
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("README.md"), text)?;
    fs::write(folder.join("samples.tsv"), samples.lines())?;
    plot(samples, &folder.join("plot.svg"))?;
    println!("{}", folder.join("README.md").display());
    Ok(())
}

fn heading(options: &Options, lab: &Lab) -> String {
    let first = |text: String| text.lines().next().unwrap_or_default().trim().to_owned();
    let said = |line: &str| output(&words(line)).map(first).unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let processor = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = processor
        .lines()
        .find_map(|line| line.strip_prefix("model name"));
    let commit = output(&words(&format!(
        "git -C {} describe --always --dirty",
        lab.root.display()
    )));
    let (rounds, seconds) = (options.rounds, options.seconds);
    format!(
        "# Beside other programs\n\n\
         Written by `bench/run` ([how it measures](../../bench/README.md)); medians of {rounds} rounds, loads of \
         {seconds} s. \"up\" is from the client's application to the destination; the last word of a name is the \
         number of streams. Ratios are to the best other program of the row, paired within each round.\n\n\
         adit {}; {}; Linux {}; {cores} cores, {}.\n\n\
         ![plot](plot.svg)\n",
        commit.map(first).unwrap_or_default(),
        ssh_version(lab),
        said("uname -r"),
        model.map_or("", |text| text.trim_start_matches([' ', '\t', ':'])),
    )
}

/// It says so on its standard error.
fn ssh_version(lab: &Lab) -> String {
    let done = Command::new(&lab.ssh).arg("-V").output();
    done.map(|done| String::from_utf8_lossy(&done.stderr).trim().to_owned())
        .unwrap_or_default()
}
