//! What a call came to.

use coilgun_protocol::elbus::{RPC_CODE_BASE, RpcError as Code};

use crate::elbus::error::Error;

/// What a call came to: an answer, which may be empty, or why there is none.
pub type RpcResult = Result<Option<Vec<u8>>, RpcError>;

/// Why a call failed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the call failed with {code}: {}", String::from_utf8_lossy(.data))]
pub struct RpcError {
    code: i16,
    data: Vec<u8>,
}

impl RpcError {
    /// A failure with a code and details.
    #[must_use]
    pub fn new(code: i16, data: Option<Vec<u8>>) -> RpcError {
        RpcError { code, data: data.unwrap_or_default() }
    }

    /// There is no such method.
    #[must_use]
    pub fn method(data: Option<Vec<u8>>) -> RpcError {
        RpcError::of(Code::MethodNotFound, data)
    }

    /// What is asked for does not exist.
    #[must_use]
    pub fn not_found(data: Option<Vec<u8>>) -> RpcError {
        RpcError::of(Code::NotFound, data)
    }

    /// The parameters are not those of the method.
    #[must_use]
    pub fn params(data: Option<Vec<u8>>) -> RpcError {
        RpcError::of(Code::InvalidParams, data)
    }

    /// The parameters cannot be read.
    #[must_use]
    pub fn parse(data: Option<Vec<u8>>) -> RpcError {
        RpcError::of(Code::Parse, data)
    }

    /// The call makes no sense.
    #[must_use]
    pub fn invalid(data: Option<Vec<u8>>) -> RpcError {
        RpcError::of(Code::InvalidRequest, data)
    }

    /// The one who is called is at fault.
    #[must_use]
    pub fn internal(data: Option<Vec<u8>>) -> RpcError {
        RpcError::of(Code::Internal, data)
    }

    /// The code. Codes from -32256 to -32000 are those of the bus: -32000 less the number of an
    /// [`ErrorKind`](crate::elbus::ErrorKind).
    #[must_use]
    pub fn code(&self) -> i16 {
        self.code
    }

    /// The details.
    #[must_use]
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    fn of(error: Code, data: Option<Vec<u8>>) -> RpcError {
        RpcError::new(error as i16, data)
    }
}

impl From<Error> for RpcError {
    fn from(error: Error) -> RpcError {
        let code = RPC_CODE_BASE - i16::from(error.kind().number());
        RpcError::new(code, Some(error.to_string().into_bytes()))
    }
}
