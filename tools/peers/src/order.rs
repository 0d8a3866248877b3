//! What a test tells a client to do: one line, words with spaces between them.

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// The orders on standard input, as they come.
///
/// # Panics
/// On the thread that reads, if a line is none.
#[must_use]
pub fn orders() -> UnboundedReceiver<Order> {
    let (send, orders) = unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            let order = Order::parse(&line).unwrap_or_else(|| panic!("{line:?} is no order"));
            if send.send(order).is_err() {
                return;
            }
        }
    });
    orders
}

/// One order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Order {
    /// `send TARGET TEXT`
    Send(String, String),
    /// `broadcast MASK TEXT`
    Broadcast(String, String),
    /// `publish TOPIC TEXT`
    Publish(String, String),
    /// `publish_for TOPIC RECEIVER TEXT`
    PublishFor(String, String, String),
    /// `subscribe TOPIC`
    Subscribe(String),
    /// `unsubscribe TOPIC`
    Unsubscribe(String),
    /// `exclude TOPIC`
    Exclude(String),
    /// `unexclude TOPIC`
    Unexclude(String),
    /// `secondary TARGET TEXT`: registers a secondary client, which sends.
    Secondary(String, String),
    /// `call TARGET METHOD TEXT`
    Call(String, String, String),
    /// `call0 TARGET METHOD TEXT`
    Call0(String, String, String),
    /// `notify TARGET TEXT`
    Notify(String, String),
}

impl Order {
    /// The order of a line; nothing, if it is none.
    #[must_use]
    pub fn parse(line: &str) -> Option<Order> {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let (verb, words) = words.split_first()?;
        Some(match (verb.as_str(), words.to_vec().as_mut_slice()) {
            ("send", [to, text]) => Order::Send(take(to), take(text)),
            ("broadcast", [mask, text]) => Order::Broadcast(take(mask), take(text)),
            ("publish", [topic, text]) => Order::Publish(take(topic), take(text)),
            ("publish_for", [topic, to, text]) => {
                Order::PublishFor(take(topic), take(to), take(text))
            }
            ("subscribe", [topic]) => Order::Subscribe(take(topic)),
            ("unsubscribe", [topic]) => Order::Unsubscribe(take(topic)),
            ("exclude", [topic]) => Order::Exclude(take(topic)),
            ("unexclude", [topic]) => Order::Unexclude(take(topic)),
            ("secondary", [to, text]) => Order::Secondary(take(to), take(text)),
            ("call", [to, method, text]) => Order::Call(take(to), take(method), take(text)),
            ("call0", [to, method, text]) => Order::Call0(take(to), take(method), take(text)),
            ("notify", [to, text]) => Order::Notify(take(to), take(text)),
            _ => return None,
        })
    }
}

fn take(word: &mut String) -> String {
    std::mem::take(word)
}

/// The payload that a text stands for: itself, or, as `x*N`, as many bytes x.
#[must_use]
pub fn payload_of(text: &str) -> Vec<u8> {
    match text.strip_prefix("x*").and_then(|count| count.parse().ok()) {
        Some(count) => vec![b'x'; count],
        None => text.as_bytes().to_vec(),
    }
}

/// The text that stands for a payload.
#[must_use]
pub fn text_of(payload: &[u8]) -> String {
    if payload.len() > 64 && payload.iter().all(|byte| *byte == b'x') {
        return format!("x*{}", payload.len());
    }
    String::from_utf8_lossy(payload).into_owned()
}
