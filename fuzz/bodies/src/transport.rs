//! The transport: a stranger's bytes end it or leave it waiting, and never further than they may;
//! between two honest ends every payload arrives once and in order, through every rekey, and not
//! past one changed bit.

use core::cell::Cell;
use core::time::Duration;
use std::sync::Arc;

use adit_crypto::{SecureRandom, SigningKey, Unspecified};
use adit_proto::Decode;
use adit_proto::Ident;
use adit_proto::msg::ChannelData;
use adit_testkit::toy;
use adit_transport::{AeadFirst, Algorithms, Buffers, Config, Input, RekeyLimits, Transport};

use crate::mutate::Random;
use crate::seeds::bytes;

const KIB: usize = 1024;

/// Most memory a peer may make a transport ask to be filled at once.
const SPACE_MAX: usize = 512 * KIB;

/// Which end draws.
#[derive(Clone, Copy)]
enum End {
    Client,
    Server,
}

/// The same bytes in each run: each end has a counter of its own, begun anew with the end. So what
/// one end said can be played to the other once more.
struct Repeated(End);

thread_local! {
    static DRAWN: Cell<[u64; 2]> = const { Cell::new([0; 2]) };
}

impl SecureRandom for Repeated {
    fn fill(&self, out: &mut [u8]) -> Result<(), Unspecified> {
        let mut drawn = DRAWN.get();
        let counter = &mut drawn[self.0 as usize];
        let mut random = Random::new(*counter);
        *counter += 2;
        out.iter_mut().for_each(|byte| *byte = random.byte());
        DRAWN.set(drawn);
        Ok(())
    }
}

static CLIENT: Repeated = Repeated(End::Client);
static SERVER: Repeated = Repeated(End::Server);

fn config(end: End, rekey_bytes: Option<u64>) -> Config {
    let provider = &toy::PROVIDER;
    let mut drawn = DRAWN.get();
    drawn[end as usize] = 1000 * (end as u64);
    DRAWN.set(drawn);
    Config {
        provider,
        random: match end {
            End::Client => &CLIENT,
            End::Server => &SERVER,
        },
        ident: Ident::new(b"SSH-2.0-adit_fuzz").expect("an identification"),
        algorithms: Algorithms::defaults(provider, AeadFirst::Aes),
        rekey: RekeyLimits {
            bytes: rekey_bytes,
            time: None,
        },
        buffers: Buffers {
            recv: 64 * KIB,
            send: 64 * KIB,
        },
    }
}

fn host_keys() -> Arc<[Box<dyn SigningKey>]> {
    Arc::new([toy::ed25519_key(1)])
}

fn client(rekey_bytes: Option<u64>) -> Transport {
    Transport::client(config(End::Client, rekey_bytes), Duration::ZERO)
        .expect("a good configuration")
}

fn server(rekey_bytes: Option<u64>) -> Transport {
    let made = Transport::server(
        config(End::Server, rekey_bytes),
        host_keys(),
        Duration::ZERO,
    );
    made.expect("a good configuration")
}

/// Feeds `data` in pieces whose size the first byte says. Gives how far the transport went.
fn feed(transport: &mut Transport, data: &[u8]) -> bool {
    let Some((piece, mut data)) = data.split_first() else {
        return false;
    };
    let piece = usize::from(*piece).max(1) * 7;
    let now = Duration::from_millis(1);
    let mut established = false;
    while !data.is_empty() {
        let Some(space) = transport.recv_space() else {
            return established;
        };
        assert!(space.len() <= SPACE_MAX);
        let n = space.len().min(piece).min(data.len());
        space[..n].copy_from_slice(&data[..n]);
        data = &data[n..];
        transport.recv_filled(n);
        loop {
            match transport.poll(now) {
                Ok(None) => break,
                Ok(Some(Input::Established)) => established = true,
                Ok(Some(Input::Packet(packet))) => {
                    let number = transport.payload(packet).first().copied();
                    let expected = established && number.is_some_and(|n| (50..80).contains(&n));
                    assert!(expected, "{number:?} passes before its time");
                }
                Ok(Some(Input::HostKey(_))) => return established,
                Ok(Some(_)) => {}
                Err(error) => {
                    assert!(!error.to_string().is_empty());
                    assert_eq!(transport.poll(now).err(), Some(error), "the answer changes");
                    if let Some(reason) = error.reason() {
                        transport.disconnect(reason, "bye");
                    }
                    assert!(
                        transport.recv_space().is_none(),
                        "it reads on after an error"
                    );
                    return established;
                }
            }
        }
        let pending: usize = transport.send_pending().iter().map(|part| part.len()).sum();
        assert!(pending <= SPACE_MAX, "a stranger makes it queue");
        transport.send_consumed(pending);
    }
    established
}

