//! What a server's failure means for the statement, and for its connection.

use std::fmt::Display;
use std::io::{self, ErrorKind};

use crate::error::{Code, Error};

#[derive(Debug)]
pub struct Failure {
    pub error: Error,
    pub fate: Fate,
}

/// What became of the statement and of its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It was refused, and would be again. The connection is as before.
    Refused,
    /// Another transaction was in its way, and the server undid it: it may succeed when it is run
    /// again. `whole` tells whether the server undid the transaction around it too.
    Conflict { whole: bool },
    /// What is known of the tables is out of date; the server did nothing.
    Outdated,
    /// The server says that it did nothing, and that this connection is of no use any more.
    Turned,
    /// The connection broke: whether the statement was carried out is not known.
    Lost,
    /// The server is there and does not answer.
    Silent,
}

impl Failure {
    pub fn refused(error: Error) -> Self {
        Self {
            error,
            fate: Fate::Refused,
        }
    }

    /// Whether the connection may not be used again.
    pub fn spoils_connection(&self) -> bool {
        matches!(self.fate, Fate::Turned | Fate::Lost | Fate::Silent)
    }

    /// Whether the server has ended the transaction that the statement was part of.
    pub fn ends_transaction(&self) -> bool {
        self.spoils_connection() || self.fate == (Fate::Conflict { whole: true })
    }

    /// Of a statement that changes nothing, such as BEGIN: there is no doubt about what it did.
    pub fn of_nothing(self) -> Self {
        match self.fate {
            Fate::Lost => Self {
                error: self.error.retryable(),
                fate: Fate::Turned,
            },
            _ => self,
        }
    }

    /// Of a statement that follows a write of the same call, which is not to be run twice.
    pub fn after_write(mut self, committed: bool) -> Self {
        self.fate = match self.fate {
            Fate::Outdated => Fate::Refused,
            Fate::Conflict { .. } if committed => Fate::Refused,
            Fate::Turned if committed => Fate::Lost,
            fate => fate,
        };
        self.error.retryable &= !committed;
        self
    }

    /// The error of a statement that got no answer in time.
    pub fn unanswered(attempt: &str, milliseconds: u128) -> Self {
        let message = format!(
            "{attempt} got no answer from the server for {milliseconds} ms, and its connection was \
             closed; whether it was carried out is not known"
        );
        Self {
            error: Error::new(Code::StatementTimeout, message),
            fate: Fate::Silent,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::refused(error)
    }
}

/// The error of a statement whose connection broke.
pub fn lost(cause: impl Display, attempt: &str) -> Failure {
    let message = format!(
        "{attempt} lost its connection to the server; whether it was carried out is not known"
    );
    Failure {
        error: Error::new(Code::ConnectionLost, message).with_cause(cause),
        fate: Fate::Lost,
    }
}

/// What kept a connection from being made, where the server itself said nothing.
pub enum Unreachable<'e> {
    Tls,
    Io(&'e io::Error),
    Broken,
    Options,
    Other,
}

impl Unreachable<'_> {
    /// In words, and whether it may pass.
    pub fn why(&self) -> (&'static str, bool) {
        match self {
            Self::Tls => (BAD_TLS, false),
            Self::Io(error) => match error.kind() {
                ErrorKind::ConnectionRefused => ("nothing accepts connections there", true),
                ErrorKind::NotFound => ("there is no such socket", true),
                ErrorKind::PermissionDenied => ("the socket may not be used", false),
                // What rustls makes of a certificate it does not trust.
                ErrorKind::InvalidData => (BAD_TLS, false),
                ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof | ErrorKind::BrokenPipe => {
                    (BROKEN, true)
                }
                _ => ("its name cannot be resolved, or no way leads there", true),
            },
            Self::Broken => (BROKEN, true),
            Self::Options => ("the options cannot be used together", false),
            Self::Other => ("it does not answer as such a server", false),
        }
    }
}

const BROKEN: &str = "the connection broke";

const BAD_TLS: &str = "TLS could not be agreed on, or its certificate is not trusted; tls.ca names \
                       the authority that signed it";
