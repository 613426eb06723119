//! Makes a key: a file for its owner, and one for everybody else.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use adit_auth::keyfile::KeyFile;
use adit_auth::{Fingerprint, public_key};
use adit_crypto::Secret;

use crate::escape::escaped;
use crate::file::reason;
use crate::keygen::ask::new_passphrase;
use crate::keygen::command::{Make, Passphrase, Talk};
use crate::keygen::run::{Ending, World};
use crate::new_file::{self, PRIVATE, PUBLIC};
use crate::provider::PROVIDER;

/// What is under a name before a key is.
#[derive(Clone, Copy)]
enum Before {
    Nothing,
    /// A person said that it may go.
    Something,
}

pub(super) fn make(wanted: Make, world: &mut World<'_>) -> Result<(), Ending> {
    let talk = wanted.talk;
    let tell = move |world: &mut World<'_>, line: String| match talk {
        Talk::Aloud => world.say(&line),
        Talk::Quiet => Ok(()),
    };
    tell(
        world,
        "Generating public/private ed25519 key pair.".to_owned(),
    )?;
    let path = world.file(wanted.file, "Enter file in which to save the key")?;
    let public_path = public_path(&path);
    if path.parent() == Some(&world.me.home.join(".ssh")) {
        match new_file::make_parent(&path) {
            Ok(true) => {
                let directory = path.parent().unwrap_or(&path).display();
                tell(world, format!("Created directory '{directory}'."))?;
            }
            Ok(false) => {}
            Err(error) => return Err(not_saved(world, &path, &error)),
        }
    }
    // Asked before anything is written; who gives up a key gives up its public half with it.
    let before = may_write(&path, world)?;
    let public_before = match before {
        Before::Nothing => may_write(&public_path, world)?,
        Before::Something => Before::Something,
    };
    let passphrase = match wanted.passphrase {
        Some(Passphrase(passphrase)) => {
            Some(passphrase).filter(|passphrase| !passphrase.expose().is_empty())
        }
        None => {
            let mut say = |line: &str| drop(writeln!(world.out, "{line}"));
            new_passphrase(world.person, &mut say).map_err(|why| {
                world.report.error(format_args!("adit-keygen: {why}"));
                Ending::Declined
            })?
        }
    };
    let comment = wanted.comment.unwrap_or_else(|| own_comment(world));
    let key = KeyFile::generate(PROVIDER, PROVIDER.random, &comment)
        .map_err(|_| world.failed("adit-keygen: no randomness"))?;
    let text = text(&key, passphrase.as_ref(), wanted.rounds, world)?;
    let line = public_key::to_line(&key.public_blob(), &comment)
        .map_err(|error| world.failed(format_args!("adit-keygen: {error}")))?;
    write(&path, text.expose(), PRIVATE, before)
        .map_err(|error| not_saved(world, &path, &error))?;
    let shown = path.display();
    tell(
        world,
        format!("Your identification has been saved in {shown}"),
    )?;
    let shown = public_path.display();
    write(&public_path, line.as_bytes(), PUBLIC, public_before).map_err(|error| {
        let why = reason(&error);
        world.failed(format_args!("Unable to save public key to {shown}: {why}"))
    })?;
    tell(world, format!("Your public key has been saved in {shown}"))?;
    let fingerprint = Fingerprint::of(PROVIDER, &key.public_blob());
    let comment = escaped(key.comment());
    tell(
        world,
        format!("The key fingerprint is:\n{fingerprint} {comment}"),
    )
}

/// Whether there is nothing under this name, or a person says that it may be written over.
fn may_write(path: &Path, world: &mut World<'_>) -> Result<Before, Ending> {
    // Of the name itself: a symbolic link that leads nowhere is something, too.
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Before::Nothing),
        Err(error) => return Err(not_saved(world, path, &error)),
        Ok(metadata) if metadata.is_dir() => {
            return Err(not_saved(world, path, &ErrorKind::IsADirectory.into()));
        }
        Ok(_) => {}
    }
    let exists = format!("{} already exists.", path.display());
    match world.person.line(&format!("{exists}\nOverwrite (y/n)? ")) {
        Ok(answer) if answer.starts_with(['y', 'Y']) => Ok(Before::Something),
        Ok(_) => Err(Ending::Declined),
        Err(why) => {
            world.report.error(exists);
            Err(world.no_answer(&why))
        }
    }
}

fn text(
    key: &KeyFile,
    passphrase: Option<&Secret>,
    rounds: u32,
    world: &World<'_>,
) -> Result<Secret, Ending> {
    match passphrase {
        None => key.to_text(PROVIDER.random),
        Some(passphrase) => key.to_locked_text(passphrase, rounds, PROVIDER, PROVIDER.random),
    }
    .map_err(|_| world.failed("adit-keygen: no randomness, or built without passphrases"))
}

fn write(path: &Path, contents: &[u8], mode: u32, before: Before) -> io::Result<()> {
    match before {
        Before::Nothing => new_file::create(path, contents, mode),
        Before::Something => new_file::replace(path, contents, mode),
    }
}

fn not_saved(world: &World<'_>, path: &Path, error: &io::Error) -> Ending {
    let (path, why) = (path.display(), reason(error));
    world.failed(format_args!("Saving key \"{path}\" failed: {why}"))
}

/// Where the public half of a private key is.
pub(super) fn public_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".pub");
    name.into()
}

/// As ssh-keygen has it.
fn own_comment(world: &World<'_>) -> String {
    let name = match &world.me.name {
        Some(name) => name.clone(),
        None => world.me.uid.to_string(),
    };
    format!("{name}@{}", world.host)
}
