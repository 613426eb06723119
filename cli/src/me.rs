//! Who runs this program, and where they are at home.

use std::path::{Path, PathBuf};

use nix::unistd::{User, getuid};

/// The person on this side.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Me {
    /// `$HOME` if it is absolute, or what the password file says.
    pub home: PathBuf,
    /// `None`: the system knows nobody of that number.
    pub name: Option<String>,
    /// Their number.
    pub uid: u32,
}

impl Me {
    /// As the environment and the password file say.
    #[must_use]
    pub fn find() -> Self {
        let uid = getuid();
        let entry = User::from_uid(uid).ok().flatten();
        let variable = std::env::var_os("HOME").map(PathBuf::from);
        Self {
            home: home(variable, entry.as_ref().map(|user| user.dir.as_path())),
            name: entry.map(|user| user.name),
            uid: uid.as_raw(),
        }
    }
}

fn home(variable: Option<PathBuf>, password_file: Option<&Path>) -> PathBuf {
    variable
        .filter(|path| path.is_absolute())
        .or_else(|| password_file.map(Path::to_path_buf))
        .unwrap_or_else(|| PathBuf::from("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn home_is_the_variable_if_it_is_absolute() {
        let file = Path::new("/home/file");
        let other = Path::new("/home/x");
        assert_eq!(home(Some(other.into()), Some(file)), other);
        assert_eq!(home(Some("x".into()), Some(file)), file);
        assert_eq!(home(None, Some(file)), file);
        assert_eq!(home(None, None), Path::new("/"));
    }
}
