//! A directory for one test, whom tests log in to, and a machine without names.

use std::fs::{self, Permissions};
#[cfg(feature = "client")]
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::Deref;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

#[cfg(feature = "client")]
use adit_forward::observer::{PeerId, PeerInfo};
#[cfg(feature = "client")]
use adit_forward::spec::Names;

#[cfg(feature = "client")]
use crate::client::paths::Tokens;

/// Whom tests log in to.
#[cfg(feature = "client")]
pub(crate) const PEER: PeerInfo<'_> = PeerInfo {
    id: PeerId(1),
    address: Some(SocketAddr::new(
        IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
        2222,
    )),
    hop: 0,
    user: None,
};

/// Who and where tests are.
#[cfg(feature = "client")]
pub(crate) fn tokens() -> Tokens {
    Tokens {
        home: "/home/me".into(),
        host: "hostb.example".into(),
        host_key_alias: None,
        local_host: "here".into(),
        local_user: "me".into(),
        local_uid: 1000,
        original_host: "HostB".into(),
        port: 2222,
        user: "you".into(),
    }
}

/// No variables and no services.
#[cfg(feature = "client")]
pub(crate) struct NoNames;

#[cfg(feature = "client")]
impl Names for NoNames {
    fn variable(&self, _: &str) -> Option<String> {
        None
    }
    fn service(&self, _: &str) -> Option<u16> {
        None
    }
}

/// Made empty, removed with everything in it.
pub(crate) struct Directory(PathBuf);

impl Directory {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("adit-test-{}-{n}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    /// A program in it that does as `script` says.
    pub(crate) fn program(&self, script: &str) -> PathBuf {
        let path = self.join("program");
        // Written by somebody else: one that this process has open for writing, or a child of it
        // that another test makes just then, could not be run.
        let written = Command::new("sh")
            .args([
                "-c",
                "printf '#!/bin/sh\n%s\n' \"$1\" > \"$2\"",
                "sh",
                script,
            ])
            .arg(&path)
            .status();
        assert!(written.unwrap().success());
        fs::set_permissions(&path, Permissions::from_mode(0o700)).unwrap();
        path
    }
}

impl Deref for Directory {
    type Target = Path;
    fn deref(&self) -> &Path {
        &self.0
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
