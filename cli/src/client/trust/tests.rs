use std::fs;
use std::time::{Duration, Instant};

use adit_auth::keyfile::KeyFile;
use adit_auth::public_key::to_line;

use super::*;
use crate::provider::PROVIDER;
use crate::report::Level;
use crate::testing::Directory;

mod crowd;

fn new_key() -> Vec<u8> {
    let key = KeyFile::generate(PROVIDER, PROVIDER.random, "");
    key.unwrap().public_blob()
}

/// Without a host: what stands behind it.
fn line(host: &str, port: u16, key: &[u8]) -> String {
    if host.is_empty() {
        return format!(" {}", to_line(key, "").unwrap());
    }
    let host = HostName::new(host.as_bytes(), port);
    known_hosts::line(PROVIDER, &host, key, Form::Plain).unwrap()
}

fn rsa_key() -> Vec<u8> {
    let mut rsa = Vec::new();
    for part in [&b"ssh-rsa"[..], &[1, 0, 1], &[0x55; 256]] {
        rsa.extend(u32::try_from(part.len()).unwrap().to_be_bytes());
        rsa.extend(part);
    }
    rsa
}

struct Case {
    directory: Directory,
    policy: Policy,
    report: Arc<Report>,
}

impl Case {
    fn new(check: StrictHostKeyChecking, user_file: &str) -> Self {
        let directory = Directory::new();
        let path = directory.join("ssh/known_hosts");
        if !user_file.is_empty() {
            fs::create_dir(directory.join("ssh")).unwrap();
            fs::write(&path, user_file).unwrap();
        }
        let policy = Policy {
            host: "HostB".into(),
            port: 2222,
            alias: None,
            hash: HashNames::No,
            check,
            ask: Ask::Nobody,
            user_files: vec![path, directory.join("none")],
            global_files: vec![],
            home: directory.to_path_buf(),
        };
        let report = Arc::new(Report::memory(Level::Info));
        Self {
            directory,
            policy,
            report,
        }
    }

    fn trust(&self) -> Trust {
        Trust::load(self.policy.clone(), PROVIDER, Arc::clone(&self.report))
    }

    fn decide(&self, key: &[u8]) -> HostKeyVerdict {
        let trust = self.trust();
        let address = "192.0.2.1:2222".parse().ok();
        match trust.decide(address, key) {
            Answer::Now(verdict) => verdict,
            Answer::Later(work) => work(),
        }
    }

    fn file(&self) -> String {
        fs::read_to_string(self.directory.join("ssh/known_hosts")).unwrap_or_default()
    }

    fn said(&self, text: &str) -> bool {
        self.report.kept().iter().any(|line| line.contains(text))
    }
}

use HostKeyVerdict::{Refuse, Trust as Trusted};
use StrictHostKeyChecking::{AcceptNew, Ask as Asking, No, Yes};

#[test]
fn a_known_key_is_trusted_whatever_the_policy() {
    let key = new_key();
    for check in [Asking, AcceptNew, No, Yes] {
        let case = Case::new(check, &line("hostb", 2222, &key));
        assert_eq!(case.decide(&key), Trusted, "{check:?}");
        assert_eq!(case.report.kept(), [""; 0]);
    }
}

#[test]
fn a_key_known_for_the_host_without_a_port_is_trusted() {
    let key = new_key();
    let case = Case::new(Yes, &line("hostb", 22, &key));
    assert_eq!(case.decide(&key), Trusted);
    let case = Case::new(Yes, &line("hostb", 22, &new_key()));
    assert_eq!(case.decide(&key), Refuse);
    assert!(case.said("No ED25519 host key is known for [hostb]:2222"));
}

#[test]
fn a_changed_key_is_refused_whatever_the_policy() {
    let (old, new) = (new_key(), new_key());
    for check in [Asking, AcceptNew, No, Yes] {
        let before = line("hostb", 2222, &old);
        let case = Case::new(check, &before);
        assert_eq!(case.decide(&new), Refuse, "{check:?}");
        for text in [
            "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @",
            "Host key for [hostb]:2222 has changed and you have requested strict checking.",
            "known_hosts:1",
            REFUSED,
        ] {
            assert!(case.said(text), "{text}: {:?}", case.report.kept());
        }
        assert_eq!(case.file(), before);
    }
}

#[test]
fn a_host_that_is_known_by_another_type_of_key_is_refused_with_what_to_do() {
    let case = Case::new(No, &line("hostb", 2222, &rsa_key()));
    assert_eq!(case.decide(&new_key()), Refuse);
    assert!(case.said("It is known by its RSA key, and showed one of type ED25519."));
    assert!(case.said("add that key, too."));
}

