//! Conversations as text, one file each under `tests/transcript`.
//!
//! A file holds what goes in; what comes out is written below each line and compared.
//!
//! ```text
//! in    config payload_bytes_max=64      settings; only before anything else
//!       > hello features=credit          the client sends a frame, a preface, or `hex ...`
//!       >> ping token=1                  as above, but in one chunk with what follows
//!       event opened slot=1 generation=0 the broker says something
//!       at 5000                          time passes, to so many milliseconds after connecting
//!       tick, drain, close, deadline?    the other doors of a session
//! out   command ..., < ..., error ..., need ..., deadline ...
//! ```

mod input;
mod player;
mod stream_input;

use std::fs::read_to_string;

use crate::files::{compare, names, path};

#[test]
fn golden_conversations() {
    let names = names("transcript");
    assert!(names.len() >= 10, "the conversations are there: {names:?}");
    for name in names {
        let text = read_to_string(path("transcript", &name)).expect("the file can be read");
        compare("transcript", &name, &player::play(&text));
    }
}
