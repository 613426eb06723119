//! What a process that holds keys gives up before it reads the first of them.

use nix::sys::resource::{Resource, setrlimit};

/// No core files and no other process of the same user looking into this one's memory, where keys
/// are; no program that this one could start would have more rights than it.
///
/// What the system does not offer is left as it is: these are second lines, and none of them is a
/// reason not to start.
pub fn process() {
    let _ = setrlimit(Resource::RLIMIT_CORE, 0, 0);
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        let _ = nix::sys::prctl::set_dumpable(false);
        let _ = nix::sys::prctl::set_no_new_privs();
    }
}
