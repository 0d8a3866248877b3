//! Clients that behave, and expect to be served whatever others do.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::time::Duration;

use coilgun_client::blocking::Client;
use coilgun_client::{Address, Options, Publication, SubscribeOptions};

use crate::process::Broker;

/// How long a good client may wait for anything.
const PATIENCE: Duration = Duration::from_secs(10);

/// Two clients of one broker, on TCP and on its UNIX socket.
#[derive(Debug)]
pub(crate) struct GoodClients {
    asker: Client,
    answerer: Client,
    /// What nobody else is subscribed to.
    news: String,
    question: String,
    rounds: u64,
}

impl GoodClients {
    /// Two that connect now. `label` is theirs alone.
    pub(crate) fn connect(broker: &Broker, label: &str) -> GoodClients {
        let asker = Client::connect(Options::new(tcp(broker))).expect("the broker takes clients");
        let folder = File::open(broker.folder.path()).expect("the broker's folder is there");
        let mut answerer = Client::connect(Options::new(unix(&folder))).expect("and on UNIX");
        let (news, question) = (format!("good.news.{label}"), format!("good.question.{label}"));
        let options = SubscribeOptions::default();
        for filter in [&news, &question] {
            answerer.subscribe(filter, &options).expect("a plain subscription");
        }
        GoodClients { asker, answerer, news, question, rounds: 0 }
    }

    /// A message arrives, acked, and a request is answered.
    pub(crate) fn work(&mut self) {
        self.rounds += 1;
        let payload = format!("{} {}", self.news, self.rounds);
        let news = Publication::to(&self.news).with_payload(&payload);
        assert_eq!(self.asker.publish_acked(&news).expect("it is acked"), 1);
        let message = self.answerer.next_message(PATIENCE).expect("the connection stands");
        assert_eq!(message.expect("it arrives").payload(), payload.as_bytes());
        std::thread::scope(|scope| {
            let answerer = &mut self.answerer;
            scope.spawn(move || answer(answerer));
            let question = Publication::to(&self.question).with_payload(&payload);
            let reply = self.asker.request(&question, PATIENCE).expect("it is answered");
            assert_eq!(reply.payload(), payload.as_bytes());
        });
    }

    /// A message of the largest payload arrives.
    pub(crate) fn work_large(&mut self) {
        let payload = vec![b'L'; 1024 * 1024];
        let news = Publication::to(&self.news).with_payload(&payload);
        self.asker.publish(&news).and_then(|()| self.asker.write_out()).expect("it is sent");
        let message = self.answerer.next_message(PATIENCE).expect("the connection stands");
        assert!(message.expect("it arrives").payload() == payload, "byte for byte");
    }
}

/// Gives back the payload of the next message.
fn answer(client: &mut Client) {
    let question = client.next_message(PATIENCE).expect("the connection stands");
    let question = question.expect("the question arrives");
    let reply = Publication::reply_to(&question).expect("it wants a reply");
    let reply = reply.with_payload(question.payload());
    client.publish(&reply).and_then(|()| client.write_out()).expect("the reply is sent");
}

/// The broker's TCP address.
fn tcp(broker: &Broker) -> Address {
    broker.tcp.parse().expect("the broker names its address")
}

/// The broker's UNIX socket, by a path that is short wherever the build is: through its open folder.
fn unix(folder: &File) -> Address {
    Address::Unix(format!("/proc/self/fd/{}/data/coilgun.sock", folder.as_raw_fd()).into())
}
