//! Whom a client trusts: host keys that are known, new or changed, of every type.

use std::fs;

use nix::sys::signal::Signal;

use crate::home::{Home, OPEN, echo};
use crate::logins::usable_keys;

#[test]
fn an_unknown_host_key_is_not_accepted_without_asking() {
    let home = Home::new();
    let (_server, server) = home.aditd(OPEN);
    home.adit(server, &["-N"]).fails(&[
        "No ED25519 host key is known for [127.0.0.1]:",
        "Host key verification failed.",
    ]);
    assert_eq!(home.known_hosts(), "");
}

#[test]
fn a_new_host_key_is_kept_and_a_changed_one_refused() {
    let home = Home::new();
    let (_server, server) = home.aditd(OPEN);
    let (client, _) = home.tunnel(server, echo());
    drop(client);
    let known = home.known_hosts();
    let name = format!("[127.0.0.1]:{} ssh-ed25519 ", server.port());
    assert!(known.starts_with(&name), "{known}");
    // Now it is known, and the strictest policy is content.
    let mut client = home.adit(server, &["-N", "-v", "-oStrictHostKeyChecking=yes"]);
    client.wait_for("Authenticated to ");
    drop(client);

    let other = home.new_key("other");
    let changed = format!("{name}{}\n", other.split(' ').nth(1).unwrap().trim());
    fs::write(home.ssh("known_hosts"), &changed).unwrap();
    home.adit(server, &["-N", "-oStrictHostKeyChecking=no"])
        .fails(&[
            "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @",
            "has changed and you have requested strict checking.",
            "Host key verification failed.",
        ]);
    assert_eq!(home.known_hosts(), changed);
}

#[test]
fn a_server_with_keys_of_every_type_shows_the_one_that_is_asked_for() {
    let home = Home::new();
    let host_keys: Vec<String> = usable_keys()
        .iter()
        .map(|(file, ..)| format!("HostKey={}", home.known_key(file)))
        .collect();
    let mut options = OPEN.to_vec();
    options.extend(host_keys.iter().map(String::as_str));
    let (_server, server) = home.aditd(&options);
    for (_, key_type, algorithms) in usable_keys() {
        for algorithm in *algorithms {
            let only = format!("-oHostKeyAlgorithms={algorithm}");
            let alias = format!("-oHostKeyAlias={key_type}");
            let accept = "-oStrictHostKeyChecking=accept-new";
            let mut client = home.adit(server, &["-N", "-v", accept, &alias, &only]);
            client.wait_for(&format!("kex: host key algorithm: {algorithm}"));
            client.wait_for("Authenticated to ");
        }
        let line = format!("{key_type} {key_type} ");
        let known = home.known_hosts();
        assert_eq!(known.matches(&line).count(), 1, "{known}");
        // From now on it is asked for this type before others, without being told to.
        let alias = format!("-oHostKeyAlias={key_type}");
        let strict = "-oStrictHostKeyChecking=yes";
        let mut client = home.adit(server, &["-N", "-v", strict, &alias]);
        client.wait_for(&format!("kex: host key algorithm: {}", algorithms[0]));
        client.wait_for("Authenticated to ");
    }
}

#[test]
fn twenty_clients_at_once_lose_none_of_each_others_hosts() {
    let home = Home::new();
    let old = "# a comment without an end";
    fs::write(home.ssh("known_hosts"), old).unwrap();
    let (_server, server) = home.aditd(&["MaxStartups=100"]);
    let clients: Vec<_> = (0..20)
        .map(|n| {
            let alias = format!("-oHostKeyAlias=host{n}");
            let accept = "-oStrictHostKeyChecking=accept-new";
            home.adit(server, &["-N", "-v", accept, &alias])
        })
        .collect();
    for mut client in clients {
        client.wait_for("Permanently added 'host");
    }
    let known = home.known_hosts();
    assert!(known.starts_with(&format!("{old}\n")), "{known}");
    for n in 0..20 {
        let name = format!("host{n} ssh-ed25519 ");
        assert_eq!(known.lines().filter(|l| l.starts_with(&name)).count(), 1);
    }
    let names: Vec<_> = fs::read_dir(home.ssh("")).unwrap().flatten().collect();
    let left_over = names
        .iter()
        .find(|e| e.path().to_string_lossy().contains(".adit-"));
    assert!(left_over.is_none(), "{left_over:?}");
}

#[test]
fn a_host_that_cannot_be_added_for_want_of_room_is_told_and_the_tunnel_stands() {
    let home = Home::new();
    let old = "somebody.example ssh-ed25519 AAAA\n";
    fs::write(home.ssh("known_hosts"), old).unwrap();
    let (_server, server) = home.aditd(OPEN);
    // No process of this shell can make a file longer than nothing; the signal that says so kills
    // whoever does not expect it.
    let adit = format!(
        "ulimit -f 0 && exec {} -F none -N -v -p {} -oStrictHostKeyChecking=accept-new -l me 127.0.0.1",
        env!("CARGO_BIN_EXE_adit"),
        server.port()
    );
    let mut client = home.start("/bin/sh", &["-c", &adit]);
    let said = client.wait_for("Failed to add the host to the list of known hosts (");
    assert!(said.ends_with("/known_hosts): File too large."), "{said}");
    client.wait_for("Authenticated to ");
    client.signal(Signal::SIGTERM);
    assert_eq!(client.end().0, Some(0));
    assert_eq!(home.known_hosts(), old);
}
