//! What people keep in files, and what an agent says.

use adit_auth::agent::{self, Answer, FRAME_MAX, FrameReader};
use adit_auth::authorized_keys::{self, Found, KEYS_MAX, LINE_MAX, Options};
use adit_auth::known_hosts::{Form, HostName, KnownHosts, OtherNames, Verdict, line, with_line};
use adit_auth::permits::PortForwarding;
use adit_auth::public_key::{PublicKey, to_line};
use adit_auth::{Fingerprint, base64};
use adit_testkit::toy;

use crate::seeds::{string, texts};

/// A key blob that is one in every respect; another for each seed.
fn blob(seed: u8) -> Vec<u8> {
    toy::ed25519_key(seed).public_blob().to_vec()
}

fn key_line(seed: u8) -> String {
    to_line(&blob(seed), "someone").expect("a good key")
}

/// Whatever authorizes is a line that holds the key, with all options that stand before it.
pub(crate) fn authorized_keys(data: &[u8]) {
    let wanted = blob(1);
    let mut notes = 0;
    let note = |note: authorized_keys::Note<'_>| {
        assert!(note.line > 0);
        assert!(note.why.to_string().len() <= 512);
        notes += 1;
    };
    let found = authorized_keys::find(data, &wanted, |_| true, note);
    assert!(notes <= KEYS_MAX + 1);
    let Some(Found { line, options }) = found else {
        return;
    };
    let line = data
        .split(|b| *b == b'\n')
        .nth(line - 1)
        .expect("a line of the file");
    assert!(line.len() <= LINE_MAX + 1);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let lower = line.to_ascii_lowercase();
    let has = |word: &[u8]| lower.windows(word.len()).any(|w| w == word);
    if let Ok(key) = PublicKey::parse(line) {
        assert_eq!((key.blob, options), (wanted, Options::NONE));
        return;
    }
    // What restricts a key is never read past, and nothing that stands there is made up.
    let Options {
        permissions,
        from,
        expiry,
    } = options;
    assert!(from.is_none() || has(b"from=\""));
    assert!(expiry.is_none() || has(b"expiry-time=\""));
    assert!(permissions.permit_open.is_none() || has(b"permitopen=\""));
    assert!(permissions.permit_listen.is_none() || has(b"permitlisten=\""));
    let begins = |word: &[u8]| lower.trim_ascii_start().starts_with(word);
    if begins(b"restrict ") || begins(b"no-port-forwarding ") {
        assert_eq!(permissions.port_forwarding, PortForwarding::No);
    }
    for (word, is_held) in [
        (&b"from=\""[..], from.is_some()),
        (b"expiry-time=\"", expiry.is_some()),
        (b"permitopen=\"", permissions.permit_open.is_some()),
        (b"permitlisten=\"", permissions.permit_listen.is_some()),
    ] {
        assert!(!begins(word) || is_held);
    }
}

pub(crate) fn authorized_keys_seeds() -> Vec<Vec<u8>> {
    let (mine, other) = (key_line(1), key_line(2));
    texts(&[
        &mine,
        &format!("# a comment\n\n  {other}{mine}"),
        &format!("restrict {mine}"),
        &format!("permitopen=\"a:1\",from=\"x \\\" y\" {mine}"),
        &format!("restrict,port-forwarding,permitlisten=\"[::1]:1\" {mine}"),
        &format!("expiry-time=\"20300101Z\",command=\"x\",no-pty {mine}"),
        &format!("permitlisten=\"/run/a\",permitopen=\"/*\",environment=\"A=b\" {mine}"),
        &format!("{other}ssh-ed25519 AAAA\n{}", mine.replace('\n', "\r\n")),
        &format!("{}{mine}", "x".repeat(LINE_MAX)),
    ])
}

/// A line that was written makes its host known by its key, whatever stood in the file before, but
/// for what was revoked; every byte of the file stays, and what else was known stays known.
pub(crate) fn known_hosts(data: &[u8]) {
    let host = HostName::new(b"Host.example", 2222);
    let read = |content: &[u8]| {
        let mut known = KnownHosts::new(&toy::PROVIDER, host.clone());
        known.add_file(content);
        known
    };
    let before = read(data);
    let key = blob(1);
    for form in [Form::Plain, Form::Hashed(toy::PROVIDER.random)] {
        let new = line(&toy::PROVIDER, &host, &key, form).expect("a plain name");
        let file = with_line(data, &new);
        let added = file.strip_prefix(data).expect("what was there");
        assert!(added.ends_with(new.as_bytes()) && added.len() <= new.len() + 1);
        let after = read(&file);
        match before.verdict(&key) {
            Verdict::Revoked(_) => assert!(matches!(after.verdict(&key), Verdict::Revoked(_))),
            Verdict::Known(place) if place.line < file.split(|b| *b == b'\n').count() => {
                assert!(matches!(after.verdict(&key), Verdict::Known(_)));
            }
            Verdict::Known(_) | Verdict::Changed { .. } | Verdict::Unknown => {
                assert!(matches!(after.verdict(&key), Verdict::Known(_)));
            }
        }
        let other = blob(2);
        if matches!(before.verdict(&other), Verdict::Revoked(_)) {
            assert!(matches!(after.verdict(&other), Verdict::Revoked(_)));
        } else if matches!(before.verdict(&other), Verdict::Unknown) {
            assert!(matches!(after.verdict(&other), Verdict::Changed { .. }));
        }
    }
    // In pieces, cut where lines end, it says the same.
    let mut pieces = KnownHosts::new(&toy::PROVIDER, host.clone());
    pieces.begin_file();
    for piece in data.split_inclusive(|b| *b == b'\n') {
        pieces.add_lines(piece);
    }
    assert_eq!(pieces.verdict(&key), before.verdict(&key));
    assert!(pieces.authorities().eq(before.authorities()));
    for (line, names) in before.other_names(data, &key) {
        assert!(line > 0 && names != OtherNames::Listed(b""));
        assert_ne!(names, OtherNames::Listed(host.as_bytes()));
    }
}

