//! Reads files line by line, with the blocks and the includes in them.

use std::path::Path;
use std::sync::Arc;

use crate::client::config::blocks::{self, Destination, Pass, Reach};
use crate::client::config::disk::{Checks, ReadError};
use crate::client::config::lines::{self, Place};
use crate::client::config::{BadConfig, Context, host_name, include};
use crate::client::option_error::OptionError;
use crate::client::options::Options;
use crate::escape::escaped;
use crate::file::FileError;

/// How deep files may include files: OpenSSH's READCONF_MAX_DEPTH.
pub const DEPTH_MAX: usize = 16;

/// Most files that are read for one destination. Two files that include each other twice would be
/// read 2^16 times before they are too deep.
pub const FILES_MAX: usize = 1024;

/// Most bytes of all these together.
pub const BYTES_MAX: usize = 8 * 1024 * 1024;

/// Most mistakes of one file that are told of; all are counted. A file that is no configuration has
/// one in each line.
const MISTAKES_SHOWN_MAX: usize = 20;

/// What kind of file it is that begins a reading.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// With `-F`. It must be there.
    Named,
    /// `/etc/ssh/ssh_config`.
    System,
    /// `~/.ssh/config`.
    User,
}

pub(super) struct Reader<'a> {
    context: &'a Context<'a>,
    options: &'a mut Options,
    /// Takes what does not count, so that mistakes in it are found.
    aside: Options,
    pass: Pass,
    /// What `Host` compares with.
    named: String,
    asks_final: bool,
    /// A `Match` that cannot be told is named only once.
    named_a_match: bool,
    files_left: usize,
    bytes_left: usize,
}

/// A file that is being read.
struct Open {
    name: Arc<str>,
    kind: Kind,
    /// Of the block that includes it: what its own blocks can only narrow.
    outer: Reach,
    reach: Reach,
    depth: usize,
    mistakes: usize,
}

/// Why a line is not taken.
enum Mistake {
    /// A line of the file is wrong, and said so.
    Line,
    /// Reading ends.
    Fatal(BadConfig),
}

impl From<BadConfig> for Mistake {
    fn from(bad: BadConfig) -> Self {
        Self::Fatal(bad)
    }
}

impl<'a> Reader<'a> {
    pub(super) fn new(context: &'a Context<'a>, options: &'a mut Options) -> Self {
        Self {
            context,
            options,
            aside: Options::default(),
            pass: Pass::First,
            named: context.host.to_owned(),
            asks_final: false,
            named_a_match: false,
            files_left: FILES_MAX,
            bytes_left: BYTES_MAX,
        }
    }

    /// As with ssh the host of the second reading is the one that it turned out to be.
    pub(super) fn begin_final(&mut self) -> Result<(), BadConfig> {
        let host = host_name(self.options, self.context.host)?;
        self.options.host_name = Some(host.replace('%', "%%"));
        self.named = host;
        self.pass = Pass::Final;
        (self.files_left, self.bytes_left) = (FILES_MAX, BYTES_MAX);
        self.context.report.debug("re-parsing configuration");
        Ok(())
    }

    /// Whether a `Match final` was met with.
    pub(super) const fn wants_final(&self) -> bool {
        self.asks_final
    }

