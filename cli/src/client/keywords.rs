//! The keywords of [`Options`], and how the value of each is read.

use std::time::Duration;

use adit_forward::spec::{Family, GatewayPorts, Names};

use crate::client::forwardings::{
    bind_mask, dynamic_forward, local_forward, permit_remote_open, remote_forward,
};
use crate::client::jump;
use crate::client::option_error::{OptionError, bad};
use crate::client::options::{
    IDENTITY_FILES_MAX, List, NamedBy, Options, PubkeyAuthentication, REKEY_BYTES_MIN, RekeyLimit,
    SessionType, StrictHostKeyChecking, first,
};
use crate::report::Level;
use crate::value;

/// How a keyword takes its value.
pub(super) enum Set {
    /// A list of algorithms, which is looked through where it is known what there is.
    List(List),
    /// A single word.
    One(fn(&mut Options, &str) -> Result<(), OptionError>),
    /// Several words.
    Many(fn(&mut Options, &[String], &dyn Names) -> Result<(), OptionError>),
}

/// In lower case, sorted.
const KEYWORDS: &[(&str, Set)] = &[
    (
        "addressfamily",
        Set::One(|o, v| choose(&mut o.address_family, v, family)),
    ),
    (
        "batchmode",
        Set::One(|o, v| choose(&mut o.batch_mode, v, value::yes_or_no)),
    ),
    ("ciphers", Set::List(List::Ciphers)),
    (
        "clearallforwardings",
        Set::One(|o, v| choose(&mut o.clear_all_forwardings, v, value::yes_or_no)),
    ),
    (
        "connectionattempts",
        Set::One(|o, v| integer(&mut o.connection_attempts, v, 1)),
    ),
    ("connecttimeout", Set::One(connect_timeout)),
    ("dynamicforward", Set::Many(dynamic_forward)),
    (
        "exitonforwardfailure",
        Set::One(|o, v| choose(&mut o.exit_on_forward_failure, v, value::yes_or_no)),
    ),
    (
        "forkafterauthentication",
        Set::One(|o, v| choose(&mut o.fork_after_authentication, v, value::yes_or_no)),
    ),
    (
        "gatewayports",
        Set::One(|o, v| choose(&mut o.gateway_ports, v, gateway_ports)),
    ),
    (
        "globalknownhostsfile",
        Set::Many(|o, v, _| files(&mut o.global_known_hosts, v, "globalknownhostsfile")),
    ),
    (
        "hashknownhosts",
        Set::One(|o, v| choose(&mut o.hash_known_hosts, v, value::yes_or_no)),
    ),
    ("hostkeyalgorithms", Set::List(List::HostKeys)),
    (
        "hostkeyalias",
        Set::One(|o, v| text(&mut o.host_key_alias, v)),
    ),
    ("hostname", Set::One(|o, v| text(&mut o.host_name, v))),
    (
        "identitiesonly",
        Set::One(|o, v| choose(&mut o.identities_only, v, value::yes_or_no)),
    ),
    (
        "identityagent",
        Set::One(|o, v| text(&mut o.identity_agent, v)),
    ),
    ("identityfile", Set::One(identity_file)),
    (
        "ignoreunknown",
        Set::One(|o, v| text(&mut o.ignore_unknown, v)),
    ),
    (
        "kbdinteractiveauthentication",
        Set::One(|o, v| choose(&mut o.kbd_interactive_authentication, v, value::yes_or_no)),
    ),
    ("kexalgorithms", Set::List(List::Kex)),
    ("localforward", Set::Many(local_forward)),
    ("loglevel", Set::One(log_level)),
    ("macs", Set::List(List::Macs)),
    (
        "numberofpasswordprompts",
        Set::One(|o, v| integer(&mut o.number_of_password_prompts, v, 0)),
    ),
    (
        "passwordauthentication",
        Set::One(|o, v| choose(&mut o.password_authentication, v, value::yes_or_no)),
    ),
    ("permitremoteopen", Set::Many(permit_remote_open)),
    ("port", Set::Many(port)),
    (
        "preferredauthentications",
        Set::One(|o, v| text(&mut o.preferred_authentications, v)),
    ),
    ("proxycommand", Set::One(jump::proxy_command)),
    ("proxyjump", Set::One(jump::proxy_jump)),
    (
        "proxyusefdpass",
        Set::One(|o, v| choose(&mut o.proxy_use_fdpass, v, value::yes_or_no)),
    ),
    (
        "pubkeyauthentication",
        Set::One(|o, v| choose(&mut o.pubkey_authentication, v, pubkey)),
    ),
    ("rekeylimit", Set::Many(rekey_limit)),
    ("remoteforward", Set::Many(remote_forward)),
    (
        "serveralivecountmax",
        Set::One(|o, v| integer(&mut o.server_alive_count_max, v, 0)),
    ),
    ("serveraliveinterval", Set::One(server_alive_interval)),
    (
        "sessiontype",
        Set::One(|o, v| choose(&mut o.session_type, v, session_type)),
    ),
    ("streamlocalbindmask", Set::One(bind_mask)),
    (
        "streamlocalbindunlink",
        Set::One(|o, v| choose(&mut o.stream_local_bind_unlink, v, value::yes_or_no)),
    ),
    (
        "stricthostkeychecking",
        Set::One(|o, v| choose(&mut o.strict_host_key_checking, v, strict)),
    ),
    ("user", Set::One(|o, v| text(&mut o.user, v))),
    (
        "userknownhostsfile",
        Set::Many(|o, v, _| files(&mut o.user_known_hosts, v, "userknownhostsfile")),
    ),
    (
        "warnweakcrypto",
        Set::One(|o, v| choose(&mut o.warn_weak_crypto, v, weak_crypto)),
    ),
];

