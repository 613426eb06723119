//! Tables: what a line of options comes to, or why its key is refused.

use alloc::format;
use alloc::string::{String, ToString as _};

use super::*;

/// As short as it can be said: `no`, or the two lists.
fn shown(options: &str) -> String {
    match Options::parse(options.as_bytes()) {
        Err(bad) => bad.to_string(),
        Ok(options) => {
            let Permissions {
                port_forwarding,
                permit_open,
                permit_listen,
            } = options.permissions;
            let open = permit_open.map(|list| list.iter().map(|p| format!(" {p}")).collect());
            let listen = permit_listen.map(|list| list.iter().map(|p| format!(" {p}")).collect());
            let or_any = |list: Option<String>| list.unwrap_or_else(|| " any".into());
            match port_forwarding {
                PortForwarding::No => "nothing".into(),
                PortForwarding::Yes => format!("L{} R{}", or_any(open), or_any(listen)),
            }
        }
    }
}

#[test]
fn the_options_of_a_line_come_to_what_the_table_says() {
    for (options, expected) in [
        ("restrict", "nothing"),
        ("RESTRICT", "nothing"),
        ("restrict,", "nothing"),
        (",restrict", "nothing"),
        ("restrict,,pty", "nothing"),
        ("no-port-forwarding", "nothing"),
        ("No-Port-Forwarding", "nothing"),
        ("port-forwarding", "L any R any"),
        ("restrict,port-forwarding", "L any R any"),
        ("port-forwarding,restrict", "nothing"),
        ("no-port-forwarding,port-forwarding", "L any R any"),
        ("port-forwarding,no-port-forwarding", "nothing"),
        ("restrict,pty", "nothing"),
        ("restrict,permitopen=\"h:1\"", "nothing"),
        ("restrict,permitlisten=\"1\"", "nothing"),
        ("restrict,port-forwarding,permitopen=\"h:1\"", "L h:1 R any"),
        ("permitopen=\"h:1\",restrict,port-forwarding", "L h:1 R any"),
        ("permitopen=\"h:1\"", "L h:1 R any"),
        ("PermitOpen=\"H:1\"", "L h:1 R any"),
        (
            "permitopen=\"h:1\",permitopen=\"[::1]:*\"",
            "L h:1 [::1]:* R any",
        ),
        ("permitopen=\"/run/a\"", "L /run/a R any"),
        ("permitopen=\"/*\"", "L /* R any"),
        ("permitlisten=\"8080\"", "L any R *:8080"),
        ("permitlisten=\"localhost:8080\"", "L any R localhost:8080"),
        ("permitlisten=\"/run/a\"", "L any R /run/a"),
        ("permitopen=\"a:1\",permitlisten=\"2\"", "L a:1 R *:2"),
        (
            "no-pty,no-agent-forwarding,no-X11-forwarding,no-user-rc",
            "L any R any",
        ),
        ("pty,agent-forwarding,x11-forwarding,user-rc", "L any R any"),
        ("no-touch-required,verify-required", "L any R any"),
        ("command=\"echo \\\"a b\\\"\",no-pty", "L any R any"),
        ("command=\"a\\b\\\\\\\"c,restrict\"", "L any R any"),
        ("environment=\"A=b\",environment=\"C=d\"", "L any R any"),
        ("tunnel=\"0\",tunnel=\"1\"", "L any R any"),
        ("from=\"10.0.0.0/8\"", "L any R any"),
        ("expiry-time=\"20300101Z\"", "L any R any"),
    ] {
        assert_eq!(shown(options), expected, "{options}");
    }
}

