//! The programs, and how each is told the same tunnel in its own words.

use std::fmt;

use crate::lab::{Lab, PLAIN_DBCLIENT};

/// Who is measured.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Peer {
    Adit,
    OpenSsh,
    Russh,
    Dropbear,
    /// The same without a tunnel.
    Plain,
}

pub const PEERS: [Peer; 5] = [
    Peer::Adit,
    Peer::OpenSsh,
    Peer::Russh,
    Peer::Dropbear,
    Peer::Plain,
];
/// Those that are compared.
pub const TUNNELS: [Peer; 4] = [Peer::Adit, Peer::OpenSsh, Peer::Russh, Peer::Dropbear];
/// Those that have AES-GCM.
pub const WITH_AES: [Peer; 3] = [Peer::Adit, Peer::OpenSsh, Peer::Russh];

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Cipher {
    Aes128Gcm,
    ChaCha20Poly1305,
}

impl Cipher {
    pub fn name(self) -> &'static str {
        match self {
            Self::Aes128Gcm => "aes128-gcm@openssh.com",
            Self::ChaCha20Poly1305 => "chacha20-poly1305@openssh.com",
        }
    }

    pub fn short(self) -> &'static str {
        match self {
            Self::Aes128Gcm => "aes128-gcm",
            Self::ChaCha20Poly1305 => "chacha20-poly1305",
        }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Adit => "adit",
            Self::OpenSsh => "OpenSSH",
            Self::Russh => "russh",
            Self::Dropbear => "Dropbear",
            Self::Plain => "no tunnel",
        })
    }
}

/// Dropbear's windows begin with 24 KiB and never grow; it is given what OpenSSH has.
const DROPBEAR_WINDOW: u32 = 2 << 20;

/// A local port and the port on the server's loopback that it leads to.
pub type Forward = (u16, u16);

impl Peer {
    /// The best it has for where AES-GCM is asked for.
    pub fn nearest(self, cipher: Cipher) -> Cipher {
        match self {
            Self::Dropbear => Cipher::ChaCha20Poly1305,
            Self::Adit | Self::OpenSsh | Self::Russh | Self::Plain => cipher,
        }
    }

    /// A server in the foreground on that address that lets the user's key in.
    pub fn server(self, lab: &Lab, host: &str, port: u16, cipher: Cipher) -> Vec<String> {
        let (key, authorized) = (lab.path("host"), lab.path("authorized_keys"));
        let cipher = cipher.name();
        match self {
            Self::Adit => words(&format!(
                "{} -D -e -p {port} -h {key} -o ListenAddress={host} -o AuthorizedKeysFile={authorized} \
                 -o StrictModes=no -o AllowTcpForwarding=yes -o PermitOpen=any -o MaxStartups=1000 \
                 -o LogLevel=ERROR -o PerSourcePenalties=no",
                lab.aditd
            )),
            Self::OpenSsh => words(&format!(
                "{} -D -e -p {port} -f /dev/null -h {key} -o ListenAddress={host} \
                 -o AuthorizedKeysFile={authorized} -o StrictModes=no -o UsePAM=no \
                 -o PermitRootLogin=prohibit-password -o PasswordAuthentication=no \
                 -o KbdInteractiveAuthentication=no -o PidFile=none -o MaxStartups=1000 -o LogLevel=ERROR",
                lab.sshd
            )),
            Self::Russh => words(&format!(
                "{} server {host}:{port} {key} {cipher}",
                lab.russh
            )),
            // It reads keys from the home directory that the system names: a private view of it.
            Self::Dropbear => {
                let mut argv = words("unshare -m sh -c");
                argv.push("mount --bind \"$0\" \"$1\" && shift && exec \"$@\"".to_owned());
                argv.push(lab.path("home"));
                argv.push(lab.user_home.clone());
                argv.extend(words(&format!(
                    "{} -F -E -m -s -W {DROPBEAR_WINDOW} -P {} -r {key}.dropbear -p {host}:{port}",
                    lab.dropbear,
                    lab.path("dropbear.pid")
                )));
                argv
            }
            Self::Plain => Vec::new(),
        }
    }

    /// A client in the foreground with those local forwards.
    pub fn client(
        self,
        lab: &Lab,
        host: &str,
        port: u16,
        cipher: Cipher,
        forwards: &[Forward],
    ) -> Vec<String> {
        let (key, user, name) = (lab.path("user"), &lab.user, cipher.name());
        let mut argv = match self {
            Self::Adit | Self::OpenSsh => words(&format!(
                "{} -N -F none -o BatchMode=yes -o StrictHostKeyChecking=yes -o UserKnownHostsFile={} \
                 -o GlobalKnownHostsFile=/dev/null -o IdentitiesOnly=yes -o ExitOnForwardFailure=yes \
                 -o KexAlgorithms=curve25519-sha256 -o Ciphers={name} -i {key} -p {port}",
                if self == Self::Adit {
                    &lab.adit
                } else {
                    &lab.ssh
                },
                lab.path("known_hosts"),
            )),
            Self::Russh => words(&format!("{} client {host}:{port} {key} {name}", lab.russh)),
            Self::Dropbear => words(&format!(
                "{} -N -y -y -W {DROPBEAR_WINDOW} -i {key}.dropbear -p {port}",
                lab.path(PLAIN_DBCLIENT)
            )),
            Self::Plain => Vec::new(),
        };
        for (listen, target) in forwards {
            if self == Self::Russh {
                argv.push(format!("{listen}:{target}"));
            } else {
                argv.push("-L".to_owned());
                argv.push(format!("127.0.0.1:{listen}:127.0.0.1:{target}"));
            }
        }
        if self != Self::Russh {
            argv.push(format!("{user}@{host}"));
        }
        argv
    }
}

/// Arguments of which none holds a space.
pub fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}
