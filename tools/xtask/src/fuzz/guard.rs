//! Runs a target and turns its panic into a text.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
    static LAST_PANIC: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Runs `entry` on `input`; returns what it panicked with, and where, if it did.
pub(crate) fn panic_of(entry: fn(&[u8]), input: &[u8]) -> Option<String> {
    listen();
    GUARDED.set(true);
    let result = catch_unwind(AssertUnwindSafe(|| entry(input)));
    GUARDED.set(false);
    result.err().map(|_| LAST_PANIC.take())
}

/// Makes panics of guarded threads be remembered instead of printed; others stay as they are.
fn listen() {
    static LISTENING: Once = Once::new();
    LISTENING.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if GUARDED.get() {
                LAST_PANIC.set(panic.to_string());
            } else {
                usual(panic);
            }
        }));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_returned_with_its_place() {
        let picky = |bytes: &[u8]| assert!(bytes.is_empty(), "{} bytes too many", bytes.len());
        assert_eq!(panic_of(picky, b""), None);
        let text = panic_of(picky, b"ab").expect("it panics");
        assert!(text.contains("2 bytes too many") && text.contains("guard.rs"), "{text}");
        assert_eq!(panic_of(picky, b""), None, "the next run is clean again");
    }
}
