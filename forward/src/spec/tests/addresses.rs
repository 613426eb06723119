//! What a bind address says to listen on.

use super::*;

#[test]
fn a_bind_address_says_what_to_listen_on() {
    use Family::{Any, Inet, Inet6};
    use GatewayPorts::{No, Yes};
    for (spec, gateway, family, expected) in [
        ("1:h:2", No, Any, &["127.0.0.1:1", "[::1]:1"][..]),
        ("1:h:2", No, Inet, &["127.0.0.1:1"]),
        ("1:h:2", No, Inet6, &["[::1]:1"]),
        ("1:h:2", Yes, Any, &["0.0.0.0:1", "[::]:1"]),
        ("1:h:2", Yes, Inet6, &["[::]:1"]),
        (":1:h:2", No, Any, &["0.0.0.0:1", "[::]:1"]),
        ("*:1:h:2", No, Inet, &["0.0.0.0:1"]),
        ("localhost:1:h:2", Yes, Any, &["127.0.0.1:1", "[::1]:1"]),
        ("127.0.0.2:1:h:2", Yes, Any, &["127.0.0.2:1"]),
        ("[::1]:1:h:2", No, Inet, &[]),
    ] {
        let on = bind(spec).listen_on(1, gateway, family);
        let expected = expected.iter().map(|a| a.parse().unwrap()).collect();
        assert_eq!(
            on,
            ListenOn::Addresses(expected),
            "{spec} {gateway:?} {family:?}"
        );
    }
    let on = bind("me:1:h:2").listen_on(1, No, Any);
    assert_eq!(on, ListenOn::Name("me".into(), 1));
}
