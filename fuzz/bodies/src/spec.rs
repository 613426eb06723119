//! Forward specifications and what a server may open.

use core::fmt::{Debug, Display};
use core::net::IpAddr;

use adit_auth::Permissions;
use adit_forward::admission::{AddressList, NetBlocks};
use adit_forward::policy::{
    AllowForwarding, Host, Permit, PermitOpen, Permitted, PermittedTo, Policy,
};
use adit_forward::spec::{
    DynamicForward, HOST_MAX, LocalForward, Names, RemoteForward, SOCKET_PATH_MAX, StdioForward,
    Target,
};

use crate::seeds::texts;

struct World;

impl Names for World {
    fn variable(&self, name: &str) -> Option<String> {
        match name {
            "PORT" => Some("8080".into()),
            "SPEC" => Some("80:${PORT}:1".into()),
            _ => None,
        }
    }

    fn service(&self, name: &str) -> Option<u16> {
        (name == "http").then_some(80)
    }
}

/// What is read, as whichever kind, is shown in a form that reads back to the same.
pub(crate) fn forward(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Some(forward) = again(text, |text| LocalForward::parse(text, &World).ok()) {
        check(&forward.to);
    }
    if let Some(forward) = again(text, |text| RemoteForward::parse(text, &World).ok()) {
        forward.to.iter().for_each(check);
    }
    if let Some(forward) = again(text, |text| StdioForward::parse(text, &World).ok()) {
        check(&forward.to);
    }
    again(text, |text| DynamicForward::parse(text, &World).ok());
}

fn again<T: PartialEq + Debug + Display>(
    text: &str,
    parse: impl Fn(&str) -> Option<T>,
) -> Option<T> {
    let forward = parse(text)?;
    let shown = forward.to_string();
    assert_eq!(parse(&shown).as_ref(), Some(&forward), "{shown}");
    Some(forward)
}

fn check(to: &Target) {
    match to {
        Target::Tcp { host, port } => {
            assert!(*port != 0 && !host.is_empty() && host.len() <= HOST_MAX);
        }
        Target::Unix(path) => {
            assert!((1..=SOCKET_PATH_MAX).contains(&path.len()) && !path.contains('\0'));
        }
    }
}

pub(crate) fn forward_seeds() -> Vec<Vec<u8>> {
    texts(&[
        "2222:localhost:222",
        "2222:HostC:222",
        "127.0.0.1:8080:example.org:http",
        "[::1]:8080:[2001:db8::1]:443",
        "*:8080:h:1",
        ":8080:h:1",
        "${PORT}:h:80",
        "${SPEC}",
        "/tmp/a:/tmp/b",
        "a\\:b:80:c:80",
        "0:h:1",
        "80:h:65536",
        "/a:h:80",
        "h:1:b/c",
        "[/a:b]:h\\/:1",
        "0",
        "h:22",
        "[/a]",
    ])
}

/// The first line is a configuration, the second a host, the third a port. Nothing that is not
/// listed is permitted, and adding to a list never takes away.
pub(crate) fn permit_open(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let mut lines = text.splitn(3, '\n');
    let words: Vec<&str> = lines.next().unwrap_or("").split(' ').collect();
    let host = lines.next().unwrap_or("");
    let port = lines
        .next()
        .and_then(|line| line.parse::<u32>().ok())
        .unwrap_or(80);
    let Ok(list) = PermitOpen::parse(&words) else {
        return;
    };

    for word in &words {
        if let Ok(permit) = Permit::parse(word) {
            assert_eq!(
                Permit::parse(&permit.to_string()).as_ref(),
                Ok(&permit),
                "{word}"
            );
        }
    }
    let named = !matches!(list, PermitOpen::Any | PermitOpen::Nothing);
    let nothing = Policy::new(None, None);
    assert!(
        nothing
            .direct_tcpip(host.as_bytes(), port, &Permissions::ALL)
            .is_err()
    );
    let no = Policy::new(Some(AllowForwarding::No), Some(PermitOpen::Any));
    assert!(
        no.direct_tcpip(host.as_bytes(), port, &Permissions::ALL)
            .is_err()
    );

    let unset =
        Policy::new(None, Some(list)).direct_tcpip(host.as_bytes(), port, &Permissions::ALL);
    if let Ok(PermittedTo::Tcp { host: to, port: at }) = unset.as_ref().map(Permitted::to) {
        assert_eq!(Some(to), Host::parse(host.as_bytes()).as_ref());
        assert_eq!(u32::from(*at), port);
        assert_ne!(port, 0);
        let fits = |permit: &Permit| {
            let one = Policy::new(None, Some(PermitOpen::Only(vec![permit.clone()])));
            one.direct_tcpip(host.as_bytes(), port, &Permissions::ALL)
                .is_ok()
        };
        let by_one = words
            .iter()
            .filter_map(|word| Permit::parse(word).ok())
            .any(|p| fits(&p));
        assert!(!named || by_one, "permitted by no line alone");
    }
}

pub(crate) fn permit_open_seeds() -> Vec<Vec<u8>> {
    texts(&[
        "localhost:80 [::1]:443\nlocalhost\n80",
        "*:80\nexample.org\n80",
        "127.0.0.1:*\n::ffff:127.0.0.1\n65535",
        "any\nx\n1",
        "none\nx\n1",
        "127.1:80\n127.1\n80",
    ])
}

/// The first line is a list, each other one an address. A list has what one of its entries alone
/// has, and no entry with `!` takes away.
pub(crate) fn address_list(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let (list, addresses) = text.split_once('\n').unwrap_or((text, ""));
    let Ok(read) = AddressList::parse(list) else {
        return;
    };
    let alone = |entry: &str| AddressList::parse(entry).expect("an entry of a list that is one");
    let (out, within): (Vec<&str>, Vec<&str>) = list
        .split(',')
        .filter(|entry| *entry != "none")
        .partition(|entry| entry.starts_with('!'));
    for address in addresses
        .lines()
        .filter_map(|line| line.parse::<IpAddr>().ok())
    {
        let one_has = |entries: &[&str]| {
            let plain = |entry: &&str| alone(entry.trim_start_matches('!')).has(address);
            entries.iter().any(plain)
        };
        assert_eq!(read.has(address), one_has(&within) && !one_has(&out));
        // The same, written otherwise.
        if let IpAddr::V4(v4) = address {
            assert_eq!(read.has(v4.to_ipv6_mapped().into()), read.has(address));
        }
        for (v4, v6) in [(0, 0), (24, 64), (32, 128)] {
            let blocks = NetBlocks::new(v4, v6).expect("no more bits than there are");
            let source = blocks.source(address);
            assert_eq!(blocks.source(source.first_address()), source);
        }
    }
}

pub(crate) fn address_list_seeds() -> Vec<Vec<u8>> {
    texts(&[
        "192.0.2.1,!192.0.2.2,198.51.100.0/24\n192.0.2.1\n192.0.2.2\n198.51.100.255\n::1",
        "2001:db8::/32,!2001:db8:*,::1\n2001:db8::1\n::1\n::ffff:192.0.2.1",
        "*\n0.0.0.0\n::",
        "10.?.0.*,!10.1.0.0/31\n10.1.0.1\n10.1.0.2\n10.22.0.2",
        "none\n127.0.0.1",
        "0.0.0.0/0,::/0\n255.255.255.255\nfe80::1",
        "192.0.2.1/24\n",
        "example.com,\n",
    ])
}
