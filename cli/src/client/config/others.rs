//! Keywords that ssh has and adit has not, and what becomes of each.
//!
//! Three kinds. Most say nothing to a client that only forwards: they are passed over. Some would
//! have made a difference: each is told of once, with what adit does instead. And with a few a
//! connection as if they were not there could reach the wrong server or trust the wrong key: then
//! there is none.

use crate::client::options::Weight;
use crate::value;

/// A keyword of ssh_config(5) that adit has not.
#[derive(Debug, Eq, PartialEq)]
pub struct Other {
    /// As ssh_config(5) writes it.
    pub keyword: &'static str,
    /// What becomes of it.
    pub effect: Effect,
}

/// What becomes of a keyword.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Effect {
    /// It means nothing here.
    Nothing,
    /// Without it adit does this instead, unless the value asks for just that.
    Instead(Means, &'static str),
    /// There is no connection, and why, unless the value asks for nothing.
    Refuse(Means, &'static str),
}

/// Which values ask for what adit does anyway.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Means {
    /// None of them.
    Always,
    /// All but these, in lower case.
    Unless(&'static [&'static str]),
    /// All but a list that only adds algorithms: it takes nothing away that adit has.
    UnlessAdding,
    /// Numbers above this one.
    Above(u32),
}

impl Other {
    /// Whether there is nothing to be remembered of it.
    pub(in crate::client) const fn is_nothing(&self) -> bool {
        matches!(self.effect, Effect::Nothing)
    }

    /// Whether it makes a difference with these values.
    pub(in crate::client) fn weight(&self, values: &[String]) -> Weight {
        let value = values.first().map_or("", String::as_str);
        let weighs = match self.effect {
            Effect::Nothing => false,
            Effect::Instead(means, _) | Effect::Refuse(means, _) => match means {
                Means::Always => true,
                Means::Unless(harmless) => !harmless.iter().any(|h| h.eq_ignore_ascii_case(value)),
                Means::UnlessAdding => !value.starts_with('+'),
                Means::Above(number) => value::number::<u32>(value).is_none_or(|n| n > number),
            },
        };
        if weighs { Weight::Some } else { Weight::None }
    }
}

const NO: Means = Means::Unless(&["no", "false"]);
const NONE: Means = Means::Unless(&["none"]);

const fn nothing(keyword: &'static str) -> Other {
    let effect = Effect::Nothing;
    Other { keyword, effect }
}

const fn instead(keyword: &'static str, means: Means, what: &'static str) -> Other {
    let effect = Effect::Instead(means, what);
    Other { keyword, effect }
}

const fn refuse(keyword: &'static str, means: Means, why: &'static str) -> Other {
    let effect = Effect::Refuse(means, why);
    Other { keyword, effect }
}

