//! Text from a peer, made fit for a terminal and a log.
