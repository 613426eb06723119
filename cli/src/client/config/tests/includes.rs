//! Files that files include.

use super::*;

#[test]
fn files_are_included_where_they_are_named() {
    let machine =
        user("Include conf.d/*.conf ~/more /abs missing no*ne\nPort 9\nHost other\nInclude other")
            .with("/home/me/.ssh/conf.d/b.conf", "User b\nPort 2")
            .with(
                "/home/me/.ssh/conf.d/a.conf",
                "Host h\nUser a\nHost x\nPort 1",
            )
            .with("/home/me/more", "IdentityFile more")
            .with("/abs", "IdentityFile abs\nHost nobody")
            .with("/home/me/.ssh/other", "Host *\nIdentityFile never\n")
            .with(SYSTEM, "Include sys")
            .with("/etc/ssh/sys", "IdentityFile sys");
    let options = machine.options("h");
    assert_eq!(options.user.as_deref(), Some("a"));
    // A block ends with its file.
    assert_eq!(options.port, Some(2));
    let keys: Vec<_> = options
        .identity_files
        .iter()
        .map(|f| f.path.as_str())
        .collect();
    assert_eq!(keys, ["more", "abs", "sys"]);
    let (said, _) = wrong("Include ~you/x");
    assert_eq!(said.len(), 1);
    let system = Machine::default().with(SYSTEM, "Include ~/x");
    assert!(
        system
            .read_for("h", &ConfigFiles::Usual, Level::Info)
            .end
            .is_err()
    );
}

#[test]
fn mistakes_in_included_files_are_fatal_too() {
    let machine = user("Host other\nInclude /x").with("/x", "Foo x");
    let outcome = machine.read_for("h", &ConfigFiles::Usual, Level::Info);
    assert_eq!(outcome.said, ["/x: line 1: Bad configuration option: foo"]);
    assert_eq!(
        outcome.end,
        Err("/x: terminating, 1 bad configuration options".to_owned())
    );
    let outcome =
        user("Include /x")
            .with("/x", "DEVICE")
            .read_for("h", &ConfigFiles::Usual, Level::Info);
    assert_eq!(
        outcome.said,
        [format!(
            "{USER} line 1: Can't open user config file /x: Not a regular file"
        )]
    );
    assert!(outcome.end.is_err());
}

#[test]
fn including_ends_where_it_is_too_deep() {
    for (last, fits) in [(15, true), (16, true), (17, false)] {
        let mut machine = user("Include /f1\n").with(format!("/f{last}"), "Port 1");
        for n in 1..last {
            machine = machine.with(format!("/f{n}"), format!("Include /f{}", n + 1));
        }
        let outcome = machine.read_for("h", &ConfigFiles::Usual, Level::Info);
        assert_eq!(outcome.end.is_ok(), fits, "{last}");
        if !fits {
            let end = outcome.end.unwrap_err();
            assert_eq!(
                end,
                "/f16 line 1: Too many recursive configuration includes"
            );
        }
    }
    let outcome =
        user("Include /x")
            .with("/x", "Include /x")
            .read_for("h", &ConfigFiles::Usual, Level::Info);
    assert!(outcome.end.unwrap_err().contains("Too many recursive"));
}

#[test]
fn including_ends_where_it_is_too_much() {
    // The file itself is one of them.
    for (times, fits) in [
        (FILES_MAX - 2, true),
        (FILES_MAX - 1, true),
        (FILES_MAX, false),
    ] {
        let machine = user("Include /x\n".repeat(times)).with("/x", "");
        let outcome = machine.read_for("h", &ConfigFiles::Usual, Level::Info);
        assert_eq!(outcome.end.is_ok(), fits, "{times}");
    }
    let line = "Include /x\n".repeat(8);
    for (bytes, fits) in [
        (BYTES_MAX / 8 - line.len() / 8, true),
        (BYTES_MAX / 8 - line.len() / 8 + 1, false),
    ] {
        let machine = user(&line).with("/x", " ".repeat(bytes));
        let outcome = machine.read_for("h", &ConfigFiles::Usual, Level::Info);
        assert_eq!(outcome.end.is_ok(), fits, "{bytes}");
    }
    // Files that include each other twice are not read 2^16 times.
    let machine = user("Include /x")
        .with("/x", "Include /y /y")
        .with("/y", "Include /x /x");
    let outcome = machine.read_for("h", &ConfigFiles::Usual, Level::Info);
    assert!(outcome.end.is_err());
    assert!(machine.reads.get() <= FILES_MAX + 2);
}
