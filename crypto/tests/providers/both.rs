//! Both providers, side by side.

use std::fmt::Debug;

use adit_crypto::{PURE, Provider, RING};

pub(crate) const BOTH: [&Provider; 2] = [&RING, &PURE];

/// What both say of that.
pub(crate) fn agreed<T: Debug + PartialEq>(
    what: &dyn Debug,
    ask: impl FnMut(&'static Provider) -> T,
) -> T {
    let [ring, pure] = BOTH.map(ask);
    assert_eq!(ring, pure, "ring and pure on {what:?}");
    ring
}
