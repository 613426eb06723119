//! The first exchange and what follows it until authentication succeeded.

use super::*;

fn both_sides_agree_on_everything(provider: &'static Provider) {
    let mut pair = Pair::on(provider).established();
    let (client, server) = (&pair.client.t, &pair.server.t);
    assert_eq!(client.negotiated(), server.negotiated());
    assert!(client.negotiated().unwrap().strict_kex);
    assert_eq!(client.session_id(), server.session_id());
    assert_eq!(client.initial_host_key(), server.initial_host_key());
    assert_eq!(client.initial_signature(), server.initial_signature());
    assert!(!client.initial_signature().is_empty());
    assert_eq!(
        client.peer_ident().unwrap().as_bytes(),
        b"SSH-2.0-adit_test"
    );
    assert!(client.peer_extensions().ping && server.peer_extensions().ping);
    assert!(client.peer_extensions().server_sig_algs.is_some());
    assert_eq!(server.peer_extensions().server_sig_algs, None);
    assert_eq!(
        pair.client.seen,
        [Seen::HostKey, Seen::Extensions, Seen::Established]
    );
    assert_eq!(pair.server.seen, [Seen::Extensions, Seen::Established]);
    assert_eq!(pair.client.t.deadline(), None);
    assert_eq!(pair.client.t.tx.seq(), 2, "EXT_INFO and SERVICE_REQUEST");
    assert_eq!(pair.server.t.tx.seq(), 2, "EXT_INFO and SERVICE_ACCEPT");
    pair.client.t.authenticated(NOW);
    assert!(pair.client.t.deadline().is_some());
}

fn a_connection_works_with_every_method_and_cipher(provider: &'static Provider) {
    for kex in provider.kex {
        for cipher in provider.ciphers {
            let only = |seed| {
                let mut config = config(provider, seed);
                config.algorithms.kex = [*kex].to_vec();
                config.algorithms.ciphers = [*cipher].to_vec();
                config
            };
            let mut pair = Pair::new(End::client(only(1)), End::server(only(2))).authenticated();
            let negotiated = *pair.client.t.negotiated().unwrap();
            assert_eq!(negotiated.kex, kex.name());
            assert_eq!(negotiated.cipher_to_server, cipher.name());
            assert_eq!(negotiated.mac_to_client, cipher.mac());
            pair.client.t.start_rekey(NOW).unwrap();
            let mut slot = pair.server.t.tx().reserve(5).unwrap();
            slot.body().copy_from_slice(b"hello");
            slot.seal(7, 5).unwrap();
            pair.run();
            let data = b"\x5e\0\0\0\x07\0\0\0\x05hello".to_vec();
            assert_eq!(pair.client.count(&Seen::Packet(data)), 1);
            assert_eq!(pair.client.count(&Seen::Rekeyed), 1);
        }
    }
}

/// A client on this provider, a server on each: shares, signatures, hashes and packets of one are
/// what they are for the other.
fn both_providers_understand_each_other_with_every_method_and_cipher(provider: &'static Provider) {
    for there in [&adit_crypto::RING, &adit_crypto::PURE] {
        for kex in provider.kex {
            for cipher in provider.ciphers {
                let mut client = config(provider, 1);
                client.algorithms.kex = [*kex].to_vec();
                client.algorithms.ciphers = [*cipher].to_vec();
                let server = config(there, 2);
                let mut pair = Pair::new(End::client(client), End::server(server)).authenticated();
                for round in 1..=2 {
                    for end in [&mut pair.client, &mut pair.server] {
                        end.inject(b"\x50 under these keys");
                    }
                    pair.server.t.start_rekey(NOW).unwrap();
                    pair.run();
                    let said = Seen::Packet(b"\x50 under these keys".to_vec());
                    for end in [&pair.client, &pair.server] {
                        assert_eq!(end.error, None, "{} {}", kex.name(), cipher.name());
                        assert_eq!(end.count(&Seen::Rekeyed), round);
                        assert_eq!(end.count(&said), round);
                    }
                }
                assert_eq!(pair.client.t.session_id(), pair.server.t.session_id());
                assert_eq!(pair.server.t.negotiated().unwrap().kex, kex.name());
            }
        }
    }
}

fn a_connection_comes_to_be_whatever_the_chunks(provider: &'static Provider) {
    for chunk in (1..70).chain([100, 500, 1000, 5000]) {
        let mut pair = Pair::on(provider);
        pair.chunk = chunk;
        pair.authenticated();
    }
}

fn a_byte_goes_through_whatever_the_chunks(provider: &'static Provider) {
    for chunk in (1..40).chain([100, 1000, 35_000]) {
        let mut pair = Pair::on(provider).authenticated();
        pair.chunk = chunk;
        let mut sent = Vec::new();
        let mut got = Vec::new();
        for i in 0..60_u32 {
            let body: Vec<u8> = (0..i * 17 % 900 + 1)
                .map(|j| (i + j).to_be_bytes()[3])
                .collect();
            let mut slot = pair.client.t.tx().reserve(body.len()).unwrap();
            assert_eq!(slot.body().len(), body.len());
            slot.body().copy_from_slice(&body);
            slot.seal(3, body.len()).unwrap();
            sent.extend_from_slice(&body);
            if i % 3 == 0 {
                pair.run();
            }
        }
        pair.run();
        for seen in pair.server.seen {
            if let Seen::Packet(payload) = seen {
                got.extend_from_slice(&payload[9..]);
            }
        }
        assert!(sent == got, "chunk {chunk}");
    }
}

