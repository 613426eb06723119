//! Ports here that lead to the server's side (`-L`).

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener};
use std::thread;

use nix::sys::signal::Signal;

use crate::home::{Home, NEW, OPEN, allocated, assert_echoes, connect, echo, free_port};

#[test]
fn bytes_go_there_and_back_and_the_end_of_them_too() {
    let home = Home::new();
    let (_server, server) = home.aditd(OPEN);
    let (client, port) = home.tunnel(server, echo());
    let mut stream = connect(port);
    let mut sender = stream.try_clone().unwrap();
    let sent: Vec<u8> = (0..3_000_000_u32).map(|n| n.to_le_bytes()[1]).collect();
    let expected = sent.clone();
    let sending = thread::spawn(move || {
        sender.write_all(&sent).unwrap();
        sender.shutdown(Shutdown::Write).unwrap();
    });
    let mut got = Vec::new();
    stream.read_to_end(&mut got).unwrap();
    sending.join().unwrap();
    assert!(got == expected, "{} bytes came back", got.len());
    client.signal(Signal::SIGTERM);
    let (code, said) = client.end();
    assert_eq!(code, Some(0), "{said}");
    for line in [
        "Authenticated to 127.0.0.1 ([127.0.0.1]:",
        "debug1: kex: algorithm: ",
        "debug1: Server host key: ssh-ed25519 SHA256:",
        "debug1: Will attempt key: ",
        "debug1: Server accepts key: ED25519 SHA256:",
        "Killed by signal 15.",
    ] {
        assert!(said.contains(line), "{line} is not in {said}");
    }
}

#[test]
fn a_refused_destination_ends_that_connection_alone() {
    let home = Home::new();
    let allowed = echo();
    let (_server, server) = home.aditd(&[&format!("PermitOpen={allowed}")]);
    let (mut client, port) = home.tunnel(server, ([127, 0, 0, 1], 9).into());
    let mut stream = connect(port);
    let mut rest = Vec::new();
    // The application sees its connection break, not end.
    assert!(stream.read_to_end(&mut rest).is_err());
    client.wait_for("open failed: administratively prohibited: ");
    // The tunnel lives: the next one is refused like the first.
    let _second = connect(port);
    client.wait_for("open failed: administratively prohibited: ");
    client.signal(Signal::SIGTERM);
    assert_eq!(client.end().0, Some(0));
}

#[test]
fn a_destination_that_is_closed_is_named() {
    let home = Home::new();
    let (_server, server) = home.aditd(OPEN);
    let closed: SocketAddr = (Ipv4Addr::LOCALHOST, free_port()).into();
    let (mut client, port) = home.tunnel(server, closed);
    let _stream = connect(port);
    let line = client.wait_for("open failed: connect failed: ");
    assert!(line.contains(&closed.to_string()), "{line}");
}

#[test]
fn a_free_port_here_is_told_and_is_one_in_both_families() {
    let home = Home::new();
    let (_server, server) = home.aditd(OPEN);
    let to = echo();
    let mut client = home.adit(server, &[NEW, "-L", &format!("0:127.0.0.1:{}", to.port())]);
    let what = format!(" for local forward to 127.0.0.1:{}", to.port());
    let port = allocated(&mut client, &what);
    assert_echoes(port);
    assert_echoes((Ipv6Addr::LOCALHOST, port.port()).into());
}

#[test]
fn a_port_in_use_is_named_and_ends_the_program_only_if_asked_to() {
    let home = Home::new();
    let (_server, server) = home.aditd(OPEN);
    let held = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = held.local_addr().unwrap().port();
    let spec = format!("127.0.0.1:{port}:h:1");
    let args = ["-v", "-oStrictHostKeyChecking=no", "-L", &spec];
    let said = [
        &*format!("bind [127.0.0.1]:{port}: Address already in use"),
        &*format!("channel_setup_fwd_listener_tcpip: cannot listen to port: {port}"),
        "Could not request local forwarding.",
    ];
    let mut strict = args.to_vec();
    strict.push("-oExitOnForwardFailure=yes");
    home.adit(server, &strict).fails(&said);

    let mut client = home.adit(server, &args);
    client.wait_for("Could not request local forwarding.");
    client.signal(Signal::SIGTERM);
    assert_eq!(client.end().0, Some(0));
}

#[test]
fn localhost_is_both_families_and_half_of_it_is_a_failure() {
    let Ok(held) = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)) else {
        return; // no IPv6 on this machine
    };
    let home = Home::new();
    let (_server, server) = home.aditd(OPEN);
    let port = held.local_addr().unwrap().port();
    home.adit(
        server,
        &[
            "-oStrictHostKeyChecking=no",
            "-oExitOnForwardFailure=yes",
            "-L",
            &format!("{port}:h:1"),
        ],
    )
    .fails(&[&format!("bind [::1]:{port}: Address already in use")]);
}

#[test]
fn a_port_for_everybody_is_warned_of() {
    let home = Home::new();
    let (_server, server) = home.aditd(OPEN);
    let spec = format!("*:{}:127.0.0.1:1", free_port());
    let mut client = home.adit(server, &["-oStrictHostKeyChecking=no", "-L", &spec]);
    let line = client.wait_for_any(&["is open to other machines", "bind ["]);
    assert!(
        !line.contains("open to") || line.contains("without authenticating"),
        "{line}"
    );
}

#[test]
fn a_last_leg_without_protection_is_told_once_at_v() {
    let home = Home::new();
    let (_server, server) = home.aditd(OPEN);
    for (host, told) in [("192.0.2.1", 1), ("localhost", 0)] {
        let spec = format!("127.0.0.1:{}:{host}:1", free_port());
        let args = ["-v", "-oStrictHostKeyChecking=no", "-L", &spec];
        let mut client = home.adit(server, &args);
        client.wait_for_any(&["listening on", "cannot listen"]);
        client.signal(Signal::SIGTERM);
        let (_, said) = client.end();
        assert_eq!(said.matches("is not encrypted").count(), told, "{said}");
    }
}
