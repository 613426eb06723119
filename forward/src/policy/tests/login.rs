//! What a server that runs as root keeps from everybody else.

use super::*;

const PORT: Result<(), Denied> = Err(Denied::ListenRootsPort);
const SOCKET: Result<(), Denied> = Err(Denied::RootsSocket);
const LISTEN_SOCKET: Result<(), Denied> = Err(Denied::ListenRootsSocket);

/// Everything that a configuration can permit, as root.
const ALL: &str = "Root; Tcp yes; Sockets yes";

/// The user, the options of the key, the configuration, the request, the answer.
type Case = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    Result<(), Denied>,
);

const TABLE: &[Case] = &[
    // An ordinary user's process: the system knows.
    ("ann", "", "Tcp yes; Sockets yes", "R localhost 80", YES),
    ("ann", "", "Tcp yes; Sockets yes", "L /run/a", YES),
    ("ann", "", "Tcp yes; Sockets yes", "R /run/a", YES),
    // Below, at and above the last of root's ports; and the one that the system chooses.
    ("ann", "", ALL, "R localhost 1", PORT),
    ("ann", "", ALL, "R localhost 1022", PORT),
    ("ann", "", ALL, "R localhost 1023", PORT),
    ("ann", "", ALL, "R localhost 1024", YES),
    ("ann", "", ALL, "R localhost 0", YES),
    ("root", "", ALL, "R localhost 1", YES),
    // To connect to a port takes no rights.
    ("ann", "", ALL, "L localhost 80", YES),
    // A socket's bits say nothing to root.
    ("ann", "", ALL, "L /run/a", SOCKET),
    ("ann", "", ALL, "R /run/a", LISTEN_SOCKET),
    ("root", "", ALL, "L /run/a", YES),
    ("root", "", ALL, "R /run/a", YES),
    // The name is compared to the letter.
    ("", "", ALL, "L /run/a", SOCKET),
    ("Root", "", ALL, "L /run/a", SOCKET),
    ("root ", "", ALL, "R localhost 80", PORT),
    ("roo", "", ALL, "R localhost 80", PORT),
    // Whoever wrote the configuration named it, and wrote it as root.
    ("ann", "", "Root; PermitListen 80", "R localhost 80", YES),
    (
        "ann",
        "",
        "Root; PermitListen a:80",
        "R localhost 80",
        Err(Denied::ListenNotListed),
    ),
    ("ann", "", "Root; PermitListen *:80", "R * 80", YES),
    ("ann", "", "Root; PermitListen a:* 80", "R a 80", YES),
    ("ann", "", "Root; PermitListen /run/a", "R /run/a", YES),
    ("ann", "", "Root; PermitOpen /run/a", "L /run/a", YES),
    // What is meant for all of them names none.
    ("ann", "", "Root; PermitListen *", "R localhost 80", PORT),
    ("ann", "", "Root; PermitListen any", "R localhost 80", PORT),
    ("ann", "", "Root; PermitListen * 81", "R localhost 80", PORT),
    (
        "ann",
        "",
        "Root; PermitListen /*",
        "R /run/a",
        LISTEN_SOCKET,
    ),
    ("ann", "", "Root; PermitOpen /* /run/b", "L /run/a", SOCKET),
    // One side's list is not the other's.
    (
        "ann",
        "",
        "Root; Sockets yes; PermitOpen /run/a",
        "R /run/a",
        LISTEN_SOCKET,
    ),
    // A key's list takes away and gives nothing.
    ("ann", "permitlisten=\"80\"", ALL, "R localhost 80", PORT),
    ("ann", "permitopen=\"/run/a\"", ALL, "L /run/a", SOCKET),
    ("root", "permitlisten=\"80\"", ALL, "R localhost 80", YES),
    (
        "root",
        "permitlisten=\"81\"",
        ALL,
        "R localhost 80",
        Err(Denied::KeyListenNotListed),
    ),
    (
        "root",
        "restrict",
        ALL,
        "R localhost 80",
        Err(Denied::KeyForwardsNothing),
    ),
    // Nothing is said, to root too.
    (
        "root",
        "",
        "Root",
        "R localhost 80",
        Err(Denied::ListenNothing),
    ),
    ("root", "", "Root", "L /run/a", Err(Denied::NoSockets)),
];

#[test]
fn as_root_a_server_gives_roots_rights_to_root_alone_or_where_they_are_named() {
    for (user, options, configuration, request, expected) in TABLE {
        assert_eq!(
            answer(user, options, configuration, request),
            *expected,
            "{user:?} | {options:?} | {configuration:?} | {request:?}"
        );
    }
}

#[test]
fn what_gateway_ports_makes_of_it_is_of_no_matter() {
    for word in ["no", "yes", "clientspecified"] {
        let configuration = format!("{ALL}; GatewayPorts {word}");
        for address in ["localhost", "_", "*", "0.0.0.0", "::1"] {
            let request = format!("R {address} 443");
            assert_eq!(answer("ann", "", &configuration, &request), PORT);
            assert_eq!(answer("root", "", &configuration, &request), YES);
        }
    }
}
