//! A client whose key is in an ssh-agent, which the test plays.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use adit_crypto::{RING, SigningKey, verify};
use adit_forward::reactor::{AgentConfig, AgentKeys, End, Identities};
use adit_proto::Reader;
use adit_proto::blob::blob_name;

use crate::world::{Answers, client, client_config, key, loopback, server, server_config};

/// How the played agent behaves.
#[derive(Clone, Copy, PartialEq)]
enum Agent {
    Signs,
    RefusesToSign,
    TalksNonsense,
    HangsUp,
    HangsUpAtOnce,
}

fn string(bytes: &[u8]) -> Vec<u8> {
    let len = u32::try_from(bytes.len()).unwrap();
    [&len.to_be_bytes(), bytes].concat()
}

fn serve(mut stream: UnixStream, key: &dyn SigningKey, how: Agent) {
    let mut head = [0; 4];
    while stream.read_exact(&mut head).is_ok() {
        let mut frame = vec![0; u32::from_be_bytes(head) as usize];
        stream.read_exact(&mut frame).unwrap();
        let answer = match (frame[0], how) {
            (_, Agent::HangsUp) => return,
            (_, Agent::TalksNonsense) => vec![12, 255, 255, 255, 255],
            (11, _) => [
                &[12, 0, 0, 0, 1][..],
                &string(key.public_blob()),
                &string(b"played"),
            ]
            .concat(),
            (13, Agent::Signs) => {
                let blob = key.public_blob().len();
                // After the key: the message, and four bytes of flags.
                let message = &frame[1 + 4 + blob + 4..frame.len() - 4];
                let signature = key.sign("ssh-ed25519", message).unwrap();
                [&[14][..], &string(&signature)].concat()
            }
            _ => vec![5],
        };
        // In pieces: a frame may come in any.
        for piece in string(&answer).chunks(3) {
            stream.write_all(piece).unwrap();
        }
    }
}

/// A socket that is gone with this value.
struct Socket(PathBuf);
impl Drop for Socket {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn listen() -> (Socket, UnixListener) {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let n = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("adit-agent-{}-{n}", std::process::id());
    let path = std::env::temp_dir().join(name);
    let _ = std::fs::remove_file(&path);
    let listener = UnixListener::bind(&path).unwrap();
    (Socket(path), listener)
}

fn play(how: Agent) -> Socket {
    let (socket, listener) = listen();
    thread::spawn(move || {
        let key = key();
        let stream = listener.accept().unwrap().0;
        if how != Agent::HangsUpAtOnce {
            serve(stream, &*key, how);
        }
    });
    socket
}

/// Keys that there are besides the agent's.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Files {
    None,
    OneKey,
}

/// A login with an agent, and with a key in a file as well or without.
fn with_agent(how: Agent, files: Files) -> Result<(), End> {
    let socket = play(how);
    let (_server, address) = server(server_config(), Answers::default());
    let mut config = client_config(address, loopback());
    let agent = Some(AgentConfig {
        socket: socket.0.clone(),
        keys: AgentKeys::All,
    });
    let mut identities = Identities {
        files: Vec::new(),
        agent,
    };
    if files == Files::OneKey {
        identities.files = config.identities.files;
    }
    config.identities = identities;
    let client = client(config, Answers::default());
    if client.is_authenticated() {
        Ok(())
    } else {
        Err(client.end())
    }
}

#[test]
fn an_agent_signs() {
    assert_eq!(with_agent(Agent::Signs, Files::None), Ok(()));
}

#[test]
fn what_an_agent_does_wrong_leaves_the_other_keys() {
    for how in [
        Agent::RefusesToSign,
        Agent::TalksNonsense,
        Agent::HangsUp,
        Agent::HangsUpAtOnce,
    ] {
        assert_eq!(with_agent(how, Files::OneKey), Ok(()));
    }
    let how = Agent::RefusesToSign;
    assert_eq!(with_agent(how, Files::None), Err(End::NotAuthenticated));
}

#[test]
fn an_agent_that_is_not_there_leaves_the_other_keys() {
    let (_server, address) = server(server_config(), Answers::default());
    let mut config = client_config(address, loopback());
    config.identities.agent = Some(AgentConfig {
        socket: PathBuf::from("/nonexistent/agent"),
        keys: AgentKeys::All,
    });
    assert!(client(config, Answers::default()).is_authenticated());
}

/// Checks that these are, in this order, a session that its server's host key has signed, and the
/// question for keys.
fn assert_bound(frames: &[u8]) {
    let mut reader = Reader::new(frames);
    let mut bind = Reader::new(reader.string().unwrap());
    assert_eq!(bind.byte(), Ok(27));
    assert_eq!(bind.string(), Ok(&b"session-bind@openssh.com"[..]));
    let host_key = bind.string().unwrap();
    let session_id = bind.string().unwrap();
    let signature = bind.string().unwrap();
    assert_eq!(bind.byte(), Ok(0), "the agent is not forwarded");
    bind.finish().unwrap();
    let algorithm = blob_name(signature).unwrap();
    let _ = verify(&RING, algorithm, host_key, session_id, signature).unwrap();
    assert_eq!(reader.string(), Ok(&[11][..]));
    reader.finish().unwrap();
}

#[test]
fn an_agent_hears_of_the_session_with_the_question_for_its_keys() {
    let (socket, listener) = listen();
    let agent = thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        let mut both = vec![0; 4096];
        let n = stream.read(&mut both).unwrap(); // one write, so one read
        assert_bound(&both[..n]);
        stream.write_all(&string(&[6])).unwrap();
        stream.write_all(&string(&[12, 0, 0, 0, 0])).unwrap();
        stream.read(&mut [0]).unwrap()
    });
    let (_server, address) = server(server_config(), Answers::default());
    let mut config = client_config(address, loopback());
    config.identities.agent = Some(AgentConfig {
        socket: socket.0.clone(),
        keys: AgentKeys::All,
    });
    assert!(client(config, Answers::default()).is_authenticated());
    assert_eq!(agent.join().unwrap(), 0);
}

#[test]
fn without_publickey_no_agent_is_asked() {
    let (socket, listener) = listen();
    listener.set_nonblocking(true).unwrap();
    let (_server, address) = server(server_config(), Answers::default());
    let mut config = client_config(address, loopback());
    config.methods.order.clear();
    config.identities.agent = Some(AgentConfig {
        socket: socket.0.clone(),
        keys: AgentKeys::All,
    });
    let client = client(config, Answers::default());
    assert_eq!(client.end(), End::NotAuthenticated);
    assert!(listener.accept().is_err());
}
