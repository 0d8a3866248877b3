//! What a call returns.

use coilgun_client::ClientError;

/// What became of a call: zero or more went well, and less is an error, about which the functions
/// `coilgun_last_error_...` say more. The numbers never change; a later version may add some.
#[repr(i32)]
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Code {
    /// It is done.
    CoilgunOk = 0,
    /// There is nothing: no message came in time, or there is no such header. It is no error.
    CoilgunNothing = 1,
    /// A pointer is NULL or misaligned, a number is out of its range, or a text is no UTF-8 where it
    /// has to be.
    CoilgunErrorInvalidArgument = -1,
    /// Another thread is in a call with the same handle. Nothing was done.
    CoilgunErrorBusy = -2,
    /// A mistake of the library: the call ended half way. The handle takes no further call and can
    /// only be freed.
    CoilgunErrorPanic = -3,
    /// An earlier call with this handle ended in COILGUN_ERROR_PANIC. Nothing was done.
    CoilgunErrorPoisoned = -4,
    /// The text of an address is none.
    CoilgunErrorInvalidAddress = -5,
    /// Nothing could be reached at the address.
    CoilgunErrorCannotConnect = -6,
    /// The connection broke, or the broker closed it without a word.
    CoilgunErrorConnectionLost = -7,
    /// The other side does not speak the native protocol.
    CoilgunErrorNotCoilgun = -8,
    /// The broker ended the connection and said why.
    CoilgunErrorEnded = -9,
    /// The broker refused this operation; the connection goes on.
    CoilgunErrorRefused = -10,
    /// There was no answer in time.
    CoilgunErrorTimedOut = -11,
    /// Messages came while the client waited for something else, nobody took them out, and there is
    /// no room for more.
    CoilgunErrorQueueFull = -12,
    /// The broker does not offer what was asked for.
    CoilgunErrorNotOffered = -13,
    /// The subject, the name, or the subject for replies is none.
    CoilgunErrorInvalidSubject = -14,
    /// The filter or the mask of a broadcast is none.
    CoilgunErrorInvalidFilter = -15,
    /// A header cannot be sent.
    CoilgunErrorInvalidHeaders = -16,
    /// The payload is larger than this broker accepts.
    CoilgunErrorPayloadTooLarge = -17,
    /// A part is too long to be sent.
    CoilgunErrorCannotEncode = -18,
    /// The message wants no reply.
    CoilgunErrorNoReplyWanted = -19,
    /// Whoever serves the request answered that it failed.
    CoilgunErrorHandler = -20,
    /// The connection broke before the answer came: nobody knows whether what was asked took effect.
    CoilgunErrorLost = -21,
    /// There is no connection just now, and as much waits for the next one as may.
    CoilgunErrorAwayFull = -22,
    /// The client was closed.
    CoilgunErrorClosed = -23,
}

impl Code {
    /// The code for an error of the client.
    pub(crate) fn of(error: &ClientError) -> Code {
        match error {
            ClientError::Address(_) => Code::CoilgunErrorInvalidAddress,
            ClientError::Connect { .. } => Code::CoilgunErrorCannotConnect,
            ClientError::Io(_) | ClientError::Gone => Code::CoilgunErrorConnectionLost,
            ClientError::Protocol(_) => Code::CoilgunErrorNotCoilgun,
            ClientError::Ended(_) => Code::CoilgunErrorEnded,
            ClientError::Refused { .. } => Code::CoilgunErrorRefused,
            ClientError::TimedOut { .. } => Code::CoilgunErrorTimedOut,
            ClientError::QueueFull { .. } => Code::CoilgunErrorQueueFull,
            ClientError::NotOffered(_) => Code::CoilgunErrorNotOffered,
            ClientError::InvalidSubject { .. } => Code::CoilgunErrorInvalidSubject,
            ClientError::InvalidFilter { .. } => Code::CoilgunErrorInvalidFilter,
            ClientError::InvalidHeaders(_) => Code::CoilgunErrorInvalidHeaders,
            ClientError::PayloadTooLarge { .. } => Code::CoilgunErrorPayloadTooLarge,
            ClientError::Lost { .. } => Code::CoilgunErrorLost,
            ClientError::AwayFull { .. } => Code::CoilgunErrorAwayFull,
            ClientError::Closed => Code::CoilgunErrorClosed,
            ClientError::Handler { .. } => Code::CoilgunErrorHandler,
            // No call of this library is about streams, so nothing is unreadable or in doubt here.
            ClientError::Encode(_)
            | ClientError::RecordTooLarge(_)
            | ClientError::Unreadable { .. }
            | ClientError::InDoubt { .. } => Code::CoilgunErrorCannotEncode,
        }
    }
}
