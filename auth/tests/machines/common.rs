//! A client, a server, and a stranger in the place of either.

use std::time::Duration;

use adit_auth::keyfile::KeyFile;
use adit_auth::{
    Client, ClientEvent, Decision, Error, Established, Fingerprint, How, KeyId, KeyPolicy, Limits,
    Method, Methods, Need, OfferedKey, PeerMisbehaved, Probe, Refused, Server, ServerEvent,
    ServerNeed, Signed, UserAuthenticated,
};
use adit_crypto::{Provider, Secret, SigningKey, encoded};
use adit_proto::msg::{
    PublickeyMethod, UserauthBanner, UserauthFailure, UserauthInfoRequest, UserauthPasswdChangereq,
    UserauthPkOk, UserauthRequest, UserauthSuccess,
};
use adit_proto::{NameList, Rest};
use adit_testkit::dice::Dice;

pub(crate) const SESSION_ID: &[u8] = b"a session identifier of 32 bytes";
/// The server's; nobody looks into it.
pub(crate) const HOST_KEY: &[u8] = b"the host key";
/// A server without extensions.
pub(crate) const ESTABLISHED: Established<'_> = Established {
    session_id: SESSION_ID,
    server_sig_algs: None,
    hostbound: None,
};
pub(crate) const POLICY: KeyPolicy = KeyPolicy::unrestricted(0, 7);

/// A new key.
pub(crate) fn key(provider: &'static Provider) -> Box<dyn SigningKey> {
    let file = KeyFile::generate(provider, provider.random, "").unwrap();
    file.load(provider.keys).unwrap()
}

pub(crate) fn offered(id: u32, key: &dyn SigningKey, ask_first: Probe) -> OfferedKey {
    OfferedKey {
        public_blob: key.public_blob().to_vec(),
        id: KeyId(id),
        ask_first,
        algorithms: key.algorithms(),
    }
}

/// What a client without a person has.
pub(crate) fn only_publickey() -> Methods {
    Methods {
        order: vec![Method::Publickey],
        prompts: 0,
        ..Methods::default()
    }
}

pub(crate) fn started(provider: &'static Provider, user: &str, keys: Vec<OfferedKey>) -> Client {
    let mut client = Client::new(provider, user.as_bytes(), only_publickey());
    assert!(client.message().is_none() && client.need() == Need::Nothing);
    client.start(&ESTABLISHED);
    assert_eq!(client.need(), Need::Keys);
    client.offer(keys);
    client
}

pub(crate) fn server(provider: &'static Provider) -> Server {
    let secret = Secret::copy_of(b"secret");
    Server::new(provider, SESSION_ID, HOST_KEY, secret, Limits::default())
}

/// What the client sends now, if anything.
pub(crate) fn sent(client: &mut Client) -> Option<Vec<u8>> {
    let payload = encoded(&client.message()?);
    client.message_sent();
    Some(payload)
}

/// Signs what the client asks for with one of these keys, by number.
pub(crate) fn sign(client: &mut Client, keys: &[Box<dyn SigningKey>]) -> Option<Signed> {
    let Need::Sign {
        key,
        algorithm,
        message,
    } = client.need()
    else {
        return None;
    };
    let signer = &keys[usize::try_from(key.0).unwrap()];
    let signature = signer.sign(algorithm, message);
    Some(client.signed(key, signature))
}

/// What a server came to for one request: its reply, and when.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) events: Vec<ServerEvent>,
    pub(crate) reply: Result<Option<Vec<u8>>, Error>,
    pub(crate) at: Duration,
}

