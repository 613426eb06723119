//! What goes wrong on a network, and how often.

/// How bad a network is. 0 for "one in" is never.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    /// One call in this many is interrupted by a signal.
    pub interrupted: usize,
    /// One write in this many finds the socket full though it is not quite.
    pub full: usize,
    /// One write in this many is cut somewhere.
    pub short: usize,
    /// One event in this many comes for nothing.
    pub spurious: usize,
    /// One event in this many waits for another time.
    pub late: usize,
    /// Most bytes that arrive at once.
    pub piece: usize,
    /// Bytes that one direction of a connection holds, at least 1.
    pub room: usize,
    /// The same of connections between two programs.
    pub link_room: usize,
    /// One accept in this many finds no descriptor.
    pub no_descriptor: usize,
    /// One connection to an application in this many cannot be made, at once or later.
    pub refused: usize,
    /// One connection in this many is made at once.
    pub at_once: usize,
}

impl Weather {
    /// Nothing goes wrong, and everything arrives as it was sent.
    pub const FAIR: Self = Self {
        interrupted: 0,
        full: 0,
        short: 0,
        spurious: 0,
        late: 0,
        piece: usize::MAX,
        room: 64 << 10,
        link_room: 64 << 10,
        no_descriptor: 0,
        refused: 0,
        at_once: 1,
    };
}
