//! What goes wrong, with the numbers of the protocol.

use core::fmt;

use coilgun_protocol::elbus::ResultCode;

/// What kind of failure it is. Those the broker can say have its numbers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ErrorKind {
    /// Nobody has this name.
    NotRegistered,
    /// What was said cannot be, or cannot be read.
    Data,
    /// The connection failed.
    Io,
    /// Something else.
    Other,
    /// The other side does not speak this protocol, or this cannot be asked.
    NotSupported,
    /// Somebody has the name already.
    Busy,
    /// The receiver did not take it in.
    NotDelivered,
    /// It took too long.
    Timeout,
    /// It is not allowed.
    Access,
    /// The connection is over.
    Eof,
}

/// A failure.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub struct Error {
    kind: ErrorKind,
    message: String,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl ErrorKind {
    /// Its number on the wire; 255, if the broker never says it.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            ErrorKind::NotRegistered => ResultCode::NotRegistered as u8,
            ErrorKind::Data => ResultCode::Data as u8,
            ErrorKind::Io => ResultCode::Io as u8,
            ErrorKind::Other => ResultCode::Other as u8,
            ErrorKind::NotSupported => ResultCode::NotSupported as u8,
            ErrorKind::Busy => ResultCode::Busy as u8,
            ErrorKind::NotDelivered => ResultCode::NotDelivered as u8,
            ErrorKind::Timeout => ResultCode::Timeout as u8,
            ErrorKind::Access => ResultCode::Access as u8,
            ErrorKind::Eof => 0xFF,
        }
    }
}

impl Error {
    /// A failure of this kind.
    #[must_use]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Error {
        Error { kind, message: message.into() }
    }

    /// What kind of failure it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What the broker said with this code: nothing wrong, if it is the one for success.
    pub(super) fn of_code(code: u8) -> Result<(), Error> {
        let kind = match ResultCode::from_number(code) {
            Some(ResultCode::Ok) => return Ok(()),
            Some(ResultCode::NotRegistered) => ErrorKind::NotRegistered,
            Some(ResultCode::Data) => ErrorKind::Data,
            Some(ResultCode::Io) => ErrorKind::Io,
            Some(ResultCode::NotSupported) => ErrorKind::NotSupported,
            Some(ResultCode::Busy) => ErrorKind::Busy,
            Some(ResultCode::NotDelivered) => ErrorKind::NotDelivered,
            Some(ResultCode::Timeout) => ErrorKind::Timeout,
            Some(ResultCode::Access) => ErrorKind::Access,
            Some(ResultCode::Other) | None => ErrorKind::Other,
        };
        let text = ResultCode::from_number(code).map_or_else(
            || format!("the broker says 0x{code:02x}"),
            |code| format!("the broker says: {code}"),
        );
        Err(Error::new(kind, text))
    }

    pub(super) fn eof() -> Error {
        Error::new(ErrorKind::Eof, "the connection is over")
    }

    pub(super) fn timeout(what: &str) -> Error {
        Error::new(ErrorKind::Timeout, format!("{what} took too long"))
    }

    pub(super) fn io(error: &std::io::Error) -> Error {
        let is_over = matches!(
            error.kind(),
            std::io::ErrorKind::ConnectionReset | std::io::ErrorKind::BrokenPipe
        );
        let kind = if is_over { ErrorKind::Eof } else { ErrorKind::Io };
        Error::new(kind, error.to_string())
    }
}