    pub(super) fn home(&self) -> &'a Path {
        self.context.home
    }

    /// A file that nothing includes.
    pub(super) fn top(&mut self, path: &Path, kind: Kind) -> Result<(), BadConfig> {
        let checks = match kind {
            Kind::User => Checks::Owner,
            Kind::Named | Kind::System => Checks::Nothing,
        };
        let cannot = |error: &ReadError| {
            let path = escaped(path.as_os_str().as_encoded_bytes());
            format!("Can't open user config file {path}: {error}")
        };
        match self.context.files.read(path, checks) {
            Ok(bytes) => self.file(path, &bytes, kind, Reach::Counts, 0),
            Err(ReadError::Missing) if kind != Kind::Named => Ok(()),
            Err(error @ ReadError::Permissions) => Err(distrusted(path, &error)),
            // ssh goes on without a word.
            Err(ref error @ ReadError::File(FileError::Io(_))) if kind != Kind::Named => {
                let text = cannot(error);
                self.context.report.info(format_args!("Warning: {text}"));
                Ok(())
            }
            Err(error) => Err(BadConfig(cannot(&error))),
        }
    }

    fn file(
        &mut self,
        path: &Path,
        bytes: &[u8],
        kind: Kind,
        outer: Reach,
        depth: usize,
    ) -> Result<(), BadConfig> {
        let name: Arc<str> = escaped(path.as_os_str().as_encoded_bytes())
            .to_string()
            .into();
        let (files, left) = (
            self.files_left.checked_sub(1),
            self.bytes_left.checked_sub(bytes.len()),
        );
        let (Some(files), Some(left)) = (files, left) else {
            return Err(BadConfig(format!(
                "{name}: too much is included (at most {FILES_MAX} files and {BYTES_MAX} bytes)"
            )));
        };
        (self.files_left, self.bytes_left) = (files, left);
        let report = self.context.report;
        report.debug(format_args!("Reading configuration data {name}"));
        let mut open = Open {
            name,
            kind,
            outer,
            reach: outer,
            depth,
            mistakes: 0,
        };
        for line in lines::lines(bytes) {
            let place = Place::Line(Arc::clone(&open.name), line.number);
            let result = match line.content {
                Ok((keyword, values)) => self.line(&mut open, &place, &keyword, &values),
                Err(what) => Err(self.mistake(&open, &place, what)),
            };
            match result {
                Ok(()) => {}
                Err(Mistake::Line) => open.mistakes = open.mistakes.saturating_add(1),
                Err(Mistake::Fatal(bad)) => return Err(bad),
            }
        }
        let Open { name, mistakes, .. } = open;
        if mistakes > 0 {
            return Err(BadConfig(format!(
                "{name}: terminating, {mistakes} bad configuration options"
            )));
        }
        Ok(())
    }

    fn mistake(&self, open: &Open, place: &Place, what: &str) -> Mistake {
        self.say(open, OptionError::Value(what.to_owned()).at(place));
        Mistake::Line
    }

    fn say(&self, open: &Open, text: String) {
        if open.mistakes < MISTAKES_SHOWN_MAX {
            let report = self.context.report;
            text.lines().for_each(|line| report.error(line));
        }
    }

    fn line(
        &mut self,
        open: &mut Open,
        place: &Place,
        keyword: &str,
        values: &[String],
    ) -> Result<(), Mistake> {
        if matches!(keyword, "host" | "match" | "include") && values.is_empty() {
            let what = format!("no argument after keyword \"{keyword}\"");
            return Err(self.mistake(open, place, &what));
        }
        match keyword {
            "host" => self.host(open, place, values),
            "match" => self.match_line(open, place, values),
            "include" => values
                .iter()
                .try_for_each(|pattern| self.include(open, place, pattern)),
            _ => self.option(open, place, keyword, values),
        }
    }

    fn option(
        &mut self,
        open: &Open,
        place: &Place,
        keyword: &str,
        values: &[String],
    ) -> Result<(), Mistake> {
        let names = self.context.names;
        let taken = match open.reach {
            Reach::Counts => self.options.take(keyword, values, place, names),
            Reach::CheckedOnly => {
                let taken = self.aside.take(keyword, values, place, names);
                // These gather, and are looked through each time.
                self.aside.identity_files.clear();
                self.aside.clear_forwards();
                // Its patterns do not count either.
                self.aside.ignore_unknown = None;
                taken
            }
        };
        match taken {
            Ok(()) => Ok(()),
            Err(OptionError::Unknown(_)) if self.options.ignores(keyword) => {
                let keyword = escaped(keyword.as_bytes());
                let report = self.context.report;
                report.debug(format_args!(
                    "{place}: Ignored unknown option \"{keyword}\""
                ));
                Ok(())
            }
            Err(error) => {
                self.say(open, error.at(place));
                Err(Mistake::Line)
            }
        }
    }

    fn host(&self, open: &mut Open, place: &Place, patterns: &[String]) -> Result<(), Mistake> {
        let destination = self.destination(&self.named, "");
        let reach = blocks::host(patterns, &destination)
            .map_err(|what| self.mistake(open, place, &what))?;
        self.enter(open, place, reach);
        Ok(())
    }

    fn match_line(
        &mut self,
        open: &mut Open,
        place: &Place,
        words: &[String],
    ) -> Result<(), Mistake> {
        let host = host_name(self.options, self.context.host)?;
        let user = self.options.user.clone();
        let destination =
            self.destination(&host, user.as_deref().unwrap_or(self.context.local_user));
        let matched = match blocks::conditions(words, &destination) {
            Ok(matched) => matched,
            Err(what) => {
                self.say(open, OptionError::Value(what).at(place));
                return Err(self.mistake(open, place, "Bad Match condition"));
            }
        };
        self.asks_final |= matched.asks_final;
        if let (Some(name), Reach::Counts, false) =
            (matched.not_here, open.outer, self.named_a_match)
        {
            self.named_a_match = true;
            let name = escaped(name.as_bytes());
            self.context.report.info(format_args!(
                "Warning: {place}: adit cannot tell whether \"Match {name}\" is met: the lines \
                 below it do not count."
            ));
        }
        self.enter(open, place, matched.reach);
        Ok(())
    }

    /// What is included from a block that does not count never counts.
    fn enter(&self, open: &mut Open, place: &Place, reach: Reach) {
        open.reach = match open.outer {
            Reach::Counts => reach,
            Reach::CheckedOnly => Reach::CheckedOnly,
        };
        if open.reach == Reach::Counts {
            let host = escaped(self.named.as_bytes());
            let report = self.context.report;
            report.debug(format_args!("{place}: Applying options for {host}"));
        }
    }

    fn destination<'d>(&'d self, host: &'d str, user: &'d str) -> Destination<'d> {
        Destination {
            pass: self.pass,
            host,
            named: &self.named,
            original: self.context.host,
            user,
            local_user: self.context.local_user,
        }
    }

    fn include(&mut self, open: &Open, place: &Place, pattern: &str) -> Result<(), Mistake> {
        let shown = escaped(pattern.as_bytes());
        let Some(anchored) = self.anchored(open.kind, pattern) else {
            let what = format!("bad include path {pattern}.");
            return Err(self.mistake(open, place, &what));
        };
        let Ok(paths) = include::paths(&anchored, self.context.files) else {
            let what = format!("glob failed for {pattern}: it looks at too many names.");
            return Err(self.mistake(open, place, &what));
        };
        let report = self.context.report;
        if paths.is_empty() {
            report.debug(format_args!("{place}: include {shown} matched no files"));
        }
        let depth = open.depth.saturating_add(1);
        if depth > DEPTH_MAX && !paths.is_empty() {
            let what = "Too many recursive configuration includes";
            return Err(BadConfig(format!("{place}: {what}")).into());
        }
        for path in paths {
            // Whoever can write to it could have a forward made, or another host trusted.
            match self.context.files.read(&path, Checks::Owner) {
                Ok(bytes) => self.file(&path, &bytes, open.kind, open.reach, depth)?,
                // A link that leads nowhere, or a file that has just gone.
                Err(ReadError::Missing) => {}
                Err(error @ ReadError::Permissions) => return Err(distrusted(&path, &error).into()),
                Err(error @ ReadError::File(_)) => {
                    let path = path.display();
                    let what = format!("Can't open user config file {path}: {error}");
                    return Err(self.mistake(open, place, &what));
                }
            }
        }
        Ok(())
    }

    /// The pattern as a whole path. `~` is for a person's own files, and relative paths begin where
    /// the file is that is read first.
    fn anchored(&self, kind: Kind, pattern: &str) -> Option<String> {
        if pattern.is_empty() {
            return None;
        }
        // What is special in a pattern may stand in the home directory's name.
        let home = || -> Option<String> {
            let special = |c: char| matches!(c, '*' | '?' | '[' | '\\');
            let home = self.context.home.to_str()?.chars();
            Some(
                home.flat_map(|c| special(c).then_some('\\').into_iter().chain([c]))
                    .collect(),
            )
        };
        match (kind, pattern.strip_prefix('~')) {
            (Kind::System, Some(_)) => None,
            (_, Some(rest)) if rest.is_empty() || rest.starts_with('/') => {
                Some(format!("{}{rest}", home()?))
            }
            // Another person's home.
            (_, Some(_)) => None,
            (_, None) if pattern.starts_with('/') => Some(pattern.to_owned()),
            (Kind::System, None) => Some(format!("/etc/ssh/{pattern}")),
            (Kind::Named | Kind::User, None) => Some(format!("{}/.ssh/{pattern}", home()?)),
        }
    }
}

fn distrusted(path: &Path, error: &ReadError) -> BadConfig {
    let path = escaped(path.as_os_str().as_encoded_bytes());
    BadConfig(format!("{error} on {path}"))
}
