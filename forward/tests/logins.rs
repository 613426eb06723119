//! A client's session against servers that ask for passwords and answers. Such a server is a
//! transport and a script: adit's own knows keys alone.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "a test fails by panicking"
)]

use core::time::Duration;
use std::collections::VecDeque;
use std::sync::Arc;

use adit_auth::{How, Methods};
use adit_connection::Limits;
use adit_crypto::{PrivateKey, Provider, Secret, SigningKey};
use adit_forward::Error;
use adit_forward::session::{Config, Event, Need, Session};
use adit_proto::{Encode, Ident, Writer};
use adit_testkit::on_every_provider;
use adit_transport::{AeadFirst, Algorithms, Buffers, Input, RekeyLimits, Transport};

const NOW: Duration = Duration::from_secs(1000);

/// A payload as it is.
struct Payload(Vec<u8>);

impl Encode for Payload {
    fn encoded_len(&self) -> usize {
        self.0.len()
    }
    fn encode(&self, writer: &mut Writer<'_>) {
        writer.bytes(&self.0);
    }
}

/// Both ends, and what happened.
struct Login {
    client: Session,
    server: Transport,
    /// What the server answers to each request in turn.
    script: VecDeque<Vec<Vec<u8>>>,
    /// What the person answers in turn: nothing for a word that is empty.
    words: VecDeque<&'static str>,
    /// What the server was asked.
    requests: Vec<Vec<u8>>,
    /// How long the packets on the wire were that held the requests.
    lengths: Vec<usize>,
    log: Vec<String>,
    error: Option<Error>,
    /// What the server was told at the end.
    last_words: Option<Vec<u8>>,
}

fn transport(provider: &'static Provider) -> adit_transport::Config {
    adit_transport::Config {
        provider,
        random: provider.random,
        ident: Ident::new(b"SSH-2.0-adit_test").unwrap(),
        algorithms: Algorithms::defaults(provider, AeadFirst::Aes),
        rekey: RekeyLimits::default(),
        buffers: Buffers::default(),
    }
}

fn host_key(provider: &'static Provider) -> Box<dyn SigningKey> {
    let (seed, public) = provider.keys.generate_ed25519(provider.random).unwrap();
    let seed = seed.expose().try_into().unwrap();
    let public = &public;
    let key = PrivateKey::Ed25519 { seed, public };
    provider.keys.load(&key).unwrap()
}

