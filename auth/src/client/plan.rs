//! Which methods are left: ours in order, those the server lists, and how often a person may still
//! be asked.

use alloc::vec::Vec;

use adit_proto::NameList;

use super::methods::{Method, Methods};

/// Whether the server would go on with a method.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Listed {
    No,
    /// It has not said yet.
    Unknown,
    Yes,
}

/// Whether a name is in a list of the server's.
pub(super) fn lists(joined: &[u8], name: &str) -> bool {
    NameList::parse(joined).is_ok_and(|list| list.contains(name.as_bytes()))
}

/// See the module.
#[derive(Debug)]
pub(super) struct Plan {
    order: Vec<Method>,
    /// The server's last word.
    listed: Option<Vec<u8>>,
    passwords_left: u32,
    passwords_refused: u32,
    interactions_left: u32,
}

impl Plan {
    pub(super) fn new(methods: Methods) -> Self {
        let Methods {
            mut order, prompts, ..
        } = methods;
        // Without a person only keys are left.
        order.retain(|method| prompts > 0 || *method == Method::Publickey);
        Self {
            order,
            listed: None,
            passwords_left: prompts,
            passwords_refused: 0,
            interactions_left: prompts,
        }
    }

    /// Ours, from 0, the best.
    pub(super) fn method(&self, rank: usize) -> Option<Method> {
        self.order.get(rank).copied()
    }

    /// The server says which it would go on with.
    pub(super) fn list(&mut self, methods: NameList<'_>) {
        self.listed = Some(methods.as_bytes().to_vec());
    }

    /// Whether it has said so.
    pub(super) const fn is_listed(&self) -> bool {
        self.listed.is_some()
    }

    pub(super) fn listed(&self, method: Method) -> Listed {
        match &self.listed {
            None => Listed::Unknown,
            Some(list) if lists(list, method.name()) => Listed::Yes,
            Some(_) => Listed::No,
        }
    }

    /// The list as the server wrote it, printable ASCII.
    pub(super) fn listed_methods(&self) -> &[u8] {
        self.listed.as_deref().unwrap_or_default()
    }

    /// Takes one of the times that a person may be asked. `false`: there is none left.
    pub(super) fn begin(&mut self, method: Method) -> bool {
        let left = match method {
            Method::Publickey => return true,
            Method::KeyboardInteractive => &mut self.interactions_left,
            Method::Password => &mut self.passwords_left,
        };
        let one_less = left.checked_sub(1);
        *left = one_less.unwrap_or(0);
        one_less.is_some()
    }

    /// Nobody answers, or it leads nowhere.
    pub(super) const fn give_up(&mut self, method: Method) {
        match method {
            Method::Publickey => {}
            Method::KeyboardInteractive => self.interactions_left = 0,
            Method::Password => self.passwords_left = 0,
        }
    }

    pub(super) const fn password_refused(&mut self) {
        self.passwords_refused = self.passwords_refused.saturating_add(1);
    }

    pub(super) const fn passwords_refused(&self) -> u32 {
        self.passwords_refused
    }
}
