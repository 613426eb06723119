//! Files opened safely: regular ones only, never waiting, never more than a limit.
