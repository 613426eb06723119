//! Lists of hosts, and commands.

use super::*;

fn tokens() -> Tokens {
    Tokens {
        home: "/home/me".into(),
        host: "hostb.example".into(),
        host_key_alias: None,
        local_host: "here".into(),
        local_user: "me".into(),
        local_uid: 1000,
        original_host: "HostB".into(),
        port: 2222,
        user: "you".into(),
    }
}

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
        assert_eq!(route(list), Some(Route::Jump(expected)), "{list}");
    }
    assert_eq!(route("none"), Some(Route::Direct));
    assert_eq!(route("NONE"), Some(Route::Direct));
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
        "$(x)",
        "-l@a:1",
    ] {
        assert_eq!(route(list), None, "{list}");
    }
}

#[test]
fn tokens_of_a_command_are_replaced() {
    let expanded = |text: &str| match program(&command(text), &tokens()).unwrap() {
        Some(Program::Command { command, .. }) => command.into_string().unwrap(),
        other => panic!("{other:?}"),
    };
    assert_eq!(expanded("nc %h %p"), "nc hostb.example 2222");
    assert_eq!(expanded("x %n %r %k %%h"), "x HostB you HostB %h");
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
