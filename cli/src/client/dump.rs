//! `-G`: what all options come to, one a line, as `ssh -G` prints them.
//!
//! Keywords that adit has not are left out. Where ssh takes something else when nothing is said,
//! adit's own default is shown.

use std::fmt::Display;

use adit_forward::Algorithms;
use adit_forward::policy::PermitOpen;
use adit_forward::reactor::StreamLocalBind;
use adit_forward::spec::{Bind, Family, GatewayPorts, Listen, RemoteListen, Target};

use crate::client::command::{Tunnel, WithoutForwards};
use crate::client::destination::Destination;
use crate::client::options::{
    Options, PubkeyAuthentication, Route, SessionType, StrictHostKeyChecking,
};
use crate::client::paths::Tokens;
use crate::client::run::{ALIVE_COUNT, ALIVE_INTERVAL, GLOBAL_KNOWN_HOSTS, USER_KNOWN_HOSTS};
use crate::escape::escaped;

/// The lines, each ended.
#[must_use]
pub(super) fn dump(tunnel: &Tunnel, here: &Tokens, algorithms: &Algorithms) -> String {
    let o = &tunnel.options;
    let mut out = Lines(String::new());
    out.line("host", &tunnel.original_host);
    out.line("user", &here.user);
    out.line("hostname", &tunnel.host);
    out.line("port", here.port);
    out.line(
        "addressfamily",
        family(o.address_family.unwrap_or_default()),
    );
    out.switches(o);
    out.login_switches(tunnel);
    out.counts(o);
    out.lists(algorithms);
    out.texts(o, here);
    out.forwards(o);
    out.key_and_host_files(o, here);
    out.way(o);
    match o.connect_timeout.filter(|timeout| !timeout.is_zero()) {
        Some(timeout) => out.line("connecttimeout", timeout.as_secs()),
        None => out.line("connecttimeout", "none"),
    }
    let rekey = o.rekey_limit.unwrap_or_default();
    let seconds = rekey.time.map_or(0, |time| time.as_secs());
    out.line(
        "rekeylimit",
        format!("{} {seconds}", rekey.bytes.unwrap_or(0)),
    );
    out.0
}

struct Lines(String);

/// Keywords, group by group in the order of ssh.
impl Lines {
    fn switches(&mut self, o: &Options) {
        self.flag("batchmode", o.batch_mode, false);
        self.flag(
            "clearallforwardings",
            Some(o.clears_all_forwardings()),
            false,
        );
        self.flag(
            "exitonforwardfailure",
            Some(o.exits_on_forward_failure()),
            false,
        );
        self.flag(
            "gatewayports",
            o.gateway_ports.map(|ports| ports == GatewayPorts::Yes),
            false,
        );
        self.flag("hashknownhosts", o.hash_known_hosts, false);
        self.flag("proxyusefdpass", o.proxy_use_fdpass, false);
        self.flag("warnweakcrypto", o.warn_weak_crypto, true);
    }

    fn login_switches(&mut self, tunnel: &Tunnel) {
        let o = &tunnel.options;
        self.flag("identitiesonly", o.identities_only, false);
        self.flag(
            "kbdinteractiveauthentication",
            o.kbd_interactive_authentication,
            true,
        );
        self.flag("passwordauthentication", o.password_authentication, true);
        self.line(
            "pubkeyauthentication",
            pubkey(o.pubkey_authentication.unwrap_or_default()),
        );
        self.line("sessiontype", session_type(tunnel));
        self.flag(
            "forkafterauthentication",
            o.fork_after_authentication,
            false,
        );
        self.line(
            "stricthostkeychecking",
            strict(o.strict_host_key_checking.unwrap_or_default()),
        );
    }

    fn counts(&mut self, o: &Options) {
        self.line("connectionattempts", o.connection_attempts.unwrap_or(1));
        self.line(
            "numberofpasswordprompts",
            o.number_of_password_prompts.unwrap_or(3),
        );
        self.line(
            "serveralivecountmax",
            o.server_alive_count_max.unwrap_or(ALIVE_COUNT),
        );
        self.line(
            "serveraliveinterval",
            o.server_alive_interval.unwrap_or(ALIVE_INTERVAL).as_secs(),
        );
    }

