//! What a bind address means.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::error::SpecError;
use super::fields::host_length;

/// A bind address as a person gives it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Bind {
    /// None given: `GatewayPorts` decides.
    Unsaid,
    /// `*`, or nothing before the colon: every address.
    Wildcard,
    /// `localhost`: this machine only, in both families, without asking a resolver.
    Localhost,
    /// Any literal.
    Address(IpAddr),
    /// Any other name: every address that it resolves to.
    Name(String),
}

/// Who may connect when no bind address is given (`GatewayPorts`, `-g`).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum GatewayPorts {
    /// This machine.
    #[default]
    No,
    /// Everybody who reaches it.
    Yes,
}

/// Which families of addresses are used (`AddressFamily`, `-4`, `-6`).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Family {
    /// Both.
    #[default]
    Any,
    /// IPv4 alone.
    Inet,
    /// IPv6 alone.
    Inet6,
}

impl Family {
    /// Whether addresses of that kind are used.
    #[must_use]
    pub const fn allows(self, address: IpAddr) -> bool {
        match self {
            Self::Any => true,
            Self::Inet => address.is_ipv4(),
            Self::Inet6 => address.is_ipv6(),
        }
    }
}

/// What to listen on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ListenOn {
    /// These addresses, an IPv6 one for IPv6 alone. Empty when [`Family`] leaves none.
    Addresses(Vec<SocketAddr>),
    /// Whatever this name resolves to, within [`Family`].
    Name(String, u16),
}

impl Bind {
    pub(super) fn parse(text: &str) -> Result<Self, SpecError> {
        host_length(text)?;
        Ok(match text {
            "" | "*" => Self::Wildcard,
            "localhost" => Self::Localhost,
            _ => match text.parse() {
                Ok(address) => Self::Address(address),
                Err(_) => Self::Name(text.to_owned()),
            },
        })
    }

    /// What to listen on.
    #[must_use]
    pub fn listen_on(&self, port: u16, gateway: GatewayPorts, family: Family) -> ListenOn {
        const LOOPBACK: [IpAddr; 2] = [
            IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(Ipv6Addr::LOCALHOST),
        ];
        const WILDCARD: [IpAddr; 2] = [
            IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        ];
        let addresses: &[IpAddr] = match (self, gateway) {
            (Self::Unsaid, GatewayPorts::No) | (Self::Localhost, _) => &LOOPBACK,
            (Self::Unsaid, GatewayPorts::Yes) | (Self::Wildcard, _) => &WILDCARD,
            (Self::Address(address), _) => std::slice::from_ref(address),
            (Self::Name(name), _) => return ListenOn::Name(name.clone(), port),
        };
        ListenOn::Addresses(
            addresses
                .iter()
                .filter(|a| family.allows(**a))
                .map(|a| SocketAddr::new(*a, port))
                .collect(),
        )
    }
}