/// Sorted by name, whatever the case.
static OTHERS: &[Other] = &[
    nothing("AddKeysToAgent"),
    nothing("AFSTokenPassing"),
    instead(
        "BindAddress",
        Means::Always,
        "the system chooses the address to connect from.",
    ),
    instead(
        "BindInterface",
        NONE,
        "the system chooses the interface to connect from.",
    ),
    nothing("CanonicalDomains"),
    nothing("CanonicalizeFallbackLocal"),
    instead(
        "CanonicalizeHostname",
        Means::Unless(&["no", "false", "none"]),
        "the host's name is taken as it is.",
    ),
    nothing("CanonicalizeMaxDots"),
    nothing("CanonicalizePermittedCNAMEs"),
    nothing("CASignatureAlgorithms"),
    instead(
        "CertificateFile",
        NONE,
        "adit logs in with keys alone, not with certificates.",
    ),
    nothing("ChannelTimeout"),
    instead(
        "CheckHostIP",
        NO,
        "a host key is looked up by the host's name alone.",
    ),
    nothing("Cipher"),
    instead("Compression", NO, "adit does not compress."),
    nothing("CompressionLevel"),
    instead(
        "ControlMaster",
        NO,
        "adit shares no connections, it makes one of its own.",
    ),
    nothing("ControlPath"),
    nothing("ControlPersist"),
    nothing("EnableEscapeCommandline"),
    nothing("EnableSSHKeysign"),
    nothing("EscapeChar"),
    nothing("FallBackToRsh"),
    instead(
        "FingerprintHash",
        Means::Unless(&["sha256"]),
        "fingerprints are SHA256.",
    ),
    nothing("ForwardAgent"),
    nothing("ForwardX11"),
    nothing("ForwardX11Timeout"),
    nothing("ForwardX11Trusted"),
    nothing("GlobalKnownHostsFile2"),
    nothing("GSSAPIAuthentication"),
    nothing("GSSAPIClientIdentity"),
    nothing("GSSAPIDelegateCredentials"),
    nothing("GSSAPIKexAlgorithms"),
    nothing("GSSAPIKeyExchange"),
    nothing("GSSAPIRenewalForcesRekey"),
    nothing("GSSAPIServerIdentity"),
    nothing("GSSAPITrustDns"),
    nothing("HostbasedAcceptedAlgorithms"),
    nothing("HostbasedAuthentication"),
    nothing("HostbasedKeyTypes"),
    nothing("IPQoS"),
    nothing("KbdInteractiveDevices"),
    nothing("KeepAlive"),
    nothing("KerberosAuthentication"),
    nothing("KerberosTgtPassing"),
    instead(
        "KnownHostsCommand",
        NONE,
        "adit runs no commands: host keys are looked up in files.",
    ),
    nothing("LocalCommand"),
    nothing("LogVerbose"),
    instead(
        "NoHostAuthenticationForLocalhost",
        NO,
        "host keys are checked for every host.",
    ),
    nothing("ObscureKeystrokeTiming"),
    instead("PermitLocalCommand", NO, "adit runs no commands."),
    nothing("PKCS11Provider"),
    nothing("Protocol"),
    instead(
        "PubkeyAcceptedAlgorithms",
        Means::UnlessAdding,
        "every kind of key that there is gets tried.",
    ),
    instead(
        "PubkeyAcceptedKeyTypes",
        Means::UnlessAdding,
        "every kind of key that there is gets tried.",
    ),
    // Its value is the reason.
    refuse("RefuseConnection", Means::Always, ""),
    nothing("RemoteCommand"),
    nothing("RequestTTY"),
    instead(
        "RequiredRSASize",
        // What adit asks of RSA keys anyway.
        Means::Above(2048),
        "RSA keys of 2048 bits are taken.",
    ),
    refuse(
        "RevokedHostKeys",
        NONE,
        "adit reads no such list, and a key on it must not be trusted: write @revoked lines into \
         known_hosts, and add -o RevokedHostKeys=none.",
    ),
    nothing("RhostsAuthentication"),
    nothing("RhostsRSAAuthentication"),
    nothing("RSAAuthentication"),
    nothing("SecurityKeyProvider"),
    nothing("SendEnv"),
    nothing("SetEnv"),
    nothing("SetupTimeOut"),
    nothing("SmartcardDevice"),
    nothing("StdinNull"),
    nothing("SyslogFacility"),
    nothing("Tag"),
    nothing("TCPKeepAlive"),
    nothing("Tunnel"),
    nothing("TunnelDevice"),
    nothing("UpdateHostKeys"),
    nothing("UseBlacklistedKeys"),
    nothing("UsePrivilegedPort"),
    nothing("UserKnownHostsFile2"),
    nothing("UseRoaming"),
    nothing("UseRsh"),
    instead(
        "VerifyHostKeyDNS",
        NO,
        "host keys are not looked up in the DNS.",
    ),
    nothing("VersionAddendum"),
    nothing("VisualHostKey"),
    nothing("XAuthLocation"),
];

