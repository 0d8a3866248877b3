//! What C holds by a pointer: one call at a time, and none after a panic.
//!
//! ```text
//!            enter()                    work returns
//!   free  ------------>  busy  ----------------------->  free
//!                          |  work panics
//!                          +-----------> poisoned: refuses every call until it is freed
//! ```

use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicBool, Ordering};

use crate::failure::Failure;

/// A type that C knows by its name only.
pub(crate) trait Opaque: Sized {
    /// What it holds.
    type Inside;
    /// What it is called in an error.
    const WHAT: &'static str;

    /// The handle around what it holds.
    fn handle(&self) -> &Handle<Self::Inside>;

    /// What it holds, without the handle.
    fn into_inside(self) -> Self::Inside;

    /// Runs `work` on what it holds, if nobody else does.
    fn with<R>(
        &self,
        work: impl FnOnce(&mut Self::Inside) -> Result<R, Failure>,
    ) -> Result<R, Failure> {
        let mut lease = self.handle().enter(Self::WHAT)?;
        if self.handle().is_poisoned.load(Ordering::Relaxed) {
            lease.is_finished = true;
            return Err(Failure::poisoned(Self::WHAT));
        }
        // SAFETY: `is_busy` was false and is true until `lease` is dropped, so no other reference to
        // the value exists: whoever finds it true gets none.
        let inside = unsafe { &mut *self.handle().inside.get() };
        let result = work(inside);
        lease.is_finished = true;
        result
    }
}

/// A value with the flags that guard it.
#[derive(Debug)]
pub(crate) struct Handle<T> {
    is_busy: AtomicBool,
    is_poisoned: AtomicBool,
    inside: UnsafeCell<T>,
}

/// The right to use what a handle holds; it ends when it is dropped.
struct Lease<'a> {
    is_busy: &'a AtomicBool,
    is_poisoned: &'a AtomicBool,
    is_finished: bool,
}

impl<T> Handle<T> {
    /// A handle that nobody uses.
    pub(crate) fn new(inside: T) -> Handle<T> {
        Handle {
            is_busy: AtomicBool::new(false),
            is_poisoned: AtomicBool::new(false),
            inside: UnsafeCell::new(inside),
        }
    }

    /// What it holds, whether a call with it panicked or not.
    pub(crate) fn into_inside(self) -> T {
        self.inside.into_inner()
    }

    /// Keeps everybody out from now on, if nobody is in: the first step of freeing it. Says whether
    /// a call with it panicked.
    pub(crate) fn enter_for_good(&self, what: &str) -> Result<bool, Failure> {
        if self.is_busy.swap(true, Ordering::Acquire) {
            return Err(Failure::busy(what));
        }
        Ok(self.is_poisoned.load(Ordering::Relaxed))
    }

    fn enter(&self, what: &str) -> Result<Lease<'_>, Failure> {
        if self.is_busy.swap(true, Ordering::Acquire) {
            return Err(Failure::busy(what));
        }
        let (is_busy, is_poisoned) = (&self.is_busy, &self.is_poisoned);
        Ok(Lease { is_busy, is_poisoned, is_finished: false })
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        if !self.is_finished {
            self.is_poisoned.store(true, Ordering::Relaxed);
        }
        // Whoever enters next sees what this call wrote, and whether it came to its end.
        self.is_busy.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::caller::Caller;
    use crate::code::Code;
    use crate::guard::guard;
    use crate::options::{
        OptionsHandle, coilgun_options_free, coilgun_options_new, coilgun_options_set_no_echo,
    };

    /// An exported function as the others are, with a mistake in it.
    unsafe extern "C" fn mistaken(options: *mut OptionsHandle) -> Code {
        // SAFETY: whoever calls from C keeps the rules of the header.
        let caller = unsafe { Caller::promises() };
        guard(|| {
            caller.look(options, "options")?.with(|options| {
                options.no_echo = true;
                panic!("planted")
            })
        })
    }

    #[test]
    fn a_mistake_becomes_a_number_and_its_handle_takes_no_further_call() {
        let address = "127.0.0.1:1";
        let mut options = core::ptr::null_mut();
        // SAFETY: the options are alive until they are freed at the end.
        unsafe {
            let data = address.as_ptr().cast();
            let code = coilgun_options_new(data, address.len(), &raw mut options);
            assert_eq!(code, Code::CoilgunOk);
            // Without the guard this would end the process.
            assert_eq!(mistaken(options), Code::CoilgunErrorPanic);
            for _ in 0..2 {
                let code = coilgun_options_set_no_echo(options, 0);
                assert_eq!(code, Code::CoilgunErrorPoisoned);
            }
            assert_eq!(coilgun_options_free(options), Code::CoilgunOk);
        }
    }

    #[test]
    fn a_call_within_a_call_is_refused_and_the_first_goes_on() {
        let address = "127.0.0.1:1";
        let mut options = core::ptr::null_mut();
        // SAFETY: the options are alive until they are freed at the end.
        unsafe {
            let data = address.as_ptr().cast();
            let code = coilgun_options_new(data, address.len(), &raw mut options);
            assert_eq!(code, Code::CoilgunOk);
            let outer = (*options).with(|inside| {
                assert_eq!(coilgun_options_set_no_echo(options, 1), Code::CoilgunErrorBusy);
                assert_eq!(coilgun_options_free(options), Code::CoilgunErrorBusy);
                assert!(!inside.no_echo, "the second call changed nothing");
                Ok(())
            });
            assert!(outer.is_ok());
            assert_eq!(coilgun_options_set_no_echo(options, 1), Code::CoilgunOk);
            assert_eq!(coilgun_options_free(options), Code::CoilgunOk);
        }
    }
}
