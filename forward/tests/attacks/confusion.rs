//! Algorithms, key types, curves and signatures that do not belong together, in a server's proof
//! (RFC 4253 §8) and in a user's (RFC 4252 §7): every combination, signed by whoever can, and of all
//! of them only those that the RFCs name together are taken.

use std::sync::Arc;

use adit_auth::{Fingerprint, How};
use adit_crypto::{Provider, SigningKey};
use adit_proto::Decode;
use adit_proto::blob::Blob;
use adit_testkit::on_every_provider;
use adit_testkit::scripted::{
    ALGORITHMS, Disguise, Outcome, Role, Script, Scripted, Step, key_for, relabelled, string,
};

use crate::signer;

/// Names of algorithms that adit has not, and that are close to one that it has.
const OTHERS: [&str; 6] = [
    "ssh-rsa",
    "ecdsa-sha2-nistp521",
    "ssh-ed25519-cert-v01@openssh.com",
    "sk-ssh-ed25519@openssh.com",
    "rsa-sha2-512-cert-v01@openssh.com",
    "nistp256",
];

/// One of each type.
fn keys(provider: &'static Provider) -> Vec<Arc<dyn SigningKey>> {
    let types = &ALGORITHMS[..4];
    let signer = signer(provider);
    types.iter().map(|name| key_for(signer, name)).collect()
}

/// What is asked for, and what comes.
struct Case {
    requested: &'static str,
    shown: Disguise,
    is_good: bool,
}

impl Case {
    fn what(&self) -> String {
        let blob = &self.shown.public_blob;
        format!(
            "{} asked for, {} shown, {} by {}",
            self.requested,
            String::from_utf8_lossy(&blob[..blob.len().min(50)]).escape_debug(),
            self.shown.name,
            self.shown.algorithm
        )
    }
}

/// Keys as they are: whatever is asked for, each signs with what it can and calls that anything.
fn whole_keys(provider: &'static Provider) -> Vec<Case> {
    let mut cases = Vec::new();
    let names = || ALGORITHMS.into_iter().chain(OTHERS);
    for key in keys(provider) {
        for requested in names() {
            // What nobody knows is not looked into, whatever its signature is called.
            let is_known = ALGORITHMS.contains(&requested);
            for name in names().filter(|name| is_known || *name == requested) {
                for &algorithm in key.algorithms() {
                    let shown = Disguise {
                        public_blob: key.public_blob().to_vec(),
                        key: Arc::clone(&key),
                        algorithm,
                        name,
                    };
                    cases.push(Case {
                        requested,
                        shown,
                        is_good: requested == algorithm && name == algorithm,
                    });
                }
            }
        }
    }
    cases
}

/// Keys under the name of another type, with another curve inside, or with another's point: what is
/// asked for is what they are called, what they are, or anything else.
fn mixed_keys(provider: &'static Provider) -> Vec<Case> {
    let mut cases = Vec::new();
    let types = ["ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384"];
    for key in keys(provider) {
        let whole = key.public_blob().to_vec();
        let mut blobs: Vec<_> = types.into_iter().chain(["ssh-rsa"]).chain(OTHERS).collect();
        blobs.sort_unstable();
        blobs.dedup();
        let mut blobs: Vec<_> = blobs
            .into_iter()
            .map(|name| relabelled(&whole, name))
            .collect();
        // RFC 5656 §3.1: type, curve, point. What is a point in one is taken for one of another.
        let Blob { contents, .. } = Blob::decode(&whole).unwrap();
        let point = &contents.0[contents.0.len() - key_len(key.algorithms()[0])..];
        for curve in ["nistp256", "nistp384", "nistp521", "secp256k1", ""] {
            for name in types {
                let parts = [name.as_bytes(), curve.as_bytes(), point];
                blobs.push(parts.map(string).concat());
            }
        }
        blobs.retain(|blob| *blob != whole);
        for public_blob in blobs {
            for requested in ALGORITHMS {
                cases.push(Case {
                    requested,
                    shown: Disguise {
                        public_blob: public_blob.clone(),
                        key: Arc::clone(&key),
                        algorithm: key.algorithms()[0],
                        name: requested,
                    },
                    is_good: false,
                });
            }
        }
    }
    cases
}

/// Bytes of what is last in a blob of that key: a point, or something taken for one.
fn key_len(algorithm: &str) -> usize {
    match algorithm {
        "ssh-ed25519" => 32,
        "ecdsa-sha2-nistp256" => 65,
        "ecdsa-sha2-nistp384" => 97,
        _ => 256,
    }
}

/// The key type that goes with a signature algorithm (RFC 8332 §3: RSA keys keep their name).
fn key_type(algorithm: &str) -> &str {
    if algorithm.starts_with("rsa-sha2-") {
        "ssh-rsa"
    } else {
        algorithm
    }
}

