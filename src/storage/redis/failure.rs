//! What Redis's failures mean to whoever has to mend them.
//!
//! What a server answers may quote the command, and with it a key: only what is known to quote
//! nothing is passed on.

use std::error::Error as StdError;
use std::io;
use std::sync::Arc;

use redis::{ErrorKind, RedisError, ServerErrorKind};

use crate::error::{Code, Error};
use crate::storage::not_a_counter;

/// Of an attempt to connect.
pub fn unreachable(place: &str, error: &RedisError) -> Error {
    let (reason, passes) = why_unreachable(error);
    let message = format!("{place} cannot be reached: {reason}");
    let error = Error::new(Code::ConnectFailed, message).with_cause(words(error));
    if passes { error.retryable() } else { error }
}

fn why_unreachable(error: &RedisError) -> (&'static str, bool) {
    let said = error.to_string();
    let says = |words: &[&str]| words.iter().any(|word| said.contains(word));
    match error.kind() {
        ErrorKind::AuthenticationFailed => return (BAD_LOGIN, false),
        ErrorKind::RESP3NotSupported => {
            return ("it is older than Redis 6, or has no RESP3", false);
        }
        ErrorKind::Server(ServerErrorKind::BusyLoading) => return ("it is loading its data", true),
        ErrorKind::Server(
            ServerErrorKind::ClusterDown | ServerErrorKind::MasterDown | ServerErrorKind::TryAgain,
        ) => return ("its cluster is down", true),
        _ if says(&["NOAUTH", "WRONGPASS", "NOPERM"]) => return (BAD_LOGIN, false),
        _ if error.is_timeout() => return ("it does not answer", true),
        _ => {}
    }
    match io_error(error).map(io::Error::kind) {
        Some(io::ErrorKind::ConnectionRefused) => ("nothing accepts connections there", true),
        Some(io::ErrorKind::NotFound) => ("there is no such socket", true),
        Some(io::ErrorKind::PermissionDenied) => ("the socket may not be used", false),
        // What rustls makes of a certificate it does not trust.
        Some(io::ErrorKind::InvalidData) => (BAD_TLS, false),
        Some(_) => (
            "its name cannot be resolved, no way leads there, or it hangs up",
            true,
        ),
        // Of what a cluster's nodes said, words are all that its client keeps.
        None if says(&["Password authentication failed"]) => (BAD_LOGIN, false),
        None if says(&["certificate"]) => (BAD_TLS, false),
        None if matches!(
            error.kind(),
            ErrorKind::Io | ErrorKind::ClusterConnectionNotFound
        ) =>
        {
            ("no node of the cluster lets this client in", true)
        }
        None => ("it does not answer as Redis does", false),
    }
}

/// What the system or TLS said, which the driver wraps.
fn io_error(error: &RedisError) -> Option<&io::Error> {
    let wrapped = error
        .source()?
        .downcast_ref::<Arc<dyn StdError + Send + Sync>>()?;
    wrapped.downcast_ref()
}

const BAD_LOGIN: &str = "it refuses the username and password, or wants some";
const BAD_TLS: &str = "TLS could not be agreed on, or its certificate is not trusted; tls.ca names \
                       the authority that signed it";

/// Of an attempt to connect that took too long.
pub fn no_connection_within(place: &str, milliseconds: u128) -> Error {
    let message = format!("{place} cannot be reached: it has not answered for {milliseconds} ms");
    Error::new(Code::ConnectFailed, message).retryable()
}

/// Of a call while nobody tries to connect.
pub fn away(why: &Error, milliseconds: u128) -> Error {
    let mut error = why.clone();
    error.message = format!(
        "{}; the next attempt is due in {milliseconds} ms",
        why.message
    );
    error
}

/// Of a command whose connection broke.
pub fn lost(place: &str, attempt: &str, error: &RedisError, harmless: bool) -> Error {
    let message = format!(
        "{attempt} lost its connection to {place}; whether it was carried out is not known"
    );
    let error = Error::new(Code::ConnectionLost, message).with_cause(words(error));
    if harmless { error.retryable() } else { error }
}

/// Of a command that got no answer in time.
pub fn silent(place: &str, attempt: &str, milliseconds: u128, harmless: bool) -> Error {
    let message = format!(
        "{attempt} got no answer from {place} for {milliseconds} ms; whether it was carried out is \
         not known"
    );
    let error = Error::new(Code::StatementTimeout, message);
    if harmless { error.retryable() } else { error }
}

/// Of a command that the server did not carry out.
pub fn refused(place: &str, attempt: &str, error: &RedisError) -> Error {
    let said = error.to_string();
    let says = |text: &str| said.contains(text);
    if says("not an integer") || says("would overflow") {
        return not_a_counter();
    }
    let (code, reason, passes) = match error.kind() {
        // A script's own words come inside of others.
        _ if says("WRONGTYPE") => (
            Code::DecodeFailed,
            "the key holds something else than a string: another program uses the same prefix",
            false,
        ),
        ErrorKind::Server(ServerErrorKind::NoPerm) => (
            Code::PermissionDenied,
            "the user may not run the command, or not on such keys",
            false,
        ),
        ErrorKind::Server(ServerErrorKind::ReadOnly) => (
            Code::ReadOnly,
            "the server is a replica, which only its primary writes to",
            true,
        ),
        ErrorKind::Server(ServerErrorKind::BusyLoading) => {
            (Code::ConnectFailed, "the server is loading its data", true)
        }
        ErrorKind::Server(
            ServerErrorKind::ClusterDown
            | ServerErrorKind::MasterDown
            | ServerErrorKind::TryAgain
            | ServerErrorKind::Moved
            | ServerErrorKind::Ask,
        ) => (
            Code::ConnectFailed,
            "the cluster has nobody for the key just now",
            true,
        ),
        _ if says("OOM") => (
            Code::StorageFailed,
            "the server's memory is full: raise its maxmemory, or let it evict",
            false,
        ),
        _ if says("MISCONF") => (
            Code::StorageFailed,
            "the server takes no writes while it cannot save to disk",
            false,
        ),
        _ => (Code::StorageFailed, "the server refuses it", false),
    };
    let refusal = Error::new(code, format!("{attempt} failed on {place}: {reason}"));
    let refusal = refusal.with_cause(words(error));
    if passes { refusal.retryable() } else { refusal }
}

/// Of an answer that is not what the command gives. The driver's words would quote it.
pub fn unfit(place: &str, attempt: &str) -> Error {
    let message = format!(
        "{attempt} failed on {place}: the value is not UTF-8 text, so another program has set it"
    );
    Error::new(Code::DecodeFailed, message)
}

/// Whether the server does not have the command.
pub fn is_unknown_command(error: &RedisError) -> bool {
    error
        .detail()
        .is_some_and(|detail| detail.starts_with("unknown command"))
}

/// The driver's and the server's words, without what quotes the command.
fn words(error: &RedisError) -> String {
    let said = error.to_string();
    match said.find(", with args") {
        Some(end) => said[..end].to_owned(),
        None => said,
    }
}
