//! The headers of a message that arrived.

use core::ffi::c_void;

use coilgun_protocol::model::Header;

use crate::bytes::{Bytes, HeaderParts};
use crate::caller::Caller;
use crate::code::Code;
use crate::guard::{guard, guard_answer};
use crate::message::MessageHandle;

/// How many headers the message has; 0, if that cannot be told.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coilgun_message_header_count(message: *const MessageHandle) -> usize {
    // SAFETY: whoever calls from C keeps the rules of the header.
    let caller = unsafe { Caller::promises() };
    guard_answer(0, || {
        let message = caller.look(message, MessageHandle::WHAT)?;
        Ok(message.message().headers().iter().count())
    })
}

/// The value of the first header of a name; case matters. COILGUN_NOTHING, if there is none. The bytes
/// live as long as the message.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coilgun_message_header(
    message: *const MessageHandle,
    name: *const c_void,
    name_length: usize,
    value_out: *mut Bytes,
) -> Code {
    // SAFETY: whoever calls from C keeps the rules of the header.
    let caller = unsafe { Caller::promises() };
    guard(|| {
        let out = caller.result(value_out, Bytes::EMPTY, "value_out")?;
        let name = caller.bytes(name, name_length, "name")?;
        let message = caller.look(message, MessageHandle::WHAT)?.message();
        let found = message.headers().iter().find(|header| header.name == name);
        let Some(header) = found else { return Ok(Code::CoilgunNothing) };
        *out = Bytes::of(header.value);
        Ok(Code::CoilgunOk)
    })
}

/// The header at a place, counted from 0 in the order they were sent; COILGUN_NOTHING behind the last
/// one. The bytes live as long as the message.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coilgun_message_header_at(
    message: *const MessageHandle,
    index: usize,
    header_out: *mut HeaderParts,
) -> Code {
    // SAFETY: whoever calls from C keeps the rules of the header.
    let caller = unsafe { Caller::promises() };
    guard(|| {
        let empty = HeaderParts { name: Bytes::EMPTY, value: Bytes::EMPTY };
        let out = caller.result(header_out, empty, "header_out")?;
        let message = caller.look(message, MessageHandle::WHAT)?.message();
        let found: Option<Header<'_>> = message.headers().iter().nth(index);
        let Some(header) = found else { return Ok(Code::CoilgunNothing) };
        *out = HeaderParts { name: Bytes::of(header.name), value: Bytes::of(header.value) };
        Ok(Code::CoilgunOk)
    })
}
