//! Every kind of client talks to every kind.

use crate::broker::Broker;
use crate::client::Client;
use crate::counts::Counts;
use crate::kind::Kind;
use crate::places::Places;

/// Runs all pairs.
pub(crate) fn run(broker: &Broker, places: &Places, counts: &mut Counts) {
    let start = |role: &str, kind: Kind| {
        Client::start(kind, format!("{role}.{}.it", kind.name()), broker, places)
    };
    let mut senders: Vec<_> = Kind::ALL.into_iter().map(|kind| start("from", kind)).collect();
    let mut receivers: Vec<_> = Kind::ALL.into_iter().map(|kind| start("to", kind)).collect();
    let mut third = start("third", Kind::Busrt);
    third.does("subscribe for/#", counts);
    for from in &mut senders {
        for to in &mut receivers {
            println!("{} to {}", from.kind.name(), to.kind.name());
            pair(from, to, counts);
        }
    }
    // What was published for one receiver never came to another one.
    senders[0].does("send third.busrt.it end", counts);
    third.hears_this("message", &senders[0].name, "-", "end");
}

fn pair(from: &mut Client, to: &mut Client, counts: &mut Counts) {
    publications(from, to, counts);
    messages(from, to, counts);
    if from.kind.has_rpc() && to.kind.has_rpc() {
        calls(from, to, counts);
    }
    if to.kind.has_all_operations() {
        exclusions(from, to, counts);
    }
    if from.kind.has_all_operations() {
        for_one_receiver(from, to, counts);
        secondaries(from, to, counts);
    }
    counts.add("pairs of clients");
}

fn publications(from: &mut Client, to: &mut Client, counts: &mut Counts) {
    let (at, sender) = (format!("pair/{}/{}", from.kind.name(), to.kind.name()), from.name.clone());
    to.does(&format!("subscribe {at}/+"), counts);
    from.does(&format!("publish {at}/one hello"), counts);
    to.hears_this("publication", &sender, &format!("{at}/one"), "hello");
    counts.add("publications heard");
    from.does(&format!("publish {at}/one/two too-deep"), counts);
    if to.kind != Kind::Native {
        to.does(&format!("unsubscribe {at}/+"), counts);
        from.does(&format!("publish {at}/one too-late"), counts);
    }
    // In the order in which it was sent, so that nothing came before it.
    from.does(&format!("send {} behind", to.name), counts);
    to.hears_this("message", &sender, "-", "behind");
    counts.add("messages heard");
}

fn messages(from: &mut Client, to: &mut Client, counts: &mut Counts) {
    let sender = from.name.clone();
    from.does(&format!("broadcast to.{}.* all", to.kind.name()), counts);
    to.hears_this("broadcast", &sender, "-", "all");
    counts.add("broadcasts heard");
    let large = format!("x*{}", from.kind.payload_bytes_max());
    from.does(&format!("send {} {large}", to.name), counts);
    to.hears_this("message", &sender, "-", &large);
    counts.add("large messages heard");
    let refused = from.order("send nobody.of.this.name hello");
    assert_eq!(refused, "done 113", "{sender}: not registered");
    counts.add("messages to nobody refused");
    from.does(&format!("send {} hello", to.name), counts);
    to.hears_this("message", &sender, "-", "hello");
    counts.add("messages heard");
}

fn calls(from: &mut Client, to: &mut Client, counts: &mut Counts) {
    let (target, caller) = (to.rpc_name(), from.rpc_name());
    assert_eq!(from.order(&format!("call {target} echo hello")), "reply hello");
    counts.add("calls answered");
    // There and back.
    let bytes_max = from.kind.payload_bytes_max().min(to.kind.payload_bytes_max());
    let large = format!("x*{}", bytes_max - 100);
    assert_eq!(from.order(&format!("call {target} echo {large}")), format!("reply {large}"));
    for (order, wanted) in [
        (format!("call {target} fail sorry"), "failed -32099 sorry"),
        (format!("call {target} nothing x"), "failed -32601 "),
        ("call nobody.rpc echo x".to_owned(), "failed -32113 "),
    ] {
        assert_eq!(from.order(&order), wanted, "{caller} to {target}");
        counts.add("calls that failed");
    }
    from.does(&format!("call0 {target} tell now"), counts);
    to.hears_this("call", &caller, "tell", "now");
    from.does(&format!("notify {target} news"), counts);
    to.hears_this("notification", &caller, "-", "news");
    counts.add("notifications and calls without an answer heard");
    counts.add("notifications and calls without an answer heard");
}

fn exclusions(from: &mut Client, to: &mut Client, counts: &mut Counts) {
    let (at, sender) = (format!("ex/{}", from.kind.name()), from.name.clone());
    to.does(&format!("exclude {at}/secret/#"), counts);
    to.does(&format!("subscribe {at}/#"), counts);
    from.does(&format!("publish {at}/secret/a hidden"), counts);
    from.does(&format!("publish {at}/open/a shown"), counts);
    to.hears_this("publication", &sender, &format!("{at}/open/a"), "shown");
    to.does(&format!("unexclude {at}/secret/#"), counts);
    from.does(&format!("publish {at}/secret/a shown"), counts);
    to.hears_this("publication", &sender, &format!("{at}/secret/a"), "shown");
    to.does(&format!("unsubscribe {at}/#"), counts);
    counts.add("publications heard");
    counts.add("publications heard");
}

fn for_one_receiver(from: &mut Client, to: &mut Client, counts: &mut Counts) {
    let (at, sender) = (format!("for/{}/{}", from.kind.name(), to.kind.name()), from.name.clone());
    to.does(&format!("subscribe {at}"), counts);
    from.does(&format!("publish_for {at} {} only", to.name), counts);
    to.hears_this("publication", &sender, &at, "only");
    counts.add("publications heard");
    if to.kind != Kind::Native {
        to.does(&format!("unsubscribe {at}"), counts);
    }
}

fn secondaries(from: &mut Client, to: &mut Client, counts: &mut Counts) {
    from.does(&format!("secondary {} hello", to.name), counts);
    let heard = to.hears();
    let number = heard.sender.strip_prefix(&format!("{}%%", from.name)).map(str::parse::<u32>);
    assert!(matches!(number, Some(Ok(_))) && heard.text == "hello", "{heard:?}");
    counts.add("messages heard");
}
