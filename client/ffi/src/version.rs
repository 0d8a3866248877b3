//! Which boundary and which library this is.

use core::ffi::{CStr, c_char};

/// The version of this interface, which the header was written for.
pub const ABI_VERSION: u32 = 1;

/// What the library calls itself; the build puts its version in.
const SOFTWARE: &CStr = match CStr::from_bytes_with_nul(
    concat!("coilgun/", env!("CARGO_PKG_VERSION"), "\0").as_bytes(),
) {
    Ok(text) => text,
    Err(_) => panic!("the text has one NUL, at its end"),
};

/// The version of the interface that the library was built with. A program compares it with
/// COILGUN_ABI_VERSION once, before it does anything else: within one version functions and fields
/// are only added, and no number changes its meaning.
#[unsafe(no_mangle)]
pub extern "C" fn coilgun_abi_version() -> u32 {
    ABI_VERSION
}

/// Name and version of the library, such as `coilgun/0.1.0`, NUL-terminated; lives as long as the
/// library.
#[unsafe(no_mangle)]
pub extern "C" fn coilgun_version() -> *const c_char {
    SOFTWARE.as_ptr()
}
