//! The little language of the fifo: one line, one message in the name of `.broker`.
//!
//! ```text
//! TARGET MESSAGE             to the client of that name; with * or ? in it, to all that it matches
//! =TOPIC MESSAGE             to whoever subscribes to the topic
//! TARGET .MESSAGE            a notification
//! TARGET :METHOD KEY=VALUE   a call that wants no answer
//! ```
//!
//! Words end at the next space, as they do for busrt's server: a message is one word. Values are
//! `true`, `false`, numbers, or text.

use coilgun_protocol::elbus::{NAME, RpcFrame, TOPIC, encode_rpc};
use coilgun_protocol::model::{Filter, PublishFlags, Subject};
use coilgun_server::shard::Word;
use serde_json::{Map, Value};

/// Why a line says nothing.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub(super) enum LineError {
    /// It is no UTF-8.
    #[error("it is no UTF-8")]
    NotText,
    /// There is nothing behind the first word.
    #[error("it needs a target or =TOPIC, a space, and a message")]
    NoMessage,
    /// It does not say for whom.
    #[error("{0:?} is no name of a client, no mask and no topic")]
    BadPlace(String),
    /// A parameter of a call has no value.
    #[error("{0:?} is no KEY=VALUE")]
    BadParameter(String),
}

/// What a line without its end says; nothing, if it is empty.
///
/// # Errors
/// Says what is wrong with it.
pub(super) fn read_line(line: &[u8]) -> Result<Option<Word>, LineError> {
    let line = std::str::from_utf8(line).map_err(|_| LineError::NotText)?;
    let line = line.trim();
    if line.is_empty() {
        return Ok(None);
    }
    let mut words = line.split(' ');
    let place = words.next().unwrap_or_default();
    let message = words.next().ok_or(LineError::NoMessage)?;
    if let Some(topic) = place.strip_prefix('=') {
        return to_subscribers(topic, message).map(Some);
    }
    if let Some(notification) = message.strip_prefix('.') {
        let frame = RpcFrame::Notification(notification.as_bytes());
        return to_client(place, rpc(&frame)).map(Some);
    }
    if let Some(method) = message.strip_prefix(':') {
        let params = parameters(words)?;
        let frame = RpcFrame::Request { call_id: 0, method: method.as_bytes(), params: &params };
        return to_client(place, rpc(&frame)).map(Some);
    }
    if place.contains(['*', '?']) {
        return to_all(place, message).map(Some);
    }
    to_client(place, message.into()).map(Some)
}

fn rpc(frame: &RpcFrame<'_>) -> Vec<u8> {
    let mut payload = Vec::new();
    encode_rpc(frame, &mut payload);
    payload
}

fn to_subscribers(topic: &str, message: &str) -> Result<Word, LineError> {
    let mut subject = Vec::new();
    TOPIC.subject(topic.as_bytes(), &mut subject);
    let is_subject = !topic.contains('\0') && Subject::parse(&subject).is_ok();
    word(topic, subject, is_subject, message.into(), PublishFlags::default())
}

fn to_client(name: &str, payload: Vec<u8>) -> Result<Word, LineError> {
    let mut subject = b"$NAME.".to_vec();
    NAME.subject(name.as_bytes(), &mut subject);
    let is_name = !name.is_empty() && !name.contains('\0') && Subject::parse(&subject).is_ok();
    word(name, subject, is_name, payload, PublishFlags::default())
}

fn to_all(mask: &str, message: &str) -> Result<Word, LineError> {
    let mut filter = Vec::new();
    NAME.filter(mask.as_bytes(), &mut filter);
    let is_filter = !mask.contains('\0') && Filter::parse(&filter).is_ok();
    word(mask, filter, is_filter, message.into(), PublishFlags::BROADCAST)
}

fn word(
    place: &str,
    subject: Vec<u8>,
    is_good: bool,
    payload: Vec<u8>,
    flags: PublishFlags,
) -> Result<Word, LineError> {
    if is_good {
        Ok(Word { subject, payload, flags })
    } else {
        Err(LineError::BadPlace(place.to_owned()))
    }
}

/// `KEY=VALUE` words as a map in MessagePack.
fn parameters<'a>(words: impl Iterator<Item = &'a str>) -> Result<Vec<u8>, LineError> {
    let mut map = Map::new();
    for pair in words.filter(|word| !word.is_empty()) {
        let mut parts = pair.split('=');
        let key = parts.next().unwrap_or_default();
        let text = parts.next().ok_or_else(|| LineError::BadParameter(pair.to_owned()))?;
        map.insert(key.to_owned(), value(text));
    }
    Ok(rmp_serde::to_vec_named(&map).expect("texts and numbers are MessagePack"))
}

fn value(text: &str) -> Value {
    if let Ok(truth) = text.parse::<bool>() {
        return truth.into();
    }
    if let Ok(number) = text.parse::<i64>() {
        return number.into();
    }
    // Infinity and what is no number are text: JSON, through which this goes, has neither.
    let number = text.parse::<f64>().ok().and_then(serde_json::Number::from_f64);
    number.map_or_else(|| text.into(), Value::Number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(line: &str) -> (String, Vec<u8>, bool) {
        let word = read_line(line.as_bytes()).expect("it is good").expect("it says something");
        let subject = String::from_utf8(word.subject).expect("it is text");
        (subject, word.payload, word.flags.contains(PublishFlags::BROADCAST))
    }

    #[test]
    fn a_line_is_a_message_a_broadcast_or_a_publication() {
        assert_eq!(said("a.b hello"), ("$NAME.a.b".to_owned(), b"hello".to_vec(), false));
        assert_eq!(said("a.b hello world"), ("$NAME.a.b".to_owned(), b"hello".to_vec(), false));
        assert_eq!(said("a.* hello"), ("a.>".to_owned(), b"hello".to_vec(), true));
        assert_eq!(said("a.?.c hello\r"), ("a.*.c".to_owned(), b"hello".to_vec(), true));
        assert_eq!(said("=a/b hello"), ("a.b".to_owned(), b"hello".to_vec(), false));
        assert_eq!(said("a  b"), ("$NAME.a".to_owned(), b"".to_vec(), false), "an empty word");
    }

    #[test]
    fn notifications_and_calls_are_frames_of_rpc() {
        assert_eq!(said("a .x").1, b"\x00x");
        assert_eq!(said("a :test").1, b"\x01\0\0\0\0test\0\x80");
        let call = said("a :m i=-7 t=true f=1.5 s=x=y n=nan e=").1;
        let params: Value = rmp_serde::from_slice(&call[7..]).expect("a map");
        let wanted =
            serde_json::json!({"i": -7, "t": true, "f": 1.5, "s": "x", "n": "nan", "e": ""});
        assert_eq!(params, wanted);
    }

    #[test]
    fn a_bad_line_says_what_is_wrong_with_it() {
        assert_eq!(read_line(b""), Ok(None));
        assert_eq!(read_line(b" \r"), Ok(None));
        assert_eq!(read_line(b"a"), Err(LineError::NoMessage));
        assert_eq!(read_line(b"\xff x"), Err(LineError::NotText));
        assert_eq!(read_line(b"a :m x"), Err(LineError::BadParameter("x".to_owned())));
        for line in ["a\0b x", "=a\0 x", "*\0 x", &format!("{} x", "n".repeat(5000))] {
            let error = read_line(line.as_bytes());
            assert!(matches!(error, Err(LineError::BadPlace(_))), "{line:?}: {error:?}");
        }
    }
}