/// Gives a server one request and answers its questions, with time passing as it wants.
pub(crate) fn serve(
    server: &mut Server,
    request: &[u8],
    mut now: Duration,
    may: impl Fn(&[u8], &[u8]) -> bool,
) -> Outcome {
    let mut events = Vec::new();
    let mut reply = || {
        events.push(server.handle(request, now)?);
        if let ServerNeed::Authorize { user, key_blob, .. } = server.need() {
            let decision = if may(user, key_blob) {
                Decision::Allowed(POLICY)
            } else {
                Decision::Refused
            };
            assert!(!server.can_take());
            events.push(server.authorize(decision, now)?);
        }
        if let Some(deadline) = server.deadline() {
            assert!(server.message().is_none());
            server.handle_timeout(deadline - Duration::from_nanos(1))?;
            assert!(server.message().is_none() && server.deadline() == Some(deadline));
            now = deadline;
            server.handle_timeout(now)?;
        }
        let Some(message) = server.message() else {
            return Ok(None);
        };
        let payload = encoded(&message);
        assert!(!server.can_take());
        events.push(server.message_sent());
        Ok(Some(payload))
    };
    let reply = reply();
    Outcome {
        events,
        reply,
        at: now,
    }
}

/// Which key authenticated a user.
pub(crate) fn key_of(user: &UserAuthenticated) -> (&'static str, Fingerprint) {
    match *user.how() {
        How::Publickey {
            key_type,
            fingerprint,
        } => (key_type, fingerprint),
        How::KeyboardInteractive | How::Password => panic!("no key"),
    }
}

impl Outcome {
    /// The reply, where there is one.
    pub(crate) fn payload(&self) -> &[u8] {
        self.reply.as_ref().unwrap().as_deref().unwrap()
    }
}

pub(crate) fn request(
    user: &[u8],
    service_name: &[u8],
    method_name: &[u8],
    method: &[u8],
) -> Vec<u8> {
    encoded(&UserauthRequest {
        user_name: user,
        service_name,
        method_name,
        method: Rest(method),
    })
}

pub(crate) fn none(user: &str) -> Vec<u8> {
    request(user.as_bytes(), b"ssh-connection", b"none", b"")
}

/// A publickey request; `signature` is what stands behind the key.
pub(crate) fn publickey(
    user: &str,
    key_blob: &[u8],
    has_signature: bool,
    signature: &[u8],
) -> Vec<u8> {
    let method = encoded(&PublickeyMethod {
        has_signature,
        public_key_algorithm_name: b"ssh-ed25519",
        public_key_blob: key_blob,
        signature: Rest(signature),
    });
    request(user.as_bytes(), b"ssh-connection", b"publickey", &method)
}

pub(crate) fn probe(user: &str, key: &dyn SigningKey) -> Vec<u8> {
    publickey(user, key.public_blob(), false, b"")
}

/// A request that shows one key and is signed by another, over some session.
pub(crate) fn signed_by(
    user: &str,
    shown: &[u8],
    signer: &dyn SigningKey,
    session_id: &[u8],
) -> Vec<u8> {
    let body = publickey(user, shown, true, b"");
    let message = [&string(session_id)[..], &body].concat();
    let signature = signer.sign("ssh-ed25519", &message).unwrap();
    [&body[..], &string(&signature)].concat()
}

pub(crate) fn signed(user: &str, key: &dyn SigningKey) -> Vec<u8> {
    signed_by(user, key.public_blob(), key, SESSION_ID)
}

pub(crate) fn string(bytes: &[u8]) -> Vec<u8> {
    let len = u32::try_from(bytes.len()).unwrap();
    [&len.to_be_bytes(), bytes].concat()
}

pub(crate) fn failure(methods: &str, partial_success: bool) -> Vec<u8> {
    encoded(&UserauthFailure {
        authentications_that_can_continue: NameList::parse(methods.as_bytes()).unwrap(),
        partial_success,
    })
}

pub(crate) fn success() -> Vec<u8> {
    encoded(&UserauthSuccess {})
}

pub(crate) fn pk_ok(algorithm: &[u8], key_blob: &[u8]) -> Vec<u8> {
    encoded(&UserauthPkOk {
        public_key_algorithm_name: algorithm,
        public_key_blob: key_blob,
    })
}

pub(crate) fn banner(text: &[u8]) -> Vec<u8> {
    encoded(&UserauthBanner {
        message: text,
        language_tag: b"",
    })
}

