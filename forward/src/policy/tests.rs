//! Tables: what a configuration and a request come to.

mod keys;
mod login;

use core::net::IpAddr;

use adit_auth::authorized_keys::Options;

use super::*;

const ANN: Login<'_> = Login {
    user: b"ann",
    key: &Permissions::ALL,
};

/// A configuration in the words of sshd_config(5), separated by `;`.
fn configured(text: &str) -> Policy {
    let mut policy = Policy::default();
    for line in text
        .split(';')
        .map(str::trim)
        .filter(|line| !line.is_empty())
    {
        let words: Vec<&str> = line.split(' ').collect();
        let (keyword, values) = words.split_first().unwrap();
        match *keyword {
            "Tcp" => policy.allow_tcp = AllowForwarding::parse(values[0]),
            "Sockets" => policy.allow_streamlocal = AllowForwarding::parse(values[0]),
            "Disable" => policy.disable = DisableForwarding::Yes,
            "Root" => policy.runs_as = RunsAs::Root,
            "PermitOpen" => policy.permit_open = PermitOpen::parse(values).ok(),
            "PermitListen" => policy.permit_listen = PermitListen::parse(values).ok(),
            "GatewayPorts" => policy.gateway_ports = GatewayPorts::parse(values[0]).unwrap(),
            other => panic!("{other}"),
        }
    }
    policy
}

/// What a user is told whose key has those options: `L host port`, `L /path`, `R address port`,
/// `R /path`; `_` is the empty address.
fn answer(user: &str, options: &str, configuration: &str, request: &str) -> Result<(), Denied> {
    let key = if options.is_empty() {
        Permissions::ALL
    } else {
        Options::parse(options.as_bytes()).unwrap().permissions
    };
    let login = Login {
        user: user.as_bytes(),
        key: &key,
    };
    let policy = configured(configuration);
    let words: Vec<&str> = request.split(' ').collect();
    match words.as_slice() {
        ["L", path] => policy
            .direct_streamlocal(path.as_bytes(), login)
            .map(|_| ()),
        ["R", path] => policy
            .streamlocal_forward(path.as_bytes(), login)
            .map(|_| ()),
        ["L", host, port] => {
            let port = port.parse().unwrap();
            policy.direct_tcpip(host.as_bytes(), port, &key).map(|_| ())
        }
        ["R", address, port] => {
            let address = if *address == "_" { "" } else { address };
            let port = port.parse().unwrap();
            policy
                .tcpip_forward(address.as_bytes(), port, login)
                .map(|_| ())
        }
        other => panic!("{other:?}"),
    }
}

fn policy(allow: &str, permit_open: &str) -> Policy {
    let words: Vec<&str> = permit_open.split_whitespace().collect();
    Policy::new(
        (!allow.is_empty()).then(|| AllowForwarding::parse(allow).unwrap()),
        (!words.is_empty()).then(|| PermitOpen::parse(&words).unwrap()),
    )
}

const YES: Result<(), Denied> = Ok(());
const BAD_HOST: Result<(), Denied> = Err(Denied::BadHost);
const BAD_PORT: Result<(), Denied> = Err(Denied::BadPort);
const NOT_LISTED: Result<(), Denied> = Err(Denied::NotListed);
const NOTHING: Result<(), Denied> = Err(Denied::NothingAllowed);

type Row = (
    &'static str,
    &'static str,
    &'static str,
    u32,
    Result<(), Denied>,
);