pub(crate) fn from_server(data: &[u8]) {
    let established = feed(&mut client(None), data);
    assert!(!established, "the host key was never answered for");
}

pub(crate) fn from_client(data: &[u8]) {
    // Anybody may exchange keys with a server: who it is, authentication will say.
    feed(&mut server(None), data);
}

/// What `transport` has to say, taken from it.
fn said(transport: &mut Transport) -> Vec<u8> {
    let pending = transport.send_pending().concat();
    transport.send_consumed(pending.len());
    pending
}

/// What one end says in an honest exchange, up to its first encrypted packets.
fn recorded(of_client: bool) -> Vec<Vec<u8>> {
    let (mut client, mut server) = (client(None), server(None));
    let mut recorded = vec![8];
    for _ in 0..6 {
        for to_server in [true, false] {
            let (from, to) = if to_server {
                (&mut client, &mut server)
            } else {
                (&mut server, &mut client)
            };
            let bytes = said(from);
            if to_server == of_client {
                recorded.extend_from_slice(&bytes);
            }
            give(to, &bytes, &mut |_, _| {});
        }
    }
    let ident = [&[1][..], b"SSH-2.0-x\r\n\0\0\0\x0c\x0a\x14", &[0; 10]].concat();
    vec![recorded, ident]
}

pub(crate) fn from_server_seeds() -> Vec<Vec<u8>> {
    recorded(false)
}

pub(crate) fn from_client_seeds() -> Vec<Vec<u8>> {
    recorded(true)
}

/// Gives bytes to an end and goes on until it waits; `heard` gets every packet for the layers above.
/// True once it was established.
fn give(to: &mut Transport, mut bytes: &[u8], heard: &mut dyn FnMut(&Transport, &[u8])) -> bool {
    let now = Duration::from_millis(5);
    let mut established = false;
    loop {
        while let Some(input) = to
            .poll(now)
            .unwrap_or_else(|e| panic!("an honest peer: {e}"))
        {
            match input {
                Input::HostKey(offer) => to.trust(offer.trust()),
                Input::Established => {
                    established = true;
                    to.authenticated(now);
                }
                Input::Packet(packet) => heard(to, to.payload(packet)),
                _ => {}
            }
        }
        if bytes.is_empty() {
            return established;
        }
        let space = to.recv_space().expect("an honest end reads");
        let n = space.len().min(bytes.len());
        space[..n].copy_from_slice(&bytes[..n]);
        to.recv_filled(n);
        bytes = &bytes[n..];
    }
}

/// One direction of the application's stream.
#[derive(Default)]
struct Flow {
    sent: u64,
    received: u64,
    /// On its way.
    wire: Vec<u8>,
}

/// A schedule of data, partial deliveries, PINGs and rekeys between two honest ends.
pub(crate) fn pair(data: &[u8]) {
    let Some((head, data)) = data.split_first() else {
        return;
    };
    let rekey = (head & 1 == 1).then_some(4096);
    let mut ends = [client(rekey), server(rekey)];
    let mut flows = [Flow::default(), Flow::default()];
    let now = Duration::from_millis(6);
    for step in data.chunks_exact(2).take(2000) {
        let [op, amount] = *step else { return };
        let from = usize::from(op & 1);
        let established = ends[from].session_id().is_some();
        match (op >> 1) % 8 {
            0 | 1 => write(&mut ends[from], &mut flows[from], usize::from(amount) * 130),
            2 => deliver(&mut ends, &mut flows, from, usize::from(amount) * 3),
            3 => deliver(&mut ends, &mut flows, from, usize::MAX),
            4 if established => drop(ends[from].ping(now)),
            5 if established && amount > 250 => drop(ends[from].start_rekey(now)),
            _ => {
                deliver(&mut ends, &mut flows, 0, usize::MAX);
                deliver(&mut ends, &mut flows, 1, usize::MAX);
            }
        }
    }
    for _ in 0..40 {
        deliver(&mut ends, &mut flows, 0, usize::MAX);
        deliver(&mut ends, &mut flows, 1, usize::MAX);
    }
    for flow in &flows {
        assert_eq!(flow.sent, flow.received, "payloads are lost");
        assert!(flow.wire.is_empty());
    }
    assert!(
        ends.iter_mut().all(|end| !end.tx().is_held()),
        "an exchange does not end"
    );
}

