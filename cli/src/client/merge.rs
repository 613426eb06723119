//! What is wanted in the end: the command line, completed from the configuration files.

use adit_forward::spec::Names;

use crate::client::command::{Purpose, Tunnel, WithoutForwards};
use crate::client::config::{self, Context, Disk, Effect, Files};
use crate::client::destination::{DestinationError, is_valid_host};
use crate::client::jump;
use crate::client::options::{Options, SessionType, Weight};
use crate::client::run::Fatal;
use crate::escape::escaped;
use crate::me::Me;
use crate::report::Report;

/// What [`merge`] reads with.
#[derive(Clone, Copy)]
pub struct With<'a> {
    /// Who runs this program.
    pub me: &'a Me,
    /// For what a forward may refer to.
    pub names: &'a dyn Names,
    /// Where files come from.
    pub files: &'a dyn Files,
    /// Where to say what is passed over.
    pub report: &'a Report,
}

impl std::fmt::Debug for With<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "With({:?})", self.me)
    }
}

impl<'a> With<'a> {
    /// The files of this machine.
    #[must_use]
    pub const fn disk(me: &'a Me, names: &'a dyn Names, report: &'a Report) -> Self {
        Self {
            me,
            names,
            files: &Disk,
            report,
        }
    }
}

/// Completes a command line. What it says itself goes before all that the files say.
///
/// # Errors
/// Why there is no connection to be made.
pub fn merge(tunnel: Tunnel, with: &With<'_>) -> Result<Tunnel, Fatal> {
    let level = tunnel.options.log_level; // as it is passed on, without what files say
    let mut tunnel = merge_one(tunnel, with)?;
    if tunnel.purpose == Purpose::Connect {
        tunnel.jumps = jump::jumps(&tunnel, level, with)?;
    }
    Ok(tunnel)
}

/// The same of one host, without those that are gone through.
pub(super) fn merge_one(mut tunnel: Tunnel, with: &With<'_>) -> Result<Tunnel, Fatal> {
    let context = Context {
        host: &tunnel.original_host,
        home: &with.me.home,
        local_user: with.me.name.as_deref().unwrap_or_default(),
        names: with.names,
        files: with.files,
        report: with.report,
    };
    config::read(&tunnel.config, &context, &mut tunnel.options).map_err(|bad| Fatal(bad.0))?;
    let options = &mut tunnel.options;
    tunnel.host = config::host_name(options, &tunnel.original_host).map_err(|bad| Fatal(bad.0))?;
    if !is_valid_host(&tunnel.host) {
        return Err(Fatal(DestinationError::Host.to_string()));
    }
    options
        .host_key_alias
        .iter_mut()
        .for_each(|alias| alias.make_ascii_lowercase());
    if options.stdio_forward.is_some() {
        tunnel.without_forwards = WithoutForwards::Connect;
        if options.fork_after_authentication == Some(true) {
            let why = "Cannot fork into background with -W: its standard input is there.";
            return Err(Fatal(why.to_owned()));
        }
    }
    if options.clears_all_forwardings() {
        options.clear_forwards();
    }
    if options.session_type == Some(SessionType::None) {
        tunnel.without_forwards = WithoutForwards::Connect;
    }
    if tunnel.purpose == Purpose::Print {
        return Ok(tunnel);
    }
    let warnings = without(&tunnel.options)?;
    tunnel.warnings.extend(warnings);
    if !tunnel.options.forwards_something() && tunnel.without_forwards == WithoutForwards::Refuse {
        return Err(Fatal(
            "adit only forwards ports: give it one with -L [bind_address:]port:host:hostport, -R, \
             -D or the like, or -N to be connected without. For a shell use ssh."
                .to_owned(),
        ));
    }
    Ok(tunnel)
}

/// What has to be said of keywords that are not here; an error when there must be no connection.
fn without(options: &Options) -> Result<Vec<String>, Fatal> {
    let mut warnings = Vec::new();
    for there in options
        .not_here
        .iter()
        .filter(|there| there.weight == Weight::Some)
    {
        let line = format!("{}: {}", there.place, there.other.keyword);
        match there.other.effect {
            Effect::Nothing => {}
            // The reason is its value.
            Effect::Refuse(_, "") => {
                let why = escaped(there.value.as_bytes());
                return Err(Fatal(format!("{line}: {why}")));
            }
            Effect::Refuse(_, why) => return Err(Fatal(format!("{line}: {why}"))),
            Effect::Instead(_, what) => warnings.push(format!("{line}: {what}")),
        }
    }
    Ok(warnings)
}

#[cfg(test)]
mod tests;
