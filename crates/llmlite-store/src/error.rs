//! From what the database says to a [`StoreError`].

use std::{error::Error, fmt};

use deadpool_postgres::{PoolError, TimeoutType};
use llmlite_core::ports::StoreError;
use tokio_postgres::error::SqlState;

/// What went wrong with which statement, for the log.
///
/// It leaves out the database's `DETAIL`, which quotes the values of a row.
#[derive(Debug)]
pub(crate) struct StatementError {
    statement: &'static str,
    said: String,
    /// Whether the database was not even asked, because all connections were in use.
    unasked: bool,
}

impl StatementError {
    pub(crate) fn new(statement: &'static str, said: String) -> Self {
        Self {
            statement,
            said,
            unasked: false,
        }
    }

    /// The statement's name stands in its first line.
    pub(crate) fn named(sql: &'static str, said: String) -> Self {
        Self::new(name(sql), said)
    }

    pub(crate) fn pool(sql: &'static str, error: PoolError) -> StoreError {
        match error {
            PoolError::Backend(e) => Self::database(sql, &e),
            PoolError::Timeout(TimeoutType::Wait) => unavailable(Self {
                unasked: true,
                ..Self::named(sql, "no connection was free in time".to_owned())
            }),
            other => unavailable(Self::named(sql, other.to_string())),
        }
    }

    pub(crate) fn database(sql: &'static str, error: &tokio_postgres::Error) -> StoreError {
        let text = said(error);
        let Some(said) = error.as_db_error() else {
            // What fails on this side of the connection without the connection failing is a
            // mistake of ours: a parameter of the wrong type, an url without a host.
            return if error.is_closed() || is_io(error) {
                unavailable(Self::named(sql, text))
            } else {
                refused(Self::named(sql, text))
            };
        };
        match kind(said.code()) {
            Kind::Exists => StoreError::Exists {
                what: said.constraint().unwrap_or("a row").to_owned(),
            },
            Kind::Unavailable => unavailable(Self::named(sql, text)),
            Kind::InvalidData => StoreError::InvalidData(Box::new(Self::named(sql, text))),
            Kind::Refused => refused(Self::named(sql, text)),
        }
    }
}

impl fmt::Display for StatementError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.statement, self.said)
    }
}

impl Error for StatementError {}

/// What a failure says, with its cause and, where TLS failed, with the way out.
pub(crate) fn said(error: &tokio_postgres::Error) -> String {
    if let Some(said) = error.as_db_error() {
        return format!("{} (SQLSTATE {})", said.message(), said.code().code());
    }
    let text = error
        .source()
        .map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"));
    match tls_failure(error) {
        Some(rustls::Error::InvalidCertificate(_)) => format!("{text}; {UNPROVEN}"),
        _ => text,
    }
}

const UNPROVEN: &str = "the server did not prove that it is the one in the database url: name the \
    file of its certificate authority (--database-ca), or do without TLS (sslmode=disable)";

pub(crate) fn unavailable(cause: StatementError) -> StoreError {
    StoreError::Unavailable(Box::new(cause))
}

pub(crate) fn refused(cause: StatementError) -> StoreError {
    StoreError::Refused(Box::new(cause))
}

/// Whether the database was not even asked, because all connections were in use: that says
/// nothing about whether it would have answered.
pub(crate) fn was_unasked(error: &StoreError) -> bool {
    match error {
        StoreError::Unavailable(cause) => cause
            .downcast_ref::<StatementError>()
            .is_some_and(|cause| cause.unasked),
        _ => false,
    }
}

/// Puts what the caller knows in the place of the constraint's name.
pub(crate) fn name_existing(error: StoreError, what: impl FnOnce() -> String) -> StoreError {
    match error {
        StoreError::Exists { .. } => StoreError::Exists { what: what() },
        other => other,
    }
}

fn name(sql: &'static str) -> &'static str {
    sql.strip_prefix("-- ")
        .and_then(|rest| rest.lines().next())
        .unwrap_or(sql)
}

#[derive(Debug, PartialEq, Eq)]
enum Kind {
    Exists,
    Unavailable,
    InvalidData,
    Refused,
}

/// Which failures pass by themselves: a lost or turned-down connection, a server that starts,
/// stops or was demoted, a time-out, a deadlock, and a server short of something.
/// Which ones are the fault of a row: a value that its type cannot hold (22) or that a constraint
/// forbids (23).
fn kind(code: &SqlState) -> Kind {
    let state = code.code();
    if *code == SqlState::UNIQUE_VIOLATION {
        Kind::Exists
    } else if ["08", "40", "53"]
        .iter()
        .any(|class| state.starts_with(class))
        || [
            SqlState::ADMIN_SHUTDOWN,
            SqlState::CRASH_SHUTDOWN,
            SqlState::CANNOT_CONNECT_NOW,
            SqlState::READ_ONLY_SQL_TRANSACTION,
            SqlState::QUERY_CANCELED,
            SqlState::LOCK_NOT_AVAILABLE,
            SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
        ]
        .contains(code)
    {
        Kind::Unavailable
    } else if ["22", "23"].iter().any(|class| state.starts_with(class)) {
        Kind::InvalidData
    } else {
        Kind::Refused
    }
}

/// What the TLS library says, which comes wrapped as a failure of input or output.
fn tls_failure(error: &tokio_postgres::Error) -> Option<&rustls::Error> {
    let wrapped = error.source()?.downcast_ref::<std::io::Error>()?;
    wrapped.get_ref()?.downcast_ref()
}

fn is_io(error: &tokio_postgres::Error) -> bool {
    if tls_failure(error).is_some() {
        return false;
    }
    let mut cause = error.source();
    while let Some(inner) = cause {
        if inner.is::<std::io::Error>() {
            return true;
        }
        cause = inner.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(state: &str, want: Kind) {
        assert_eq!(kind(&SqlState::from_code(state)), want, "{state}");
    }

    #[test]
    fn what_passes_by_itself_is_unavailable_what_a_row_caused_is_data_and_the_rest_is_refused() {
        check("23505", Kind::Exists);
        check("08006", Kind::Unavailable);
        check("25006", Kind::Unavailable);
        check("40P01", Kind::Unavailable);
        check("53300", Kind::Unavailable);
        check("55P03", Kind::Unavailable);
        check("57014", Kind::Unavailable);
        check("57P01", Kind::Unavailable);
        check("57P03", Kind::Unavailable);
        check("22001", Kind::InvalidData);
        check("22003", Kind::InvalidData);
        check("22P02", Kind::InvalidData);
        check("23502", Kind::InvalidData);
        check("23503", Kind::InvalidData);
        check("23514", Kind::InvalidData);
        check("25P02", Kind::Refused);
        check("28P01", Kind::Refused);
        check("3D000", Kind::Refused);
        check("42P01", Kind::Refused);
        check("42501", Kind::Refused);
    }

    #[test]
    fn a_statement_is_called_by_its_first_line() {
        assert_eq!(name("-- keys.find\nSELECT 1"), "keys.find");
        assert_eq!(name("connect"), "connect");
    }
}
