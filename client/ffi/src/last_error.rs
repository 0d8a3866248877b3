//! The last error of each thread, and what C asks about it.

use core::cell::RefCell;
use core::ffi::{CStr, c_char};

use crate::code::Code;
use crate::failure::Failure;

thread_local! {
    static LAST: RefCell<Option<Failure>> = const { RefCell::new(None) };
}

/// What a thread without any error says.
const EMPTY: &CStr = c"";

/// Remembers a failure for the thread that calls, and gives its code.
pub(crate) fn remember(failure: Failure) -> Code {
    let code = failure.code;
    // A thread that is about to end has no place for it any more; the code still tells.
    let _ = LAST.try_with(|last| last.replace(Some(failure)));
    code
}

fn look<T>(without: T, tell: impl FnOnce(&Failure) -> T) -> T {
    LAST.try_with(|last| last.borrow().as_ref().map(tell)).ok().flatten().unwrap_or(without)
}

/// The code of the last call of this thread that failed; COILGUN_OK, if none did. Success changes
/// nothing of it.
#[unsafe(no_mangle)]
pub extern "C" fn coilgun_last_error_code() -> Code {
    look(Code::CoilgunOk, |failure| failure.code)
}

/// What happened in the last call of this thread that failed, as a sentence for people,
/// NUL-terminated; empty, if none did. The text lives until the next call of this thread that fails,
/// or the end of the thread.
#[unsafe(no_mangle)]
pub extern "C" fn coilgun_last_error_message() -> *const c_char {
    look(EMPTY.as_ptr(), |failure| failure.message.as_ptr())
}

/// A short name of the error in lower case, for machines and logs, such as `no_responders`; else as
/// coilgun_last_error_message.
#[unsafe(no_mangle)]
pub extern "C" fn coilgun_last_error_name() -> *const c_char {
    look(EMPTY.as_ptr(), |failure| failure.name.as_ptr())
}

/// What to do about the error; may be empty. Else as coilgun_last_error_message.
#[unsafe(no_mangle)]
pub extern "C" fn coilgun_last_error_help() -> *const c_char {
    look(EMPTY.as_ptr(), |failure| failure.help.as_ptr())
}

/// The number of the reason in the table of errors that docs/WIRE.md holds, or after
/// COILGUN_ERROR_HANDLER the number that the handler gave; 0: there is none.
#[unsafe(no_mangle)]
pub extern "C" fn coilgun_last_error_broker_code() -> u16 {
    look(0, |failure| failure.broker_code)
}

/// 1, if the same may succeed later without being changed; else 0.
#[unsafe(no_mangle)]
pub extern "C" fn coilgun_last_error_is_retryable() -> i32 {
    look(0, |failure| i32::from(failure.is_retryable))
}

/// 1, if the client is lost, so that only a new one helps; else 0.
#[unsafe(no_mangle)]
pub extern "C" fn coilgun_last_error_is_fatal() -> i32 {
    look(0, |failure| i32::from(failure.is_fatal))
}