fn our_first_words_do_not_wait_for_the_peers(provider: &'static Provider) {
    for mut end in [
        End::client(config(provider, 1)),
        End::server(config(provider, 2)),
    ] {
        let out = end.take();
        assert!(out.starts_with(b"SSH-2.0-adit_test\r\n"));
        assert_eq!(out[19 + 5], adit_proto::number::KEXINIT);
        assert_eq!((out.len() - 19) % 8, 0);
        assert!(end.t.tx().is_held());
        assert_eq!(end.t.tx().control_room(), 0);
    }
}

fn a_client_skips_lines_before_the_identification_and_a_server_does_not(
    provider: &'static Provider,
) {
    let mut pair = Pair::on(provider);
    pair.client.give(b"Welcome\r\nto this host\r\n");
    pair.established();
    let mut server = End::server(config(provider, 2));
    server.give(b"GET / HTTP/1.1\r\n");
    let error = server.error.unwrap();
    assert_eq!(error, Error::Malformed(adit_proto::Malformed::BadIdent));
    assert_eq!(
        error.reason(),
        Some(reason::Disconnect::ProtocolVersionNotSupported)
    );
}

fn nothing_is_read_until_a_host_key_is_trusted(provider: &'static Provider) {
    let mut pair = Pair::on(provider);
    pair.client.trusting = false;
    pair.run();
    assert_eq!(pair.client.seen, [Seen::HostKey]);
    assert!(pair.client.t.recv_space().is_none());
    assert!(matches!(pair.client.t.poll(NOW), Ok(None)));
    assert_eq!(pair.server.count(&Seen::Established), 0);
    // Sent so far: the line, KEXINIT, KEX_ECDH_INIT. Nothing under new keys.
    assert_eq!(pair.client.t.tx.seq(), 2);
}

fn another_connections_key_is_not_this_ones(provider: &'static Provider) {
    let offer_of = |seed| {
        let mut end = End::client(config(provider, seed));
        let keys = host_keys(provider, seed);
        let server = Transport::server(config(provider, 9), keys, NOW).unwrap();
        let mut server = End::new(server);
        server.give(&end.take());
        let mut bytes = &server.take()[..];
        loop {
            let space = end.t.recv_space().unwrap();
            let n = space.len().min(bytes.len());
            space[..n].copy_from_slice(&bytes[..n]);
            end.t.recv_filled(n);
            bytes = &bytes[n..];
            if let Some(Input::HostKey(offer)) = end.t.poll(NOW).unwrap() {
                return (end, offer);
            }
            server.give(&end.take());
            if bytes.is_empty() {
                bytes = server.take().leak();
            }
        }
    };
    let (mut first, _) = offer_of(1);
    let (_, other) = offer_of(2);
    first.t.trust(other.trust());
    first.poll(NOW);
    assert_eq!(first.error, Some(Error::Internal(Internal::Order)));
}

fn disconnect_says_why_and_ends_both_sides(provider: &'static Provider) {
    let mut pair = Pair::on(provider).authenticated();
    pair.client
        .t
        .disconnect(reason::Disconnect::ByApplication, "done");
    pair.client
        .t
        .disconnect(reason::Disconnect::ByApplication, "again");
    assert!(pair.client.t.recv_space().is_none());
    assert!(pair.client.t.tx().reserve(1).is_none());
    assert_eq!(pair.client.t.tx().send(&Bytes(b"x")), Err(Error::Ended));
    pair.run();
    assert_eq!(
        pair.server.seen.last(),
        Some(&Seen::Disconnected(11, b"done".to_vec()))
    );
    assert!(pair.server.t.recv_space().is_none());
    assert!(matches!(pair.server.t.poll(NOW), Ok(None)));
    assert_eq!(pair.server.t.tx().control_room(), 0);
    pair.server
        .t
        .disconnect(reason::Disconnect::ByApplication, "too late");
    assert!(pair.server.t.tx().is_empty());
}

fn an_error_stays_and_the_peer_can_be_told(provider: &'static Provider) {
    let mut pair = Pair::on(provider).authenticated();
    pair.client.inject(&[51]);
    pair.run();
    let error = Error::from(PeerMisbehaved::UnexpectedMessage { number: 51 });
    assert_eq!(pair.server.error, Some(error));
    assert_eq!(pair.server.t.poll(NOW).unwrap_err(), error);
    assert!(pair.server.t.tx().reserve(1).is_none());
    pair.server
        .t
        .disconnect(error.reason().unwrap(), "unexpected message");
    pair.run();
    assert!(matches!(
        pair.client.seen.last(),
        Some(Seen::Disconnected(2, _))
    ));
}

