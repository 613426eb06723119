//! Specifications of every shape.

use super::*;
use SpecError as E;

mod addresses;

const STATIC: &str = "[bind_address:]port:host:hostport";
const DYNAMIC: &str = "[bind_address:]port";
const STDIO: &str = "host:port";

struct Fixed;
impl Names for Fixed {
    fn variable(&self, name: &str) -> Option<String> {
        match name {
            "HOST" => Some("inner".into()),
            "SPEC" => Some("8080:h:80".into()),
            "AGAIN" => Some("${HOST}".into()),
            _ => None,
        }
    }
    fn service(&self, name: &str) -> Option<u16> {
        (name == "http").then_some(80)
    }
}

fn parse(spec: &str) -> Result<LocalForward, SpecError> {
    LocalForward::parse(spec, &Fixed)
}

fn forward(bind: Bind, listen_port: u16, host: &str, port: u16) -> LocalForward {
    LocalForward {
        listen: Listen::Tcp {
            bind,
            port: listen_port,
        },
        to: tcp(host, port),
    }
}

fn tcp(host: &str, port: u16) -> Target {
    Target::Tcp {
        host: host.into(),
        port,
    }
}

fn unix(path: &str) -> Target {
    Target::Unix(path.into())
}

fn unsaid(port: u16) -> Listen {
    Listen::Tcp {
        bind: Bind::Unsaid,
        port,
    }
}

fn bind(spec: &str) -> Bind {
    match parse(spec).unwrap().listen {
        Listen::Tcp { bind, .. } => bind,
        Listen::Unix(path) => panic!("{path}"),
    }
}

fn address(text: &str) -> Bind {
    Bind::Address(text.parse().unwrap())
}

#[test]
fn specifications_are_read_as_ssh_reads_them() {
    use Bind::{Localhost, Name, Unsaid, Wildcard};
    for (spec, expected) in [
        ("8080:h:80", forward(Unsaid, 8080, "h", 80)),
        ("  8080:h:80", forward(Unsaid, 8080, "h", 80)),
        // One colon at the end begins no field.
        ("8080:h:80:", forward(Unsaid, 8080, "h", 80)),
        ("http:h:http", forward(Unsaid, 80, "h", 80)),
        ("0:h:80", forward(Unsaid, 0, "h", 80)),
        ("1:h:65535", forward(Unsaid, 1, "h", 65535)),
        ("8080:[::1]:80", forward(Unsaid, 8080, "::1", 80)),
        (r"8080:\:\:1:80", forward(Unsaid, 8080, "::1", 80)),
        (r"80\80:h:80", forward(Unsaid, 8080, "h", 80)),
        (r"8080:a\/b:80", forward(Unsaid, 8080, "a/b", 80)),
        ("8080:h[1]:80", forward(Unsaid, 8080, "h[1]", 80)),
        (":8080:h:80", forward(Wildcard, 8080, "h", 80)),
        ("*:8080:h:80", forward(Wildcard, 8080, "h", 80)),
        ("[]:8080:h:80", forward(Wildcard, 8080, "h", 80)),
        ("localhost:8080:h:80", forward(Localhost, 8080, "h", 80)),
        (
            "127.0.0.2:8080:h:80",
            forward(address("127.0.0.2"), 8080, "h", 80),
        ),
        (
            "[::1]:8080:[fe80::2]:80",
            forward(address("::1"), 8080, "fe80::2", 80),
        ),
        ("me:8080:h:80", forward(Name("me".into()), 8080, "h", 80)),
        ("8080:${HOST}:80", forward(Unsaid, 8080, "inner", 80)),
        ("${SPEC}", forward(Unsaid, 8080, "h", 80)),
        ("8080:${AGAIN}:80", forward(Unsaid, 8080, "${HOST}", 80)),
        ("8080:$h$:80", forward(Unsaid, 8080, "$h$", 80)),
    ] {
        assert_eq!(parse(spec), Ok(expected), "{spec}");
    }
}

