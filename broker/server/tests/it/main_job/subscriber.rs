//! Receives the corpus, and checks what must hold.

use std::collections::BTreeMap;
use std::sync::mpsc::Sender;
use std::time::Duration;

use coilgun_client::blocking::Client;
use coilgun_client::{Message, SubscribeOptions};
use sha2::{Digest, Sha256};

use super::label::Label;
use super::publisher::Published;

/// How long nothing may arrive before the test gives up.
const PATIENCE: Duration = Duration::from_secs(120);

/// What a subscriber subscribes to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// Everything, with one wildcard for the rest.
    Everything,
    /// Files, with wildcards for one token each.
    Files,
    /// Lines of text.
    Lines,
    /// Everything, shared with the other members of its queue group.
    GroupMember,
}

/// What a subscriber received.
pub(super) struct Received {
    pub(super) kind: Kind,
    /// Numbers of the messages, by publisher, in the order of their arrival.
    pub(super) numbers: BTreeMap<u64, Vec<u64>>,
    /// Hashes of what was put together again, by file.
    pub(super) joined: BTreeMap<u64, [u8; 32]>,
}

/// Subscribes, says so once the subscription stands, and receives until every publisher has ended.
pub(super) fn run(
    mut client: Client,
    kind: Kind,
    publishers: usize,
    ready: &Sender<()>,
) -> Received {
    let (filters, group): (&[&str], &str) = match kind {
        Kind::Everything => (&["corpus.>"], ""),
        Kind::Files => (&["corpus.*.file.*", "corpus.end.*"], ""),
        Kind::Lines => (&["corpus.*.line.*", "corpus.end.*"], ""),
        Kind::GroupMember => (&["corpus.*.file.>", "corpus.*.line.>"], "workers"),
    };
    for filter in filters {
        let options = SubscribeOptions::default().with_queue_group(group);
        client.subscribe(filter, &options).expect("the filter is one");
    }
    if kind == Kind::GroupMember {
        client.subscribe("corpus.end.*", &SubscribeOptions::default()).expect("a filter");
    }
    client.flush().expect("the broker answers");
    ready.send(()).expect("the test waits for it");
    receive(client, kind, publishers)
}

fn receive(mut client: Client, kind: Kind, publishers: usize) -> Received {
    let mut received = Received { kind, numbers: BTreeMap::new(), joined: BTreeMap::new() };
    let mut open: BTreeMap<u64, Sha256> = BTreeMap::new();
    let mut ended = 0;
    while ended < publishers {
        let message = client.next_message(PATIENCE).expect("the connection holds");
        let message = message.expect("every publisher ends before patience does");
        if message.subject().starts_with(b"corpus.end.") {
            ended += 1;
        } else {
            take(&mut received, &mut open, &message);
        }
    }
    client.close().expect("the broker lets it go");
    received
}

fn take(received: &mut Received, open: &mut BTreeMap<u64, Sha256>, message: &Message) {
    let label = Label::of(message);
    received.numbers.entry(label.publisher).or_default().push(label.number);
    // Only who sees all parts of a file, and nothing else of it, can put it together.
    if matches!(received.kind, Kind::Files | Kind::Lines) {
        open.entry(label.file).or_default().update(message.payload());
        if label.is_last {
            let whole = open.remove(&label.file).expect("it was just there").finalize();
            received.joined.insert(label.file, whole.into());
        }
    }
}

/// Compares what was received with what was published.
pub(super) fn check(published: &[Published], received: &[Received]) {
    for it in received {
        check_order(it);
    }
    for publisher in published {
        let all: Vec<u64> = (0..publisher.messages).collect();
        let of = |kind: Kind| {
            let mut numbers: Vec<u64> = received
                .iter()
                .filter(|it| it.kind == kind)
                .flat_map(|it| it.numbers.get(&publisher.publisher).into_iter().flatten())
                .copied()
                .collect();
            numbers.sort_unstable();
            numbers
        };
        assert_eq!(of(Kind::Everything), all, "nothing lost, nothing doubled");
        assert_eq!(of(Kind::GroupMember), all, "each message to one member of the group");
        assert_eq!(of(Kind::Lines).len() as u64, publisher.lines);
        assert_eq!(of(Kind::Files).len() as u64, publisher.messages - publisher.lines);
    }
    check_joined(received, Kind::Files, published.iter().map(|it| &it.files));
    check_joined(received, Kind::Lines, published.iter().map(|it| &it.texts));
}

/// Messages of one publisher come in its order, to members of a group as well.
fn check_order(received: &Received) {
    for (publisher, numbers) in &received.numbers {
        let ascending = numbers.windows(2).all(|pair| pair[0] < pair[1]);
        assert!(ascending, "{:?}: messages of publisher {publisher} out of order", received.kind);
    }
}

fn check_joined<'a>(
    received: &[Received],
    kind: Kind,
    published: impl Iterator<Item = &'a BTreeMap<u64, [u8; 32]>>,
) {
    let expected: BTreeMap<u64, [u8; 32]> = published.flatten().map(|(k, v)| (*k, *v)).collect();
    for it in received.iter().filter(|it| it.kind == kind) {
        assert_eq!(it.joined.len(), expected.len(), "{kind:?}");
        assert!(it.joined == expected, "{kind:?}: something was put together differently");
    }
}