/// Other spellings of keywords, older or one system's own, sorted.
const ALIASES: &[(&str, &str)] = &[
    (
        "challengeresponseauthentication",
        "kbdinteractiveauthentication",
    ),
    ("dsaauthentication", "pubkeyauthentication"),
    ("identityfile2", "identityfile"),
    ("protocolkeepalives", "serveraliveinterval"),
    ("skeyauthentication", "kbdinteractiveauthentication"),
    ("tisauthentication", "kbdinteractiveauthentication"),
];

/// What a keyword in lower case sets.
pub(super) fn find(keyword: &str) -> Option<&'static Set> {
    let alias = ALIASES.binary_search_by(|(alias, _)| (*alias).cmp(keyword));
    let meant = alias.ok().and_then(|at| ALIASES.get(at));
    let keyword = meant.map_or(keyword, |(_, meant)| meant);
    let at = KEYWORDS.binary_search_by(|(name, _)| (*name).cmp(keyword));
    KEYWORDS.get(at.ok()?).map(|(_, set)| set)
}

fn choose<T>(
    slot: &mut Option<T>,
    text: &str,
    read: fn(&str) -> Option<T>,
) -> Result<(), OptionError> {
    let Some(value) = read(&text.to_ascii_lowercase()) else {
        return bad(format!("unsupported option \"{text}\"."));
    };
    first(slot, value);
    Ok(())
}

fn integer(slot: &mut Option<u32>, text: &str, min: u32) -> Result<(), OptionError> {
    let what = match value::number::<u32>(text) {
        // OpenSSH keeps numbers in an int.
        Some(n) if i32::try_from(n).is_err() => "too large",
        Some(n) if n < min => "too small",
        Some(n) => {
            first(slot, n);
            return Ok(());
        }
        None => {
            let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
            match text.strip_prefix('-') {
                Some(rest) if digits(rest) => "too small",
                None if digits(text) => "too large",
                Some(_) | None => "invalid",
            }
        }
    };
    bad(format!("integer value {what}."))
}

/// What it means is looked at where it is used.
fn text(slot: &mut Option<String>, text: &str) -> Result<(), OptionError> {
    first(slot, text.to_owned());
    Ok(())
}

fn files(
    slot: &mut Option<Vec<String>>,
    values: &[String],
    keyword: &str,
) -> Result<(), OptionError> {
    if values.iter().any(String::is_empty) {
        return bad(format!("keyword {keyword} empty argument"));
    }
    let none = values.iter().any(|v| v.eq_ignore_ascii_case("none"));
    match values {
        [_] if none => first(slot, Vec::new()),
        _ if none => {
            return bad(format!(
                "keyword {keyword} \"none\" argument must appear alone."
            ));
        }
        _ => first(slot, values.to_vec()),
    }
    Ok(())
}

fn identity_file(options: &mut Options, path: &str) -> Result<(), OptionError> {
    if options.identity_files.len() >= IDENTITY_FILES_MAX {
        return bad(format!(
            "Too many identity files specified (max {IDENTITY_FILES_MAX})."
        ));
    }
    options.add_identity_file(path, NamedBy::Option);
    Ok(())
}

fn session_type(text: &str) -> Option<SessionType> {
    match text {
        "default" => Some(SessionType::Default),
        "none" => Some(SessionType::None),
        "subsystem" => Some(SessionType::Subsystem),
        _ => None,
    }
}

/// `no-pq-kex` is OpenSSH's name for the only warning that there is.
fn weak_crypto(text: &str) -> Option<bool> {
    match text {
        "no-pq-kex" => Some(false),
        text => value::yes_or_no(text),
    }
}

