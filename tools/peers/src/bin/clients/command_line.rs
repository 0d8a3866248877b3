//! The command line of busrt, with a client of every kind but the native one at the other end.

use std::process::Command;

use crate::broker::Broker;
use crate::child::Child;
use crate::client::Client;
use crate::counts::Counts;
use crate::kind::Kind;
use crate::places::Places;

/// The stages of its benchmark.
const STAGES: [&str; 7] = [
    "rpc.call",
    "rpc.call+handle",
    "rpc.call0",
    "send.qos.no",
    "send.qos.processed",
    "send+recv.qos.no",
    "send+recv.qos.processed",
];

/// What one run needs.
struct Scene<'a> {
    broker: &'a Broker,
    places: &'a Places,
    counts: &'a mut Counts,
}

/// Runs every command.
pub(crate) fn run(broker: &Broker, places: &Places, counts: &mut Counts) {
    let mut scene = Scene { broker, places, counts };
    println!("command line of busrt");
    for kind in Kind::ALL.into_iter().filter(|kind| kind.is_on_a_socket()) {
        let name = format!("peer.{}", kind.name());
        let mut peer = Client::start(kind, name, broker, places);
        scene.talks_to(&mut peer);
        scene.hears_of(&mut peer);
    }
    scene.asks_the_broker();
    scene.benchmark();
}

impl Scene<'_> {
    fn start(&self, arguments: &[&str]) -> Child {
        let mut command = Command::new(&self.places.busrt);
        command.env("NO_COLOR", "1").arg(&self.broker.socket).args(arguments);
        Child::start(command)
    }

    fn runs(&mut self, arguments: &[&str]) -> String {
        self.counts.add("command lines run");
        self.start(arguments).finish()
    }

    /// It sends, publishes and calls.
    fn talks_to(&mut self, peer: &mut Client) {
        let (name, rpc) = (peer.name.clone(), peer.rpc_name());
        peer.does("subscribe cli/#", self.counts);
        self.runs(&["-n", "cli", "send", &name, "hello"]);
        peer.hears_this("message", "cli", "-", "hello");
        self.runs(&["-n", "cli", "publish", "cli/a", "news"]);
        peer.hears_this("publication", "cli", "cli/a", "news");
        self.runs(&["-n", "cli", "rpc", "notify", &rpc, "note"]);
        peer.hears_this("notification", "cli", "-", "note");
        let said = self.runs(&["-n", "cli", "rpc", "call", &rpc, "echo", "answer=42"]);
        assert!(said.contains("answer") && said.contains("42"), "{name}: {said}");
        self.runs(&["-n", "cli", "rpc", "call0", &rpc, "echo"]);
    }

    /// It listens, and serves calls.
    fn hears_of(&mut self, peer: &mut Client) {
        let mut listener =
            self.start(&["-n", "ear", "listen", "-t", "all/#", "--exclude", "all/no/#"]);
        listener.line_with("Listening to messages");
        peer.does("publish all/no/x hidden", self.counts);
        peer.does("publish all/x shown", self.counts);
        peer.does("send ear whispered", self.counts);
        let mut until = |text: &str| {
            // Ends with the line; a line that should not be there fails.
            loop {
                let line = listener.line().unwrap_or_else(|| panic!("{}", listener.story(text)));
                assert!(!line.contains("hidden"), "{}", listener.story("it was excluded"));
                if line.contains(text) {
                    return;
                }
            }
        };
        until("shown");
        until("whispered");
        let mut server = self.start(&["-n", "server", "rpc", "listen"]);
        server.line_with("Listening");
        assert_eq!(peer.order("call server act x"), "reply ");
        server.line_with("method: act");
        self.counts.add("command lines run");
        self.counts.add("command lines run");
    }

    fn asks_the_broker(&mut self) {
        assert!(self.runs(&["broker", "test"]).contains("ok"));
        assert!(self.runs(&["broker", "info"]).contains("version"));
        assert!(self.runs(&["broker", "stats"]).contains("uptime"));
        let _peer = Client::start(Kind::Busrt, "listed".to_owned(), self.broker, self.places);
        let list = self.runs(&["broker", "client.list"]);
        assert!(list.contains("listed.rpc") && list.contains("local_ipc"), "{list}");
    }

    fn benchmark(&mut self) {
        let arguments = ["benchmark", "-w", "4", "--payload-size", "100", "-i", "20000"];
        let said = self.runs(&arguments);
        println!("{said}");
        for stage in STAGES {
            let is_there =
                said.lines().any(|line| line.split_whitespace().any(|word| word == stage));
            assert!(is_there, "{stage} is not in {said}");
            self.counts.add("stages of busrt's benchmark completed");
        }
    }
}
