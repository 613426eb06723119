//! `-y`: the public half of a private key, as it stands in `.pub` files.

use adit_auth::keyfile::{KeyFile, KeyFileError, LockedKey, Parsed};
use adit_auth::permissions::{Ownership, private_key};
use adit_auth::public_key;
use adit_crypto::Secret;

use crate::file::KEY_MAX;
use crate::keygen::command::{Passphrase, Public};
use crate::keygen::run::{Ending, World, read};
use crate::provider::PROVIDER;

pub(super) fn print(wanted: Public, world: &mut World<'_>) -> Result<(), Ending> {
    let path = world.file(wanted.file, "Enter file in which the key is")?;
    let name = path.display().to_string();
    let (bytes, contents) =
        read(&path, KEY_MAX).map_err(|error| world.failed(format_args!("{name}: {error}")))?;
    let text = Secret::new(bytes);
    if let Some(contents) = contents {
        let ownership = Ownership {
            mode: contents.mode,
            owner: contents.uid,
            user: world.me.uid,
        };
        if let Err(too_open) = private_key(&name, ownership) {
            world.report.error(too_open);
            return Err(world.failed(format_args!("Load key \"{name}\": bad permissions")));
        }
    }
    let not_loaded = |world: &World<'_>, error: KeyFileError| {
        world.failed(format_args!("Load key \"{name}\": {}", error.about(&name)))
    };
    let key = match KeyFile::parse(text.expose(), PROVIDER.keys) {
        Ok(Parsed::Plain(key)) => key,
        Ok(Parsed::Locked(locked)) => {
            unlock(&locked, wanted.passphrase, world)?.map_err(|error| not_loaded(world, error))?
        }
        Err(error) => return Err(not_loaded(world, error)),
    };
    match key.load(PROVIDER.keys) {
        // A key that only others can sign with has a public half nevertheless.
        Ok(_) | Err(KeyFileError::Unsigned) => {}
        Err(error) => return Err(not_loaded(world, error)),
    }
    let comment = String::from_utf8_lossy(key.comment());
    let line = public_key::to_line(&key.public_blob(), &comment)
        .map_err(|error| world.failed(format_args!("adit-keygen: {error}")))?;
    world.say(&line.trim_end_matches('\n'))
}

/// With the passphrase that was given, or that a person gives now: once, as ssh-keygen.
fn unlock(
    locked: &LockedKey,
    given: Option<Passphrase>,
    world: &mut World<'_>,
) -> Result<Result<KeyFile, KeyFileError>, Ending> {
    let passphrase = match given {
        Some(Passphrase(passphrase)) => passphrase,
        None => world
            .person
            .secret("Enter passphrase: ")
            .map_err(|why| world.no_answer(&why))?,
    };
    Ok(locked.unlock(&passphrase, PROVIDER))
}
