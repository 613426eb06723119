//! `Include`: from a pattern of paths to files.
//!
//! Patterns are glob(7)'s without its classes: `*`, `?`, `[a-z]`, `[!a-z]`, a backslash before
//! any of these. None of them matches a `/`, nor a dot at the beginning of a name.

use std::path::{Path, PathBuf};

/// What is asked of the system while patterns are matched.
pub trait Directories {
    /// The names in a directory, in any order. Empty when it cannot be read, or is none.
    fn names(&self, directory: &Path) -> Vec<String>;
    /// Whether something is there, if only a link that leads nowhere.
    fn exists(&self, path: &Path) -> bool;
}

/// Most names of directories that one pattern is compared with: `/*/*/*` must end.
pub const NAMES_MAX: usize = 100_000;

/// A pattern was compared with [`NAMES_MAX`] names and was not done.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct TooManyNames;

/// The paths that match, sorted. A pattern without any special character matches itself, if it is
/// there.
///
/// # Errors
/// [`TooManyNames`].
pub(super) fn paths(
    pattern: &str,
    directories: &dyn Directories,
) -> Result<Vec<PathBuf>, TooManyNames> {
    let root = if pattern.starts_with('/') { "/" } else { "" };
    let mut found = vec![PathBuf::from(root)];
    let mut names_left = NAMES_MAX;
    for component in pattern.split('/').filter(|c| !c.is_empty()) {
        let mut next = Vec::new();
        for directory in &found {
            if !is_pattern(component) {
                let path = directory.join(without_backslashes(component));
                next.extend(directories.exists(&path).then_some(path));
                continue;
            }
            let names = directories.names(directory);
            names_left = names_left.checked_sub(names.len()).ok_or(TooManyNames)?;
            let matching = names.iter().filter(|name| matches(component, name));
            next.extend(matching.map(|name| directory.join(name)));
        }
        found = next;
    }
    found.sort_unstable();
    Ok(found)
}

fn is_pattern(component: &str) -> bool {
    let mut chars = component.chars();
    while let Some(c) = chars.next() {
        match c {
            '*' | '?' | '[' => return true,
            '\\' => drop(chars.next()),
            _ => {}
        }
    }
    false
}

fn without_backslashes(component: &str) -> String {
    let mut chars = component.chars();
    let mut out = String::with_capacity(component.len());
    while let Some(c) = chars.next() {
        out.push(match c {
            '\\' => chars.next().unwrap_or('\\'),
            c => c,
        });
    }
    out
}

/// Whether a name matches one component. Goes back to the last `*` only, so that it costs at most
/// the product of both lengths.
fn matches(pattern: &str, name: &str) -> bool {
    if name.starts_with('.') && !pattern.starts_with('.') {
        return false;
    }
    let (mut pattern, mut name) = (pattern, name);
    let mut retry: Option<(&str, &str)> = None;
    loop {
        if let Some(behind) = pattern.strip_prefix('*') {
            retry = Some((behind, name));
            pattern = behind;
            continue;
        }
        let mut rest = name.chars();
        match rest.next() {
            None if pattern.is_empty() => return true,
            None => return false,
            Some(c) => match one(pattern, c) {
                Some(behind) => {
                    pattern = behind;
                    name = rest.as_str();
                }
                None => {
                    // The `*` takes one character more.
                    let Some((behind, from)) = retry else {
                        return false;
                    };
                    let mut from = from.chars();
                    from.next();
                    retry = Some((behind, from.as_str()));
                    pattern = behind;
                    name = from.as_str();
                }
            },
        }
    }
}

/// What is left of the pattern when its first element matches `c`.
fn one(pattern: &str, c: char) -> Option<&str> {
    let mut rest = pattern.chars();
    let is_match = match rest.next()? {
        '?' => true,
        '\\' => rest.next()? == c,
        '[' => match set(rest.as_str(), c) {
            Some((is_in, behind)) => return is_in.then_some(behind),
            // Not closed: a bracket like any other character.
            None => c == '[',
        },
        literal => literal == c,
    };
    is_match.then_some(rest.as_str())
}

