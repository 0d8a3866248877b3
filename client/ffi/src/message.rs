//! A message that arrived, read where it lies.

use core::ffi::c_void;

use coilgun_client::Message;

use crate::caller::Caller;
use crate::code::Code;
use crate::guard::{guard, guard_answer};

/// A message that arrived. It never changes, so several threads may read it at once.
#[derive(Debug)]
pub struct MessageHandle(Message);

impl MessageHandle {
    pub(crate) const WHAT: &'static str = "message";

    pub(crate) fn new(message: Message) -> MessageHandle {
        MessageHandle(message)
    }

    pub(crate) fn message(&self) -> &Message {
        &self.0
    }
}

/// Frees a message, and with it every piece that was read of it. Nothing happens with NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coilgun_message_free(message: *mut MessageHandle) -> Code {
    // SAFETY: whoever calls from C keeps the rules of the header.
    let caller = unsafe { Caller::promises() };
    guard(|| {
        if !message.is_null() {
            drop(caller.take(message, MessageHandle::WHAT)?);
        }
        Ok(Code::CoilgunOk)
    })
}

/// The subject it was published to. The bytes have no NUL at their end and live as long as the
/// message; NULL, if that cannot be told.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coilgun_message_subject(
    message: *const MessageHandle,
    length_out: *mut usize,
) -> *const c_void {
    // SAFETY: whoever calls from C keeps the rules of the header.
    let caller = unsafe { Caller::promises() };
    part(&caller, message, length_out, |message| Some(message.subject()))
}

/// The payload; else as coilgun_message_subject. An empty one is not NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coilgun_message_payload(
    message: *const MessageHandle,
    length_out: *mut usize,
) -> *const c_void {
    // SAFETY: whoever calls from C keeps the rules of the header.
    let caller = unsafe { Caller::promises() };
    part(&caller, message, length_out, |message| Some(message.payload()))
}

/// The subject for replies; NULL, if there is none. Else as coilgun_message_subject.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coilgun_message_reply(
    message: *const MessageHandle,
    length_out: *mut usize,
) -> *const c_void {
    // SAFETY: whoever calls from C keeps the rules of the header.
    let caller = unsafe { Caller::promises() };
    part(&caller, message, length_out, Message::reply)
}

/// The name of the client that published it; NULL, if it has none. Else as coilgun_message_subject.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coilgun_message_sender(
    message: *const MessageHandle,
    length_out: *mut usize,
) -> *const c_void {
    // SAFETY: whoever calls from C keeps the rules of the header.
    let caller = unsafe { Caller::promises() };
    part(&caller, message, length_out, Message::sender)
}

/// The number of the subscription it came for; 0: it was sent to the client's name.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coilgun_message_subscription(message: *const MessageHandle) -> u64 {
    // SAFETY: whoever calls from C keeps the rules of the header.
    let caller = unsafe { Caller::promises() };
    ask(&caller, message, |message| message.subscription().0)
}

/// The number its publisher gave it, which a reply carries back; 0: none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coilgun_message_correlation(message: *const MessageHandle) -> u64 {
    // SAFETY: whoever calls from C keeps the rules of the header.
    let caller = unsafe { Caller::promises() };
    ask(&caller, message, |message| message.correlation().0)
}

/// How many milliseconds the requester waits for a reply; 0: it does not say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coilgun_message_deadline_ms(message: *const MessageHandle) -> u32 {
    // SAFETY: whoever calls from C keeps the rules of the header.
    let caller = unsafe { Caller::promises() };
    ask(&caller, message, Message::deadline_ms)
}

/// How many messages the subscription missed since the one before, for lack of credit.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coilgun_message_missed(message: *const MessageHandle) -> u32 {
    // SAFETY: whoever calls from C keeps the rules of the header.
    let caller = unsafe { Caller::promises() };
    ask(&caller, message, Message::missed)
}

/// 1, if its publisher waits for a reply; else 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coilgun_message_is_request(message: *const MessageHandle) -> i32 {
    // SAFETY: whoever calls from C keeps the rules of the header.
    let caller = unsafe { Caller::promises() };
    ask(&caller, message, |message| i32::from(message.is_request()))
}

/// 1, if more replies to the same request follow this one; else 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coilgun_message_has_more(message: *const MessageHandle) -> i32 {
    // SAFETY: whoever calls from C keeps the rules of the header.
    let caller = unsafe { Caller::promises() };
    ask(&caller, message, |message| i32::from(message.has_more()))
}

fn part(
    caller: &Caller,
    message: *const MessageHandle,
    length_out: *mut usize,
    part: impl FnOnce(&Message) -> Option<&[u8]>,
) -> *const c_void {
    guard_answer(core::ptr::null(), || {
        let length = caller.result(length_out, 0, "length_out")?;
        let message = caller.look(message, MessageHandle::WHAT)?;
        let Some(bytes) = part(message.message()) else { return Ok(core::ptr::null()) };
        *length = bytes.len();
        Ok(bytes.as_ptr().cast())
    })
}

fn ask<T: Default>(
    caller: &Caller,
    message: *const MessageHandle,
    ask: impl FnOnce(&Message) -> T,
) -> T {
    guard_answer(T::default(), || Ok(ask(caller.look(message, MessageHandle::WHAT)?.message())))
}
