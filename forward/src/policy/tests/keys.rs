//! One table: the options of a key, the configuration, what is asked for, and the answer.

use super::*;

const KEY_NOTHING: Result<(), Denied> = Err(Denied::KeyForwardsNothing);
const KEY_OPEN: Result<(), Denied> = Err(Denied::KeyNotListed);
const KEY_LISTEN: Result<(), Denied> = Err(Denied::KeyListenNotListed);
const LISTEN: Result<(), Denied> = Err(Denied::ListenNotListed);
const NO_LISTENING: Result<(), Denied> = Err(Denied::ListenNothing);
const NO_SOCKETS: Result<(), Denied> = Err(Denied::NoSockets);
const NO_LISTENING_SOCKETS: Result<(), Denied> = Err(Denied::ListenNoSockets);
const BAD_PATH: Result<(), Denied> = Err(Denied::BadPath);

/// All that a server can permit.
const ALL: &str = "Tcp yes; Sockets yes";

/// The options of the key, the configuration, the request, the answer.
const TABLE: &[(&str, &str, &str, Result<(), Denied>)] = &[
    // Nothing is said: nothing is allowed, whatever the key has.
    ("", "", "L h 1", NOTHING),
    ("", "", "R localhost 1", NO_LISTENING),
    ("", "", "L /run/a", NO_SOCKETS),
    ("", "", "R /run/a", NO_LISTENING_SOCKETS),
    ("port-forwarding,permitopen=\"h:1\"", "", "L h 1", NOTHING),
    ("permitlisten=\"1\"", "", "R localhost 1", NO_LISTENING),
    ("permitopen=\"/run/a\"", "", "L /run/a", NO_SOCKETS),
    // One word for each side and kind.
    ("", ALL, "L h 1", YES),
    ("", ALL, "R localhost 1", YES),
    ("", ALL, "L /run/a", YES),
    ("", ALL, "R /run/a", YES),
    ("", "Tcp yes", "R localhost 1", YES),
    ("", "Tcp yes", "L /run/a", NO_SOCKETS),
    ("", "Tcp yes", "R /run/a", NO_LISTENING_SOCKETS),
    ("", "Tcp local", "L h 1", YES),
    ("", "Tcp local", "R localhost 1", NO_LISTENING),
    ("", "Tcp remote", "L h 1", NOTHING),
    ("", "Tcp remote", "R localhost 1", YES),
    ("", "Sockets yes", "L h 1", NOTHING),
    ("", "Sockets local", "L /run/a", YES),
    ("", "Sockets local", "R /run/a", NO_LISTENING_SOCKETS),
    ("", "Sockets remote", "R /run/a", YES),
    ("", "Sockets remote", "L /run/a", NO_SOCKETS),
    ("", "Tcp yes; Sockets yes; Disable yes", "L h 1", NOTHING),
    (
        "",
        "Tcp yes; Sockets yes; Disable yes",
        "R localhost 1",
        NO_LISTENING,
    ),
    (
        "",
        "Tcp yes; Sockets yes; Disable yes",
        "L /run/a",
        NO_SOCKETS,
    ),
    (
        "",
        "Tcp yes; Sockets yes; Disable yes",
        "R /run/a",
        NO_LISTENING_SOCKETS,
    ),
    // restrict and port-forwarding are about all four.
    ("restrict", ALL, "L h 1", KEY_NOTHING),
    ("restrict", ALL, "R localhost 1", KEY_NOTHING),
    ("restrict", ALL, "L /run/a", KEY_NOTHING),
    ("restrict", ALL, "R /run/a", KEY_NOTHING),
    ("no-port-forwarding", ALL, "L h 1", KEY_NOTHING),
    ("no-port-forwarding", ALL, "R /run/a", KEY_NOTHING),
    ("restrict,port-forwarding", ALL, "L h 1", YES),
    ("restrict,port-forwarding", ALL, "R localhost 1", YES),
    ("port-forwarding,restrict", ALL, "L h 1", KEY_NOTHING),
    ("no-pty,no-X11-forwarding", ALL, "L h 1", YES),
    ("command=\"/bin/false\"", ALL, "L h 1", YES),
    // The trap: permitopen gives nothing.
    ("restrict,permitopen=\"h:1\"", ALL, "L h 1", KEY_NOTHING),
    (
        "restrict,permitlisten=\"1\"",
        ALL,
        "R localhost 1",
        KEY_NOTHING,
    ),
    (
        "restrict,port-forwarding,permitopen=\"h:1\"",
        ALL,
        "L h 1",
        YES,
    ),
    (
        "restrict,port-forwarding,permitopen=\"h:1\"",
        ALL,
        "L h 2",
        KEY_OPEN,
    ),
    // The other trap: each list is about one side.
    ("permitopen=\"h:1\"", ALL, "L h 1", YES),
    ("permitopen=\"h:1\"", ALL, "L h 2", KEY_OPEN),
    ("permitopen=\"h:1\"", ALL, "R localhost 9", YES),
    ("permitopen=\"h:1\"", ALL, "R /run/a", YES),
    ("permitlisten=\"1\"", ALL, "R localhost 1", YES),
    ("permitlisten=\"1\"", ALL, "R localhost 2", KEY_LISTEN),
    ("permitlisten=\"1\"", ALL, "L h 9", YES),
    ("permitlisten=\"1\"", ALL, "L /run/a", YES),
    // Lists name sockets too. (With OpenSSH a list of ports to listen on leaves every path open.)
    ("permitopen=\"h:1\"", ALL, "L /run/docker.sock", KEY_OPEN),
    ("permitopen=\"*:*\"", ALL, "L /run/docker.sock", KEY_OPEN),
    ("permitopen=\"/run/a\"", ALL, "L /run/a", YES),
    ("permitopen=\"/run/a\"", ALL, "L /run/b", KEY_OPEN),
    ("permitopen=\"/run/a\"", ALL, "L /run/../run/a", KEY_OPEN),
    ("permitopen=\"/run/a\"", ALL, "L h 1", KEY_OPEN),
    ("permitopen=\"/*\"", ALL, "L /run/b", YES),
    ("permitlisten=\"1\"", ALL, "R /run/a", KEY_LISTEN),
    ("permitlisten=\"/run/a\"", ALL, "R /run/a", YES),
    ("permitlisten=\"/run/a\"", ALL, "R localhost 1", KEY_LISTEN),
    (
        "",
        "Tcp yes; Sockets yes; PermitOpen h:1",
        "L /run/a",
        NOT_LISTED,
    ),
    (
        "",
        "Tcp yes; Sockets yes; PermitOpen h:1 /run/a",
        "L /run/a",
        YES,
    ),
    (
        "",
        "Tcp yes; Sockets yes; PermitOpen h:1 /*",
        "L /run/a",
        YES,
    ),
    (
        "",
        "Tcp yes; Sockets yes; PermitOpen none",
        "L /run/a",
        NO_SOCKETS,
    ),
    (
        "",
        "Tcp yes; Sockets yes; PermitListen 1",
        "R /run/a",
        LISTEN,
    ),
    (
        "",
        "Tcp yes; Sockets yes; PermitListen 1 /run/a",
        "R /run/a",
        YES,
    ),
    // A list alone permits what it names; "any" alone is about ports.
    ("", "PermitOpen h:1", "L h 1", YES),
    ("", "PermitOpen h:1", "L /run/a", NO_SOCKETS),
    ("", "PermitOpen h:1", "R localhost 1", NO_LISTENING),
    ("", "PermitOpen any", "L h 1", YES),
    ("", "PermitOpen any", "L /run/a", NO_SOCKETS),
    ("", "PermitOpen /run/a", "L /run/a", YES),
    ("", "PermitOpen /run/a", "L h 1", NOT_LISTED),
    ("", "PermitListen 1", "R localhost 1", YES),
    ("", "PermitListen 1", "R localhost 2", LISTEN),
    ("", "PermitListen 1", "L h 1", NOTHING),
    ("", "PermitListen any", "R localhost 2", YES),
    ("", "PermitListen any", "R /run/a", NO_LISTENING_SOCKETS),
    (
        "",
        "PermitListen none; Tcp yes",
        "R localhost 2",
        NO_LISTENING,
    ),
    ("", "PermitListen /run/a", "R /run/a", YES),
    (
        "",
        "Tcp local; PermitListen 1",
        "R localhost 1",
        NO_LISTENING,
    ),
    // Both must permit.
    ("permitopen=\"h:1\"", "PermitOpen h:1 h:2", "L h 1", YES),
    (
        "permitopen=\"h:1\"",
        "PermitOpen h:1 h:2",
        "L h 2",
        KEY_OPEN,
    ),
    (
        "permitopen=\"h:3\"",
        "PermitOpen h:1 h:2",
        "L h 3",
        NOT_LISTED,
    ),
    (
        "permitlisten=\"1\"",
        "PermitListen 1 2",
        "R localhost 1",
        YES,
    ),
    (
        "permitlisten=\"1\"",
        "PermitListen 1 2",
        "R localhost 2",
        KEY_LISTEN,
    ),
    (
        "permitlisten=\"3\"",
        "PermitListen 1 2",
        "R localhost 3",
        LISTEN,
    ),
    ("permitopen=\"/a\"", "PermitOpen /a /b", "L /b", KEY_OPEN),
    // Several entries.
    ("permitopen=\"h:1\",permitopen=\"i:2\"", ALL, "L i 2", YES),
    (
        "permitopen=\"h:1\",permitopen=\"i:2\"",
        ALL,
        "L i 1",
        KEY_OPEN,
    ),
    // The string that was asked for is what is compared.
    (
        "permitopen=\"127.0.0.1:80\"",
        ALL,
        "L localhost 80",
        KEY_OPEN,
    ),
    (
        "permitopen=\"127.0.0.1:80\"",
        ALL,
        "L ::ffff:127.0.0.1 80",
        YES,
    ),
    ("permitopen=\"[::1]:80\"", ALL, "L 0:0::1 80", YES),
    ("permitopen=\"DB.example:80\"", ALL, "L db.EXAMPLE 80", YES),
    ("permitopen=\"h:*\"", ALL, "L h 65535", YES),
    ("permitopen=\"*:80\"", ALL, "L h 80", YES),
    ("permitopen=\"*:80\"", ALL, "L h 81", KEY_OPEN),
    ("permitlisten=\"localhost:1\"", ALL, "R localhost 1", YES),
    ("permitlisten=\"localhost:1\"", ALL, "R _ 1", KEY_LISTEN),
    ("permitlisten=\"localhost:1\"", ALL, "R * 1", KEY_LISTEN),
    (
        "permitlisten=\"localhost:1\"",
        ALL,
        "R 127.0.0.1 1",
        KEY_LISTEN,
    ),
    (
        "permitlisten=\"localhost:1\"",
        ALL,
        "R 0.0.0.0 1",
        KEY_LISTEN,
    ),
    ("permitlisten=\"*:1\"", ALL, "R _ 1", YES),
    ("permitlisten=\"10.0.0.*:1\"", ALL, "R 10.0.0.7 1", YES),
    // Port 0 is whichever the system chooses: any port, so only `*` permits it.
    ("permitlisten=\"localhost:*\"", ALL, "R localhost 0", YES),
    ("permitlisten=\"8080\"", ALL, "R localhost 0", KEY_LISTEN),
    ("", "PermitListen 8080", "R localhost 0", LISTEN),
    ("", "Tcp yes", "R localhost 0", YES),
    ("", "Tcp yes", "R localhost 65536", BAD_PORT),
    ("", "Tcp yes", "R a\u{7f}b 1", BAD_HOST),
    // Paths begin at the root.
    ("", ALL, "L run/a", BAD_PATH),
    ("", ALL, "R ./a", BAD_PATH),
    // A name is not looked up to listen on.
    (
        "",
        "Tcp yes; GatewayPorts clientspecified",
        "R host.example 1",
        Err(Denied::ListenName),
    ),
    ("", "Tcp yes; GatewayPorts no", "R host.example 1", YES),
];