/// Whether `c` is in the set whose opening bracket was read, and what follows the set. `None`: it
/// is never closed.
fn set(text: &str, c: char) -> Option<(bool, &str)> {
    let (negated, text) = match text.strip_prefix(['!', '^']) {
        Some(text) => (true, text),
        None => (false, text),
    };
    let mut is_in = false;
    let mut chars = text.chars();
    let mut is_first = true;
    loop {
        let low = match chars.next()? {
            ']' if !is_first => return Some((is_in != negated, chars.as_str())),
            '\\' => chars.next()?,
            low => low,
        };
        is_first = false;
        let mut ahead = chars.clone();
        let high = match (ahead.next(), ahead.next()) {
            (Some('-'), Some(high)) if high != ']' => {
                chars = ahead;
                high
            }
            _ => low,
        };
        is_in |= (low..=high).contains(&c);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every path of a small machine, and of directories with a great many names.
    struct These(&'static [&'static str]);

    impl Directories for These {
        fn names(&self, directory: &Path) -> Vec<String> {
            if directory.starts_with("/many") {
                return (0..1000).map(|n| n.to_string()).collect();
            }
            let inside = |path: &&&str| Path::new(path).parent() == Some(directory);
            let names = self.0.iter().filter(inside);
            names
                .map(|path| path.rsplit('/').next().unwrap().to_owned())
                .collect()
        }

        fn exists(&self, path: &Path) -> bool {
            path == Path::new("/") || self.0.iter().any(|p| Path::new(p) == path)
        }
    }

    /// A directory with so many names.
    struct Large(usize);

    impl Directories for Large {
        fn names(&self, _: &Path) -> Vec<String> {
            vec!["x".to_owned(); self.0]
        }

        fn exists(&self, _: &Path) -> bool {
            true
        }
    }

    const MACHINE: These = These(&[
        "/c",
        "/c/b.conf",
        "/c/a.conf",
        "/c/.hidden.conf",
        "/c/a.conf~",
        "/d",
        "/d/a.conf",
        "/d/b*",
        "/many",
    ]);

    #[test]
    fn patterns_find_files_in_order() {
        for (pattern, expected) in [
            ("/c/a.conf", &["/c/a.conf"][..]),
            ("/c/none", &[]),
            ("/c/*.conf", &["/c/a.conf", "/c/b.conf"]),
            ("/c//*.conf", &["/c/a.conf", "/c/b.conf"]),
            ("/*/a.conf", &["/c/a.conf", "/d/a.conf"]),
            ("/?/[ab].conf", &["/c/a.conf", "/c/b.conf", "/d/a.conf"]),
            ("/c/.*", &["/c/.hidden.conf"]),
            (r"/d/b\*", &["/d/b*"]),
            ("/none/*", &[]),
            ("/", &["/"]),
        ] {
            let expected: Vec<PathBuf> = expected.iter().map(PathBuf::from).collect();
            assert_eq!(paths(pattern, &MACHINE), Ok(expected), "{pattern}");
        }
    }

    #[test]
    fn names_match_as_glob_says() {
        for (pattern, name, expected) in [
            ("*", "", true),
            ("*", "a", true),
            ("*", ".a", false),
            (".*", ".a", true),
            ("?", ".", false),
            ("?", "é", true),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXbYbZ", false),
            ("[a-c]", "b", true),
            ("[a-c]", "d", false),
            ("[!a-c]", "d", true),
            ("[^a-c]", "b", false),
            ("[]]", "]", true),
            ("[!]]", "]", false),
            ("[a-]", "-", true),
            ("[c-a]", "b", false),
            (r"[\]]", "]", true),
            ("[a", "[a", true),
            ("[a", "a", false),
            (r"\*", "*", true),
            (r"\*", "a", false),
            (r"a\", "a", false),
            ("*[0-9].conf", "x7.conf", true),
            ("*[0-9].conf", "x.conf", false),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn a_hostile_pattern_costs_little() {
        let name = "a".repeat(10_000);
        assert!(!matches(&"*a".repeat(1000).replace("*a", "*a*b"), &name));
        assert!(!matches(&format!("{}b", "*a".repeat(500)), &name));
    }

    #[test]
    fn a_pattern_that_looks_at_too_many_names_is_given_up() {
        assert_eq!(paths("/many/*", &MACHINE).map(|p| p.len()), Ok(1000));
        assert_eq!(paths("/many/*/*", &MACHINE), Err(TooManyNames));
        for (names, fits) in [
            (NAMES_MAX - 1, true),
            (NAMES_MAX, true),
            (NAMES_MAX + 1, false),
        ] {
            let found = paths("/*", &Large(names));
            assert_eq!(found.is_ok(), fits, "{names}");
        }
    }
}