/// `AllowTcpForwarding`, `PermitOpen`, host and port asked for, and the answer.
const ROWS: &[Row] = &[
    // Nothing is said: nothing is allowed, and nothing is told.
    ("", "", "localhost", 80, NOTHING),
    ("", "", "127.0.0.1", 80, NOTHING),
    ("", "", "", 0, NOTHING),
    ("", "", "a b", 70_000, NOTHING),
    // AllowTcpForwarding alone.
    ("yes", "", "localhost", 80, YES),
    ("YES", "", "localhost", 80, YES),
    ("all", "", "10.0.0.1", 65_535, YES),
    ("local", "", "2001:db8::1", 1, YES),
    ("no", "", "localhost", 80, NOTHING),
    ("remote", "", "localhost", 80, NOTHING),
    // PermitOpen alone.
    ("", "localhost:80", "localhost", 80, YES),
    ("", "localhost:80", "localhost", 81, NOT_LISTED),
    ("", "localhost:80", "127.0.0.1", 80, NOT_LISTED),
    ("", "any", "anything.example", 1, YES),
    ("", "none", "localhost", 80, NOTHING),
    // Both: they intersect.
    ("yes", "localhost:80", "localhost", 80, YES),
    ("yes", "localhost:80", "localhost", 443, NOT_LISTED),
    ("yes", "none", "localhost", 80, NOTHING),
    ("yes", "any", "localhost", 80, YES),
    ("local", "localhost:80", "localhost", 80, YES),
    ("local", "localhost:80", "otherhost", 80, NOT_LISTED),
    ("no", "localhost:80", "localhost", 80, NOTHING),
    ("no", "any", "localhost", 80, NOTHING),
    ("remote", "localhost:80", "localhost", 80, NOTHING),
    ("remote", "any", "localhost", 80, NOTHING),
    // Several destinations.
    ("", "a:1 b:2 c:3", "a", 1, YES),
    ("", "a:1 b:2 c:3", "c", 3, YES),
    ("", "a:1 b:2 c:3", "a", 2, NOT_LISTED),
    ("", "a:1 b:2 c:3", "d", 1, NOT_LISTED),
    // Wildcards.
    ("", "*:80", "whatever.example", 80, YES),
    ("", "*:80", "::1", 80, YES),
    ("", "*:80", "::1", 81, NOT_LISTED),
    ("", "localhost:*", "localhost", 65_535, YES),
    ("", "localhost:*", "localhost", 65_536, BAD_PORT),
    ("", "localhost:*", "localhost", 0, BAD_PORT),
    ("", "localhost:*", "local", 80, NOT_LISTED),
    ("", "*:*", "x", 9, YES),
    ("", "[*]:80", "x", 80, YES),
    // A star is the whole host, never part of one, and not a host to ask for.
    ("", "*:80", "*", 80, BAD_HOST),
    ("yes", "", "*.example", 80, BAD_HOST),
    // Names: any case, every letter, no pattern, no search for other spellings.
    ("", "DB.Example:5432", "db.example", 5432, YES),
    ("", "db.example:5432", "DB.EXAMPLE", 5432, YES),
    ("", "db.example:5432", "db.example.", 5432, NOT_LISTED),
    ("", "db.example.:5432", "db.example.", 5432, YES),
    ("", "db.example:5432", "xdb.example", 5432, NOT_LISTED),
    ("", "db.example:5432", "db.example.org", 5432, NOT_LISTED),
    ("", "db_1.example:5432", "db_1.example", 5432, YES),
    // Literals: by value, not by spelling.
    ("", "127.0.0.1:80", "127.0.0.1", 80, YES),
    ("", "127.0.0.1:80", "::ffff:127.0.0.1", 80, YES),
    ("", "127.0.0.1:80", "::FFFF:7f00:1", 80, YES),
    ("", "[::ffff:127.0.0.1]:80", "127.0.0.1", 80, YES),
    ("", "127.0.0.1:80", "::127.0.0.1", 80, NOT_LISTED),
    ("", "127.0.0.1:80", "127.0.0.2", 80, NOT_LISTED),
    ("", "127.0.0.1:80", "0.0.0.0", 80, NOT_LISTED),
    ("", "127.0.0.1:80", "::1", 80, NOT_LISTED),
    ("", "127.0.0.1:80", "localhost", 80, NOT_LISTED),
    ("", "[::1]:80", "::1", 80, YES),
    ("", "[::1]:80", "0:0:0:0:0:0:0:1", 80, YES),
    ("", "[2001:DB8::A]:80", "2001:db8:0::a", 80, YES),
    ("", "[::1]:80", "::", 80, NOT_LISTED),
    ("", "10.0.0.1:*", "10.0.0.1", 22, YES),
    // Other spellings of addresses, which getaddrinfo(3) takes, are nothing.
    ("", "127.0.0.1:80", "127.1", 80, BAD_HOST),
    ("yes", "", "127.1", 80, BAD_HOST),
    ("yes", "", "2130706433", 80, BAD_HOST),
    ("yes", "", "0x7f000001", 80, BAD_HOST),
    ("yes", "", "0x7F.0.0.1", 80, BAD_HOST),
    ("yes", "", "0x", 80, BAD_HOST),
    ("yes", "", "0177.0.0.1", 80, BAD_HOST),
    ("yes", "", "127.0.0.01", 80, BAD_HOST),
    ("yes", "", "127.0.0.1.", 80, BAD_HOST),
    ("yes", "", "1.2.3.4.5", 80, BAD_HOST),
    ("yes", "", "256.0.0.1", 80, BAD_HOST),
    ("yes", "", "[::1]", 80, BAD_HOST),
    ("yes", "", "fe80::1%eth0", 80, BAD_HOST),
    // What is no name.
    ("yes", "", "", 80, BAD_HOST),
    ("yes", "", ".", 80, BAD_HOST),
    ("yes", "", "..", 80, BAD_HOST),
    ("yes", "", "a..", 80, BAD_HOST),
    ("yes", "", " localhost", 80, BAD_HOST),
    ("yes", "", "localhost\n", 80, BAD_HOST),
    ("yes", "", "local\0host", 80, BAD_HOST),
    ("yes", "", "localhost:22", 80, BAD_HOST),
    ("yes", "", "/run/socket", 80, BAD_HOST),
    ("yes", "", "bücher.example", 80, BAD_HOST),
    ("yes", "", "\u{202e}example", 80, BAD_HOST),
    // Names that only look like numbers.
    ("yes", "", "0x7f.example", 80, YES),
    ("yes", "", "1.2.3.in-addr.arpa", 80, YES),
    ("yes", "", "3com.example", 80, YES),
    ("yes", "", "0xyz", 80, YES),
    ("yes", "", "xn--bcher-kva.example", 80, YES),
    // Ports.
    ("yes", "", "localhost", 0, BAD_PORT),
    ("yes", "", "localhost", 1, YES),
    ("yes", "", "localhost", 65_535, YES),
    ("yes", "", "localhost", 65_536, BAD_PORT),
    ("yes", "", "localhost", u32::MAX, BAD_PORT),
    ("", "localhost:80", "localhost", 65_536 + 80, BAD_PORT),
];