    fn texts(&mut self, o: &Options, here: &Tokens) {
        self.given("hostkeyalias", o.host_key_alias.as_deref());
        self.given(
            "identityagent",
            o.identity_agent
                .as_deref()
                .map(|agent| home(agent, here))
                .as_deref(),
        );
        self.given("ignoreunknown", o.ignore_unknown.as_deref());
        self.line("loglevel", o.log_level.unwrap_or_default().name());
        self.given(
            "preferredauthentications",
            o.preferred_authentications.as_deref(),
        );
    }

    fn forwards(&mut self, o: &Options) {
        for forward in &o.local_forwards {
            let (at, to) = (listen(&forward.listen), target(&forward.to));
            self.line("localforward", format!("{at} {to}"));
        }
        for forward in &o.remote_forwards {
            let to = forward.to.as_ref().map_or_else(|| SOCKS.to_owned(), target);
            let at = remote_listen(&forward.listen);
            self.line("remoteforward", format!("{at} {to}"));
        }
        for forward in &o.dynamic_forwards {
            self.line("dynamicforward", listen(&forward.listen));
        }
        self.line("permitremoteopen", permits(o.permit_remote_open.as_ref()));
        let bind = StreamLocalBind::default();
        let mask = o.stream_local_bind_mask.unwrap_or(bind.mask);
        self.line("streamlocalbindmask", format!("0{mask:o}"));
        self.flag("streamlocalbindunlink", o.stream_local_bind_unlink, false);
    }

    fn key_and_host_files(&mut self, o: &Options, here: &Tokens) {
        for file in &o.identity_files {
            self.line("identityfile", &file.path);
        }
        self.files(
            "globalknownhostsfile",
            o.global_known_hosts.as_deref(),
            &GLOBAL_KNOWN_HOSTS,
            |file| file.to_owned(),
        );
        self.files(
            "userknownhostsfile",
            o.user_known_hosts.as_deref(),
            &USER_KNOWN_HOSTS,
            |file| home(file, here),
        );
    }

    fn way(&mut self, o: &Options) {
        match &o.proxy {
            Some(Route::Command(command)) => self.line("proxycommand", command),
            Some(Route::Jump(list)) => {
                let list: Vec<String> = list.iter().map(jump_host).collect();
                self.line("proxyjump", list.join(","));
            }
            Some(Route::Direct) | None => {}
        }
    }
}

/// Lines of each kind.
impl Lines {
    fn line(&mut self, keyword: &str, value: impl Display) {
        let value = value.to_string();
        let value = if value.chars().any(char::is_control) {
            escaped(value.as_bytes()).to_string()
        } else {
            value
        };
        self.0.extend([keyword, " ", &value, "\n"]);
    }

    fn given(&mut self, keyword: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.line(keyword, value);
        }
    }

    fn flag(&mut self, keyword: &str, value: Option<bool>, default: bool) {
        self.line(
            keyword,
            if value.unwrap_or(default) {
                "yes"
            } else {
                "no"
            },
        );
    }

    fn files(
        &mut self,
        keyword: &str,
        given: Option<&[String]>,
        default: &[&str],
        shown: impl Fn(&str) -> String,
    ) {
        let files: Vec<String> = match given {
            Some([]) => vec!["none".to_owned()],
            Some(files) => files.iter().map(|file| shown(file)).collect(),
            None => default.iter().map(|file| shown(file)).collect(),
        };
        self.line(keyword, files.join(" "));
    }

    fn lists(&mut self, algorithms: &Algorithms) {
        let mut ciphers: Vec<&str> = Vec::new();
        let mut macs: Vec<&str> = Vec::new();
        for cipher in &algorithms.ciphers {
            if !ciphers.contains(&cipher.name()) {
                ciphers.push(cipher.name());
            }
            macs.extend(cipher.mac().filter(|mac| !macs.contains(mac)));
        }
        let kex: Vec<&str> = algorithms.kex.iter().map(|kex| kex.name()).collect();
        self.line("ciphers", ciphers.join(","));
        self.line("hostkeyalgorithms", algorithms.host_keys.join(","));
        self.line("kexalgorithms", kex.join(","));
        self.line("macs", macs.join(","));
    }
}

