//! No panic crosses the boundary.

use core::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::code::Code;
use crate::failure::Failure;
use crate::last_error::remember;

/// Runs the work of one exported function. What fails is remembered for the thread, a panic included.
pub(crate) fn guard(work: impl FnOnce() -> Result<Code, Failure>) -> Code {
    caught(work).unwrap_or_else(remember)
}

/// The same for a function that answers something else; where it fails it answers `otherwise`.
pub(crate) fn guard_answer<T>(otherwise: T, work: impl FnOnce() -> Result<T, Failure>) -> T {
    match caught(work) {
        Ok(answer) => answer,
        Err(failure) => {
            remember(failure);
            otherwise
        }
    }
}

fn caught<T>(work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    // What the panic left half done is behind a handle, and the handle takes no call after it.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|payload| Err(words_of(payload)))
}

/// What a panic said.
fn words_of(payload: Box<dyn Any + Send>) -> Failure {
    if let Some(words) = payload.downcast_ref::<&str>() {
        return Failure::panicked(words);
    }
    if let Some(words) = payload.downcast_ref::<String>() {
        return Failure::panicked(words);
    }
    // Anything else could panic again when it is dropped, with nobody left to catch it.
    Box::leak(payload);
    Failure::panicked("it left no words")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::last_error::{coilgun_last_error_code, coilgun_last_error_message};

    fn last_words() -> String {
        // SAFETY: the library gives a text with an end, and this thread makes no call meanwhile.
        let text = unsafe { core::ffi::CStr::from_ptr(coilgun_last_error_message()) };
        text.to_str().expect("it is UTF-8").to_owned()
    }

    #[test]
    fn every_kind_of_panic_becomes_a_number() {
        assert_eq!(guard(|| panic!("plain words")), Code::CoilgunErrorPanic);
        assert_eq!(last_words(), "a mistake in the library: plain words");
        let seven = 7;
        assert_eq!(guard(|| panic!("made for {seven}")), Code::CoilgunErrorPanic);
        assert_eq!(last_words(), "a mistake in the library: made for 7");
        assert_eq!(coilgun_last_error_code(), Code::CoilgunErrorPanic);
    }

    #[test]
    fn a_panic_whose_payload_panics_is_caught_as_well() {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic!("twice");
            }
        }
        let code = guard(|| std::panic::panic_any(Bomb));
        assert_eq!(code, Code::CoilgunErrorPanic);
        assert_eq!(last_words(), "a mistake in the library: it left no words");
    }

    #[test]
    fn an_answer_has_a_value_for_failures() {
        assert_eq!(guard_answer(3, || Ok(4)), 4);
        assert_eq!(guard_answer(3, || Err(Failure::argument("no"))), 3);
        assert_eq!(guard_answer(3, || panic!("no")), 3);
    }
}
