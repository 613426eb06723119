//! Ports and paths of the server that lead here (`-R`).

use std::io::Read as _;
use std::net::TcpStream;
use std::thread;
use std::time::Instant;

use nix::sys::signal::Signal;

use crate::home::{Home, NEW, OPEN, PATIENCE, allocated, assert_echoes, connect, echo, free_port};

#[test]
fn a_port_of_the_servers_choice_leads_here_until_the_client_goes() {
    let home = Home::new();
    let (_server, server) = home.aditd(OPEN);
    let to = echo();
    let mut client = home.adit(server, &[NEW, "-R", &format!("0:127.0.0.1:{}", to.port())]);
    let what = format!(" for remote forward to 127.0.0.1:{}", to.port());
    let port = allocated(&mut client, &what);
    assert_echoes(port);
    client.signal(Signal::SIGTERM);
    let (code, said) = client.end();
    assert_eq!(code, Some(0), "{said}");
    let deadline = Instant::now() + PATIENCE;
    while TcpStream::connect(port).is_ok() {
        assert!(Instant::now() < deadline, "the server listens still");
        thread::yield_now();
    }
}

#[test]
fn a_remote_forward_that_is_refused_ends_the_program_only_if_asked_to() {
    let home = Home::new();
    let (_server, server) = home.aditd(&["AllowTcpForwarding=local"]);
    for (listen, at) in [
        ("4080", "port 4080"),
        ("*:0", "port 0"),
        ("/nowhere/socket", "path /nowhere/socket"),
    ] {
        let spec = format!("{listen}:127.0.0.1:9");
        let mut client = home.adit(server, &[NEW, "-R", &spec]);
        let text = format!("remote port forwarding failed for listen {at}");
        client.wait_for(&format!("Warning: {text}"));
        // And where to look.
        client.wait_for("sshd -T");
        drop(client);
        let args = [NEW, "-oExitOnForwardFailure=yes", "-R", &spec];
        home.adit(server, &args).fails(&[&format!("Error: {text}")]);
    }
}

#[test]
fn a_remote_forward_to_where_nobody_is_says_so() {
    let home = Home::new();
    let (_server, server) = home.aditd(OPEN);
    let closed = free_port();
    let mut client = home.adit(server, &[NEW, "-R", &format!("0:127.0.0.1:{closed}")]);
    let what = format!(" for remote forward to 127.0.0.1:{closed}");
    let port = allocated(&mut client, &what);
    let read = connect(port).read(&mut [0]);
    assert!(!matches!(read, Ok(1..)), "{read:?}");
    client.wait_for(&format!(
        "connect_to 127.0.0.1 port {closed}: failed. (Connection refused)"
    ));
}