#[test]
fn what_is_wrong_is_named() {
    for (spec, expected) in [
        ("", E::TooFewFields(STATIC)),
        (":", E::TooFewFields(STATIC)),
        ("8080", E::TooFewFields(STATIC)),
        ("8080:80", E::TooFewFields(STATIC)),
        ("/a", E::TooFewFields(STATIC)),
        ("/a:80", E::TooFewFields(STATIC)),
        ("8080::80", E::NoHost),
        ("8080:[]:80", E::NoHost),
        ("a:b:c:d:e", E::TooManyFields(STATIC)),
        ("8080:::1:80", E::TooManyFields(STATIC)),
        ("65536:h:80", E::ListenPort("65536".into())),
        ("-1:h:80", E::ListenPort("-1".into())),
        ("+1:h:80", E::ListenPort("+1".into())),
        ("gopher:h:80", E::ListenPort("gopher".into())),
        ("::h:80", E::ListenPort(String::new())),
        ("8080:h:0", E::Port("0".into())),
        (
            "8080:h:99999999999999999999",
            E::Port("99999999999999999999".into()),
        ),
        ("8080:h: 80", E::Port(" 80".into())),
        ("8080:h:\u{661}", E::Port("\u{661}".into())),
        ("[::1:8080:h:80", E::Bracket),
        ("[::1]x:8080:h:80", E::Bracket),
        (r"8080:h:80\", E::TrailingBackslash),
        ("/a:/b:80", E::Path("/b".into())),
        ("/a:b:/c", E::Path("/c".into())),
        ("me:8080:/b:80", E::Path("/b".into())),
        ("me:8080:h:/b", E::Path("/b".into())),
        ("me:/a:h:80", E::Path("/a".into())),
        ("/me:80:h:80", E::Path("/me".into())),
        ("8080:a:b:c:/d", E::TooManyFields(STATIC)),
        ("/a:/b\0", E::PathNul),
        ("8080:${NONE}:80", E::UnknownVariable("NONE".into())),
        ("8080:${HOST:80", E::Variable),
        ("8080:${}:80", E::Variable),
    ] {
        assert_eq!(parse(spec), Err(expected), "{spec}");
    }
}

#[test]
fn names_and_variables_have_a_longest_length() {
    let host = "h".repeat(HOST_MAX);
    assert!(parse(&format!("1:{host}:1")).is_ok());
    assert!(parse(&format!("{host}:1:h:1")).is_ok());
    assert_eq!(parse(&format!("1:{host}h:1")), Err(SpecError::HostTooLong));
    assert_eq!(
        parse(&format!("{host}h:1:h:1")),
        Err(SpecError::HostTooLong)
    );
    let name = "v".repeat(VARIABLE_MAX);
    let unknown = SpecError::UnknownVariable(name.clone());
    assert_eq!(parse(&format!("${{{name}}}")), Err(unknown));
    assert_eq!(parse(&format!("${{{name}v}}")), Err(SpecError::Variable));
}

#[test]
fn either_half_of_a_local_forward_may_be_a_path() {
    let path = Listen::Unix("/a".into());
    for (spec, listen, to) in [
        ("/a:/b", path.clone(), unix("/b")),
        ("8080:/b", unsaid(8080), unix("/b")),
        ("0:/b", unsaid(0), unix("/b")),
        ("/a:h:80", path.clone(), tcp("h", 80)),
        ("[/a]:[::1]:80", path.clone(), tcp("::1", 80)),
        (
            "[::1]:8080:/b",
            forward(address("::1"), 8080, "h", 1).listen,
            unix("/b"),
        ),
        (
            ":8080:b/c",
            forward(Bind::Wildcard, 8080, "h", 1).listen,
            unix("b/c"),
        ),
        (r"/a:/b\:c", path.clone(), unix("/b:c")),
        ("/a:[/b:c]", path, unix("/b:c")),
    ] {
        assert_eq!(parse(spec), Ok(LocalForward { listen, to }), "{spec}");
    }
}

#[test]
fn dynamic_forwards_have_no_destination() {
    let parse = |spec| DynamicForward::parse(spec, &Fixed);
    for (spec, listen) in [
        ("1080", unsaid(1080)),
        ("0", unsaid(0)),
        ("http", unsaid(80)),
        ("*:1080", forward(Bind::Wildcard, 1080, "h", 1).listen),
        ("[::1]:1080", forward(address("::1"), 1080, "h", 1).listen),
        ("/a", Listen::Unix("/a".into())),
    ] {
        assert_eq!(parse(spec), Ok(DynamicForward { listen }), "{spec}");
    }
    for (spec, expected) in [
        ("", E::TooFewFields(DYNAMIC)),
        ("gopher", E::ListenPort("gopher".into())),
        ("65536", E::ListenPort("65536".into())),
        ("1080:h:80", E::TooManyFields(DYNAMIC)),
        ("::1:1080", E::TooManyFields(DYNAMIC)),
        ("/a:/b", E::Path("/a".into())),
        ("/a:80", E::Path("/a".into())),
        ("1080:/b", E::Path("/b".into())),
    ] {
        assert_eq!(parse(spec), Err(expected), "{spec}");
    }
}

#[test]
fn remote_forwards_have_a_destination_or_none() {
    let at = |bind: Option<&str>, port| RemoteListen::Tcp {
        bind: bind.map(Into::into),
        port,
    };
    let path = || RemoteListen::Unix("/a".into());
    for (spec, listen, to, on_wire) in [
        (
            "80:h:81",
            at(None, 80),
            Some(tcp("h", 81)),
            Some("localhost"),
        ),
        ("0:h:81", at(None, 0), Some(tcp("h", 81)), Some("localhost")),
        (":80:h:81", at(Some(""), 80), Some(tcp("h", 81)), Some("")),
        ("*:80:h:81", at(Some(""), 80), Some(tcp("h", 81)), Some("")),
        (
            "LocalHost:80:h:81",
            at(Some("LocalHost"), 80),
            Some(tcp("h", 81)),
            Some("LocalHost"),
        ),
        // The server understands it, and says it so when it opens.
        (
            "[0:0::1]:80:h:81",
            at(Some("0:0::1"), 80),
            Some(tcp("h", 81)),
            Some("0:0::1"),
        ),
        ("80:/b", at(None, 80), Some(unix("/b")), Some("localhost")),
        ("me:80:/b", at(Some("me"), 80), Some(unix("/b")), Some("me")),
        ("/a:/b", path(), Some(unix("/b")), None),
        ("/a:h:81", path(), Some(tcp("h", 81)), None),
        ("80", at(None, 80), None, Some("localhost")),
        ("0", at(None, 0), None, Some("localhost")),
        ("*:80", at(Some(""), 80), None, Some("")),
        ("h:80", at(Some("h"), 80), None, Some("h")),
        ("/a", path(), None, None),
    ] {
        assert_eq!(listen.address_on_wire(), on_wire, "{spec}");
        let forward = RemoteForward { listen, to };
        assert_eq!(RemoteForward::parse(spec, &Fixed), Ok(forward), "{spec}");
    }
    for (spec, expected) in [
        ("", E::TooFewFields(DYNAMIC)),
        ("80:gopher", E::ListenPort("gopher".into())),
        ("80::81", E::NoHost),
        ("80:h:0", E::Port("0".into())),
        ("80:h:x", E::Port("x".into())),
        ("/a:80", E::TooFewFields(STATIC)),
        ("a:b:c:d:e", E::TooManyFields(STATIC)),
    ] {
        assert_eq!(RemoteForward::parse(spec, &Fixed), Err(expected), "{spec}");
    }
}

#[test]
fn standard_input_and_output_go_to_one_destination() {
    let parse = |spec| StdioForward::parse(spec, &Fixed);
    for (spec, to) in [
        ("h:22", tcp("h", 22)),
        ("[::1]:http", tcp("::1", 80)),
        ("${HOST}:1", tcp("inner", 1)),
        ("/a", unix("/a")),
    ] {
        assert_eq!(parse(spec), Ok(StdioForward { to }), "{spec}");
    }
    for (spec, expected) in [
        ("", E::TooFewFields(STDIO)),
        // ssh accepts it, and does nothing then.
        ("22", E::TooFewFields(STDIO)),
        (":22", E::NoHost),
        ("h:0", E::Port("0".into())),
        ("/a:22", E::Path("/a".into())),
        ("h:/a", E::Path("/a".into())),
        ("1:h:22", E::TooManyFields(STDIO)),
        ("::1:22", E::TooManyFields(STDIO)),
    ] {
        assert_eq!(parse(spec), Err(expected), "{spec}");
    }
}

#[test]
fn paths_have_a_longest_length() {
    let path = format!("/{}", "p".repeat(SOCKET_PATH_MAX - 1));
    assert!(parse(&format!("{path}:{path}")).is_ok());
    assert_eq!(parse(&format!("{path}p:/b")), Err(E::PathTooLong));
    assert_eq!(parse(&format!("1:{path}p")), Err(E::PathTooLong));
}

#[test]
fn a_forward_reads_back_from_its_own_text() {
    for spec in [
        "8080:h:80",
        "0:h:80",
        "*:8080:[::1]:80",
        "localhost:1:h:2",
        "[::1]:1:h:2",
        "127.0.0.1:1:h:2",
        "me:1:h:2",
        "/a:/b",
        "1:/b",
        "/a:h:2",
        r"\[/a:b/c",
        r"[/a:b]:\[h:2",
        r"a\/b:1:c\/d\\:2",
        r"\ me:1:a]\:b:2",
        r"1:$\{HOST}:2",
        r"1:\[\:\:]\/]:2",
        r"1:/$\{HOST}\\",
    ] {
        let forward = parse(spec).unwrap_or_else(|error| panic!("{spec}: {error}"));
        assert_eq!(parse(&forward.to_string()), Ok(forward), "{spec}");
        let forward = RemoteForward::parse(spec, &Fixed).unwrap();
        let again = RemoteForward::parse(&forward.to_string(), &Fixed);
        assert_eq!(again, Ok(forward), "{spec}");
    }
    for spec in ["0", "*:1", "[a:b]:1", "/a", r"a\/b:1"] {
        let forward = DynamicForward::parse(spec, &Fixed).unwrap();
        let again = DynamicForward::parse(&forward.to_string(), &Fixed);
        assert_eq!(again, Ok(forward), "{spec}");
        let forward = RemoteForward::parse(spec, &Fixed).unwrap();
        let again = RemoteForward::parse(&forward.to_string(), &Fixed);
        assert_eq!(again, Ok(forward), "{spec}");
    }
    for spec in ["h:1", "[a:b]:1", "/a", r"a\/b:1"] {
        let forward = StdioForward::parse(spec, &Fixed).unwrap();
        let again = StdioForward::parse(&forward.to_string(), &Fixed);
        assert_eq!(again, Ok(forward), "{spec}");
    }
}

#[test]
fn repetitions_are_dropped() {
    let mut forwards = Vec::new();
    for spec in ["1:h:2", "1:h:3", "1:h:2", "*:1:h:2", "01:h:2"] {
        add(&mut forwards, parse(spec).unwrap());
    }
    let texts: Vec<String> = forwards.iter().map(ToString::to_string).collect();
    assert_eq!(texts, ["1:h:2", "1:h:3", "*:1:h:2"]);
}

#[test]
fn only_the_server_itself_is_no_further_leg() {
    for (host, leaves) in [
        ("localhost", false),
        ("LocalHost", false),
        ("127.0.0.1", false),
        ("127.3.2.1", false),
        ("[::1]", false),
        ("hostb", false),
        ("HostB", false),
        ("HostC", true),
        ("10.0.0.1", true),
        ("localhost.example", true),
        ("0.0.0.0", true),
    ] {
        let forward = parse(&format!("1:{host}:2")).unwrap();
        assert_eq!(forward.to.leaves_server("hostb"), leaves, "{host}");
    }
    assert!(!parse("1:/b").unwrap().to.leaves_server("hostb"));
}
