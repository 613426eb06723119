//! `Host` and `Match`: for which destinations the lines below them count.

use adit_proto::pattern::{self, Case};

/// Whether the lines that follow count.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Reach {
    /// They do.
    Counts,
    /// They are only looked through for mistakes.
    CheckedOnly,
}

impl Reach {
    pub(super) const fn from_match(is_match: bool) -> Self {
        if is_match {
            Self::Counts
        } else {
            Self::CheckedOnly
        }
    }
}

/// `Match final` asks for a second reading, with the host's real name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Pass {
    First,
    Final,
}

/// What `Host` and `Match` look at, as far as it is known at their line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Destination<'a> {
    pub pass: Pass,
    /// As `HostName` has it, if it was there already.
    pub host: &'a str,
    /// As typed, or in the final pass as the first one found it: `Host`'s.
    pub named: &'a str,
    /// As typed.
    pub original: &'a str,
    /// Whom to log in as.
    pub user: &'a str,
    pub local_user: &'a str,
}

/// What a `Match` line says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Matched<'a> {
    pub reach: Reach,
    /// `final` was asked about.
    pub asks_final: bool,
    /// A condition that is never looked at here, and therefore not met.
    pub not_here: Option<&'a str>,
}

/// `Host PATTERN...`: one must match, and none with `!`. Case counts, as with ssh.
pub(super) fn host(patterns: &[String], destination: &Destination<'_>) -> Result<Reach, String> {
    if patterns.iter().any(String::is_empty) {
        return Err("keyword host empty argument".to_owned());
    }
    let matches = |pattern: &str| {
        let named = destination.named.as_bytes();
        pattern::matches(pattern.as_bytes(), named, Case::Exact)
    };
    let mut reach = Reach::CheckedOnly;
    for word in patterns {
        match word.strip_prefix('!') {
            Some(pattern) if matches(pattern) => return Ok(Reach::CheckedOnly),
            None if matches(word) => reach = Reach::Counts,
            Some(_) | None => {}
        }
    }
    Ok(reach)
}

/// `Match CONDITION...`: all must be met, each the other way round with `!`.
///
/// A condition that needs a command to be run, or that is newer than this list, is not met either
/// way: what its block would have changed then stays as it is for everybody else, and the caller
/// says so. If another condition of the line is not met, ssh would not look at it either.
pub(super) fn conditions<'a>(
    words: &'a [String],
    destination: &Destination<'_>,
) -> Result<Matched<'a>, String> {
    let mut matched = Matched {
        reach: Reach::Counts,
        asks_final: false,
        not_here: None,
    };
    let mut all_met = true;
    let mut conditions = 0_usize;
    let mut words = words.iter().map(String::as_str);
    while let Some(word) = words.next() {
        let (wanted, name) = match word.strip_prefix('!') {
            Some(name) => (false, name),
            None => (true, word),
        };
        let lower = name.to_ascii_lowercase();
        if lower == "all" {
            // Alone, or behind "canonical" or "final"; ssh lets it follow any one condition.
            if conditions > 1 || words.next().is_some() {
                return Err(format!(
                    "'{name}' cannot be combined with other Match attributes"
                ));
            }
            all_met &= wanted;
            conditions = 1;
            break;
        }
        conditions = conditions.saturating_add(1);
        let is_met = match lower.as_str() {
            "canonical" | "final" => {
                matched.asks_final |= lower == "final";
                destination.pass == Pass::Final
            }
            condition => {
                let Some(list) = words.next().filter(|list| !list.is_empty()) else {
                    return Err(format!("Missing Match criteria for {name}"));
                };
                match argument_is_met(condition, list, destination)? {
                    Some(is_met) => is_met,
                    None => {
                        if all_met && matched.not_here.is_none() {
                            matched.not_here = Some(name);
                        }
                        continue;
                    }
                }
            }
        };
        all_met &= is_met == wanted;
    }
    if conditions == 0 {
        return Err("One or more attributes required for Match".to_owned());
    }
    if !all_met {
        matched.not_here = None;
    }
    matched.reach = Reach::from_match(all_met && matched.not_here.is_none());
    Ok(matched)
}

/// Conditions of ssh, some of them newer than others, that are not here.
const NOT_HERE: &[&str] = &["command", "exec", "localnetwork", "tagged", "version"];