#[test]
fn a_revoked_key_is_refused_even_if_it_is_known() {
    let key = new_key();
    let known = line("hostb", 2222, &key);
    let case = Case::new(No, &format!("{known}@revoked {known}"));
    assert_eq!(case.decide(&key), Refuse);
    assert!(case.said("WARNING: REVOKED HOST KEY DETECTED!"));
    assert!(case.said("marked as revoked"));
}

#[test]
fn an_unknown_key_is_added_or_refused_as_the_policy_says() {
    let key = new_key();
    for (check, verdict) in [
        (Asking, Refuse),
        (Yes, Refuse),
        (AcceptNew, Trusted),
        (No, Trusted),
    ] {
        let case = Case::new(check, "");
        assert_eq!(case.decide(&key), verdict, "{check:?}");
        let added = case.file() == line("hostb", 2222, &key);
        assert_eq!(added, verdict == Trusted, "{check:?}");
        let text = match verdict {
            Trusted => {
                "Warning: Permanently added '[hostb]:2222' (ED25519) to the list of known hosts."
            }
            Refuse => REFUSED,
        };
        assert!(case.said(text), "{:?}", case.report.kept());
        // The second time it is known.
        assert_eq!(case.decide(&key), verdict);
    }
}

#[test]
fn a_file_that_cannot_be_written_does_not_stop_the_tunnel() {
    let mut case = Case::new(AcceptNew, "");
    let link = case.directory.join("link");
    std::os::unix::fs::symlink("nowhere", &link).unwrap();
    for (path, why) in [
        (
            case.directory.join("no/such/directory"),
            "No such file or directory",
        ),
        (link, "a symbolic link that leads nowhere"),
    ] {
        case.policy.user_files = vec![path.clone()];
        assert_eq!(case.decide(&new_key()), Trusted);
        let path = path.display();
        let said = format!("Failed to add the host to the list of known hosts ({path}): {why}.");
        assert!(case.said(&said), "{:?}", case.report.kept());
    }
}

#[test]
fn a_name_that_cannot_be_written_is_told_and_the_tunnel_goes_on() {
    let mut case = Case::new(AcceptNew, "");
    case.policy.alias = Some("a*b".into());
    assert_eq!(case.decide(&new_key()), Trusted);
    assert!(case.said("the host name has a character that cannot stand in known_hosts."));
    assert_eq!(case.file(), "");
}

#[test]
fn no_file_and_dev_null_keep_nothing() {
    for files in [vec![], vec![PathBuf::from("/dev/null")]] {
        let mut case = Case::new(No, "");
        case.policy.user_files = files;
        assert_eq!(case.decide(&new_key()), Trusted);
        assert!(case.said("without keeping it"));
    }
}

#[test]
fn a_file_that_cannot_be_read_is_reported_and_nothing_new_accepted() {
    for check in [AcceptNew, No, Yes] {
        let mut case = Case::new(check, "");
        case.policy.global_files = vec![case.directory.to_path_buf()];
        assert_eq!(case.decide(&new_key()), Refuse);
        assert!(case.said("Cannot read known hosts in"));
    }
}

