//! What a forward specification may refer to on this machine: its environment and its services.

use std::cell::OnceCell;
use std::path::Path;

use adit_forward::spec::Names;

use crate::{file, value};

/// The environment, and `/etc/services`, which is read when the first name is looked up.
#[derive(Debug, Default)]
pub struct ThisMachine {
    services: OnceCell<String>,
}

impl Names for ThisMachine {
    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn service(&self, name: &str) -> Option<u16> {
        let services = self.services.get_or_init(|| {
            let contents = file::read(Path::new("/etc/services"), file::CONFIG_MAX);
            let bytes = contents.map(|c| c.bytes).unwrap_or_default();
            String::from_utf8_lossy(&bytes).into_owned()
        });
        tcp_service(services, name)
    }
}

/// Finds a name or an alias in services(5)'s format: `name port/protocol [alias...] [# ...]`.
fn tcp_service(services: &str, name: &str) -> Option<u16> {
    services.lines().find_map(|line| {
        let line = line.split_once('#').map_or(line, |(line, _)| line);
        let mut words = line.split_ascii_whitespace();
        let official = words.next()?;
        let port = words.next()?.strip_suffix("/tcp")?;
        let is_it = official == name || words.any(|alias| alias == name);
        is_it.then(|| value::number(port)).flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_found_by_name_and_alias() {
        let services = "# comment http 1/tcp\n\
                        tftp\t69/udp\n\
                        http\t\t80/tcp\t\twww # WorldWideWeb nonsense\n\
                        broken\n\
                        big 70000/tcp\n\
                        tftp 70/tcp\n";
        for (name, port) in [
            ("http", Some(80)),
            ("www", Some(80)),
            ("tftp", Some(70)),
            ("nonsense", None),
            ("big", None),
            ("broken", None),
            ("", None),
        ] {
            assert_eq!(tcp_service(services, name), port, "{name}");
        }
    }
}
