//! What every measurement stands on: the programs, a private folder with keys, and free ports.

use std::fs;
use std::io;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use crate::peers::{Peer, words};
use crate::process::output;

/// The copy of dbclient that is measured.
pub const PLAIN_DBCLIENT: &str = "dbclient";

/// A folder that goes with the last who uses it.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

/// Paths of programs, and a folder for what they need.
#[derive(Clone)]
pub struct Lab {
    /// The project's folder.
    pub root: PathBuf,
    pub adit: String,
    pub aditd: String,
    pub load: String,
    pub russh: String,
    pub ssh: String,
    pub sshd: String,
    pub dbclient: String,
    pub dropbear: String,
    pub perf: String,
    pub strace: String,
    pub user: String,
    pub user_home: String,
    linked_statically: PathBuf,
    folder: Rc<Folder>,
}

impl Lab {
    /// `programs` holds adit and aditd, in `static` the same without a library beside them where they
    /// could be built so, `tools` what this workspace builds.
    pub fn new(root: &Path, programs: &Path, tools: &Path) -> io::Result<Self> {
        let folder = std::env::temp_dir().join(format!("adit-bench.{}", std::process::id()));
        fs::create_dir_all(folder.join("home/.ssh"))?;
        let user = output(&words("id -un"))?.trim().to_owned();
        let entry = output(&words(&format!("getent passwd {user}")))?;
        let lab = Self {
            root: root.to_owned(),
            adit: text(&programs.join("adit")),
            aditd: text(&programs.join("aditd")),
            load: text(&tools.join("adit-load")),
            russh: text(&tools.join("russh-forward")),
            ssh: found("ssh"),
            sshd: found("sshd"),
            dbclient: found("dbclient"),
            dropbear: found("dropbear"),
            perf: found("perf"),
            strace: found("strace"),
            user,
            user_home: entry.split(':').nth(5).unwrap_or("/root").to_owned(),
            linked_statically: programs.join("static"),
            folder: Rc::new(Folder(folder)),
        };
        lab.make_keys()?;
        if lab.has(Peer::Dropbear) {
            lab.make_plain_dbclient()?;
        }
        Ok(lab)
    }

    /// dbclient compresses with zlib where the server can, has no option not to, and then is measured
    /// at that. In this copy of it the method's two names are others, which no server knows.
    fn make_plain_dbclient(&self) -> io::Result<()> {
        let mut program = fs::read(&self.dbclient)?;
        for (name, other) in [
            (
                b"\0zlib@openssh.com\0".as_slice(),
                b"\0none@openssh.com\0".as_slice(),
            ),
            (b"\0zlib\0", b"\0nine\0"),
        ] {
            let mut windows = program.windows(name.len());
            let found = windows.position(|bytes| bytes == name);
            let here = found.map(|at| at..at + name.len());
            if let Some(there) = here.and_then(|range| program.get_mut(range)) {
                there.copy_from_slice(other);
            }
        }
        let copy = self.path(PLAIN_DBCLIENT);
        fs::write(&copy, program)?;
        fs::set_permissions(copy, fs::Permissions::from_mode(0o755))
    }

    fn make_keys(&self) -> io::Result<()> {
        // Where sshd's unprivileged half goes.
        drop(fs::create_dir_all("/run/sshd"));
        for name in ["user", "host"] {
            let path = self.path(name);
            let mut argv = words("ssh-keygen -q -t ed25519 -C bench -N");
            argv.extend([String::new(), "-f".to_owned(), path.clone()]);
            output(&argv)?;
            if self.has(Peer::Dropbear) {
                output(&words(&format!(
                    "dropbearconvert openssh dropbear {path} {path}.dropbear"
                )))?;
            }
        }
        for copy in ["authorized_keys", "home/.ssh/authorized_keys"] {
            fs::copy(self.path("user.pub"), self.path(copy))?;
        }
        let key = fs::read_to_string(self.path("host.pub"))?;
        fs::write(self.path("known_hosts"), format!("* {key}"))
    }

    /// The same with adit and aditd that are linked statically.
    pub fn of_static(&self) -> Option<Self> {
        let [adit, aditd] = ["adit", "aditd"].map(|name| self.linked_statically.join(name));
        (adit.exists() && aditd.exists()).then(|| Self {
            adit: text(&adit),
            aditd: text(&aditd),
            ..self.clone()
        })
    }

    /// A file in the folder.
    pub fn path(&self, name: &str) -> String {
        text(&self.folder.0.join(name))
    }

    /// Whether the program is on this machine.
    pub fn has(&self, peer: Peer) -> bool {
        match peer {
            Peer::Adit | Peer::Russh | Peer::Plain => true,
            Peer::OpenSsh => !self.ssh.is_empty() && !self.sshd.is_empty(),
            // Its server needs a private view of the home directory.
            Peer::Dropbear => {
                let both = !self.dbclient.is_empty() && !self.dropbear.is_empty();
                both && self.user == "root"
            }
        }
    }
}

/// A port that was free a moment ago.
pub fn free_port() -> io::Result<u16> {
    Ok(free_ports(1)?.first().copied().unwrap_or_default())
}

/// So many of them, each another: all are held until the last one is found.
pub fn free_ports(count: usize) -> io::Result<Vec<u16>> {
    let bind = |_| TcpListener::bind(("127.0.0.1", 0));
    let held: Vec<TcpListener> = (0..count).map(bind).collect::<io::Result<_>>()?;
    let port = |one: &TcpListener| Ok(one.local_addr()?.port());
    held.iter().map(port).collect()
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// Empty where there is no such program.
fn found(name: &str) -> String {
    let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin";
    let folders = path.split(':').map(|folder| Path::new(folder).join(name));
    folders
        .into_iter()
        .find(|file| file.is_file())
        .map_or(String::new(), |file| text(&file))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ports_that_are_given_together_are_different_ones() {
        for _ in 0..100 {
            let ports = free_ports(16).unwrap();
            assert_eq!(ports.iter().collect::<BTreeSet<_>>().len(), 16);
        }
    }
}