#[test]
fn what_is_no_file_of_known_hosts_is_told_in_a_line_and_blocks_nothing() {
    let mut case = Case::new(Yes, "");
    let fifo = case.directory.join("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let huge = case.directory.join("huge");
    let len = u64::try_from(file::HOSTS_MAX).unwrap() + 1;
    fs::File::create(&huge).unwrap().set_len(len).unwrap();
    let key = new_key();
    let binary = case.directory.join("binary");
    let known = line("hostb", 2222, &key);
    fs::write(&binary, [&[0xff, 0, b'\n'], known.as_bytes()].concat()).unwrap();
    let directory = case.directory.to_path_buf();
    case.policy.user_files = vec![fifo, huge, directory, "/dev/zero".into(), binary];
    assert_eq!(case.decide(&key), Trusted);
    let said = case.report.kept();
    assert_eq!(said.len(), 4, "{said:?}");
    for (line, why) in said.iter().zip([
        "Not a regular file",
        "File too large",
        "Not a regular file",
        "Not a regular file",
    ]) {
        assert!(line.starts_with("Cannot read known hosts in "), "{line}");
        assert!(line.ends_with(why), "{line}");
    }
}

#[test]
fn types_that_are_known_are_asked_for_first() {
    let order = |file: &str| {
        let case = Case::new(Yes, file);
        let mut algorithms = [
            "ecdsa-sha2-nistp256",
            "ssh-ed25519",
            "rsa-sha2-512",
            "rsa-sha2-256",
        ];
        case.trust().prefer_known(&mut algorithms);
        algorithms
    };
    let [ecdsa, ed, r512, r256] = order("");
    let (rsa, new) = (rsa_key(), new_key());
    assert_eq!(order(&line("hostb", 2222, &new)), [ed, ecdsa, r512, r256]);
    if PROVIDER.verifier(r512.as_bytes()).is_some() {
        assert_eq!(order(&line("hostb", 2222, &rsa)), [r512, r256, ecdsa, ed]);
        // What is on port 22 may be another machine.
        let both = line("hostb", 22, &new) + &line("hostb", 2222, &rsa);
        assert_eq!(order(&both), [r512, r256, ed, ecdsa]);
    }
}

#[test]
fn an_alias_stands_for_host_and_port_and_for_nothing_else() {
    let key = new_key();
    let mut case = Case::new(AcceptNew, &line("hostb", 2222, &new_key()));
    case.policy.alias = Some("Alias".into());
    assert_eq!(case.decide(&key), Trusted);
    assert!(case.said("Permanently added 'alias' (ED25519)"));
    assert!(case.file().ends_with(&line("alias", 22, &key)));
    // Known by now, and by that name alone.
    case.policy.check = Yes;
    assert_eq!(case.decide(&key), Trusted);
    case.policy.alias = None;
    assert_eq!(case.decide(&key), Refuse);
    let mut case = Case::new(Yes, &line("hostb", 2222, &key));
    case.policy.alias = Some("[hostb]:22".into());
    assert_eq!(case.decide(&key), Refuse);
}

#[test]
fn hashed_names_are_written_and_found_again() {
    let key = new_key();
    let mut case = Case::new(AcceptNew, "");
    case.policy.hash = HashNames::Yes;
    assert_eq!(case.decide(&key), Trusted);
    assert!(case.said("Permanently added '[hostb]:2222' (ED25519)"));
    let file = case.file();
    assert!(file.starts_with("|1|") && !file.contains("hostb"), "{file}");
    case.policy.check = Yes;
    assert_eq!(case.decide(&key), Trusted);
    assert_eq!(case.decide(&new_key()), Refuse);
    assert_eq!(case.file(), file);
}

#[test]
fn a_certificate_authority_of_the_host_is_passed_over_with_one_word() {
    let (key, other) = (new_key(), new_key());
    let authority = format!("@cert-authority * {}", line("", 22, &other).trim_start());
    let known = line("hostb", 2222, &key);
    let mut case = Case::new(Yes, &format!("{authority}{authority}{known}"));
    case.report = Arc::new(Report::memory(Level::Debug1));
    assert_eq!(case.decide(&key), Trusted);
    let said = case.report.kept();
    let said: Vec<_> = said
        .iter()
        .filter(|l| l.contains("@cert-authority"))
        .collect();
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains("known_hosts:1 is passed over"), "{said:?}");
}

#[test]
fn the_question_names_host_address_and_fingerprint() {
    let case = Case::new(Asking, "");
    let trust = case.trust();
    let key = Key::new(PROVIDER, &new_key());
    let question = trust.0.question("192.0.2.1:2222".parse().ok(), &key);
    let expected = format!(
        "The authenticity of host '[hostb]:2222 ([192.0.2.1]:2222)' can't be established.\n\
         ED25519 key fingerprint is: {}\n\
         This key is not known by any other names.\n",
        key.fingerprint
    );
    assert_eq!(question, expected);
}

#[test]
fn the_question_lists_the_other_names_of_the_key() {
    let (key, other) = (new_key(), new_key());
    let hashed = known_hosts::line(
        PROVIDER,
        &HostName::new(b"old", 22),
        &key,
        Form::Hashed(PROVIDER.random),
    );
    let few = line("hostc", 22, &other) + &line("hostc", 22, &key) + &hashed.unwrap();
    let mut case = Case::new(Asking, &few);
    let shown = |case: &Case| {
        let key = Key::new(PROVIDER, &key);
        let address = "192.0.2.1:22".parse().ok();
        let question = case.trust().0.question(address, &key);
        let lines: Vec<_> = question.lines().skip(2).map(str::to_owned).collect();
        lines
    };
    let heading = "This host key is known by the following other names/addresses:";
    let first = [
        heading,
        "    ~/ssh/known_hosts:2: hostc",
        "    ~/ssh/known_hosts:3: [hashed name]",
    ];
    assert_eq!(shown(&case), first);
    // In every file, and no more than eight.
    let many: String = (0..8).map(|i| line(&format!("h{i}"), 22, &key)).collect();
    let global = Directory::new();
    fs::write(global.join("many"), many).unwrap();
    case.policy.global_files = vec![global.join("many")];
    let lines = shown(&case);
    assert_eq!(lines[..3], first);
    assert_eq!(
        lines[3],
        format!("    {}:1: h0", global.join("many").display())
    );
    assert_eq!(lines.len(), 10);
    assert_eq!(lines[9], "    (2 additional names omitted)");
}
