//! What travels in a message.

use coilgun_protocol::elbus::{RpcFrame, read_rpc};

use super::error::RpcError;
use crate::elbus::frame::Frame;

/// What a message for calls is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum RpcEventKind {
    /// Something that nobody answers.
    Notification,
    /// A call.
    Request,
    /// The answer to a call.
    Reply,
}

/// A notification, a call, or its answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RpcEvent {
    kind: RpcEventKind,
    call_id: u32,
    method: Vec<u8>,
    /// Where in the frame's payload its own begins.
    payload_at: usize,
    frame: Frame,
}

impl RpcEvent {
    /// What a message says, and, if it says that a call failed, with which code; nothing, if it is no part of
    /// a call.
    pub(super) fn read(frame: Frame) -> Option<(RpcEvent, Option<i16>)> {
        let begin_of = |rest: &[u8]| frame.payload().len() - rest.len();
        let (kind, call_id, method, payload_at, code) = match read_rpc(frame.payload())? {
            RpcFrame::Notification(data) => {
                (RpcEventKind::Notification, 0, Vec::new(), begin_of(data), None)
            }
            RpcFrame::Request { call_id, method, params } => {
                (RpcEventKind::Request, call_id, method.to_vec(), begin_of(params), None)
            }
            RpcFrame::Reply { call_id, payload } => {
                (RpcEventKind::Reply, call_id, Vec::new(), begin_of(payload), None)
            }
            RpcFrame::Error { call_id, code, data } => {
                (RpcEventKind::Reply, call_id, Vec::new(), begin_of(data), Some(code))
            }
        };
        Some((RpcEvent { kind, call_id, method, payload_at, frame }, code))
    }

    /// What it is.
    #[must_use]
    pub fn kind(&self) -> RpcEventKind {
        self.kind
    }

    /// The caller's number of the call; 0: it wants no answer.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.call_id
    }

    /// Who sent it.
    #[must_use]
    pub fn sender(&self) -> &str {
        self.frame.sender()
    }

    /// The same without what a secondary client adds to its name.
    #[must_use]
    pub fn primary_sender(&self) -> &str {
        self.frame.primary_sender()
    }

    /// The method; empty, if it is no call.
    #[must_use]
    pub fn method(&self) -> &[u8] {
        &self.method
    }

    /// The method as text.
    ///
    /// # Errors
    /// If it is none.
    pub fn parse_method(&self) -> Result<&str, RpcError> {
        std::str::from_utf8(&self.method).map_err(|_| RpcError::method(None))
    }

    /// The parameters, or the answer.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.frame.payload()[self.payload_at..]
    }

    /// The whole message.
    #[must_use]
    pub fn frame(&self) -> &Frame {
        &self.frame
    }
}
