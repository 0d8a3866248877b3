//! The client named `.broker`: the broker itself, as clients of elbus and busrt know it.
//!
//! What it does: answers calls that are sent to it by name, announces clients that come and go and
//! the end of the broker, and says what other threads want said in its name. What it never does: it
//! waits for nobody when it announces, and answers nobody who has no name.
//!
//! Its calls and answers are MessagePack in the layout of busrt (docs/ELBUS.md).

mod announcing;
mod answering;
mod clients;
mod method;
mod results;
mod speaker;

pub(super) use answering::{AnswerText, is_for_broker};
pub(super) use clients::{ClientRow, Rows};
pub use speaker::{Speaker, SpeakerQueue, SpeakerRefused, Word, speaker_queue};