/// `None`: a condition that is not here.
fn argument_is_met(
    condition: &str,
    list: &str,
    destination: &Destination<'_>,
) -> Result<Option<bool>, String> {
    let (text, case) = match condition {
        "host" => (destination.host, Case::Folded),
        "originalhost" => (destination.original, Case::Folded),
        "user" => (destination.user, Case::Exact),
        "localuser" => (destination.local_user, Case::Exact),
        // Whatever ssh would open there, here it is never anything.
        "sessiontype" => ("none", Case::Folded),
        _ if NOT_HERE.contains(&condition) => return Ok(None),
        _ => return Err(format!("Unsupported Match attribute {condition}")),
    };
    let found = pattern::match_list(list.as_bytes(), text.as_bytes(), case);
    Ok(Some(found == pattern::Match::Yes))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DESTINATION: Destination<'_> = Destination {
        pass: Pass::First,
        host: "b.example",
        named: "HostB",
        original: "HostB",
        user: "you",
        local_user: "me",
    };

    fn words(line: &str) -> Vec<String> {
        line.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn a_host_line_needs_one_match_and_no_negated_one() {
        for (line, counts) in [
            ("HostB", true),
            ("hostb", false),
            ("HostC", false),
            ("HostC HostB", true),
            ("Host?", true),
            ("*", true),
            ("* !HostB", false),
            ("!HostB *", false),
            ("!HostC *", true),
            ("!HostC", false),
            ("!*", false),
            ("b.example", false),
            ("HostC,HostB", false),
        ] {
            let reach = host(&words(line), &DESTINATION);
            assert_eq!(reach, Ok(Reach::from_match(counts)), "{line}");
        }
        let empty = host(&words("a  b"), &DESTINATION);
        assert_eq!(empty, Err("keyword host empty argument".to_owned()));
    }

    #[test]
    fn all_conditions_of_a_match_line_must_be_met() {
        for (line, counts) in [
            ("all", true),
            ("ALL", true),
            ("!all", false),
            ("final all", false),
            ("!final all", true),
            ("host b.example all", true),
            ("host HostB all", false),
            ("host b.example", true),
            ("host B.EXAMPLE", true),
            ("Host *.example,!b.*", false),
            ("host HostB", false),
            ("!host HostB", true),
            ("originalhost hostb", true),
            ("originalhost b.example", false),
            ("user you", true),
            ("user YOU", false),
            ("localuser me,you", true),
            ("localuser you", false),
            ("host b.example user you", true),
            ("host b.example user me", false),
            ("user me host b.example", false),
            ("host b.example !user me", true),
            ("sessiontype none", true),
            ("sessiontype shell", false),
            ("canonical", false),
            ("!canonical", true),
            ("final host b.example", false),
        ] {
            let words = words(line);
            let matched = conditions(&words, &DESTINATION).unwrap();
            assert_eq!(matched.reach, Reach::from_match(counts), "{line}");
            assert_eq!(matched.asks_final, line.contains("final"), "{line}");
            assert_eq!(matched.not_here, None, "{line}");
        }
        let last = Destination {
            pass: Pass::Final,
            ..DESTINATION
        };
        for (line, counts) in [
            ("canonical", true),
            ("final", true),
            ("!final", false),
            ("final user you", true),
            ("final all", true),
            ("canonical !all", false),
        ] {
            let words = words(line);
            let reach = conditions(&words, &last).map(|matched| matched.reach);
            assert_eq!(reach, Ok(Reach::from_match(counts)), "{line}");
        }
    }

    #[test]
    fn a_condition_that_is_not_here_is_met_neither_way() {
        for (line, not_here) in [
            ("exec true", Some("exec")),
            ("!exec true", Some("exec")),
            ("user you exec true", Some("exec")),
            ("localnetwork 10.0.0.0/8 exec true", Some("localnetwork")),
            // ssh would not run it either.
            ("user me exec true", None),
            ("exec true user me", None),
        ] {
            let words = words(line);
            let matched = conditions(&words, &DESTINATION).unwrap();
            assert_eq!(matched.reach, Reach::CheckedOnly, "{line}");
            assert_eq!(matched.not_here, not_here, "{line}");
        }
    }

    #[test]
    fn a_match_line_that_makes_no_sense_is_named() {
        for (line, error) in [
            (
                "all host x",
                "'all' cannot be combined with other Match attributes",
            ),
            (
                "host x user y all",
                "'all' cannot be combined with other Match attributes",
            ),
            ("host", "Missing Match criteria for host"),
            ("exec", "Missing Match criteria for exec"),
            ("nonsense", "Missing Match criteria for nonsense"),
            ("hosts x", "Unsupported Match attribute hosts"),
        ] {
            let words = words(line);
            assert_eq!(
                conditions(&words, &DESTINATION),
                Err(error.to_owned()),
                "{line}"
            );
        }
        assert_eq!(
            conditions(&[], &DESTINATION),
            Err("One or more attributes required for Match".to_owned())
        );
    }
}
