//! `adit-keygen` beside ssh-keygen, openssl and puttygen: each reads what the other writes. A program
//! that is not installed is passed over.

#![forbid(unsafe_code)]
#![cfg(feature = "keygen")]
#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test ends where something is missing"
)]

mod directory;
#[cfg(target_os = "linux")]
mod hardened;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use directory::Directory;

/// A directory for one test.
struct Place(Directory);

impl Place {
    fn new() -> Self {
        Self(Directory::new())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(&*self.0)
            .env("HOME", &*self.0)
            .env_remove("DISPLAY")
            .env("SSH_ASKPASS_REQUIRE", "never")
            .stdin(Stdio::null());
        command
    }

    fn ours(&self, args: &[&str]) -> Output {
        let program = env!("CARGO_BIN_EXE_adit-keygen");
        self.command(program).args(args).output().unwrap()
    }

    /// What it prints; it must succeed.
    fn said(&self, args: &[&str]) -> String {
        let output = self.ours(args);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{args:?}: {errors}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// What it complains of; it must fail.
    fn failed(&self, args: &[&str]) -> String {
        let output = self.ours(args);
        assert!(!output.status.success(), "{args:?}");
        assert!(output.stdout.is_empty(), "{args:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    /// The same of another program; `None` when it is not installed.
    fn theirs(&self, program: &str, args: &[&str]) -> Option<String> {
        let output = match self.command(program).args(args).output() {
            Ok(output) => output,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                eprintln!("no {program}: what needs it is left out");
                return None;
            }
            Err(error) => panic!("{program}: {error}"),
        };
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{program} {args:?}: {errors}");
        Some(String::from_utf8(output.stdout).unwrap())
    }

    fn copy(&self, from: &str, to: &str) {
        fs::copy(self.path(from), self.path(to)).unwrap();
    }

    fn close(&self, name: &str) {
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o600)).unwrap();
    }
}

fn type_and_key(line: &str) -> Vec<&str> {
    line.split_whitespace().take(2).collect()
}

#[test]
fn ssh_keygen_reads_what_is_written() {
    let place = Place::new();
    for (name, passphrase, rounds) in [("plain", "", "24"), ("locked", "secret word", "5")] {
        let args = [
            "-q", "-f", name, "-N", passphrase, "-a", rounds, "-C", "it's me",
        ];
        assert_eq!(place.said(&args), "");
        let line = fs::read_to_string(place.path(&format!("{name}.pub"))).unwrap();
        let args = ["-y", "-P", passphrase, "-f", name];
        assert_eq!(place.said(&args), line);
        let Some(theirs) = place.theirs("ssh-keygen", &args) else {
            return;
        };
        assert_eq!(theirs, line);
        for file in [name.to_owned(), format!("{name}.pub")] {
            let args = ["-l", "-f", &file];
            assert_eq!(place.theirs("ssh-keygen", &args), Some(place.said(&args)));
        }
    }
    // It can be given another passphrase there and come back.
    let args = ["-p", "-P", "secret word", "-N", "other", "-f", "locked"];
    place.theirs("ssh-keygen", &args);
    let line = fs::read_to_string(place.path("locked.pub")).unwrap();
    assert_eq!(place.said(&["-y", "-P", "other", "-f", "locked"]), line);
    assert_eq!(
        place.failed(&["-y", "-P", "secret word", "-f", "locked"]),
        "Load key \"locked\": incorrect passphrase supplied to decrypt private key\n"
    );
}