impl Login {
    /// Lets a person with these words log in to a server with this script.
    fn play(
        provider: &'static Provider,
        methods: Methods,
        words: &[&'static str],
        script: &[&[Vec<u8>]],
    ) -> Self {
        let config = Config {
            transport: transport(provider),
            limits: Limits {
                max_channels: 4,
                window_budget: 1 << 20,
            },
            patience: None,
        };
        let host_keys: Arc<[Box<dyn SigningKey>]> = Arc::from([host_key(provider)]);
        let mut login = Self {
            client: Session::client(config, b"bob", methods, NOW).unwrap(),
            server: Transport::server(transport(provider), host_keys, NOW).unwrap(),
            script: script.iter().map(|replies| replies.to_vec()).collect(),
            words: words.iter().copied().collect(),
            requests: Vec::new(),
            lengths: Vec::new(),
            log: Vec::new(),
            error: None,
            last_words: None,
        };
        for _ in 0..200 {
            login.client_turn();
            login.server_turn();
        }
        login
    }

    fn client_turn(&mut self) {
        if let Err(error) = self.try_client_turn() {
            if self.error.is_none() {
                self.client.fail(error);
            }
            self.error = Some(error);
        }
        let bytes = self.client.send_pending().concat();
        self.client.send_consumed(bytes.len());
        if !bytes.is_empty() {
            self.lengths.push(bytes.len());
        }
        let mut left = &bytes[..];
        while !left.is_empty() {
            let Some(space) = self.server.recv_space() else {
                return;
            };
            let n = space.len().min(left.len());
            space[..n].copy_from_slice(&left[..n]);
            self.server.recv_filled(n);
            left = &left[n..];
            self.server_poll();
        }
    }

    fn try_client_turn(&mut self) -> Result<(), Error> {
        while let Some(event) = self.client.poll(NOW)? {
            self.note(event);
        }
        match self.client.need() {
            Need::Keys => self.client.offer_keys(Vec::new()),
            Need::Password { .. } => {
                let word = self.words.pop_front().unwrap();
                let word = (!word.is_empty()).then(|| Secret::copy_of(word.as_bytes()));
                self.client.password(word);
            }
            Need::Respond { prompts, .. } => {
                let answers = prompts.iter().map(|prompt| {
                    let text = String::from_utf8_lossy(&prompt.text);
                    self.log.push(format!("Asked {text} {:?}", prompt.echo));
                    Secret::copy_of(self.words.pop_front().unwrap().as_bytes())
                });
                let answers: Vec<_> = answers.collect();
                let nobody = answers.iter().any(|answer| answer.expose().is_empty());
                self.client.respond((!nobody).then_some(answers));
            }
            Need::Nothing | Need::Sign { .. } | Need::Authorize { .. } => {}
        }
        while let Some(event) = self.client.send_due(NOW)? {
            self.note(event);
        }
        Ok(())
    }

    fn note(&mut self, event: Event) {
        let text = |span| String::from_utf8_lossy(self.client.bytes(span)).into_owned();
        let line = match event {
            Event::HostKey(offer) => return self.client.trust(offer.trust()),
            Event::PasswordExpired(message) => format!("Expired {}", text(message)),
            Event::Refused(refused) => format!("Refused {refused}"),
            Event::Told { name, instruction } => {
                format!("Told {} {}", text(name), text(instruction))
            }
            Event::Established => return self.lengths.clear(),
            Event::Alive => return, // to the PING

            other => format!("{other:?}"),
        };
        self.log.push(line);
    }

    fn server_turn(&mut self) {
        self.server_poll();
        let bytes = self.server.send_pending().concat();
        self.server.send_consumed(bytes.len());
        let mut left = &bytes[..];
        while !left.is_empty() {
            let Some(space) = self.client.recv_space() else {
                return;
            };
            let n = space.len().min(left.len());
            space[..n].copy_from_slice(&left[..n]);
            self.client.recv_filled(n, NOW);
            left = &left[n..];
            if !left.is_empty() {
                self.client_turn();
            }
        }
    }

    fn server_poll(&mut self) {
        while let Ok(Some(input)) = self.server.poll(NOW) {
            match input {
                Input::Packet(packet) => {
                    let request = self.server.payload(packet).to_vec();
                    if request[0] >= 80 {
                        return; // the connection protocol: the client is in
                    }
                    self.requests.push(request);
                    for reply in self.script.pop_front().unwrap_or_default() {
                        let is_success = reply == [52];
                        self.server.tx().send(&Payload(reply)).unwrap();
                        if is_success {
                            self.server.authenticated(NOW);
                        }
                    }
                }
                Input::Disconnected {
                    description,
                    packet,
                    ..
                } => {
                    self.last_words = Some(self.server.payload(packet)[description].to_vec());
                }
                _ => {}
            }
        }
    }

    fn how(&self) -> How {
        match self.client.user() {
            Some(user) => *user.how(),
            None => panic!("not logged in: {:?}, {:?}", self.log, self.error),
        }
    }
}

fn string(bytes: &[u8]) -> Vec<u8> {
    let len = u32::try_from(bytes.len()).unwrap();
    [&len.to_be_bytes(), bytes].concat()
}

fn request(method: &str, fields: &[u8]) -> Vec<u8> {
    let head = [
        string(b"bob"),
        string(b"ssh-connection"),
        string(method.as_bytes()),
    ];
    [&[50][..], &head.concat(), fields].concat()
}

fn password(password: &str) -> Vec<u8> {
    request(
        "password",
        &[&[0][..], &string(password.as_bytes())].concat(),
    )
}

fn failure(methods: &str, partial: u8) -> Vec<u8> {
    [&[51][..], &string(methods.as_bytes()), &[partial]].concat()
}

fn asking(prompts: &[&str]) -> Vec<u8> {
    let texts = prompts
        .iter()
        .map(|p| [string(p.as_bytes()), vec![0]].concat());
    let count = u32::try_from(prompts.len()).unwrap().to_be_bytes();
    let texts: Vec<_> = texts.collect();
    [
        &[60][..],
        &string(b"name"),
        &string(b"text"),
        &[0; 4],
        &count,
        &texts.concat(),
    ]
    .concat()
}

fn answers(answers: &[&str]) -> Vec<u8> {
    let strings: Vec<_> = answers.iter().map(|a| string(a.as_bytes())).collect();
    let count = u32::try_from(answers.len()).unwrap().to_be_bytes();
    [&[61][..], &count, &strings.concat()].concat()
}

fn success() -> Vec<u8> {
    vec![52]
}

fn a_password(provider: &'static Provider) {
    let script = [
        &[failure("publickey,password", 0)][..],
        &[failure("publickey,password", 0)],
        &[success()],
    ];
    let login = Login::play(provider, Methods::default(), &["wrong", "right"], &script);
    assert_eq!(login.how(), How::Password);
    let expected = [request("none", b""), password("wrong"), password("right")];
    assert_eq!(login.requests, expected);
    assert_eq!(login.log, ["Authenticated"]);
}

fn answers_in_several_rounds(provider: &'static Provider) {
    let script = [
        &[failure("keyboard-interactive", 0)][..],
        &[asking(&["Password: "])],
        &[asking(&[])],
        &[asking(&["Code 1", "Code 2"])],
        &[success()],
    ];
    let login = Login::play(provider, Methods::default(), &["a", "b", "c"], &script);
    assert_eq!(login.how(), How::KeyboardInteractive);
    let expected = [
        request("none", b""),
        request("keyboard-interactive", &[0; 8]),
        answers(&["a"]),
        answers(&[]),
        answers(&["b", "c"]),
    ];
    assert_eq!(login.requests, expected);
    let expected = [
        "Asked Password:  No",
        "Told name text",
        "Asked Code 1 No",
        "Asked Code 2 No",
        "Authenticated",
    ];
    assert_eq!(login.log, expected);
}

fn one_method_after_another(provider: &'static Provider) {
    let script = [
        &[failure("password", 0)][..],
        &[failure("keyboard-interactive", 1)],
        &[asking(&[])],
        &[success()],
    ];
    let login = Login::play(provider, Methods::default(), &["a"], &script);
    assert_eq!(login.how(), How::KeyboardInteractive);
    let expected = [
        "PartialSuccess(Password)",
        "Told name text",
        "Authenticated",
    ];
    assert_eq!(login.log, expected);
}

fn nobody_who_answers(provider: &'static Provider) {
    let script = [
        &[failure("keyboard-interactive,password", 0)][..],
        &[asking(&["Password: "])],
    ];
    let login = Login::play(provider, Methods::default(), &["", ""], &script);
    assert!(login.client.user().is_none());
    assert_eq!(login.requests.len(), 2);
    let last = login.log.last().unwrap();
    assert_eq!(
        last,
        "Refused Permission denied (keyboard-interactive,password)."
    );
    assert_eq!(login.error, None);
}

fn a_password_that_expired(provider: &'static Provider) {
    let change = [&[60][..], &string(b"Too old."), &[0; 4]].concat();
    let script = [&[failure("password", 0)][..], &[change]];
    let login = Login::play(provider, Methods::default(), &["a"], &script);
    let expected = ["Expired Too old.", "Refused Permission denied (password)."];
    assert_eq!(login.log, expected);
    assert_eq!(login.requests.len(), 2);
}

fn a_success_that_nothing_has_earned(provider: &'static Provider) {
    let none = [&[success()][..]];
    let unasked = [&[failure("keyboard-interactive", 0)][..], &[success()]];
    let told = [unasked[0], &[asking(&[])], &[success()]];
    for script in [&none[..], &unasked, &told] {
        let login = Login::play(provider, Methods::default(), &[], script);
        assert!(login.client.user().is_none());
        let error = login.error.unwrap().to_string();
        assert_eq!(error, "server reports success though nothing was proven");
        assert_eq!(login.requests.len(), script.len());
    }
}

fn the_length_of_a_secret(provider: &'static Provider) {
    let lengths = |word| {
        let script = [&[failure("password", 0)][..], &[success()]];
        let login = Login::play(provider, Methods::default(), &[word], &script);
        assert_eq!(login.requests[1], password(word));
        // Longer than "none" before it and the PING behind it.
        *login.lengths.iter().max().unwrap()
    };
    let short = lengths("a");
    for word in [
        "ab",
        "a good password",
        "a very good password of some 50 bytes, all of it",
    ] {
        assert_eq!(lengths(word), short);
    }
    let long = lengths(concat!(
        "there is no end to what some people remember and type, be it by heart or from paper, ",
        "and then it shows a little"
    ));
    assert_eq!(long, short + 128);
}

fn a_secret_that_no_packet_holds(provider: &'static Provider) {
    let long: &'static str = Box::leak("x".repeat(10_000).into_boxed_str());
    let script = [&[failure("password", 0)][..], &[success()]];
    let login = Login::play(provider, Methods::default(), &[long], &script);
    let error = login.error.unwrap().to_string();
    assert_eq!(error, "user name, key or answer too long");
    assert_eq!(login.requests.len(), 1);
    assert_eq!(login.last_words.unwrap(), error.as_bytes());
}

fn a_request_with_the_largest_keys(provider: &'static Provider) {
    // Before a login there is room for a user, a host and a key of RSA with 8192 bits each, and a
    // signature of as many.
    let blob = [0; 4 + 7 + 4 + 5 + 4 + 1025];
    let signature = [0; 4 + 12 + 4 + 1024];
    let fields = [
        &[1][..],
        &string(b"rsa-sha2-512"),
        &string(&blob),
        &string(&blob),
        &string(&signature),
    ];
    let request = request("publickey-hostbound-v00@openssh.com", &fields.concat());
    let mut login = Login::play(provider, Methods::default(), &[], &[]);
    let room = login.server.tx().control_room();
    assert!(request.len() + 255 <= room, "{} of {room}", request.len());
}

fn nobody_is_asked_in_batch_mode(provider: &'static Provider) {
    let methods = Methods {
        prompts: 0,
        ..Methods::default()
    };
    let script = [&[failure("password,keyboard-interactive", 0)][..]];
    let login = Login::play(provider, methods, &[], &script);
    let refused = "Refused Permission denied (password,keyboard-interactive).";
    assert_eq!(login.log, [refused]);
}

on_every_provider! {
    a_password
    a_password_that_expired
    a_request_with_the_largest_keys
    a_secret_that_no_packet_holds
    a_success_that_nothing_has_earned
    answers_in_several_rounds
    nobody_is_asked_in_batch_mode
    nobody_who_answers
    one_method_after_another
    the_length_of_a_secret
}