pub(crate) fn is_quiet(event: &Result<ClientEvent, Error>) -> bool {
    matches!(event, Ok(ClientEvent::Quiet))
}

pub(crate) fn refused(event: Result<ClientEvent, Error>) -> Refused {
    match event {
        Ok(ClientEvent::Refused(refused)) => refused,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn error(event: Result<ClientEvent, Error>) -> Error {
    event.expect_err("nothing is wrong")
}

pub(crate) const UNEXPECTED: Error = Error::PeerMisbehaved(PeerMisbehaved::UnexpectedMessage);
pub(crate) const SUCCESS_UNASKED: Error = Error::PeerMisbehaved(PeerMisbehaved::SuccessUnasked);

/// A client with a person before it, and without keys.
pub(crate) fn with_person(provider: &'static Provider, order: &[Method], prompts: u32) -> Client {
    let order = order.to_vec();
    let mut client = Client::new(
        provider,
        b"bob",
        Methods {
            order,
            prompts,
            ..Methods::default()
        },
    );
    client.start(&ESTABLISHED);
    if client.need() == Need::Keys {
        client.offer(Vec::new());
    }
    client
}

/// The same, which the server has told its methods.
pub(crate) fn told(provider: &'static Provider, order: &[Method], methods: &str) -> Client {
    let mut client = with_person(provider, order, 3);
    assert_eq!(sent(&mut client).unwrap(), none("bob"));
    assert!(is_quiet(&client.handle(&failure(methods, false))));
    client
}

/// The same, and it has asked for questions.
pub(crate) fn interactive(provider: &'static Provider) -> Client {
    let mut client = told(provider, &Method::ALL, "keyboard-interactive");
    assert_eq!(sent(&mut client).unwrap(), keyboard_interactive("bob"));
    client
}

pub(crate) fn secret(text: &str) -> Secret {
    Secret::copy_of(text.as_bytes())
}

pub(crate) fn password(user: &str, password: &str) -> Vec<u8> {
    let method = [&[0][..], &string(password.as_bytes())].concat();
    request(user.as_bytes(), b"ssh-connection", b"password", &method)
}

pub(crate) fn keyboard_interactive(user: &str) -> Vec<u8> {
    let method = b"keyboard-interactive";
    request(user.as_bytes(), b"ssh-connection", method, &[0; 8])
}

/// Prompts whose answers are secret, but where the text ends in `+`.
pub(crate) fn info_request(name: &str, instruction: &str, prompts: &[&str]) -> Vec<u8> {
    let texts: Vec<Vec<u8>> = prompts
        .iter()
        .map(|text| {
            [
                &string(text.as_bytes())[..],
                &[u8::from(text.ends_with('+'))],
            ]
            .concat()
        })
        .collect();
    encoded(&UserauthInfoRequest {
        name: name.as_bytes(),
        instruction: instruction.as_bytes(),
        language_tag: b"",
        num_prompts: u32::try_from(prompts.len()).unwrap(),
        prompts: Rest(&texts.concat()),
    })
}

pub(crate) fn info_response(answers: &[&str]) -> Vec<u8> {
    let strings: Vec<Vec<u8>> = answers.iter().map(|a| string(a.as_bytes())).collect();
    let count = u32::try_from(answers.len()).unwrap().to_be_bytes();
    [&[61][..], &count, &strings.concat()].concat()
}

pub(crate) fn change_request(prompt: &str) -> Vec<u8> {
    encoded(&UserauthPasswdChangereq {
        prompt: prompt.as_bytes(),
        language_tag: b"",
    })
}

/// `bytes` with a few changes.
pub(crate) fn mutate(dice: &mut Dice, bytes: &[u8]) -> Vec<u8> {
    let mut out = bytes.to_vec();
    for _ in 0..=dice.below(2) {
        let at = dice.below(out.len() + 1);
        let byte = u8::try_from(dice.below(256)).unwrap();
        match dice.below(4) {
            0 => out.truncate(at),
            1 => out.insert(at, byte),
            _ if at < out.len() => out[at] = byte,
            _ => {}
        }
    }
    out
}
