//! The keywords of `sshd_config(5)`: those that set something here, and those that may stand in a
//! file only with the value that this server keeps to anyway. Loops and WindowMemory are our own.
//!
//! A keyword that would enable what this server does not do is an error with the reason. Ignoring
//! it would leave an administrator with a rule that nobody enforces.

use crate::server::config::Keyword as Forwarding;

/// What a keyword does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Meaning {
    /// It sets this.
    Sets(Setting),
    /// It may be written with one of these words alone, and changes nothing; else this is why not.
    Only(&'static [&'static str], &'static str),
}

/// What can be set.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Setting {
    AddressFamily,
    AuthorizedKeysFile,
    Ciphers,
    ClientAliveCountMax,
    ClientAliveInterval,
    Forwarding(Forwarding),
    HostKey,
    HostKeyAlgorithms,
    KexAlgorithms,
    ListenAddress,
    LogLevel,
    LoginGraceTime,
    Loops,
    Macs,
    MaxAuthTries,
    MaxStartups,
    PerSourceMaxStartups,
    PerSourceNetBlockSize,
    PerSourcePenalties,
    PerSourcePenaltyExemptList,
    Port,
    PubkeyAcceptedAlgorithms,
    RekeyLimit,
    StrictModes,
    WindowMemory,
}

const NO_COMMANDS: &str = "this server runs no commands and gives no terminals";
const NO_CHILDREN: &str = "this server starts no processes and keeps its own user";
const NO_X11: &str = "this server forwards ports and Unix sockets, not X11";
const NO_AGENT: &str = "this server forwards ports and Unix sockets, not agents";
const NO_TUN: &str = "this server forwards ports and Unix sockets, not network devices";
const KEYS_ONLY: &str = "this server lets in by public key alone";
const NO_ACCOUNTS: &str = "a login name is a label here: no account, group or PAM is asked";
const NO_CERTIFICATES: &str = "this server reads no certificates";
const NO_COMPRESSION: &str = "this server compresses nothing";
const ONE_LOG: &str = "this server logs to standard error, or to the file of -E";
const NOT_YET: &str = "not implemented";
const GONE: &str = "sshd itself has not followed it for years: leave it out";

/// The keyword as its manual writes it, and what it does; `None` when there is no such keyword.
pub(super) fn keyword(name: &str) -> Option<(&'static str, Meaning)> {
    KEYWORDS
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name))
        .copied()
}

use Meaning::{Only, Sets};

