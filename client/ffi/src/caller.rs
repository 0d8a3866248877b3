//! What a caller from C promises, and the pointers it gives.

use core::ffi::c_void;
use core::mem::size_of;
use core::slice;

use crate::failure::Failure;
use crate::handle::Opaque;

/// The promise of one caller for the time of one call, that it keeps the rules of the header: each
/// pointer is NULL or points to as much as it says, a handle was made by this library, is of the type
/// that the function takes and has not been freed, and nobody changes or frees meanwhile what a
/// pointer points to.
///
/// Whoever has one may look at pointers; what can be refused without looking, it refuses.
#[derive(Debug)]
pub(crate) struct Caller(());

impl Caller {
    /// The promise of the caller of an exported function.
    ///
    /// # Safety
    /// The caller keeps the rules, for every pointer that is looked at through the result.
    pub(crate) unsafe fn promises() -> Caller {
        Caller(())
    }

    /// What a pointer points to.
    pub(crate) fn look<T>(&self, pointer: *const T, what: &str) -> Result<&T, Failure> {
        check(pointer, what)?;
        // SAFETY: it is neither NULL nor misaligned; the caller promised that a T is there, and
        // stays as it is for as long as `self` lives, which is not longer than the call.
        Ok(unsafe { &*pointer })
    }

    /// Where a result goes; it holds `empty` from now on.
    #[expect(clippy::mut_from_ref, reason = "what the pointer points to is no part of `self`")]
    pub(crate) fn result<T>(
        &self,
        pointer: *mut T,
        empty: T,
        what: &str,
    ) -> Result<&mut T, Failure> {
        check(pointer, what)?;
        // SAFETY: it is neither NULL nor misaligned, and the caller promised room for a T that
        // nobody else uses during the call. Writing reads nothing of what was there.
        unsafe {
            pointer.write(empty);
            Ok(&mut *pointer)
        }
    }

    /// So many bytes; NULL stands for none.
    pub(crate) fn bytes(
        &self,
        data: *const c_void,
        length: usize,
        what: &str,
    ) -> Result<&[u8], Failure> {
        self.list(data.cast::<u8>(), length, what)
    }

    /// A text of so many bytes.
    pub(crate) fn text(
        &self,
        data: *const c_void,
        length: usize,
        what: &str,
    ) -> Result<&str, Failure> {
        core::str::from_utf8(self.bytes(data, length, what)?)
            .map_err(|error| Failure::argument(&format!("{what} is no UTF-8: {error}")))
    }

    /// So many things in a row; NULL stands for none.
    pub(crate) fn list<T>(
        &self,
        first: *const T,
        count: usize,
        what: &str,
    ) -> Result<&[T], Failure> {
        if count == 0 {
            return Ok(&[]);
        }
        check(first, what)?;
        if count > isize::MAX as usize / size_of::<T>() {
            return Err(Failure::argument(&format!(
                "{what} is longer than memory can be: {count}"
            )));
        }
        // SAFETY: it is neither NULL nor misaligned nor too long; the caller promised that so many
        // are there and stay as they are during the call.
        Ok(unsafe { slice::from_raw_parts(first, count) })
    }

    /// Gives an object to C, which frees it.
    pub(crate) fn give<T>(object: T) -> *mut T {
        Box::into_raw(Box::new(object))
    }

    /// Takes back what [`Caller::give`] gave.
    pub(crate) fn take<T>(&self, pointer: *mut T, what: &str) -> Result<T, Failure> {
        check(pointer, what)?;
        // SAFETY: the caller promised that it was given by this library, which gives boxes, that it
        // was not freed before, and that nobody uses it any more.
        Ok(*unsafe { Box::from_raw(pointer) })
    }

    /// Takes back a handle, unless a call with it is under way, and says whether one panicked.
    pub(crate) fn take_handle<H: Opaque>(
        &self,
        pointer: *mut H,
    ) -> Result<(H::Inside, bool), Failure> {
        let is_poisoned = self.look(pointer, H::WHAT)?.handle().enter_for_good(H::WHAT)?;
        Ok((self.take(pointer, H::WHAT)?.into_inside(), is_poisoned))
    }
}

fn check<T>(pointer: *const T, what: &str) -> Result<(), Failure> {
    if pointer.is_null() {
        return Err(Failure::argument(&format!("{what} is NULL")));
    }
    if !pointer.is_aligned() {
        return Err(Failure::argument(&format!("{what} is misaligned")));
    }
    Ok(())
}
