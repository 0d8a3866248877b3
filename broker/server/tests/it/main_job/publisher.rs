//! Publishes a share of the corpus.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use coilgun_client::blocking::Client;
use coilgun_client::{Publication, SubscribeOptions};
use coilgun_protocol::model::limits::PAYLOAD_BYTES_DEFAULT;
use sha2::{Digest, Sha256};

use super::corpus::Corpus;
use super::label::{HEADER, Label};

/// Messages that each publisher sends to itself: they stay on its shard.
pub(super) const TO_ITSELF: u64 = 20;
/// How long one of them may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a publisher published.
#[derive(Default)]
pub(super) struct Published {
    pub(super) publisher: u64,
    pub(super) messages: u64,
    /// Messages that were lines of text.
    pub(super) lines: u64,
    pub(super) bytes: u64,
    /// The hash of each of its files.
    pub(super) files: BTreeMap<u64, [u8; 32]>,
    /// The hash of each of its texts.
    pub(super) texts: BTreeMap<u64, [u8; 32]>,
}

/// Publishes every `of`-th file of the corpus, and the lines of those that are Markdown.
pub(super) fn run(mut client: Client, number: usize, of: usize, corpus: &Corpus) -> Published {
    let mut published = Published { publisher: number as u64, ..Published::default() };
    for (file, path) in corpus.files.iter().enumerate().filter(|(file, _)| file % of == number) {
        let content = fs::read(path).expect("the registry can be read");
        let hash = Sha256::digest(&content).into();
        published.files.insert(file as u64, hash);
        let parts = content.chunks(PAYLOAD_BYTES_DEFAULT);
        publish_parts(&mut client, &mut published, file, "file", parts);
        if path.extension().is_some_and(|ending| ending == "md") {
            published.texts.insert(file as u64, hash);
            let before = published.messages;
            let lines = content.split_inclusive(|byte| *byte == b'\n');
            publish_parts(&mut client, &mut published, file, "line", lines);
            published.lines += published.messages - before;
        }
    }
    write_to_itself(&mut client, number);
    let end = format!("corpus.end.{number}");
    client.publish(&Publication::to(&end)).expect("the broker takes it");
    client.flush().expect("the broker answers");
    client.close().expect("the broker lets it go");
    published
}

/// Sends messages that nobody else wants.
fn write_to_itself(client: &mut Client, number: usize) {
    let subject = format!("private.{number}");
    client.subscribe(&subject, &SubscribeOptions::default()).expect("the filter is one");
    for count in 0..TO_ITSELF {
        let payload = count.to_le_bytes();
        let publication = Publication::to(&subject).with_payload(&payload);
        client.publish(&publication).expect("the broker takes it");
    }
    for count in 0..TO_ITSELF {
        let message = client.next_message(PATIENCE).expect("the connection holds");
        let message = message.expect("it comes before patience ends");
        assert_eq!(message.payload(), count.to_le_bytes());
    }
}

/// Publishes the parts of a file; of an empty one, one empty part.
fn publish_parts<'a>(
    client: &mut Client,
    published: &mut Published,
    file: usize,
    what: &str,
    parts: impl Iterator<Item = &'a [u8]>,
) {
    let subject = format!("corpus.{}.{what}.{file}", published.publisher);
    let mut parts = parts.peekable();
    let mut part = parts.next().unwrap_or(&[]);
    // Ends with the last part.
    loop {
        let label = Label {
            publisher: published.publisher,
            number: published.messages,
            file: file as u64,
            is_last: parts.peek().is_none(),
        };
        let publication = Publication::to(&subject)
            .with_payload(part)
            .with_header(HEADER, &label.value(part))
            .expect("the header is one");
        client.publish(&publication).expect("the broker takes it");
        published.messages += 1;
        published.bytes += part.len() as u64;
        match parts.next() {
            Some(next) => part = next,
            None => return,
        }
    }
}