/// In the order of the alphabet. Values are compared without regard to case.
const KEYWORDS: &[(&str, Meaning)] = &[
    ("AcceptEnv", Only(&[], NO_COMMANDS)),
    ("AddressFamily", Sets(Setting::AddressFamily)),
    ("AFSTokenPassing", Only(&[], GONE)),
    ("AllowAgentForwarding", Only(&["no"], NO_AGENT)),
    ("AllowGroups", Only(&[], NO_ACCOUNTS)),
    (
        "AllowStreamLocalForwarding",
        Sets(Setting::Forwarding(Forwarding::AllowStreamLocalForwarding)),
    ),
    (
        "AllowTcpForwarding",
        Sets(Setting::Forwarding(Forwarding::AllowTcpForwarding)),
    ),
    ("AllowUsers", Only(&[], NOT_YET)),
    (
        "AuthenticationMethods",
        Only(&["any", "publickey"], KEYS_ONLY),
    ),
    ("AuthorizedKeysCommand", Only(&["none"], NO_CHILDREN)),
    ("AuthorizedKeysCommandUser", Only(&[], NO_CHILDREN)),
    ("AuthorizedKeysFile", Sets(Setting::AuthorizedKeysFile)),
    ("AuthorizedKeysFile2", Only(&[], GONE)),
    ("AuthorizedPrincipalsCommand", Only(&["none"], NO_CHILDREN)),
    ("AuthorizedPrincipalsCommandUser", Only(&[], NO_CHILDREN)),
    ("AuthorizedPrincipalsFile", Only(&["none"], NO_CERTIFICATES)),
    ("Banner", Only(&["none"], NOT_YET)),
    ("CASignatureAlgorithms", Only(&[], NO_CERTIFICATES)),
    ("ChallengeResponseAuthentication", Only(&["no"], KEYS_ONLY)),
    ("ChannelTimeout", Only(&["none"], NOT_YET)),
    ("CheckMail", Only(&[], GONE)),
    ("ChrootDirectory", Only(&["none"], NO_CHILDREN)),
    ("Ciphers", Sets(Setting::Ciphers)),
    ("ClientAliveCountMax", Sets(Setting::ClientAliveCountMax)),
    ("ClientAliveInterval", Sets(Setting::ClientAliveInterval)),
    ("Compression", Only(&["no"], NO_COMPRESSION)),
    ("DebianBanner", Only(&["no"], NOT_YET)),
    ("DenyGroups", Only(&[], NO_ACCOUNTS)),
    ("DenyUsers", Only(&[], NOT_YET)),
    (
        "DisableForwarding",
        Sets(Setting::Forwarding(Forwarding::DisableForwarding)),
    ),
    ("DSAAuthentication", Only(&["yes"], KEYS_ONLY)),
    ("ExposeAuthInfo", Only(&["no"], NO_COMMANDS)),
    (
        "FingerprintHash",
        Only(&["sha256"], "fingerprints are SHA256 here"),
    ),
    ("ForceCommand", Only(&["none"], NO_COMMANDS)),
    (
        "GatewayPorts",
        Sets(Setting::Forwarding(Forwarding::GatewayPorts)),
    ),
    ("GSSAPIAuthentication", Only(&["no"], KEYS_ONLY)),
    ("GSSAPICleanupCredentials", Only(&[], KEYS_ONLY)),
    ("GSSAPICleanupCreds", Only(&[], KEYS_ONLY)),
    ("GSSAPIKexAlgorithms", Only(&[], KEYS_ONLY)),
    ("GSSAPIKeyExchange", Only(&["no"], KEYS_ONLY)),
    ("GSSAPIStoreCredentialsOnRekey", Only(&["no"], KEYS_ONLY)),
    ("GSSAPIStrictAcceptorCheck", Only(&[], KEYS_ONLY)),
    ("GSSAPIUseSessionCredCache", Only(&[], KEYS_ONLY)),
    ("GSSUseSessionCCache", Only(&[], KEYS_ONLY)),
    ("HostbasedAcceptedAlgorithms", Only(&[], KEYS_ONLY)),
    ("HostbasedAcceptedKeyTypes", Only(&[], KEYS_ONLY)),
    ("HostbasedAuthentication", Only(&["no"], KEYS_ONLY)),
    ("HostbasedUsesNameFromPacketOnly", Only(&["no"], KEYS_ONLY)),
    ("HostCertificate", Only(&["none"], NO_CERTIFICATES)),
    // Another name of HostKey.
    ("HostDSAKey", Sets(Setting::HostKey)),
    ("HostKey", Sets(Setting::HostKey)),
    ("HostKeyAgent", Only(&["none"], NOT_YET)),
    ("HostKeyAlgorithms", Sets(Setting::HostKeyAlgorithms)),
    ("IgnoreRhosts", Only(&["yes"], KEYS_ONLY)),
    ("IgnoreUserKnownHosts", Only(&["yes"], KEYS_ONLY)),
    ("Include", Only(&[], NOT_YET)),
    ("IPQoS", Only(&["none"], NOT_YET)),
    ("KbdInteractiveAuthentication", Only(&["no"], KEYS_ONLY)),
    ("KeepAlive", Only(&["yes"], NOT_YET)),
    ("KerberosAuthentication", Only(&["no"], KEYS_ONLY)),
    ("KerberosGetAFSToken", Only(&["no"], KEYS_ONLY)),
    ("KerberosOrLocalPasswd", Only(&["no"], KEYS_ONLY)),
    ("KerberosTGTPassing", Only(&[], GONE)),
    ("KerberosTicketCleanup", Only(&[], KEYS_ONLY)),
    ("KexAlgorithms", Sets(Setting::KexAlgorithms)),
    ("KeyRegenerationInterval", Only(&[], GONE)),
    ("ListenAddress", Sets(Setting::ListenAddress)),
    ("LoginGraceTime", Sets(Setting::LoginGraceTime)),
    ("LogLevel", Sets(Setting::LogLevel)),
    ("LogVerbose", Only(&["none"], NOT_YET)),
    // Not sshd's.
    ("Loops", Sets(Setting::Loops)),
    ("MACs", Sets(Setting::Macs)),
    (
        "Match",
        Only(&[], "not implemented: run one aditd for each policy"),
    ),
    ("MaxAuthTries", Sets(Setting::MaxAuthTries)),
    ("MaxSessions", Only(&["0"], NO_COMMANDS)),
    ("MaxStartups", Sets(Setting::MaxStartups)),
    (
        "ModuliFile",
        Only(&[], "this server does no key exchange that needs moduli"),
    ),
    ("PAMAuthenticationViaKbdInt", Only(&[], GONE)),
    ("PAMServiceName", Only(&[], NO_ACCOUNTS)),
    ("PasswordAuthentication", Only(&["no"], KEYS_ONLY)),
    ("PermitBlacklistedKeys", Only(&[], GONE)),
    ("PermitEmptyPasswords", Only(&["no"], KEYS_ONLY)),
    (
        "PermitListen",
        Sets(Setting::Forwarding(Forwarding::PermitListen)),
    ),
    (
        "PermitOpen",
        Sets(Setting::Forwarding(Forwarding::PermitOpen)),
    ),
    ("PermitRootLogin", Only(&[], NO_ACCOUNTS)),
    ("PermitTTY", Only(&["no"], NO_COMMANDS)),
    ("PermitTunnel", Only(&["no"], NO_TUN)),
    ("PermitUserEnvironment", Only(&["no"], NO_COMMANDS)),
    ("PermitUserRC", Only(&["no"], NO_COMMANDS)),
    ("PerSourceMaxStartups", Sets(Setting::PerSourceMaxStartups)),
    (
        "PerSourceNetBlockSize",
        Sets(Setting::PerSourceNetBlockSize),
    ),
    ("PerSourcePenalties", Sets(Setting::PerSourcePenalties)),
    (
        "PerSourcePenaltyExemptList",
        Sets(Setting::PerSourcePenaltyExemptList),
    ),
    (
        "PidFile",
        Only(
            &["none"],
            "this server stays in the foreground and writes no pid file",
        ),
    ),
    ("Port", Sets(Setting::Port)),
    ("PrintLastLog", Only(&["no"], NO_COMMANDS)),
    ("PrintMotd", Only(&["no"], NO_COMMANDS)),
    (
        "Protocol",
        Only(&["2"], "there is no other protocol than 2"),
    ),
    (
        "PubkeyAcceptedAlgorithms",
        Sets(Setting::PubkeyAcceptedAlgorithms),
    ),
    // Its name before OpenSSH 8.5.
    (
        "PubkeyAcceptedKeyTypes",
        Sets(Setting::PubkeyAcceptedAlgorithms),
    ),
    ("PubkeyAuthentication", Only(&["yes"], KEYS_ONLY)),
    ("PubkeyAuthOptions", Only(&["none"], NOT_YET)),
    ("RDomain", Only(&["none"], NOT_YET)),
    ("RefuseConnection", Only(&["no"], NOT_YET)),
    ("RekeyLimit", Sets(Setting::RekeyLimit)),
    (
        "RequiredRSASize",
        Only(&["1024", "2048"], "RSA keys need at least 2048 bits here"),
    ),
    ("ReverseMappingCheck", Only(&[], GONE)),
    ("RevokedKeys", Only(&["none"], NOT_YET)),
    ("RhostsAuthentication", Only(&[], GONE)),
    ("RhostsRSAAuthentication", Only(&[], GONE)),
    ("RSAAuthentication", Only(&[], GONE)),
    ("SecurityKeyProvider", Only(&[], NOT_YET)),
    ("ServerKeyBits", Only(&[], GONE)),
    ("SetEnv", Only(&[], NO_COMMANDS)),
    ("SkeyAuthentication", Only(&["no"], KEYS_ONLY)),
    ("SshdAuthPath", Only(&[], NO_CHILDREN)),
    ("SshdSessionPath", Only(&[], NO_CHILDREN)),
    (
        "StreamLocalBindMask",
        Sets(Setting::Forwarding(Forwarding::StreamLocalBindMask)),
    ),
    (
        "StreamLocalBindUnlink",
        Sets(Setting::Forwarding(Forwarding::StreamLocalBindUnlink)),
    ),
    ("StrictModes", Sets(Setting::StrictModes)),
    ("Subsystem", Only(&[], NO_COMMANDS)),
    ("SyslogFacility", Only(&[], ONE_LOG)),
    ("TCPKeepAlive", Only(&["yes"], NOT_YET)),
    ("TrustedUserCAKeys", Only(&["none"], NO_CERTIFICATES)),
    ("UnusedConnectionTimeout", Only(&["none", "0"], NOT_YET)),
    (
        "UseDNS",
        Only(&["no"], "this server looks up no names of clients"),
    ),
    ("UseLogin", Only(&["no"], NO_COMMANDS)),
    ("UsePAM", Only(&["no"], NO_ACCOUNTS)),
    ("UsePrivilegeSeparation", Only(&[], NO_CHILDREN)),
    ("VerifyReverseMapping", Only(&[], GONE)),
    ("VersionAddendum", Only(&["none"], NOT_YET)),
    // Not sshd's.
    ("WindowMemory", Sets(Setting::WindowMemory)),
    ("X11DisplayOffset", Only(&[], NO_X11)),
    ("X11Forwarding", Only(&["no"], NO_X11)),
    ("X11UseLocalhost", Only(&[], NO_X11)),
    ("XAuthLocation", Only(&[], NO_X11)),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order_and_has_no_keyword_twice() {
        let lower: Vec<String> = KEYWORDS.iter().map(|k| k.0.to_lowercase()).collect();
        for pair in lower.windows(2) {
            assert!(pair[0] < pair[1], "{} before {}", pair[0], pair[1]);
        }
    }

    #[test]
    fn keywords_are_found_in_any_case_and_by_their_whole_name() {
        assert_eq!(keyword("PORT"), Some(("Port", Sets(Setting::Port))));
        assert_eq!(keyword("port").map(|k| k.0), Some("Port"));
        for unknown in ["", "Por", "Ports", "Port ", "HostName"] {
            assert_eq!(keyword(unknown), None, "{unknown:?}");
        }
    }
}