#[test]
fn what_is_not_understood_refuses_the_key() {
    for (options, name, why) in [
        ("=", "", "missing start quote"),
        ("=\"\"", "", "unknown key option"),
        (
            "principals=\"a\"",
            "principals",
            "no certificates are taken here",
        ),
        ("restricted", "restricted", "unknown key option"),
        ("no-restrict", "no-restrict", "unknown key option"),
        ("no-no-pty", "no-no-pty", "unknown key option"),
        ("no-command", "no-command", "unknown key option"),
        ("restrict=\"yes\"", "restrict", "unknown key option"),
        ("pty=\"\"", "pty", "unknown key option"),
        ("from", "from", "unknown key option"),
        ("command", "command", "unknown key option"),
        ("permitopen", "permitopen", "unknown key option"),
        ("permitopen=h:1", "permitopen", "missing start quote"),
        ("permitopen=", "permitopen", "missing start quote"),
        ("permitopen=\"h:1", "permitopen", "missing end quote"),
        ("permitopen=\"h:1\\\"", "permitopen", "missing end quote"),
        (
            "permitopen=\"h:1\"restrict",
            "permitopen",
            "unknown key option",
        ),
        ("permitopen=\"h:1\" ", "permitopen", "unknown key option"),
        ("permitopen=\"h\"", "permitopen", "missing port"),
        ("permitopen=\"80\"", "permitopen", "missing port"),
        ("permitopen=\"h:0\"", "permitopen", "bad port number"),
        ("permitopen=\"h:http\"", "permitopen", "bad port number"),
        (
            "permitopen=\"::1:80\"",
            "permitopen",
            "an IPv6 address needs [] around it",
        ),
        (
            "permitopen=\"h:1 h:2\"",
            "permitopen",
            "an IPv6 address needs [] around it",
        ),
        (
            "permitopen=\"h:1,h:2\"",
            "permitopen",
            "an IPv6 address needs [] around it",
        ),
        (
            "permitopen=\"h*:1\"",
            "permitopen",
            "not an address, a host name or *",
        ),
        (
            "permitopen=\"any\"",
            "permitopen",
            "\"any\" and \"none\" stand alone",
        ),
        ("permitlisten=\"h\"", "permitlisten", "bad port number"),
        ("permitlisten=\"0\"", "permitlisten", "bad port number"),
        ("command=\"a\",command=\"b\"", "command", "multiple clauses"),
        ("from=\"a\",FROM=\"b\"", "FROM", "multiple clauses"),
        (
            "expiry-time=\"tomorrow\"",
            "expiry-time",
            "invalid expires time",
        ),
        (
            "expiry-time=\"20300101\"",
            "expiry-time",
            "the time must be in UTC, with a Z at its end",
        ),
        (
            "cert-authority",
            "cert-authority",
            "no certificates are taken here",
        ),
        ("x-new-in-2030", "x-new-in-2030", "unknown key option"),
    ] {
        let expected = format!("bad key option \"{name}\": {why}, so the key is refused");
        assert_eq!(shown(options), expected, "{options}");
    }
    assert_eq!(
        Options::parse(b"permitopen=\"\xff:1\"").map_err(|bad| bad.why),
        Err(WhyBad::NotUtf8)
    );
}

#[test]
fn the_earliest_of_several_times_counts() {
    for options in [
        "expiry-time=\"20300101Z\",expiry-time=\"20290101Z\"",
        "expiry-time=\"20290101Z\",expiry-time=\"20300101Z\"",
    ] {
        let expiry = Options::parse(options.as_bytes()).unwrap().expiry;
        assert_eq!(expiry, Expiry::parse("20290101Z").ok());
    }
}

#[test]
fn a_list_has_at_most_4096_entries() {
    for (n, expected) in [
        (PERMITS_MAX - 1, None),
        (PERMITS_MAX, None),
        (PERMITS_MAX + 1, Some(WhyBad::TooMany)),
    ] {
        for name in ["permitopen=\"a:1\"", "permitlisten=\"1\""] {
            let options = alloc::vec![name; n].join(",");
            let read = Options::parse(options.as_bytes());
            assert_eq!(read.map_err(|bad| bad.why).err(), expected, "{n} {name}");
        }
    }
}

#[test]
fn no_prefix_of_a_line_of_options_forwards_more_than_the_line() {
    let line = b"restrict,port-forwarding,permitopen=\"a:1\",permitlisten=\"2\"";
    let whole = Options::parse(line).unwrap().permissions;
    for n in 0..line.len() {
        let Ok(read) = Options::parse(&line[..n]) else {
            continue;
        };
        // What is cut off at a comma is another line, and says what it says.
        let cut_behind_comma = n == 0 || line[n - 1] == b',';
        assert!(cut_behind_comma || line[n] == b',', "{n}");
        assert_ne!(read.permissions, whole);
    }
}
