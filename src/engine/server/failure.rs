//! What a server's failure means for the statement, and for its connection.

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
pub fn lost(error: &sqlx::Error, attempt: &str) -> Failure {
    let message = format!(
        "{attempt} lost its connection to the server; whether it was carried out is not known"
    );
    Failure {
        error: Error::new(Code::ConnectionLost, message).with_cause(error),
        fate: Fate::Lost,
    }
}

/// Why a server could not be reached, and whether that may pass.
pub fn why_unreachable(error: &sqlx::Error) -> (&'static str, bool) {
    use std::io::ErrorKind;
    match error {
        sqlx::Error::Tls(_) => (BAD_TLS, false),
        sqlx::Error::Io(error) => match error.kind() {
            ErrorKind::ConnectionRefused => ("nothing accepts connections there", true),
            ErrorKind::NotFound => ("there is no such socket", true),
            ErrorKind::PermissionDenied => ("the socket may not be used", false),
            // What rustls makes of a certificate it does not trust.
            ErrorKind::InvalidData => (BAD_TLS, false),
            ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof | ErrorKind::BrokenPipe => {
                ("the connection broke", true)
            }
            _ => ("its name cannot be resolved, or no way leads there", true),
        },
        sqlx::Error::Configuration(_) => ("the options cannot be used together", false),
        _ => ("it does not answer as such a server", false),
    }
}

const BAD_TLS: &str = "TLS could not be agreed on, or its certificate is not trusted; tls.ca names \
                       the authority that signed it";