fn family(text: &str) -> Option<Family> {
    match text {
        "any" => Some(Family::Any),
        "inet" => Some(Family::Inet),
        "inet6" => Some(Family::Inet6),
        _ => None,
    }
}

fn gateway_ports(text: &str) -> Option<GatewayPorts> {
    Some(match value::yes_or_no(text)? {
        true => GatewayPorts::Yes,
        false => GatewayPorts::No,
    })
}

fn pubkey(text: &str) -> Option<PubkeyAuthentication> {
    Some(match text {
        "unbound" => PubkeyAuthentication::Unbound,
        "host-bound" => PubkeyAuthentication::HostBound,
        _ => match value::yes_or_no(text)? {
            true => PubkeyAuthentication::Yes,
            false => PubkeyAuthentication::No,
        },
    })
}

fn strict(text: &str) -> Option<StrictHostKeyChecking> {
    Some(match text {
        "ask" => StrictHostKeyChecking::Ask,
        "accept-new" => StrictHostKeyChecking::AcceptNew,
        "no" | "off" | "false" => StrictHostKeyChecking::No,
        "yes" | "true" => StrictHostKeyChecking::Yes,
        _ => return None,
    })
}

fn time(text: &str) -> Result<Duration, OptionError> {
    value::time(text).ok_or_else(|| OptionError::Value("invalid time value.".into()))
}

fn connect_timeout(options: &mut Options, text: &str) -> Result<(), OptionError> {
    // "none" is the default: the system's patience. It still is a first value.
    let timeout = match text {
        "none" => Duration::ZERO,
        _ => time(text)?,
    };
    first(&mut options.connect_timeout, timeout);
    Ok(())
}

fn server_alive_interval(options: &mut Options, text: &str) -> Result<(), OptionError> {
    let interval = match text {
        "none" => Duration::ZERO,
        _ => time(text)?,
    };
    first(&mut options.server_alive_interval, interval);
    Ok(())
}

fn log_level(options: &mut Options, text: &str) -> Result<(), OptionError> {
    let Some(level) = Level::parse(text) else {
        return bad(format!("unsupported log level '{text}'"));
    };
    first(&mut options.log_level, level);
    Ok(())
}

/// A port to connect to: a number, or a service that the system knows by name.
pub(super) fn port_number(text: &str, names: &dyn Names) -> Option<u16> {
    value::number::<u16>(text)
        .or_else(|| names.service(text))
        .filter(|port| *port != 0)
}

fn port(options: &mut Options, values: &[String], names: &dyn Names) -> Result<(), OptionError> {
    let [text] = values else {
        return bad("keyword port extra arguments at end of line");
    };
    match port_number(text, names) {
        Some(port) => first(&mut options.port, port),
        None => return bad(format!("Bad port '{text}'.")),
    }
    Ok(())
}

fn rekey_limit(options: &mut Options, values: &[String], _: &dyn Names) -> Result<(), OptionError> {
    let (amount, span) = match values {
        [amount] => (amount, None),
        [amount, span] => (amount, Some(span)),
        _ => return bad("keyword rekeylimit extra arguments at end of line"),
    };
    let bytes = match amount.as_str() {
        "default" => None,
        // The cipher's own limit stays, which is what OpenSSH makes of "none", too.
        "none" | "0" => None,
        _ => match value::size(amount) {
            None => return bad(format!("Bad number '{amount}': Invalid argument")),
            Some(n) if n < REKEY_BYTES_MIN => return bad("RekeyLimit too small"),
            Some(n) => Some(n),
        },
    };
    let time = match span.map(String::as_str) {
        None | Some("none" | "0") => None,
        Some(span) => Some(time(span)?),
    };
    first(&mut options.rekey_limit, RekeyLimit { bytes, time });
    Ok(())
}

/// All of them and their aliases, sorted.
#[cfg(test)]
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    let keywords = KEYWORDS.iter().map(|(name, _)| *name);
    let all: std::collections::BTreeSet<_> = keywords
        .chain(ALIASES.iter().map(|(alias, _)| *alias))
        .collect();
    all.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keywords_are_sorted_and_in_lower_case() {
        assert!(KEYWORDS.is_sorted_by(|a, b| a.0 < b.0));
        assert!(KEYWORDS.iter().all(|(k, _)| *k == k.to_ascii_lowercase()));
        assert!(ALIASES.is_sorted_by(|a, b| a.0 < b.0));
        for (alias, meant) in ALIASES {
            assert!(find(alias).is_some() && find(meant).is_some(), "{alias}");
        }
        assert!(find("port").is_some() && find("Port").is_none() && find("").is_none());
    }
}
