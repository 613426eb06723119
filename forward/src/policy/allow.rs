//! What the keywords about forwarding come to, one with the other: a rule, or nothing.

use super::{ListenPermit, Permit, PermitListen, PermitOpen};

/// The value of `AllowTcpForwarding` or `AllowStreamLocalForwarding`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum AllowForwarding {
    /// `yes`, `all`: whatever the lists do not restrict.
    Yes,
    /// `no`: nothing, whatever the lists have.
    No,
    /// `local`: only what the client has opened from here, its `-L` and `-D`.
    Local,
    /// `remote`: only what the client has listened on here, its `-R`.
    Remote,
}

impl AllowForwarding {
    /// From a word of the configuration.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        let is = |name| word.eq_ignore_ascii_case(name);
        if is("yes") || is("all") {
            Some(Self::Yes)
        } else if is("no") {
            Some(Self::No)
        } else if is("local") {
            Some(Self::Local)
        } else if is("remote") {
            Some(Self::Remote)
        } else {
            None
        }
    }

    /// As the configuration has it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::Local => "local",
            Self::Remote => "remote",
        }
    }

    pub(super) const fn opens(self) -> Said {
        match self {
            Self::Yes | Self::Local => Said::Yes,
            Self::No | Self::Remote => Said::No,
        }
    }

    pub(super) const fn listens(self) -> Said {
        match self {
            Self::Yes | Self::Remote => Said::Yes,
            Self::No | Self::Local => Said::No,
        }
    }
}

/// `DisableForwarding`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum DisableForwarding {
    /// `yes`: nothing of any kind, whatever the other keywords say.
    Yes,
    /// `no`: what they say.
    #[default]
    No,
}

impl DisableForwarding {
    pub(super) fn or(
        self,
        allow: Option<AllowForwarding>,
        side: fn(AllowForwarding) -> Said,
    ) -> Said {
        match self {
            Self::Yes => Said::No,
            Self::No => allow.map_or(Said::Nothing, side),
        }
    }
}

/// What `Allow…Forwarding` says of one side.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Said {
    Yes,
    No,
    /// It was not given.
    Nothing,
}

/// What may be done.
#[derive(Debug)]
pub(super) enum Rule<'a, P> {
    Any,
    Only(&'a [P]),
}

impl<P> Rule<'_, P> {
    pub(super) fn has(&self, permits: impl FnMut(&P) -> bool) -> bool {
        match self {
            Self::Any => true,
            Self::Only(list) => list.iter().any(permits),
        }
    }

    /// Whether the list has such an entry; `any` has none.
    pub(super) fn names(&self, is_meant: impl FnMut(&P) -> bool) -> bool {
        match self {
            Self::Any => false,
            Self::Only(list) => list.iter().any(is_meant),
        }
    }
}

/// `PermitOpen` and `PermitListen`, where they differ in nothing.
pub(super) trait List {
    type Permit;
    fn rule(&self) -> Option<Rule<'_, Self::Permit>>;
    fn names_paths(&self) -> bool;
}

impl List for PermitOpen {
    type Permit = Permit;

    fn rule(&self) -> Option<Rule<'_, Permit>> {
        match self {
            Self::Any => Some(Rule::Any),
            Self::Only(list) => Some(Rule::Only(list)),
            Self::Nothing => None,
        }
    }

    fn names_paths(&self) -> bool {
        match self {
            Self::Only(list) => list.iter().any(Permit::is_path),
            Self::Any | Self::Nothing => false,
        }
    }
}

impl List for PermitListen {
    type Permit = ListenPermit;

    fn rule(&self) -> Option<Rule<'_, ListenPermit>> {
        match self {
            Self::Any => Some(Rule::Any),
            Self::Only(list) => Some(Rule::Only(list)),
            Self::Nothing => None,
        }
    }

    fn names_paths(&self) -> bool {
        match self {
            Self::Only(list) => list.iter().any(ListenPermit::is_path),
            Self::Any | Self::Nothing => false,
        }
    }
}

/// Of TCP ports; `None` when there are none. A list alone permits what it names, and `any` is any.
pub(super) fn tcp<L: List>(allowed: Said, list: &Option<L>) -> Option<Rule<'_, L::Permit>> {
    match (allowed, list) {
        (Said::No, _) | (Said::Nothing, None) => None,
        (Said::Yes, None) => Some(Rule::Any),
        (Said::Yes | Said::Nothing, Some(list)) => list.rule(),
    }
}

/// Of Unix sockets; `None` when there are none. Whoever wrote `any` alone thought of ports, so it
/// takes a word about sockets: `AllowStreamLocalForwarding`, or a path in the list.
pub(super) fn paths<L: List>(allowed: Said, list: &Option<L>) -> Option<Rule<'_, L::Permit>> {
    match (allowed, list) {
        (Said::No, _) | (Said::Nothing, None) => None,
        (Said::Yes, None) => Some(Rule::Any),
        (Said::Yes, Some(list)) => list.rule(),
        (Said::Nothing, Some(list)) => list.names_paths().then(|| list.rule()).flatten(),
    }
}
