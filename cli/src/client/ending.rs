//! Why a session is over, in the words of ssh.

use std::time::Instant;

use adit_forward::observer::{Gone, PeerInfo};

use crate::client::program::About;
use crate::escape::escaped;
use crate::file::reason;
use crate::report::Report;

/// Says it. `authenticated`: since when.
pub fn say(
    report: &Report,
    about: &About,
    peer: &PeerInfo<'_>,
    why: &Gone<'_>,
    authenticated: Option<Instant>,
) {
    let About { host, user, .. } = about;
    let (ip, port) = (peer.address.ip(), peer.address.port());
    match why {
        Gone::Closed if authenticated.is_some() => {
            report.fatal(format_args!("Connection to {host} closed by remote host."));
        }
        Gone::Closed => report.fatal(format_args!("Connection closed by {ip} port {port}")),
        Gone::Disconnected {
            reason_code,
            description,
        } => {
            report.fatal(format_args!(
                "Received disconnect from {ip} port {port}:{reason_code}: {}",
                escaped(description)
            ));
            report.fatal(format_args!("Disconnected from {ip} port {port}"));
        }
        Gone::Socket(error) if error.kind() == std::io::ErrorKind::ConnectionReset => {
            report.fatal(format_args!("Connection reset by {ip} port {port}"));
        }
        Gone::Socket(error) => report.fatal(format_args!(
            "Connection to {ip} port {port}: {}",
            reason(error)
        )),
        Gone::Silent => report.fatal(format_args!("Timeout, server {host} not responding.")),
        Gone::TooSlow => {
            report.fatal(format_args!("Connection to {ip} port {port} timed out"));
        }
        Gone::NoCommon { what, offer } => report.fatal(format_args!(
            "Unable to negotiate with {ip} port {port}: no matching {what} found. Their offer: {}",
            escaped(offer)
        )),
        Gone::Error(text) => report.fatal(format_args!(
            "Connection to {ip} port {port}: {}",
            escaped(text.as_bytes())
        )),
        // The policy about host keys has said it.
        Gone::HostKeyRefused => {}
        Gone::AuthenticationRefused(refused) => {
            for line in &about.left_out {
                report.error(line);
            }
            if refused.tried_keys == 0 {
                report.error(
                    "There was no key to log in with: give one with -i, or add one to ssh-agent.",
                );
            }
            if refused.partial_success {
                report.error("The server accepted a key and asks for more than adit can give.");
            }
            report.fatal(format_args!(
                "{user}@{host}: Permission denied ({}).",
                escaped(&refused.methods)
            ));
        }
        Gone::Stopped => report.debug("Disconnected."),
        Gone::Panicked => report.fatal("adit has a fault and ended this session."),
        _ => report.fatal(format_args!("Connection to {ip} port {port} ended")),
    }
}
