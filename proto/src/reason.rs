//! Reason codes of DISCONNECT (RFC 4253 §11.1) and of CHANNEL_OPEN_FAILURE (RFC 4254 §5.1).

/// Why a connection is ended (RFC 4253 §11.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u32)]
pub enum Disconnect {
    /// 1, SSH_DISCONNECT_HOST_NOT_ALLOWED_TO_CONNECT
    HostNotAllowedToConnect = 1,
    /// 2, SSH_DISCONNECT_PROTOCOL_ERROR
    ProtocolError = 2,
    /// 3, SSH_DISCONNECT_KEY_EXCHANGE_FAILED
    KeyExchangeFailed = 3,
    /// 5, SSH_DISCONNECT_MAC_ERROR
    MacError = 5,
    /// 7, SSH_DISCONNECT_SERVICE_NOT_AVAILABLE
    ServiceNotAvailable = 7,
    /// 8, SSH_DISCONNECT_PROTOCOL_VERSION_NOT_SUPPORTED
    ProtocolVersionNotSupported = 8,
    /// 9, SSH_DISCONNECT_HOST_KEY_NOT_VERIFIABLE
    HostKeyNotVerifiable = 9,
    /// 10, SSH_DISCONNECT_CONNECTION_LOST
    ConnectionLost = 10,
    /// 11, SSH_DISCONNECT_BY_APPLICATION
    ByApplication = 11,
    /// 12, SSH_DISCONNECT_TOO_MANY_CONNECTIONS
    TooManyConnections = 12,
    /// 14, SSH_DISCONNECT_NO_MORE_AUTH_METHODS_AVAILABLE
    NoMoreAuthMethodsAvailable = 14,
}

impl Disconnect {
    /// The number on the wire.
    #[must_use]
    pub const fn code(self) -> u32 {
        self as u32
    }
}

/// Why a channel was not opened (RFC 4254 §5.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u32)]
pub enum OpenFailure {
    /// 1, SSH_OPEN_ADMINISTRATIVELY_PROHIBITED
    AdministrativelyProhibited = 1,
    /// 2, SSH_OPEN_CONNECT_FAILED
    ConnectFailed = 2,
    /// 3, SSH_OPEN_UNKNOWN_CHANNEL_TYPE
    UnknownChannelType = 3,
    /// 4, SSH_OPEN_RESOURCE_SHORTAGE
    ResourceShortage = 4,
}

impl OpenFailure {
    /// The number on the wire.
    #[must_use]
    pub const fn code(self) -> u32 {
        self as u32
    }

    /// From the wire; `None` for a code that RFC 4254 does not define.
    #[must_use]
    pub const fn from_code(code: u32) -> Option<Self> {
        match code {
            1 => Some(Self::AdministrativelyProhibited),
            2 => Some(Self::ConnectFailed),
            3 => Some(Self::UnknownChannelType),
            4 => Some(Self::ResourceShortage),
            _ => None,
        }
    }

    /// The words that ssh prints for it.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::AdministrativelyProhibited => "administratively prohibited",
            Self::ConnectFailed => "connect failed",
            Self::UnknownChannelType => "unknown channel type",
            Self::ResourceShortage => "resource shortage",
        }
    }
}