fn a_users(provider: &'static Provider, cases: Vec<Case>) {
    let script = Script::new(Role::Server, provider);
    let mut peer = Scripted::at(&script, Step::Service);
    let (mut failures, mut logins) = (0, 0);
    for case in cases {
        // The sixth failure would be the last.
        if failures == 5 {
            peer = Scripted::at(&script, Step::Service);
            failures = 0;
        }
        let what = case.what();
        let blob = case.shown.public_blob.clone();
        peer.victim.authorized = vec![blob.clone()];
        peer.algorithm = case.requested;
        peer.key = Arc::new(case.shown);
        let request = peer.signed_request();
        let answer = if case.is_good { 52 } else { 51 };
        assert_eq!(
            peer.answer_to(&request),
            Outcome::Said(vec![answer]),
            "{what}"
        );
        assert_eq!(peer.is_logged_in(), case.is_good, "{what}");
        failures += 1;
        if let Some(user) = peer.victim.session.user() {
            let expected = How::Publickey {
                key_type: leaked(key_type(case.requested)),
                fingerprint: Fingerprint::of(provider, &blob),
            };
            assert_eq!(*user.how(), expected);
            logins += 1;
            failures = 5;
        }
    }
    assert!(logins == 0 || logins == ALGORITHMS.len());
}

/// As the names of types are in a login.
fn leaked(name: &str) -> &'static str {
    let names = ALGORITHMS.into_iter().chain(["ssh-rsa"]);
    names.into_iter().find(|known| *known == name).unwrap()
}

fn a_servers(provider: &'static Provider, cases: Vec<Case>) {
    let mut trusted = 0;
    for case in cases {
        let what = case.what();
        let is_known = ALGORITHMS.contains(&case.requested);
        let mut peer = Scripted::at(&Script::new(Role::Client, provider), Step::Ident);
        peer.algorithm = case.requested;
        let unfit = unfit(&case);
        peer.key = Arc::new(case.shown);
        let kexinit = peer.kexinit_payload();
        let seen = peer.answer_to(&kexinit);
        if !is_known {
            assert_eq!(seen, Outcome::Refused(3), "{what}");
            continue;
        }
        let reply = peer.reply_payload(|_| {});
        let seen = peer.answer_to(&reply);
        let expected = match (case.is_good, unfit) {
            (true, _) => Outcome::Said(vec![21, 7, 5]),
            (false, true) => Outcome::Refused(9),
            (false, false) => Outcome::Refused(3),
        };
        assert_eq!(seen, expected, "{what}");
        let offered = |event: &String| event.starts_with("HostKey");
        assert_eq!(peer.victim.log.iter().any(offered), case.is_good, "{what}");
        trusted += usize::from(case.is_good);
    }
    assert!(trusted == 0 || trusted == ALGORITHMS.len());
}

/// Whether the key that is shown is none of the type that goes with the algorithm.
fn unfit(case: &Case) -> bool {
    let same = case.shown.key.public_blob() == case.shown.public_blob;
    let algorithms = case.shown.key.algorithms();
    !same || !algorithms.contains(&case.requested)
}

fn a_user_logs_in_where_algorithm_key_and_signature_are_of_one_kind(provider: &'static Provider) {
    a_users(provider, whole_keys(provider));
}

fn a_users_key_under_another_name_or_with_another_curve_is_refused(provider: &'static Provider) {
    a_users(provider, mixed_keys(provider));
}

fn a_host_key_is_offered_where_algorithm_key_and_signature_are_of_one_kind(
    provider: &'static Provider,
) {
    a_servers(provider, whole_keys(provider));
}

fn a_host_key_under_another_name_or_with_another_curve_is_never_offered(
    provider: &'static Provider,
) {
    a_servers(provider, mixed_keys(provider));
}

/// The key is pinned, and not the algorithm: RSA signs with either hash. No key of another type is
/// it, though it is as good a key as the first.
fn a_re_exchange_is_signed_by_the_same_key_with_any_algorithm_of_it(provider: &'static Provider) {
    for first in ALGORITHMS {
        for then in ALGORITHMS {
            let mut script = Script::new(Role::Client, provider);
            script.algorithm = first;
            script.signer = signer(provider);
            let mut peer = Scripted::at(&script, Step::Login);
            let is_same = peer.key.algorithms().contains(&then);
            peer.algorithm = then;
            if !is_same {
                peer.key = key_for(script.signer, then);
            }
            peer.kexinit();
            let reply = peer.share_payload();
            let expected = match is_same {
                true => Outcome::Said(vec![21]),
                false => Outcome::Refused(9),
            };
            assert_eq!(peer.answer_to(&reply), expected, "{first} {then}");
        }
    }
}

on_every_provider! {
    a_user_logs_in_where_algorithm_key_and_signature_are_of_one_kind
    a_users_key_under_another_name_or_with_another_curve_is_refused
    a_host_key_is_offered_where_algorithm_key_and_signature_are_of_one_kind
    a_host_key_under_another_name_or_with_another_curve_is_never_offered
    a_re_exchange_is_signed_by_the_same_key_with_any_algorithm_of_it
}