/// As ssh writes it: in brackets what could be an address, and no port that was not said.
fn jump_host(jump: &Destination) -> String {
    let numeric = |c: char| c.is_ascii_digit() || c == '.';
    let host = match jump.host.contains(':') || jump.host.chars().all(numeric) {
        true => format!("[{}]", jump.host),
        false => jump.host.clone(),
    };
    let user = jump.user.as_ref().map(|user| format!("{user}@"));
    let port = jump.port.map(|port| format!(":{port}"));
    [user, Some(host), port].into_iter().flatten().collect()
}

/// With `~` replaced, and nothing else.
fn home(path: &str, here: &Tokens) -> String {
    match path.strip_prefix('~') {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => {
            format!("{}{rest}", here.home.display())
        }
        Some(_) | None => path.to_owned(),
    }
}

const fn family(family: Family) -> &'static str {
    match family {
        Family::Any => "any",
        Family::Inet => "inet",
        Family::Inet6 => "inet6",
    }
}

const fn pubkey(pubkey: PubkeyAuthentication) -> &'static str {
    match pubkey {
        PubkeyAuthentication::Yes => "true",
        PubkeyAuthentication::No => "false",
        PubkeyAuthentication::HostBound => "host-bound",
        PubkeyAuthentication::Unbound => "unbound",
    }
}

fn session_type(tunnel: &Tunnel) -> &'static str {
    match (tunnel.without_forwards, tunnel.options.session_type) {
        (WithoutForwards::Connect, _) | (_, Some(SessionType::None)) => "none",
        (WithoutForwards::Refuse, Some(SessionType::Subsystem)) => "subsystem",
        (WithoutForwards::Refuse, Some(SessionType::Default) | None) => "default",
    }
}

const fn strict(strict: StrictHostKeyChecking) -> &'static str {
    match strict {
        StrictHostKeyChecking::Ask => "ask",
        StrictHostKeyChecking::AcceptNew => "accept-new",
        StrictHostKeyChecking::No => "false",
        StrictHostKeyChecking::Yes => "true",
    }
}

/// What ssh has for a destination that each connection names.
const SOCKS: &str = "[socks]:0";

fn permits(permits: Option<&PermitOpen>) -> String {
    match permits {
        None | Some(PermitOpen::Any) => "any".to_owned(),
        Some(PermitOpen::Nothing) => "none".to_owned(),
        Some(PermitOpen::Only(permits)) => {
            let permits: Vec<String> = permits.iter().map(ToString::to_string).collect();
            permits.join(" ")
        }
    }
}

fn remote_listen(at: &RemoteListen) -> String {
    match at {
        RemoteListen::Tcp { bind: None, port } => port.to_string(),
        RemoteListen::Tcp {
            bind: Some(bind),
            port,
        } => {
            let bind = if bind.is_empty() { "*" } else { bind };
            format!("[{bind}]:{port}")
        }
        RemoteListen::Unix(path) => path.clone(),
    }
}

/// `[bind]:port`, the port alone where no address was given, or a path.
fn listen(at: &Listen) -> String {
    let (bind, port) = match at {
        Listen::Tcp { bind, port } => (bind, port),
        Listen::Unix(path) => return path.clone(),
    };
    match bind {
        Bind::Unsaid => port.to_string(),
        Bind::Wildcard => format!("[*]:{port}"),
        Bind::Localhost => format!("[localhost]:{port}"),
        Bind::Address(address) => format!("[{address}]:{port}"),
        Bind::Name(name) => format!("[{name}]:{port}"),
    }
}

