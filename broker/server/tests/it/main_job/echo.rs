//! Requests with files of the corpus, echoed by a queue group of responders.

use std::fs;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use coilgun_client::blocking::Client;
use coilgun_client::{Publication, SubscribeOptions};
use coilgun_protocol::model::limits::PAYLOAD_BYTES_DEFAULT;

use super::Running;
use super::corpus::Corpus;

const RESPONDERS: usize = 2;
const PATIENCE: Duration = Duration::from_secs(60);

/// Sends every tenth file of the corpus as a request, and returns how many came back unchanged.
pub(super) fn run(running: &Running, corpus: &Corpus) -> usize {
    thread::scope(|scope| {
        let (ready, standing) = mpsc::channel();
        for number in 0..RESPONDERS {
            let (ready, client) = (ready.clone(), running.client(number));
            scope.spawn(move || respond(client, &ready));
        }
        (0..RESPONDERS).for_each(|_| standing.recv().expect("every responder gets that far"));
        let mut client = running.client(0);
        let mut echoed = 0;
        for path in corpus.files.iter().step_by(10) {
            let content = fs::read(path).expect("the registry can be read");
            let payload = &content[..content.len().min(PAYLOAD_BYTES_DEFAULT)];
            let request = Publication::to("echo.file").with_payload(payload);
            let reply = client.request(&request, PATIENCE).expect("somebody answers");
            assert!(reply.payload() == payload, "{}: the echo differs", path.display());
            echoed += 1;
        }
        (0..RESPONDERS).for_each(|_| {
            client.publish(&Publication::to("echo.end")).expect("the broker takes it");
        });
        client.close().expect("the broker lets it go");
        echoed
    })
}

fn respond(mut client: Client, ready: &mpsc::Sender<()>) {
    let group = SubscribeOptions::default().with_queue_group("echo");
    client.subscribe("echo.file", &group).expect("a filter");
    client.subscribe("echo.end", &SubscribeOptions::default()).expect("a filter");
    client.flush().expect("the broker answers");
    ready.send(()).expect("the test waits for it");
    // Ends with the message that says so.
    loop {
        let message = client.next_message(PATIENCE).expect("the connection holds");
        let message = message.expect("the requester ends before patience does");
        if message.subject() == b"echo.end" {
            return;
        }
        let reply = Publication::reply_to(&message).expect("a request names where replies go");
        let reply = reply.with_payload(message.payload());
        client.publish(&reply).expect("the broker takes it");
        client.write_out().expect("the broker reads");
    }
}
