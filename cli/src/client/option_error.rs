//! Options that are none, in the words of ssh.

use std::fmt;

use crate::client::config::Place;
use crate::client::jump::BadRoute;
use crate::escape::escaped;

/// An option that is not one, in ssh's words without the place.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum OptionError {
    /// Not a list of hosts to go through, as a sentence: what ssh says above it, if anything.
    Jump(BadRoute, String),
    /// No such keyword.
    Unknown(String),
    /// Everything else, as a sentence.
    Value(String),
}

impl OptionError {
    /// With the place that ssh names for what comes from the command line.
    #[must_use]
    pub fn on_command_line(&self) -> String {
        self.at(&Place::CommandLine)
    }

    /// With the place where it was said, as one line or two.
    #[must_use]
    pub fn at(&self, place: &Place) -> String {
        match self {
            Self::Unknown(_) => format!("{}: {self}", place.with_colon()),
            Self::Value(_) => format!("{place}: {self}"),
            Self::Jump(why, _) => why.clone().above(&format!("{place}: {self}")),
        }
    }
}

impl fmt::Display for OptionError {
    /// As one printable line, whatever a file holds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(keyword) => {
                let keyword = escaped(keyword.as_bytes());
                write!(f, "Bad configuration option: {keyword}")
            }
            Self::Jump(_, text) | Self::Value(text) => escaped(text.as_bytes()).fmt(f),
        }
    }
}

impl std::error::Error for OptionError {}

pub(super) fn bad<T>(text: impl Into<String>) -> Result<T, OptionError> {
    Err(OptionError::Value(text.into()))
}
