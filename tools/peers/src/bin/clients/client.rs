//! A client that does what it is told.

use std::collections::VecDeque;

use crate::broker::Broker;
use crate::child::Child;
use crate::counts::Counts;
use crate::kind::Kind;
use crate::places::Places;

/// A client.
#[derive(Debug)]
pub(crate) struct Client {
    /// What it is made with.
    pub(crate) kind: Kind,
    /// Its name.
    pub(crate) name: String,
    child: Child,
    /// What came while an answer was waited for.
    heard: VecDeque<Heard>,
}

/// What a client heard.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Heard {
    /// `message`, `broadcast`, `publication`, `notification`, `call`; `named` for both of the first.
    pub(crate) kind: String,
    /// Who sent it.
    pub(crate) sender: String,
    /// The topic, or the method.
    pub(crate) place: String,
    /// The payload.
    pub(crate) text: String,
}

impl Client {
    /// Starts one, which is connected when this returns.
    pub(crate) fn start(kind: Kind, name: String, broker: &Broker, places: &Places) -> Client {
        let mut child = Child::start(kind.program(&name, broker, places));
        child.line_with("ready");
        Client { kind, name, child, heard: VecDeque::new() }
    }

    /// Has it carry out an order, and returns what came of it: `done CODE`, `reply TEXT` or `failed CODE
    /// TEXT`.
    pub(crate) fn order(&mut self, order: &str) -> String {
        self.child.write(order);
        // Ends with the answer, or with the program.
        loop {
            let line = self.next(order);
            match line.split_once(' ') {
                Some(("heard", rest)) => self.heard.push_back(heard(rest)),
                Some(("done" | "reply" | "failed", _)) => return line,
                _ => {}
            }
        }
    }

    /// Has it carry out an order, which is acknowledged as done.
    pub(crate) fn does(&mut self, order: &str, counts: &mut Counts) {
        let answer = self.order(order);
        assert_eq!(answer, "done 1", "{}", self.child.story(order));
        counts.add("acknowledged orders");
    }

    /// What it hears next.
    pub(crate) fn hears(&mut self) -> Heard {
        // Ends with what it hears, or with the program.
        loop {
            if let Some(heard) = self.heard.pop_front() {
                return heard;
            }
            let line = self.next("to hear something");
            if let Some(rest) = line.strip_prefix("heard ") {
                self.heard.push_back(heard(rest));
            }
        }
    }

    /// Hears this next.
    pub(crate) fn hears_this(&mut self, kind: &str, sender: &str, place: &str, text: &str) {
        let heard = self.hears();
        let is_named = self.kind == Kind::Native && kind != "publication";
        let kind = if is_named { "named" } else { kind };
        let place = if is_named { &heard.place } else { place };
        let wanted = Heard {
            kind: kind.to_owned(),
            sender: sender.to_owned(),
            place: place.to_owned(),
            text: text.to_owned(),
        };
        assert_eq!(heard, wanted, "{}", self.child.story("it heard something else"));
    }

    /// The name of its connection for calls.
    pub(crate) fn rpc_name(&self) -> String {
        format!("{}.rpc", self.name)
    }

    fn next(&mut self, wanted: &str) -> String {
        self.child.line().unwrap_or_else(|| panic!("{}", self.child.story(wanted)))
    }
}

fn heard(rest: &str) -> Heard {
    let mut words = rest.splitn(4, ' ').map(str::to_owned);
    let mut word = || words.next().unwrap_or_default();
    Heard { kind: word(), sender: word(), place: word(), text: word() }
}
