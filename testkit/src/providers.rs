//! One macro that runs a test on every provider: what holds on one holds on all.

use adit_crypto::Provider;

#[cfg(feature = "pure")]
pub use adit_crypto::PURE;
#[cfg(feature = "ring")]
pub use adit_crypto::RING;

use crate::toy;

/// The step through a long row of cases: each of them on [the toy](crate::toy), and every `n`th on a
/// provider whose key exchanges take most of the time. What differs between providers shows in few.
#[must_use]
pub fn stride(provider: &Provider, n: usize) -> usize {
    if provider.name == toy::PROVIDER.name {
        1
    } else {
        n
    }
}

/// Makes a test of each function, for each provider: the modules `on_toy`, `on_ring`, `on_pure`.
///
/// A function takes a `&'static Provider` and stands where the macro is called, once in a module.
/// In front of a name may be what belongs to the tests made of it, `#[ignore]` for one.
///
/// ```text
/// fn a_share_has_one_length(provider: &'static Provider) { /* ... */ }
///
/// adit_testkit::on_every_provider! { a_share_has_one_length }
/// ```
///
/// makes `on_toy::a_share_has_one_length` and two more. Behind `real:` are tests that say nothing on
/// [the toy](crate::toy), or something false, and are for the other two providers:
///
/// ```text
/// adit_testkit::on_every_provider! { a_share_has_one_length; real: a_point_is_on_the_curve }
/// ```
///
/// A provider that was not built in, by the features `ring` and `pure` of this crate, has no tests.
#[macro_export]
macro_rules! on_every_provider {
    (real: $($(#[$real_meta:meta])* $real:ident)*) => {
        $crate::on_ring! { $($(#[$real_meta])* $real)* }
        $crate::on_pure! { $($(#[$real_meta])* $real)* }
    };
    (
        $($(#[$meta:meta])* $name:ident)*
        $(; real: $($(#[$real_meta:meta])* $real:ident)*)?
    ) => {
        $crate::tests_on! { on_toy $crate::toy::PROVIDER; $($(#[$meta])* $name)* }
        $crate::on_every_provider! {
            real: $($(#[$meta])* $name)* $($($(#[$real_meta])* $real)*)?
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! tests_on {
    ($module:ident $provider:expr; $($(#[$meta:meta])* $name:ident)*) => {
        mod $module {
            $(
                $(#[$meta])*
                #[test]
                fn $name() {
                    super::$name(&$provider);
                }
            )*
        }
    };
}

// Which providers there are is decided here, for the features of the caller are others.

#[cfg(feature = "ring")]
#[doc(hidden)]
#[macro_export]
macro_rules! on_ring {
    ($($tests:tt)*) => { $crate::tests_on! { on_ring $crate::providers::RING; $($tests)* } };
}

#[cfg(not(feature = "ring"))]
#[doc(hidden)]
#[macro_export]
macro_rules! on_ring {
    ($($tests:tt)*) => {};
}

#[cfg(feature = "pure")]
#[doc(hidden)]
#[macro_export]
macro_rules! on_pure {
    ($($tests:tt)*) => { $crate::tests_on! { on_pure $crate::providers::PURE; $($tests)* } };
}

#[cfg(not(feature = "pure"))]
#[doc(hidden)]
#[macro_export]
macro_rules! on_pure {
    ($($tests:tt)*) => {};
}