#[test]
fn what_ssh_keygen_writes_is_read_in_each_type_and_format() {
    let place = Place::new();
    for (key_type, bits, formats) in [
        ("ed25519", "256", &[][..]),
        ("ecdsa", "256", &["PEM", "PKCS8"]),
        ("ecdsa", "384", &["PEM", "PKCS8"]),
        ("rsa", "2048", &["PEM", "PKCS8"]),
        ("rsa", "4096", &["PEM"]),
    ] {
        let name = format!("{key_type}{bits}");
        let make = ["-q", "-t", key_type, "-b", bits, "-N", "", "-f", &name];
        if place.theirs("ssh-keygen", &make).is_none() {
            return;
        }
        let line = fs::read_to_string(place.path(&format!("{name}.pub"))).unwrap();
        assert_eq!(place.said(&["-y", "-f", &name]), line);
        let show = ["-l", "-f", &name];
        assert_eq!(place.theirs("ssh-keygen", &show), Some(place.said(&show)));
        for passphrase in ["x", "a long passphrase with grüße"] {
            place.copy(&name, "locked");
            let change = ["-p", "-a", "2", "-N", passphrase, "-f", "locked"];
            place.theirs("ssh-keygen", &change);
            let said = place.said(&["-y", "-P", passphrase, "-f", "locked"]);
            assert_eq!(said, line, "{name} {passphrase}");
            // The type and the key are known without it.
            let show = ["-l", "-f", "locked"];
            assert_eq!(place.theirs("ssh-keygen", &show), Some(place.said(&show)));
        }
        for format in formats {
            place.copy(&name, "other");
            let change = ["-p", "-m", format, "-P", "", "-N", "", "-f", "other"];
            place.theirs("ssh-keygen", &change);
            let said = place.said(&["-y", "-f", "other"]);
            assert_eq!(type_and_key(&said), type_and_key(&line), "{name} {format}");
            let show = ["-l", "-f", "other"];
            assert_eq!(place.theirs("ssh-keygen", &show), Some(place.said(&show)));
            // Encrypted it is refused, with the command that helps; and it does.
            let change = ["-p", "-m", format, "-P", "", "-N", "secret", "-f", "other"];
            place.theirs("ssh-keygen", &change);
            assert_eq!(
                place.failed(&["-y", "-P", "secret", "-f", "other"]),
                "Load key \"other\": encrypted in PEM format; \"ssh-keygen -p -f other\" converts it\n"
            );
            let command = ["-p", "-a", "2", "-f", "other"];
            let change = [&command[..], &["-P", "secret", "-N", "secret"]].concat();
            place.theirs("ssh-keygen", &change);
            let said = place.said(&["-y", "-P", "secret", "-f", "other"]);
            assert_eq!(type_and_key(&said), type_and_key(&line), "{name} {format}");
        }
    }
}

#[test]
fn other_ciphers_are_converted_by_the_command_that_is_named() {
    let place = Place::new();
    for cipher in ["aes256-cbc", "aes128-ctr", "aes256-gcm@openssh.com"] {
        let name = cipher.split('@').next().unwrap();
        let make = [
            "-q", "-t", "ed25519", "-N", "secret", "-Z", cipher, "-f", name,
        ];
        if place.theirs("ssh-keygen", &make).is_none() {
            return;
        }
        let said = place.failed(&["-y", "-P", "secret", "-f", name]);
        let command = format!("\"ssh-keygen -p -f {name}\"");
        assert!(said.contains(&command), "{said}");
        let change = ["-p", "-P", "secret", "-N", "secret", "-f", name];
        place.theirs("ssh-keygen", &change);
        let line = fs::read_to_string(place.path(&format!("{name}.pub"))).unwrap();
        assert_eq!(place.said(&["-y", "-P", "secret", "-f", name]), line);
    }
}

#[test]
fn keys_of_types_that_are_not_known_say_so() {
    let place = Place::new();
    for (args, label) in [
        (
            ["-t", "ecdsa", "-b", "521"],
            "ECDSA P-521 keys are not supported",
        ),
        (
            ["-t", "rsa", "-b", "1024"],
            "RSA key of 1024 bits: not within 2048 and 8192",
        ),
    ] {
        let name = format!("{}{}", args[1], args[3]);
        let make = [&args[..], &["-q", "-N", "", "-f", &name]].concat();
        if place.theirs("ssh-keygen", &make).is_none() {
            return;
        }
        let said = place.failed(&["-y", "-f", &name]);
        assert!(
            said.starts_with(&format!("Load key \"{name}\": {label}")),
            "{said}"
        );
        assert_eq!(said.lines().count(), 1);
        // They have fingerprints all the same.
        let show = ["-l", "-f", &name];
        assert_eq!(place.theirs("ssh-keygen", &show), Some(place.said(&show)));
    }
}

