//! Lists of hosts, and commands.

use super::*;
use crate::testing::tokens;

fn command(text: &str) -> Options {
    Options {
        proxy: Some(Route::Command(text.to_owned())),
        ..Options::default()
    }
}

#[test]
fn hosts_are_separated_by_commas_and_may_have_users_and_ports() {
    let host = |host: &str, user: Option<&str>, port| Destination {
        host: host.to_owned(),
        user: user.map(str::to_owned),
        port,
    };
    for (list, expected) in [
        ("j", vec![host("j", None, None)]),
        ("u@j:1", vec![host("j", Some("u"), Some(1))]),
        ("u@x@j:1", vec![host("j", Some("u@x"), Some(1))]),
        ("[::1]", vec![host("::1", None, None)]),
        ("u@[::1]:22", vec![host("::1", Some("u"), Some(22))]),
        ("::1", vec![host("::1", None, None)]),
        (
            "ssh://u@j:1,k,ssh://l",
            vec![
                host("j", Some("u"), Some(1)),
                host("k", None, None),
                host("l", None, None),
            ],
        ),
    ] {
        assert_eq!(route(list), Ok(Route::Jump(expected)), "{list}");
    }
    assert_eq!(route("none"), Ok(Route::Direct));
    assert_eq!(route("NONE"), Ok(Route::Direct));
    for list in [
        "",
        ",",
        "a,",
        ",a",
        "a,,b",
        "a:0",
        "a:",
        "a:x",
        "a:65536",
        "@a",
        "a b",
        "-a",
        "a;b",
        "u`x`@a",
        "[a]:1",
        "ssh://a/x",
        "a/b",
        "u@a/b:1",
        "$(x)",
        "-l@a:1",
    ] {
        assert!(route(list).is_err(), "{list}");
    }
}

#[test]
fn a_name_that_none_can_have_is_told_as_ssh_tells_it() {
    for (list, above) in [
        ("-x", "parse_jump: invalid hostname \"-x\"\n"),
        ("h,u@a;b:22", "parse_jump: invalid hostname \"a;b\"\n"),
        ("u';@h", "parse_jump: invalid username \"u';\"\n"),
        ("-\u{1b}", "parse_jump: invalid hostname \"-\\u{1b}\"\n"),
        ("a,,b", ""),
        ("h:0", ""),
        ("a/b", ""),
    ] {
        let said = route(list).unwrap_err().above("then");
        assert_eq!(said, format!("{above}then"), "{list}");
    }
    let mut options = Options::default();
    let error = proxy_jump(&mut options, "-x").unwrap_err();
    assert_eq!(
        error.on_command_line(),
        "parse_jump: invalid hostname \"-x\"\ncommand-line line 0: Invalid ProxyJump \"-x\""
    );
}

#[test]
fn tokens_of_a_command_are_replaced() {
    let expanded = |text: &str| match program(&command(text), &tokens()).unwrap() {
        Some(Program::Command { command, .. }) => command.into_string().unwrap(),
        other => panic!("{other:?}"),
    };
    assert_eq!(expanded("nc %h %p"), "nc hostb.example 2222");
    assert_eq!(expanded("x %n %r %k %%h"), "x HostB you HostB %h");
    let mut aliased = tokens();
    aliased.host_key_alias = Some("alias_1.x".to_owned());
    assert_eq!(expand("%k", &aliased), Ok("alias_1.x".to_owned()));
    assert_eq!(expanded("a \"b c\" 'd'"), "a \"b c\" 'd'");
    for text in ["%z", "x %", "%\u{1b}"] {
        let Fatal(why) = program(&command(text), &tokens()).unwrap_err();
        assert!(why.starts_with("ProxyCommand: unknown token %"), "{why}");
    }
    assert_eq!(
        program(&command("-"), &tokens()).unwrap(),
        Some(Program::Stdio)
    );
    assert_eq!(program(&Options::default(), &tokens()).unwrap(), None);
}

#[test]
fn names_that_a_shell_could_mistake_reach_no_command() {
    let cases: [fn(&mut Tokens); 4] = [
        |t| t.user = "u`id`".to_owned(),
        |t| t.user = "u\nid".to_owned(),
        |t| t.host = "h;id".to_owned(),
        |t| t.original_host = "$(id)".to_owned(),
    ];
    for change in cases {
        let mut tokens = tokens();
        change(&mut tokens);
        let Fatal(why) = program(&command("nc %h %p"), &tokens).unwrap_err();
        assert!(why.ends_with("contains invalid characters"), "{why}");
    }
    let mut tokens = tokens();
    for alias in ["h;id", "$(id)", "-oX", "a b", "`id`", ""] {
        tokens.host_key_alias = Some(alias.to_owned());
        let Fatal(why) = program(&command("nc %h %k"), &tokens).unwrap_err();
        assert!(why.starts_with("HostKeyAlias contains"), "{why}");
        // Where no shell sees it, it may be any.
        assert!(program(&command("nc %h %p"), &tokens).is_ok(), "{alias}");
    }
}

#[test]
fn no_descriptor_is_taken_from_a_command() {
    let mut options = command("nc %h %p");
    options.proxy_use_fdpass = Some(true);
    let Fatal(why) = program(&options, &tokens()).unwrap_err();
    assert!(why.starts_with("ProxyUseFdpass: "), "{why}");
    options.proxy = None;
    assert_eq!(program(&options, &tokens()).unwrap(), None);
}
