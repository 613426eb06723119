//! Where a server may listen, and the options of a key.

use core::net::SocketAddr;

use adit_auth::Permissions;
use adit_auth::authorized_keys::Options;
use adit_auth::permits::PortForwarding;
use adit_forward::policy::{
    AllowForwarding, GatewayPorts, ListenHost, ListenPermit, Login, PermitListen, Policy, RunsAs,
    is_socket_path,
};

use crate::seeds::texts;

/// A list in the first line, an address in the second, a port in the third, perhaps nothing but a
/// path in the second. What is granted is on the list, and never beyond loopback unless
/// GatewayPorts says so.
pub(crate) fn permit_listen(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else {
        return;
    };
    let mut lines = text.splitn(3, '\n');
    let words: Vec<&str> = lines.next().unwrap_or("").split(' ').collect();
    let address = lines.next().unwrap_or("").as_bytes();
    let port = lines.next().and_then(|line| line.parse::<u32>().ok());
    let port = port.unwrap_or(80);
    let Ok(list) = PermitListen::parse(&words) else {
        return;
    };
    let permits: Vec<ListenPermit> = words
        .iter()
        .filter_map(|word| ListenPermit::parse(word).ok())
        .collect();
    for permit in &permits {
        assert_eq!(
            ListenPermit::parse(&permit.to_string()).as_ref(),
            Ok(permit)
        );
    }
    let named = !matches!(list, PermitListen::Any | PermitListen::Nothing);
    let mut policy = Policy {
        permit_listen: Some(list),
        ..Policy::default()
    };
    let login = Login {
        user: b"somebody",
        key: &Permissions::ALL,
    };
    if let Ok(listen) = policy.tcpip_forward(address, port, login) {
        assert!(listen.addresses().iter().all(|at| at.ip().is_loopback()));
        assert!((1..=2).contains(&listen.addresses().len()));
        let host = ListenHost::parse(address).expect("it was granted");
        let port = u16::try_from(port).expect("it was granted");
        assert!(listen.addresses().iter().all(|at| at.port() == port));
        assert!(!named || permits.iter().any(|p| p.permits_tcp(&host, port)));
        policy.gateway_ports = GatewayPorts::Yes;
        let wide = policy.tcpip_forward(address, port.into(), login);
        let wide = wide.expect("it was granted before");
        assert!(wide.addresses().iter().all(|at| at.ip().is_unspecified()));
    }
    if policy.streamlocal_forward(address, login).is_ok() {
        assert!(is_socket_path(address));
        assert!(named && permits.iter().any(|p| p.permits_path(address)));
    }
    policy.runs_as = RunsAs::Root;
    if let Ok(listen) = policy.tcpip_forward(address, port, login) {
        let is_roots = |at: &SocketAddr| (1..1024).contains(&at.port());
        let is_named = permits.iter().any(ListenPermit::is_exact);
        assert!(is_named || !listen.addresses().iter().any(is_roots));
    }
    policy.allow_tcp = Some(AllowForwarding::Local);
    policy.allow_streamlocal = Some(AllowForwarding::Local);
    assert!(policy.tcpip_forward(address, port, login).is_err());
    assert!(policy.streamlocal_forward(address, login).is_err());
}

pub(crate) fn permit_listen_seeds() -> Vec<Vec<u8>> {
    texts(&[
        "8080 [::1]:443\nlocalhost\n8080",
        "*:80\n\n80",
        "localhost:*\nLOCALHOST\n0",
        "10.0.0.*:80 [fe80::?]:1\n::ffff:10.0.0.7\n80",
        "any\n0.0.0.0\n1",
        "none\nx\n1",
        "/run/a 1\n/run/a",
        "/*\n/run/b",
    ])
}

/// The options of a key. What they leave is never more than what a line without them does, and a
/// list that begins is held.
pub(crate) fn key_options(data: &[u8]) {
    let Ok(options) = Options::parse(data) else {
        return;
    };
    // An option more never gives more, unless it is the one that gives.
    let more = Options::parse(&[data, b",restrict"].concat()).expect("one option more");
    assert_eq!(more.permissions.port_forwarding, PortForwarding::No);
    let more = [data, b",port-forwarding,permitopen=\"h:1\""].concat();
    if let Ok(more) = Options::parse(&more) {
        assert_eq!(more.permissions.port_forwarding, PortForwarding::Yes);
        let lists = |o: &Options| o.permissions.permit_open.as_ref().map_or(0, Vec::len);
        assert_eq!(lists(&more), lists(&options) + 1);
        assert_eq!(
            (&more.from, more.expiry),
            (&options.from, options.expiry),
            "another option took it away"
        );
    }
    let lower = data.to_ascii_lowercase();
    let has = |word: &[u8]| lower.windows(word.len()).any(|w| w == word);
    if options.permissions.port_forwarding == PortForwarding::No {
        assert!(has(b"restrict") || has(b"no-port-forwarding"));
    }
    for (word, is_held) in [
        (&b"from=\""[..], options.from.is_some()),
        (b"expiry-time=\"", options.expiry.is_some()),
        (b"permitopen=\"", options.permissions.permit_open.is_some()),
        (
            b"permitlisten=\"",
            options.permissions.permit_listen.is_some(),
        ),
    ] {
        assert!(!lower.starts_with(word) || is_held);
        assert!(!is_held || has(word));
    }
}

pub(crate) fn key_options_seeds() -> Vec<Vec<u8>> {
    texts(&[
        "restrict,port-forwarding,permitopen=\"[::1]:80\"",
        "no-pty,command=\"echo \\\"a, b\\\"\",no-X11-forwarding",
        "permitlisten=\"localhost:8080\",permitlisten=\"/run/a\"",
        "from=\"10.0.0.0/8,!10.0.0.1\",expiry-time=\"20300101Z\"",
        "environment=\"A=b\",tunnel=\"0\",,verify-required",
        "cert-authority,principals=\"a\"",
    ])
}
