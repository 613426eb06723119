//! A client whose key is in an ssh-agent, which the test plays.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::thread;

use adit_crypto::SigningKey;
use adit_forward::reactor::{AgentConfig, AgentKeys, End, Identities};

use crate::world::{Answers, client, client_config, key, loopback, server, server_config};

/// How the played agent behaves.
#[derive(Clone, Copy, PartialEq)]
enum Agent {
    Signs,
    RefusesToSign,
    TalksNonsense,
    HangsUp,
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

fn play(how: Agent) -> Socket {
    let name = format!("adit-agent-{}-{}", std::process::id(), how as u8);
    let path = std::env::temp_dir().join(name);
    let _ = std::fs::remove_file(&path);
    let listener = UnixListener::bind(&path).unwrap();
    thread::spawn(move || {
        let key = key();
        let stream = listener.accept().unwrap().0;
        serve(stream, &*key, how);
    });
    Socket(path)
}

fn with_agent(how: Agent, loaded: bool) -> Result<(), End> {
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
    if loaded {
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
    assert_eq!(with_agent(Agent::Signs, false), Ok(()));
}

#[test]
fn what_an_agent_does_wrong_leaves_the_other_keys() {
    for how in [Agent::RefusesToSign, Agent::TalksNonsense, Agent::HangsUp] {
        assert_eq!(with_agent(how, true), Ok(()));
    }
    let how = Agent::RefusesToSign;
    assert_eq!(with_agent(how, false), Err(End::NotAuthenticated));
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
