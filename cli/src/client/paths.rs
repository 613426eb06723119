//! Names of files as options give them: `~`, tokens and variables.

use std::fmt;
use std::path::PathBuf;

use adit_forward::spec::Names;

/// What stands for what in a file's name (ssh_config(5), "TOKENS").
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Tokens {
    /// `~` and `%d`.
    pub home: PathBuf,
    /// `%h`: the host that is logged in to.
    pub host: String,
    /// `%k`: the name under which its key is known, if that is another than the one typed.
    pub host_key_alias: Option<String>,
    /// `%L`: this machine's name up to the first dot, and `%l`: all of it.
    pub local_host: String,
    /// `%u`: the local user.
    pub local_user: String,
    /// `%i`: its number.
    pub local_uid: u32,
    /// `%n`: the host as typed.
    pub original_host: String,
    /// `%p`.
    pub port: u16,
    /// `%r`: whom to log in as.
    pub user: String,
}

/// A name that does not lead to a file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum PathError {
    /// `~name`: another user's directory is not looked up.
    OtherHome,
    /// A token that is none.
    Token(String),
    /// A variable that is not set, or a `${` that is not closed.
    Variable(String),
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherHome => f.write_str("only your own home directory can be meant by '~'"),
            Self::Token(token) => write!(f, "unknown token %{token}"),
            Self::Variable(name) => write!(f, "environment variable {name} is not set"),
        }
    }
}

impl std::error::Error for PathError {}

impl Tokens {
    /// The file that `text` names.
    ///
    /// # Errors
    /// [`PathError`].
    pub fn path(&self, text: &str, names: &dyn Names) -> Result<PathBuf, PathError> {
        let text = self.expand(text, names)?;
        match text.strip_prefix('~') {
            None => Ok(PathBuf::from(text)),
            Some("") => Ok(self.home.clone()),
            Some(rest) => match rest.strip_prefix('/') {
                Some(rest) => Ok(self.home.join(rest.trim_start_matches('/'))),
                None => Err(PathError::OtherHome),
            },
        }
    }

    /// The text with its tokens replaced, and nothing else.
    ///
    /// # Errors
    /// [`PathError::Token`].
    pub fn replace(&self, text: &str) -> Result<String, PathError> {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, from)) = rest.split_once('%') {
            out.push_str(before);
            let mut chars = from.chars();
            let token = chars.next().map(String::from).unwrap_or_default();
            out.push_str(&self.token(&token)?);
            rest = chars.as_str();
        }
        out.push_str(rest);
        Ok(out)
    }

    fn expand(&self, text: &str, names: &dyn Names) -> Result<String, PathError> {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find(['%', '$']) {
            let (before, from) = rest.split_at(at);
            out.push_str(before);
            let mut chars = from.chars();
            let sign = chars.next();
            if sign == Some('%') {
                let token = chars.next().map(String::from).unwrap_or_default();
                out.push_str(&self.token(&token)?);
                rest = chars.as_str();
            } else if let Some(variable) = from.strip_prefix("${") {
                let (name, after) = variable
                    .split_once('}')
                    .ok_or_else(|| PathError::Variable(variable.to_owned()))?;
                let value = names
                    .variable(name)
                    .ok_or_else(|| PathError::Variable(name.to_owned()))?;
                out.push_str(&value);
                rest = after;
            } else {
                out.push('$');
                rest = chars.as_str();
            }
        }
        out.push_str(rest);
        Ok(out)
    }

    fn token(&self, token: &str) -> Result<String, PathError> {
        let short = self.local_host.split('.').next().unwrap_or_default();
        Ok(match token {
            "%" => "%".to_owned(),
            "d" => self.home.to_string_lossy().into_owned(),
            "h" => self.host.clone(),
            "i" => self.local_uid.to_string(),
            "k" => {
                let alias = self.host_key_alias.as_ref();
                alias.unwrap_or(&self.original_host).clone()
            }
            "L" => short.to_owned(),
            "l" => self.local_host.clone(),
            "n" => self.original_host.clone(),
            "p" => self.port.to_string(),
            "r" => self.user.clone(),
            "u" => self.local_user.clone(),
            _ => return Err(PathError::Token(token.to_owned())),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct OneVariable;
    impl Names for OneVariable {
        fn variable(&self, name: &str) -> Option<String> {
            (name == "V").then(|| "value %h".to_owned())
        }
        fn service(&self, _: &str) -> Option<u16> {
            None
        }
    }

    fn path(text: &str) -> Result<String, PathError> {
        let tokens = Tokens {
            home: "/home/me".into(),
            host: "hostb".into(),
            host_key_alias: None,
            local_host: "here.example".into(),
            local_user: "me".into(),
            local_uid: 1000,
            original_host: "HostB".into(),
            port: 22,
            user: "you".into(),
        };
        let path = tokens.path(text, &OneVariable)?;
        Ok(path.to_str().unwrap().to_owned())
    }

    #[test]
    fn tildes_tokens_and_variables_are_replaced() {
        for (text, expected) in [
            ("/etc/x", "/etc/x"),
            ("relative", "relative"),
            ("~", "/home/me"),
            ("~/.ssh/id", "/home/me/.ssh/id"),
            ("~//x", "/home/me/x"),
            ("a~b", "a~b"),
            ("%d/x", "/home/me/x"),
            ("%u@%L:%l-%i", "me@here:here.example-1000"),
            ("%r@%h:%p", "you@hostb:22"),
            ("%n %k", "HostB HostB"),
            ("100%%", "100%"),
            ("a$b", "a$b"),
            ("${V}/x", "value %h/x"),
            ("%%${V}", "%value %h"),
        ] {
            assert_eq!(path(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_unknown_is_named() {
        for (text, expected) in [
            ("~other/x", PathError::OtherHome),
            ("%z", PathError::Token("z".into())),
            ("x%", PathError::Token(String::new())),
            ("${W}", PathError::Variable("W".into())),
            ("${W", PathError::Variable("W".into())),
        ] {
            assert_eq!(path(text), Err(expected), "{text}");
        }
    }
}
