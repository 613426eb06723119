//! Logins with keys of every type, and what is said of one that is refused.

use std::fs;
use std::net::SocketAddr;

use adit::provider::PROVIDER;
use adit_auth::keyfile::KeyFile;
use adit_auth::public_key::to_line;

use crate::home::{Home, OPEN};

/// Key files, and the algorithms that go with each. Without ring nothing signs with RSA.
const KEYS: [(&str, &str, &[&str]); 4] = [
    ("ed25519", "ssh-ed25519", &["ssh-ed25519"]),
    (
        "ecdsa256_pem",
        "ecdsa-sha2-nistp256",
        &["ecdsa-sha2-nistp256"],
    ),
    (
        "ecdsa384_pkcs8",
        "ecdsa-sha2-nistp384",
        &["ecdsa-sha2-nistp384"],
    ),
    ("rsa", "ssh-rsa", &["rsa-sha2-512", "rsa-sha2-256"]),
];

pub(crate) fn usable_keys() -> &'static [(&'static str, &'static str, &'static [&'static str])] {
    if cfg!(feature = "ring") {
        &KEYS
    } else {
        &KEYS[..3]
    }
}

#[test]
fn users_log_in_with_keys_of_every_type_that_the_server_accepts() {
    let home = Home::new();
    let mut authorized = String::new();
    for (file, ..) in usable_keys() {
        let text = fs::read(home.known_key(file)).unwrap();
        let key = KeyFile::parse(&text, PROVIDER.keys).unwrap().plain();
        authorized += &to_line(&key.unwrap().public_blob(), "").unwrap();
    }
    fs::write(home.ssh("authorized_keys"), authorized).unwrap();
    let (mut server, address) = home.aditd(OPEN);
    let accept = "-oStrictHostKeyChecking=accept-new";
    let log_in = |address: SocketAddr, file: &str| {
        let file = home.ssh(file);
        let file = file.to_str().unwrap();
        home.adit(
            address,
            &["-N", "-v", accept, "-oIdentitiesOnly=yes", "-i", file],
        )
    };
    for (file, key_type, _) in usable_keys() {
        let mut client = log_in(address, file);
        client.wait_for("Authenticated to ");
        let line = server.wait_for("Accepted publickey for somebody from 127.0.0.1 port ");
        let label = adit_auth::key_type_label(key_type.as_bytes());
        assert!(line.contains(&format!(" ssh2: {label} SHA256:")), "{line}");
    }
    let (mut server, address) = home.aditd(&["PubkeyAcceptedAlgorithms=-ecdsa*,rsa-sha2-512"]);
    log_in(address, "ecdsa256_pem").fails(&["Permission denied (publickey)."]);
    log_in(address, "ed25519").wait_for("Authenticated to ");
    server.wait_for("Accepted publickey for somebody");
    if cfg!(feature = "ring") {
        // The server says that the other algorithm is left.
        log_in(address, "rsa").wait_for("Authenticated to ");
        server.wait_for(" ssh2: RSA SHA256:");
    }
}

#[test]
fn a_refused_login_names_user_and_methods() {
    let home = Home::new();
    let (_server, server) = home.aditd(OPEN);
    home.new_key("stranger");
    let key = home.ssh("stranger");
    home.adit(
        server,
        &[
            "-N",
            "-oStrictHostKeyChecking=no",
            "-i",
            key.to_str().unwrap(),
        ],
    )
    .fails(&["somebody@127.0.0.1: Permission denied (publickey)."]);
    fs::remove_file(home.ssh("id_ed25519")).unwrap();
    home.adit(server, &["-N", "-oStrictHostKeyChecking=no"])
        .fails(&[
            "There was no key to log in with",
            "somebody@127.0.0.1: Permission denied (publickey).",
        ]);
}
