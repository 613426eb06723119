//! Key exchanges between all pairs of providers, and shares that are refused.

use crate::{on_each_provider, providers};
use adit_crypto::Provider;

on_each_provider! {
    both_sides_have_the_same_secret_whoever_answers,
}

fn both_sides_have_the_same_secret_whoever_answers(here: &Provider) {
    for client in here.kex {
        for there in providers() {
            let server = there.kex(client.name().as_bytes()).unwrap();
            let active = client.start(here.random).unwrap();
            assert_eq!(active.share().len(), client.client_share_len());
            let (share, theirs) = server.answer(there.random, active.share()).unwrap();
            assert_eq!(share.len(), client.server_share_len());
            let ours = active.finish(&share).unwrap();
            assert_eq!(ours.bytes.expose(), theirs.bytes.expose());
            assert_eq!(ours.bytes.expose().len(), 32);
            assert_eq!(ours.encoding, theirs.encoding);
        }
    }
}
