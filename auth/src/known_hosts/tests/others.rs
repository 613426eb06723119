//! Lines about other hosts, authorities, and files that come in pieces.

use super::*;

#[test]
fn the_other_names_of_a_key_are_listed_with_their_lines() {
    let (k1, k2) = (key(1), key(2));
    let hashed = str::from_utf8(HASHED_FILE).unwrap().lines().next().unwrap();
    let hashed = hashed.split(' ').next().unwrap();
    let content = format!(
        "# {k1}\nother {k2}\nother,192.0.2.1 {k1} comment\n{hashed} {k1}\n@revoked bad {k1}\n\
         @cert-authority ca {k1}\n[host]:2222 {k1}\nhost {k1}\n*.example {k1}\nshort ssh-ed25519 AAAA\n"
    );
    let known = KnownHosts::new(&RING, HostName::new(b"host", 2222));
    let blob = ed25519_blob(1);
    let found: Vec<_> = known.other_names(content.as_bytes(), &blob).collect();
    assert_eq!(
        found,
        [
            (3, OtherNames::Listed(b"other,192.0.2.1")),
            (4, OtherNames::Hashed),
            (9, OtherNames::Listed(b"*.example")),
        ]
    );
}

#[test]
fn an_authority_of_the_host_says_nothing_but_that_it_is_there() {
    let (k1, k2) = (key(1), key(2));
    let content = format!(
        "@cert-authority *.example {k1}\nhost {k2}\n@cert-authority host,x {k1}\n\
         @cert-authority !host,* {k1}\n"
    );
    let host = HostName::new(b"host", 22);
    let mut known_hosts = KnownHosts::new(&RING, host.clone());
    known_hosts.add_file(b"");
    known_hosts.add_file(content.as_bytes());
    let places: Vec<_> = known_hosts.authorities().collect();
    assert_eq!(places, [Place { file: 1, line: 3 }]);
    assert_eq!(verdict(&[&content], &host, 2), known(0, 2));
    assert_eq!(verdict(&[&content], &host, 1), changed(0, 2, "ED25519"));
}

#[test]
fn a_file_in_pieces_says_what_it_says_whole() {
    let (k1, k2) = (key(1), key(2));
    let content = format!("# a\r\n\nhost {k2}\r\nx,y {k2}\n@revoked * {k2}\nhost {k1}");
    let host = HostName::new(b"host", 22);
    let mut whole = KnownHosts::new(&RING, host.clone());
    whole.add_file(content.as_bytes());
    for n in 0..=content.len() {
        let mut pieces = KnownHosts::new(&RING, host.clone());
        pieces.begin_file();
        let cut = content[..n].rfind('\n').map_or(0, |end| end + 1);
        pieces.add_lines(&content.as_bytes()[..cut]);
        pieces.add_lines(&content.as_bytes()[cut..]);
        for seed in [1, 2] {
            let blob = ed25519_blob(seed);
            assert_eq!(pieces.verdict(&blob), whole.verdict(&blob));
        }
        assert_eq!(pieces.verdict(&ed25519_blob(1)), known(0, 6));
    }
}

#[test]
fn a_line_that_is_passed_over_at_once_never_names_the_host() {
    let mut dice = Dice::new(23);
    let host = HostName::new(b"host", 2222);
    let names = Names {
        provider: &RING,
        host: &host,
    };
    let parts: [&[u8]; 14] = [
        b"host",
        b"HOST",
        b"[host]:2222",
        b",",
        b" ",
        b"\t",
        b"*",
        b"?",
        b"!",
        b"h",
        b"@",
        b"#",
        b"|",
        b"x",
    ];
    for _ in 0..200_000 {
        let line: Vec<u8> = (0..dice.below(8))
            .flat_map(|_| parts[dice.below(parts.len())])
            .copied()
            .collect();
        let scope = Line::split(&line).and_then(|line| names.scope(line.hosts));
        assert!(
            scope.is_none() || names.may_be_in(&line),
            "{}",
            line.escape_ascii()
        );
    }
}