/// Sends a message that says which one it is.
fn write(end: &mut Transport, flow: &mut Flow, size: usize) {
    // Data belongs behind authentication; `give` declares that at once when it can.
    if end.session_id().is_none() || end.deadline().is_some_and(|_| end.tx().is_held()) {
        return;
    }
    let mut data = flow.sent.to_be_bytes().to_vec();
    data.resize(8 + size, 0x5a);
    let Some(mut slot) = end.tx().reserve(data.len()) else {
        return;
    };
    let n = slot.body().len().min(data.len());
    slot.body()[..n].copy_from_slice(&data[..n]);
    slot.seal(7, n).expect("a slot takes what it has room for");
    if n >= 8 {
        flow.sent += 1;
    }
}

/// Moves at most `want` bytes of what `from` has said to the other end.
fn deliver(ends: &mut [Transport; 2], flows: &mut [Flow; 2], from: usize, want: usize) {
    let bytes = said(&mut ends[from]);
    flows[from].wire.extend_from_slice(&bytes);
    let n = want.min(flows[from].wire.len());
    let moved: Vec<u8> = flows[from].wire.drain(..n).collect();
    let received = &mut flows[from].received;
    give(&mut ends[1 - from], &moved, &mut |_, payload| {
        let message = ChannelData::decode(payload).expect("what was sent");
        let (number, rest) = message
            .data
            .split_first_chunk()
            .expect("a numbered message");
        assert_eq!(
            u64::from_be_bytes(*number),
            *received,
            "lost, doubled or moved"
        );
        assert!(rest.iter().all(|byte| *byte == 0x5a));
        *received += 1;
    });
}

pub(crate) fn pair_seeds() -> Vec<Vec<u8>> {
    let handshake = [12, 0].repeat(6);
    let mut plain = vec![0];
    plain.extend(&handshake);
    plain.extend([0, 10, 1, 20, 4, 50, 5, 90, 8, 0, 10, 255, 0, 200, 12, 0].repeat(4));
    let mut rekeying = vec![1];
    rekeying.extend(&handshake);
    rekeying.extend([0, 30, 1, 30, 2, 30, 4, 9, 5, 200, 6, 0].repeat(30));
    vec![plain, rekeying]
}

/// One bit of an established connection is changed: the receiver ends it and hears nothing false.
pub(crate) fn changed_bit(data: &[u8]) {
    let Some(([high, low, bit], _)) = data.split_first_chunk() else {
        return;
    };
    let (mut client, mut server) = (client(None), server(None));
    for _ in 0..6 {
        let up = said(&mut client);
        give(&mut server, &up, &mut |_, _| {});
        let down = said(&mut server);
        give(&mut client, &down, &mut |_, _| {});
    }
    let message = bytes(&ChannelData {
        recipient_channel: 7,
        data,
    });
    for _ in 0..2 {
        let Some(mut slot) = client.tx().reserve(data.len()) else {
            return;
        };
        let n = slot.body().len().min(data.len());
        slot.body()[..n].copy_from_slice(&data[..n]);
        slot.seal(7, n).expect("a slot takes what it has room for");
    }
    let mut wire = said(&mut client);
    let at = usize::from(u16::from_be_bytes([*high, *low])) % wire.len();
    wire[at] ^= 1 << (bit % 8);

    let now = Duration::from_millis(9);
    let mut rest = &wire[..];
    while !rest.is_empty() {
        let Some(space) = server.recv_space() else {
            return;
        };
        let n = space.len().min(rest.len());
        space[..n].copy_from_slice(&rest[..n]);
        rest = &rest[n..];
        server.recv_filled(n);
        loop {
            match server.poll(now) {
                Ok(None) => break,
                Ok(Some(Input::Packet(packet))) => {
                    assert_eq!(server.payload(packet), message, "a false packet passes");
                }
                Ok(Some(other)) => panic!("{other:?}"),
                Err(_) => return,
            }
        }
    }
    // A changed length may wait for more; it must never have given both packets.
}

pub(crate) fn changed_bit_seeds() -> Vec<Vec<u8>> {
    vec![vec![0, 5, 1, 2, 3], [vec![0, 60, 7], vec![9; 300]].concat()]
}