#[test]
fn each_configuration_permits_what_the_table_says() {
    for (allow, permit_open, host, port, expected) in ROWS {
        let answer =
            policy(allow, permit_open).direct_tcpip(host.as_bytes(), *port, &Permissions::ALL);
        assert_eq!(
            answer.map(|_| ()),
            *expected,
            "AllowTcpForwarding {allow:?}, PermitOpen {permit_open:?}: {host:?} port {port}"
        );
    }
}

#[test]
fn what_is_permitted_is_what_was_matched() {
    for (asked, host) in [
        ("Db.Example", Host::Name("db.example".into())),
        (
            "::ffff:10.0.0.1",
            Host::Address(IpAddr::from([10, 0, 0, 1])),
        ),
    ] {
        let opened = policy("yes", "").direct_tcpip(asked.as_bytes(), 80, &Permissions::ALL);
        let to = PermittedTo::Tcp { host, port: 80 };
        assert_eq!(opened.as_ref().map(Permitted::to), Ok(&to));
    }
}

#[test]
fn what_is_no_destination_is_nobodys_policy() {
    for (why, reason) in [
        (Denied::BadHost, OpenFailure::ConnectFailed),
        (Denied::BadPath, OpenFailure::ConnectFailed),
        (Denied::BadPort, OpenFailure::ConnectFailed),
        (Denied::NotListed, OpenFailure::AdministrativelyProhibited),
        (
            Denied::KeyNotListed,
            OpenFailure::AdministrativelyProhibited,
        ),
        (
            Denied::NothingAllowed,
            OpenFailure::AdministrativelyProhibited,
        ),
    ] {
        assert_eq!(why.reason(), reason, "{why}");
    }
}

#[test]
fn bytes_that_are_not_utf_8_are_no_host() {
    assert_eq!(
        policy("yes", "").direct_tcpip(b"a\xff", 80, &Permissions::ALL),
        Err(Denied::BadHost)
    );
}

#[test]
fn a_host_has_at_most_255_bytes() {
    let long = |n: usize| {
        policy("yes", "")
            .direct_tcpip("a".repeat(n).as_bytes(), 80, &Permissions::ALL)
            .is_ok()
    };
    assert!(long(254));
    assert!(long(HOST_MAX));
    assert!(!long(HOST_MAX + 1));
}