fn no_randomness_is_an_error_and_nothing_is_sent(provider: &'static Provider) {
    let mut config = config(provider, 1);
    config.random = &toy::NoRandom;
    let error = Transport::client(config, NOW).err();
    assert_eq!(error, Some(Error::Crypto(CryptoFailure::Random)));
}

#[test]
fn a_server_offers_only_what_its_keys_can_sign() {
    let mut client = config(&toy::PROVIDER, 1);
    client.algorithms.host_keys = ["ssh-ed25519", "rsa-sha2-256"].to_vec();
    let keys = Arc::new([toy::rsa_key(1, 512)]);
    let server = Transport::server(config(&toy::PROVIDER, 2), keys, NOW).unwrap();
    let pair = Pair::new(End::client(client), End::new(server)).authenticated();
    assert_eq!(pair.client.t.negotiated().unwrap().host_key, "rsa-sha2-256");

    let mut no_rsa = config(&toy::PROVIDER, 2);
    no_rsa.algorithms.host_keys = ["ssh-ed25519"].to_vec();
    let keys = Arc::new([toy::rsa_key(1, 512)]);
    let error = Transport::server(no_rsa, keys, NOW).err();
    assert_eq!(error, Some(Error::Internal(Internal::NothingToOffer)));
}

#[test]
fn the_flight_of_the_largest_key_fits_before_authentication() {
    let keys: Arc<[Box<dyn SigningKey>]> = Arc::new([toy::rsa_key(1, 1024)]);
    let server = Transport::server(config(&toy::PROVIDER, 2), keys, NOW).unwrap();
    let mut pair = Pair::new(End::client(config(&toy::PROVIDER, 1)), End::new(server));
    // Not a byte goes out before all of it is sealed.
    let hello = pair.client.take();
    pair.server.give(&hello);
    let hello = pair.server.take();
    pair.client.give(&hello);
    let init = pair.client.take();
    pair.server.give(&init);
    assert_eq!(pair.server.error, None);
    pair.authenticated();
}

fn both_buffers_are_small_before_authentication(provider: &'static Provider) {
    let mut pair = Pair::on(provider).established();
    assert_eq!(pair.client.t.recv_space().unwrap().len(), 4 * 1024);
    assert!(pair.client.t.tx().control_room() > 4000);
    assert!(pair.client.t.tx().control_room() < 8 * 1024);
    assert!(pair.client.t.tx().reserve(1).is_none());
    let mut pair = pair.authenticated_again();
    // And larger as soon as somebody fills them.
    assert_eq!(pair.client.t.recv_space().unwrap().len(), 4 * 1024);
    for (filled, more) in [(4, 36 - 4), (36 - 4, 256 - 36)] {
        pair.client.t.recv_filled(filled * 1024);
        assert_eq!(pair.client.t.recv_space().unwrap().len(), more * 1024);
    }
    assert!(pair.client.t.tx().reserve(1).is_some());
}

impl Pair {
    fn authenticated_again(mut self) -> Self {
        self.client.t.authenticated(NOW);
        self.server.t.authenticated(NOW);
        self
    }
}

fn a_packet_before_authentication_stays_readable_until_the_next_read(provider: &'static Provider) {
    let mut pair = Pair::on(provider).established();
    pair.client.inject(b"\x32request");
    pair.client.inject(b"\x02\0\0\0\0");
    let bytes = pair.client.take();
    let space = pair.server.t.recv_space().unwrap();
    space[..bytes.len()].copy_from_slice(&bytes);
    pair.server.t.recv_filled(bytes.len());
    let Ok(Some(Input::Packet(packet))) = pair.server.t.poll(NOW) else {
        panic!("no packet");
    };
    pair.server.t.authenticated(NOW);
    assert_eq!(pair.server.t.payload(packet), b"\x32request");
    assert!(matches!(pair.server.t.poll(NOW), Ok(None)));
    assert_eq!(pair.server.t.recv_space().unwrap().len(), 4 * 1024);
}

fn authenticated_too_early_is_our_own_error(provider: &'static Provider) {
    let mut end = End::client(config(provider, 1));
    end.t.authenticated(NOW);
    assert_eq!(
        end.t.poll(NOW).unwrap_err(),
        Error::Internal(Internal::Order)
    );
}

#[test]
fn a_transport_can_go_to_another_thread() {
    const fn is_send<T: Send>() {}
    is_send::<Transport>();
}

on_every_provider! {
    both_sides_agree_on_everything
    a_connection_works_with_every_method_and_cipher
    a_connection_comes_to_be_whatever_the_chunks
    a_byte_goes_through_whatever_the_chunks
    our_first_words_do_not_wait_for_the_peers
    a_client_skips_lines_before_the_identification_and_a_server_does_not
    nothing_is_read_until_a_host_key_is_trusted
    another_connections_key_is_not_this_ones
    disconnect_says_why_and_ends_both_sides
    an_error_stays_and_the_peer_can_be_told
    no_randomness_is_an_error_and_nothing_is_sent
    both_buffers_are_small_before_authentication
    a_packet_before_authentication_stays_readable_until_the_next_read
    authenticated_too_early_is_our_own_error;
    // The toy is understood by itself alone.
    real: both_providers_understand_each_other_with_every_method_and_cipher
}
