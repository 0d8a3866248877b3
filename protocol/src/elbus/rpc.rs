//! Calls that travel in the payload of a message to one client.
//!
//! ```text
//! 00 payload                              a notification
//! 01 call_id u32 | method 00 params       a call; with call_id 0 nobody answers
//! 11 call_id u32 | payload                the answer
//! 12 call_id u32 | code i16 | text        it failed
//! ```

/// What codes of failed calls are counted down from, where the bus itself is at fault: the number of
/// the [`ResultCode`](super::ResultCode) is subtracted.
pub const RPC_CODE_BASE: i16 = -32_000;

/// Why a call failed: numbers of JSON RPC, as busrt uses them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(i16)]
pub enum RpcError {
    /// What was asked for does not exist.
    NotFound = -32_001,
    /// The parameters cannot be read.
    Parse = -32_700,
    /// The call makes no sense.
    InvalidRequest = -32_600,
    /// There is no such method.
    MethodNotFound = -32_601,
    /// The parameters are not those of the method.
    InvalidParams = -32_602,
    /// The one who is called is at fault.
    Internal = -32_603,
}

/// What a payload says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RpcFrame<'a> {
    /// Something that nobody answers.
    Notification(&'a [u8]),
    /// A call.
    Request {
        /// The caller's number for it; 0: it wants no answer.
        call_id: u32,
        /// The method.
        method: &'a [u8],
        /// Its parameters.
        params: &'a [u8],
    },
    /// The answer to a call.
    Reply {
        /// The caller's number.
        call_id: u32,
        /// The answer.
        payload: &'a [u8],
    },
    /// A call failed.
    Error {
        /// The caller's number.
        call_id: u32,
        /// Why: an [`RpcError`] or what the one who was called made up.
        code: i16,
        /// Details, usually text.
        data: &'a [u8],
    },
}

/// Reads a payload. Nothing, if it is no part of a call.
#[must_use]
pub fn read_rpc(payload: &[u8]) -> Option<RpcFrame<'_>> {
    let (kind, rest) = payload.split_first()?;
    if *kind == 0x00 {
        return Some(RpcFrame::Notification(rest));
    }
    let (call_id, rest) = rest.split_first_chunk::<4>()?;
    let call_id = u32::from_le_bytes(*call_id);
    match kind {
        0x01 => {
            let nul = rest.iter().position(|byte| *byte == 0)?;
            let (method, params) = (&rest[..nul], &rest[nul + 1..]);
            Some(RpcFrame::Request { call_id, method, params })
        }
        0x11 => Some(RpcFrame::Reply { call_id, payload: rest }),
        0x12 => {
            let (code, data) = rest.split_first_chunk::<2>()?;
            Some(RpcFrame::Error { call_id, code: i16::from_le_bytes(*code), data })
        }
        _ => None,
    }
}

/// Appends the payload that says this.
pub fn encode_rpc(frame: &RpcFrame<'_>, payload: &mut Vec<u8>) {
    match frame {
        RpcFrame::Notification(bytes) => {
            payload.push(0x00);
            payload.extend_from_slice(bytes);
        }
        RpcFrame::Request { call_id, method, params } => {
            payload.push(0x01);
            payload.extend_from_slice(&call_id.to_le_bytes());
            payload.extend_from_slice(method);
            payload.push(0);
            payload.extend_from_slice(params);
        }
        RpcFrame::Reply { call_id, payload: bytes } => {
            payload.push(0x11);
            payload.extend_from_slice(&call_id.to_le_bytes());
            payload.extend_from_slice(bytes);
        }
        RpcFrame::Error { call_id, code, data } => {
            payload.push(0x12);
            payload.extend_from_slice(&call_id.to_le_bytes());
            payload.extend_from_slice(&code.to_le_bytes());
            payload.extend_from_slice(data);
        }
    }
}

/// Fuzz entry: any bytes are no part of a call, or are written again as they were.
pub fn fuzz_rpc(bytes: &[u8]) {
    let Some(frame) = read_rpc(bytes) else { return };
    let mut again = Vec::new();
    encode_rpc(&frame, &mut again);
    assert_eq!(again, bytes, "what was read is written as it was");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_read_back() {
        let frames = [
            RpcFrame::Notification(b"n"),
            RpcFrame::Request { call_id: 1, method: b"test", params: b"" },
            RpcFrame::Request { call_id: 0, method: b"t", params: b"p\0q" },
            RpcFrame::Reply { call_id: 1, payload: b"\x81\xa2ok\xc3" },
            RpcFrame::Error { call_id: 9, code: RpcError::MethodNotFound as i16, data: b"" },
        ];
        for frame in frames {
            let mut payload = Vec::new();
            encode_rpc(&frame, &mut payload);
            assert_eq!(read_rpc(&payload), Some(frame));
        }
        let broken: [&[u8]; 6] =
            [b"", b"\x02", b"\x01\0\0", b"\x01\x01\0\0\0abc", b"\x12\x01\0\0\0\x01", b"\x11"];
        for bytes in broken {
            assert_eq!(read_rpc(bytes), None, "{}", bytes.escape_ascii());
        }
    }
}