#[test]
fn a_key_and_a_configuration_permit_what_the_table_says() {
    for (options, configuration, request, expected) in TABLE {
        assert_eq!(
            answer("ann", options, configuration, request),
            *expected,
            "{options:?} | {configuration:?} | {request:?}"
        );
    }
}

#[test]
fn where_it_listens_is_what_gateway_ports_says() {
    let both = |a: &str, b: &str| vec![a.to_owned(), b.to_owned()];
    let loopback = || both("127.0.0.1:8", "[::1]:8");
    let wildcard = || both("0.0.0.0:8", "[::]:8");
    let one = |a: &str| vec![a.to_owned()];
    for (asked, no, yes_is_told, specified) in [
        ("localhost", loopback(), Overridden::Yes, loopback()),
        ("LocalHost", loopback(), Overridden::Yes, loopback()),
        ("", loopback(), Overridden::No, wildcard()),
        ("*", loopback(), Overridden::No, wildcard()),
        (
            "127.0.0.1",
            one("127.0.0.1:8"),
            Overridden::Yes,
            one("127.0.0.1:8"),
        ),
        (
            "::ffff:127.0.0.1",
            one("127.0.0.1:8"),
            Overridden::Yes,
            one("127.0.0.1:8"),
        ),
        ("::1", one("[::1]:8"), Overridden::Yes, one("[::1]:8")),
        ("0.0.0.0", loopback(), Overridden::No, one("0.0.0.0:8")),
        ("::", loopback(), Overridden::Yes, one("[::]:8")),
        ("10.0.0.7", loopback(), Overridden::Yes, one("10.0.0.7:8")),
        ("127.0.0.2", loopback(), Overridden::Yes, one("127.0.0.2:8")),
        (
            "2001:db8::1",
            loopback(),
            Overridden::Yes,
            one("[2001:db8::1]:8"),
        ),
    ] {
        for (word, addresses, told) in [
            ("no", no, Overridden::No),
            ("yes", wildcard(), yes_is_told),
            ("clientspecified", specified, Overridden::No),
        ] {
            let policy = configured(&format!("Tcp yes; GatewayPorts {word}"));
            let listen = policy.tcpip_forward(asked.as_bytes(), 8, ANN);
            let listen = listen.unwrap();
            let bound: Vec<String> = listen.addresses().iter().map(ToString::to_string).collect();
            assert_eq!(bound, addresses, "{asked:?} under {word}");
            assert_eq!(listen.overridden(), told, "{asked:?} under {word}");
            assert_eq!(listen.path(), None);
        }
    }
}

#[test]
fn a_socket_is_listened_on_where_it_was_asked_for() {
    let listen = configured(ALL).streamlocal_forward(b"/run/a", ANN);
    let listen = listen.unwrap();
    assert_eq!(listen.path(), Some(std::path::Path::new("/run/a")));
    assert!(listen.addresses().is_empty());
    for bad in [&b"/a\xff"[..], b"/a\0", b"", b"\0a"] {
        assert_eq!(
            configured(ALL).streamlocal_forward(bad, ANN),
            Err(Denied::BadPath)
        );
    }
}