fn target(to: &Target) -> String {
    match to {
        Target::Tcp { host, port } => format!("[{host}]:{port}"),
        Target::Unix(path) => path.clone(),
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;
    use crate::client::command::{self, Command};
    use crate::client::names::ThisMachine;
    use crate::provider::{PROVIDER, aead_first};

    fn lines(args: &[&str]) -> Vec<String> {
        let names = ThisMachine::default();
        let args = args.iter().map(OsString::from);
        let Ok(Command::Tunnel(tunnel)) = command::parse(args, &names) else {
            panic!("not a command line");
        };
        let here = Tokens {
            home: "/home/me".into(),
            host: tunnel.host.clone(),
            host_key_alias: None,
            local_host: "here".into(),
            local_user: "me".into(),
            local_uid: 1000,
            original_host: tunnel.original_host.clone(),
            port: 22,
            user: "you".into(),
        };
        let algorithms = Algorithms::defaults(PROVIDER, aead_first());
        let text = dump(&tunnel, &here, &algorithms);
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn every_option_has_its_line_and_none_twice() {
        let lines = lines(&["h"]);
        let keywords: Vec<&str> = lines.iter().filter_map(|l| l.split(' ').next()).collect();
        assert_eq!(keywords.len(), 35);
        for (at, keyword) in keywords.iter().enumerate() {
            assert!(!keywords[..at].contains(keyword), "{keyword}");
            let is_keyword = crate::client::keywords::find(keyword).is_some();
            assert!(is_keyword || *keyword == "host", "{keyword}");
        }
        for line in [
            "host h",
            "user you",
            "batchmode no",
            "permitremoteopen any",
            "streamlocalbindmask 0177",
            "pubkeyauthentication true",
            "sessiontype default",
            "connecttimeout none",
            "rekeylimit 0 0",
            "userknownhostsfile /home/me/.ssh/known_hosts /home/me/.ssh/known_hosts2",
            "globalknownhostsfile /etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2",
        ] {
            assert!(lines.iter().any(|l| l == line), "{line} in {lines:?}");
        }
    }

    #[test]
    fn values_are_written_as_ssh_writes_them() {
        for (option, line) in [
            ("AddressFamily=inet6", "addressfamily inet6"),
            (
                "PubkeyAuthentication=unbound",
                "pubkeyauthentication unbound",
            ),
            ("StrictHostKeyChecking=off", "stricthostkeychecking false"),
            ("StrictHostKeyChecking=yes", "stricthostkeychecking true"),
            ("SessionType=none", "sessiontype none"),
            ("ServerAliveInterval=1m", "serveraliveinterval 60"),
            ("RekeyLimit=1M 1h", "rekeylimit 1048576 3600"),
            ("LogLevel=debug", "loglevel DEBUG"),
            ("LogLevel=debug3", "loglevel DEBUG3"),
            ("UserKnownHostsFile=none", "userknownhostsfile none"),
            (
                "UserKnownHostsFile=~/a b",
                "userknownhostsfile /home/me/a b",
            ),
            ("IdentityAgent=~/a", "identityagent /home/me/a"),
            ("IdentityFile=~/a", "identityfile ~/a"),
            ("LocalForward=8080 h:80", "localforward 8080 [h]:80"),
            (
                "LocalForward=*:8080 [::1]:80",
                "localforward [*]:8080 [::1]:80",
            ),
            (
                "LocalForward=[::1]:8080 h:80",
                "localforward [::1]:8080 [h]:80",
            ),
            (
                "LocalForward=localhost:8080 h:80",
                "localforward [localhost]:8080 [h]:80",
            ),
            ("LocalForward=/a /b", "localforward /a /b"),
            ("RemoteForward=80 h:81", "remoteforward 80 [h]:81"),
            ("RemoteForward=*:80", "remoteforward [*]:80 [socks]:0"),
            ("RemoteForward=/a h:81", "remoteforward /a [h]:81"),
            ("DynamicForward=[::1]:1080", "dynamicforward [::1]:1080"),
            ("PermitRemoteOpen=a:1 b:*", "permitremoteopen a:1 b:*"),
            ("PermitRemoteOpen=none", "permitremoteopen none"),
            ("StreamLocalBindMask=77", "streamlocalbindmask 077"),
            ("StreamLocalBindUnlink=yes", "streamlocalbindunlink yes"),
            ("HostKeyAlias=x", "hostkeyalias x"),
            (
                "PreferredAuthentications=password",
                "preferredauthentications password",
            ),
            ("HostKeyAlias=\u{1b}", "hostkeyalias \\u{1b}"),
        ] {
            let lines = lines(&["-o", option, "h"]);
            assert!(lines.iter().any(|l| l == line), "{line} in {lines:?}");
        }
    }
}
