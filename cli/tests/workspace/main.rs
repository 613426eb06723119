//! Tests that read the sources of the whole workspace, and compile nothing.

#![forbid(unsafe_code)]
#![cfg(test)]

mod documents;
mod floors;
mod sources;