/// The keyword in lower case, if ssh has it.
pub(in crate::client) fn find(keyword: &str) -> Option<&'static Other> {
    // No allocation: a file may have 10^5 lines.
    let lower = |other: &Other| {
        let bytes = other.keyword.bytes();
        bytes.map(|b| b.to_ascii_lowercase())
    };
    let at = OTHERS.binary_search_by(|other| lower(other).cmp(keyword.bytes()));
    OTHERS.get(at.ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::keywords;

    fn weight(keyword: &str, value: &str) -> Weight {
        find(keyword).unwrap().weight(&[value.to_owned()])
    }

    #[test]
    fn each_is_found_by_its_name_in_lower_case() {
        let lower: Vec<String> = OTHERS
            .iter()
            .map(|o| o.keyword.to_ascii_lowercase())
            .collect();
        assert!(lower.is_sorted_by(|a, b| a < b), "{lower:?}");
        for (other, lower) in OTHERS.iter().zip(&lower) {
            assert_eq!(find(lower).unwrap().keyword, other.keyword);
            assert!(keywords::find(lower).is_none(), "{lower} is here");
        }
        assert!(find("").is_none() && find("nonsense").is_none());
    }

    #[test]
    fn values_that_ask_for_what_happens_anyway_have_no_weight() {
        for (keyword, value, expected) in [
            ("sendenv", "LANG", Weight::None),
            ("controlmaster", "no", Weight::None),
            ("controlmaster", "AUTO", Weight::Some),
            ("compression", "No", Weight::None),
            ("compression", "yes", Weight::Some),
            ("bindaddress", "1.2.3.4", Weight::Some),
            ("canonicalizehostname", "none", Weight::None),
            ("pubkeyacceptedalgorithms", "+ssh-rsa", Weight::None),
            ("pubkeyacceptedalgorithms", "-ssh-rsa", Weight::Some),
            ("pubkeyacceptedkeytypes", "ssh-ed25519", Weight::Some),
            ("requiredrsasize", "2047", Weight::None),
            ("requiredrsasize", "2048", Weight::None),
            ("requiredrsasize", "2049", Weight::Some),
            ("requiredrsasize", "x", Weight::Some),
            ("refuseconnection", "closed", Weight::Some),
        ] {
            assert_eq!(weight(keyword, value), expected, "{keyword} {value}");
        }
    }

    #[test]
    fn the_page_about_it_has_every_keyword_once_and_where_it_belongs() {
        let page = include_str!("../../../../docs/configuration.md");
        let section = |title: &str| -> Vec<String> {
            let (_, section) = page.split_once(&format!("## {title}\n")).unwrap();
            let section = section.split("\n## ").next().unwrap();
            let lists = section
                .split("\n\n")
                .filter(|p| p.contains(", ") && !p.contains(". "));
            let words = lists.flat_map(|list| list.split([' ', ',', '\n', ':']));
            let is_name = |word: &&str| word.len() > 2 && word.starts_with(char::is_uppercase);
            let mut names: Vec<_> = words.filter(is_name).map(str::to_owned).collect();
            names.retain(|name| name != "Other" && name != "Once" && name != "Because");
            names.sort();
            names
        };
        let of = |wanted: fn(&Effect) -> bool| {
            let others = OTHERS.iter().filter(|other| wanted(&other.effect));
            let mut names: Vec<_> = others.map(|other| other.keyword.to_owned()).collect();
            names.sort();
            names
        };
        assert_eq!(section("Passed over"), of(|e| matches!(e, Effect::Nothing)));
        assert_eq!(
            section("Not here, and told of"),
            of(|e| matches!(e, Effect::Instead(..)))
        );
        assert_eq!(
            section("Not here, and no connection is made"),
            of(|e| matches!(e, Effect::Refuse(..)))
        );
        let mut followed: Vec<_> = section("Followed")
            .iter()
            .map(|name| name.to_ascii_lowercase())
            .collect();
        followed.sort();
        let here: Vec<_> = keywords::names().map(str::to_owned).collect();
        assert_eq!(followed, here);
    }
}