pub(crate) fn known_hosts_seeds() -> Vec<Vec<u8>> {
    let (mine, other) = (key_line(1), key_line(2));
    let host = HostName::new(b"host.example", 2222);
    let hashed = line(
        &toy::PROVIDER,
        &host,
        &blob(1),
        Form::Hashed(toy::PROVIDER.random),
    );
    texts(&[
        &format!("[host.example]:2222 {mine}"),
        &format!("host.example,10.0.0.1 {other}"),
        &format!("@revoked *.example {mine}"),
        &format!("@cert-authority *.example {mine}"),
        &format!("!bad.example,[h*]:2222,? {other}# comment\n"),
        &hashed.expect("a plain name"),
        "|1|AAAA|AAAA ssh-ed25519 AAAA\n",
    ])
}

/// A key line, a fingerprint and base64: each is written as it was read.
pub(crate) fn public_key_line(data: &[u8]) {
    if let Ok(key) = PublicKey::parse(data) {
        let comment = String::from_utf8_lossy(key.comment);
        let line = to_line(&key.blob, &comment).expect("its type was checked");
        let again = PublicKey::parse(line.trim_end_matches('\n').as_bytes());
        assert_eq!(again.as_ref().map(|again| &again.blob), Ok(&key.blob));
        assert_eq!(again.map(|again| again.key_type), Ok(key.key_type));
        let fingerprint = Fingerprint::of(&toy::PROVIDER, &key.blob);
        assert_eq!(
            Fingerprint::parse(fingerprint.to_string().as_bytes()),
            Some(fingerprint)
        );
    }
    if let Some(bytes) = base64::decode(data) {
        let text = base64::encode(&bytes);
        assert_eq!(text.len(), base64::encoded_len(bytes.len()));
        assert_eq!(base64::decode(text.as_bytes()), Some(bytes));
    }
    if let Some(fingerprint) = Fingerprint::parse(data) {
        assert_eq!(
            Fingerprint::parse(fingerprint.to_string().as_bytes()),
            Some(fingerprint)
        );
    }
}

pub(crate) fn public_key_line_seeds() -> Vec<Vec<u8>> {
    let fingerprint = Fingerprint::of(&toy::PROVIDER, &blob(1)).to_string();
    texts(&[
        &key_line(1),
        "ssh-rsa AAAAB3NzaC1yc2E= comment",
        &fingerprint,
        "QUJD",
        "QQ==",
    ])
}

/// Frames come out the same however the bytes arrive, and no announced length is believed.
pub(crate) fn agent_reply(data: &[u8]) {
    let whole = frames(data, data.len().max(1));
    for size in [1, 3, 7] {
        assert_eq!(frames(data, size), whole, "in pieces of {size}");
    }
    for frame in &whole {
        assert!(!frame.is_empty() && frame.len() <= FRAME_MAX);
        if let Ok(Answer::Given(identities)) = agent::identities(frame) {
            let mut out = Vec::new();
            for identity in identities {
                out.extend([string(identity.key_blob), string(identity.comment)].concat());
                let offer = identity.offer(adit_auth::KeyId(1));
                assert_eq!(offer.public_blob, identity.key_blob);
            }
            assert_eq!(&frame[5..], out);
        }
        // What is a refusal to one question is one to any other.
        if let Ok(Answer::Refused) = agent::signature(frame) {
            assert_eq!(agent::bound(frame), Ok(Answer::Refused));
        }
        if let Ok(Answer::Given(signature)) = agent::signature(frame) {
            assert_eq!(&frame[1..], string(signature));
        }
    }
}

fn frames(mut data: &[u8], size: usize) -> Vec<Vec<u8>> {
    let mut reader = FrameReader::new();
    let mut frames = Vec::new();
    while !data.is_empty() {
        let piece = &data[..size.min(data.len())];
        let Ok(taken) = reader.read(piece) else { break };
        assert!(taken > 0 && taken <= piece.len());
        data = &data[taken..];
        if let Some(frame) = reader.frame() {
            frames.push(frame.to_vec());
            reader.next_frame();
        }
    }
    frames
}

pub(crate) fn agent_reply_seeds() -> Vec<Vec<u8>> {
    let identity = [string(&blob(1)), string(b"user@host")].concat();
    let identities = [&[12, 0, 0, 0, 2][..], &identity, &identity].concat();
    let signature = [
        vec![14],
        string(&[string(b"ssh-ed25519"), string(&[1; 64])].concat()),
    ];
    vec![
        string(&identities),
        string(&signature.concat()),
        [string(&[5]), string(&[30]), string(&identities)].concat(),
    ]
}
