//! What a client tells the test: one line each.

use crate::order::text_of;

/// It is connected, and takes orders.
pub fn ready() {
    println!("ready");
}

/// An order was carried out, with the code of the broker's answer: 1, if all is well.
pub fn done(code: u8) {
    println!("done {code}");
}

/// A call was answered.
pub fn replied(payload: &[u8]) {
    println!("reply {}", text_of(payload));
}

/// A call failed.
pub fn failed(code: i16, data: &[u8]) {
    println!("failed {code} {}", text_of(data));
}

/// A message, broadcast or publication came, or a notification or call; `place` is the topic or the
/// method.
pub fn heard(kind: &str, sender: &str, place: &str, payload: &[u8]) {
    println!("heard {kind} {sender} {place} {}", text_of(payload));
}