#[test]
fn a_permit_has_a_host_and_a_port() {
    for (word, expected) in [
        ("host:80", Ok("host:80")),
        ("HOST:80", Ok("host:80")),
        ("[host]:80", Ok("host:80")),
        ("[::0001]:80", Ok("[::1]:80")),
        ("[::ffff:1.2.3.4]:80", Ok("1.2.3.4:80")),
        ("*:*", Ok("*:*")),
        ("host:1", Ok("host:1")),
        ("host:65535", Ok("host:65535")),
        ("host:080", Ok("host:80")),
        ("host:0", Err(BadPermit::BadPort)),
        ("host:65536", Err(BadPermit::BadPort)),
        ("host:4294967295", Err(BadPermit::BadPort)),
        ("host:99999999999999999999", Err(BadPermit::BadPort)),
        ("host:+80", Err(BadPermit::BadPort)),
        ("host:-1", Err(BadPermit::BadPort)),
        ("host: 80", Err(BadPermit::BadPort)),
        ("host:80x", Err(BadPermit::BadPort)),
        ("host:http", Err(BadPermit::BadPort)),
        ("host:**", Err(BadPermit::BadPort)),
        ("host:", Err(BadPermit::BadPort)),
        ("host", Err(BadPermit::MissingPort)),
        ("[::1]", Err(BadPermit::MissingPort)),
        ("[::1]80", Err(BadPermit::MissingPort)),
        ("[::1:80", Err(BadPermit::BadHost)),
        ("::1:80", Err(BadPermit::Brackets)),
        ("a:b:80", Err(BadPermit::Brackets)),
        (":80", Err(BadPermit::MissingHost)),
        ("[]:80", Err(BadPermit::MissingHost)),
        ("a*:80", Err(BadPermit::BadHost)),
        ("127.1:80", Err(BadPermit::BadHost)),
        ("10.0.0.0/8:80", Err(BadPermit::BadHost)),
        ("any", Err(BadPermit::NotAlone)),
        ("none", Err(BadPermit::NotAlone)),
        ("", Err(BadPermit::MissingPort)),
    ] {
        let permit = Permit::parse(word).map(|permit| permit.to_string());
        assert_eq!(permit, expected.map(String::from), "{word:?}");
    }
}

#[test]
fn any_and_none_stand_alone_and_one_bad_word_spoils_the_line() {
    assert_eq!(PermitOpen::parse(&["any"]), Ok(PermitOpen::Any));
    assert_eq!(PermitOpen::parse(&["none"]), Ok(PermitOpen::Nothing));
    assert_eq!(PermitOpen::parse(&[]), Err((BadPermit::Nothing, "")));
    for words in [["a:1", "any"], ["any", "a:1"], ["none", "any"]] {
        assert!(matches!(
            PermitOpen::parse(&words),
            Err((BadPermit::NotAlone, _))
        ));
    }
    let words = ["a:1", "b:x", "c:3"];
    assert_eq!(PermitOpen::parse(&words), Err((BadPermit::BadPort, "b:x")));
}

#[test]
fn there_are_at_most_4096_destinations() {
    let parse = |n: usize| PermitOpen::parse(&vec!["a:1"; n]).map(|_| ());
    assert_eq!(parse(PERMITS_MAX - 1), Ok(()));
    assert_eq!(parse(PERMITS_MAX), Ok(()));
    assert_eq!(parse(PERMITS_MAX + 1), Err((BadPermit::TooMany, "")));
}

#[test]
fn the_word_for_allow_is_one_of_five() {
    for bad in ["", "true", "yess", "ye", "local,remote", "1"] {
        assert_eq!(AllowForwarding::parse(bad), None, "{bad:?}");
    }
}

#[test]
fn the_policy_says_what_it_permits_and_why_nothing() {
    for (allow, permit_open, text) in [
        ("", "", "nothing: set AllowTcpForwarding or PermitOpen"),
        ("no", "a:1", "nothing (AllowTcpForwarding no)"),
        ("remote", "", "nothing (AllowTcpForwarding remote)"),
        ("yes", "none", "nothing (PermitOpen none)"),
        ("", "none", "nothing (PermitOpen none)"),
        ("yes", "", "any destination"),
        ("", "any", "any destination"),
        ("local", "A:1 [::1]:2 *:3 b:*", "a:1, [::1]:2, *:3, b:*"),
    ] {
        let expected = format!("Clients may open {text}");
        assert_eq!(policy(allow, permit_open).opens().to_string(), expected);
    }
    let many = policy("", &"a:1 ".repeat(20)).opens().to_string();
    assert!(many.ends_with("a:1 and 4 more"), "{many}");
}