#[test]
fn keys_of_openssl_are_read() {
    let place = Place::new();
    for (name, args) in [
        ("ed25519", &["-algorithm", "ed25519"][..]),
        (
            "ec",
            &["-algorithm", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"],
        ),
        (
            "rsa",
            &["-algorithm", "rsa", "-pkeyopt", "rsa_keygen_bits:2048"],
        ),
    ] {
        let make = [&["genpkey", "-out", name], args].concat();
        if place.theirs("openssl", &make).is_none() {
            return;
        }
        place.close(name);
        let line = place.said(&["-y", "-f", name]);
        fs::write(place.path("public"), &line).unwrap();
        let show = ["-l", "-f", "public"];
        let theirs = place.theirs("ssh-keygen", &show);
        assert_eq!(
            theirs.unwrap_or_else(|| place.said(&show)),
            place.said(&["-l", "-f", name])
        );
    }
    // With the block of parameters in front that `openssl ecparam` writes.
    let make = [
        "ecparam",
        "-name",
        "prime256v1",
        "-genkey",
        "-out",
        "parameters",
    ];
    place.theirs("openssl", &make);
    let text = fs::read_to_string(place.path("parameters")).unwrap();
    assert!(text.starts_with("-----BEGIN EC PARAMETERS-----"));
    place.close("parameters");
    let line = place.said(&["-y", "-f", "parameters"]);
    if let Some(theirs) = place.theirs("ssh-keygen", &["-y", "-f", "parameters"]) {
        assert_eq!(type_and_key(&line), type_and_key(&theirs));
    }
}

#[test]
fn keys_of_putty_are_converted_by_the_command_that_is_named() {
    let place = Place::new();
    place.said(&["-q", "-f", "key", "-N", "", "-C", "c"]);
    let make = ["key", "-O", "private", "-o", "key.ppk"];
    if place.theirs("puttygen", &make).is_none() {
        return;
    }
    let said = place.failed(&["-y", "-f", "key.ppk"]);
    assert_eq!(
        said,
        "Load key \"key.ppk\": in PuTTY's format; \
         \"puttygen key.ppk -O private-openssh -o NEW\" converts it\n"
    );
    place.theirs(
        "puttygen",
        &["key.ppk", "-O", "private-openssh", "-o", "new"],
    );
    place.close("new");
    let line = fs::read_to_string(place.path("key.pub")).unwrap();
    assert_eq!(place.said(&["-y", "-f", "new"]), line);
}

#[test]
fn the_program_ends_as_scripts_expect() {
    let place = Place::new();
    // Without a terminal, even where the tests are run on one.
    let program = env!("CARGO_BIN_EXE_adit-keygen");
    let code = |args: &[&str]| {
        let mut setsid = place.command("setsid");
        setsid.args(["-w", program]).args(args);
        setsid.output().unwrap().status.code()
    };
    if place.theirs("setsid", &["true"]).is_none() {
        return;
    }
    assert_eq!(code(&["-q", "-f", "key", "-N", ""]), Some(0));
    // There, and nobody to ask: 1, as ssh-keygen at the end of its input.
    assert_eq!(code(&["-q", "-f", "key", "-N", ""]), Some(1));
    assert_eq!(code(&["-f", "other"]), Some(1));
    assert_eq!(code(&["-x"]), Some(1));
    assert_eq!(code(&["-q", "-f", "none/key", "-N", ""]), Some(255));
    assert_eq!(code(&["-t", "rsa"]), Some(255));
    assert_eq!(code(&["-l", "-f", "none"]), Some(255));
    assert_eq!(code(&["-y", "-f", "none"]), Some(255));
    assert_eq!(code(&["--help"]), Some(0));
    assert_eq!(code(&["-V"]), Some(0));
    assert!(!Path::new(&place.path("other")).exists());
}

#[cfg(target_os = "linux")]
#[test]
fn a_maker_of_keys_can_dump_no_core_and_gain_no_rights() {
    let place = Place::new();
    let mut program = place.command(env!("CARGO_BIN_EXE_adit-keygen"));
    program.args(["-l", "-f", "-"]).stderr(Stdio::null());
    let mut reader = program.stdin(Stdio::piped()).spawn().unwrap();
    // It reads until there is no more, and has given all that up before.
    while !hardened::is_hardened(reader.id()) {
        assert_eq!(reader.try_wait().unwrap(), None);
        std::thread::yield_now();
    }
    drop(reader.stdin.take());
    assert_eq!(reader.wait().unwrap().code(), Some(255));
}
