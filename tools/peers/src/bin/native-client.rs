//! A client made with the crate coilgun-client, which speaks the native protocol: topics are subjects
//! to it, and what is sent to a name comes to whoever has it.

use coilgun_client::{Client, Options, Publication, SubscribeOptions, Subscriber};
use peers::order::{Order, orders, payload_of};
use peers::report;

/// Changes the spelling of a topic or a mask of topics.
fn native(topic: &str) -> String {
    topic.replace('/', ".").replace('+', "*").replace('#', ">")
}

fn listen(mut subscriber: Subscriber, kind: &'static str) {
    tokio::spawn(async move {
        while let Some(message) = subscriber.next().await {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let sender = message.sender().map_or_else(|| "-".to_owned(), text);
            let subject = message.subject_text().replace('.', "/");
            report::heard(kind, &sender, &subject, message.payload());
        }
    });
}

/// The code that clients of elbus get: nobody has the name, or it was done.
async fn carry_out(client: &Client, order: Order) -> u8 {
    let not_registered = 0x71;
    match order {
        Order::Send(to, text) => {
            let payload = payload_of(&text);
            let receivers =
                client.publish_acked(&Publication::to_name(&to).with_payload(&payload)).await;
            if receivers.expect("it is published") == 0 { not_registered } else { 1 }
        }
        Order::Broadcast(mask, text) => {
            let (mask, payload) = (mask.replace('*', ">").replace('?', "*"), payload_of(&text));
            let publication = Publication::broadcast(&mask).with_payload(&payload);
            client.publish_acked(&publication).await.expect("it is published");
            1
        }
        Order::Publish(topic, text) => {
            let (subject, payload) = (native(&topic), payload_of(&text));
            let publication = Publication::to(&subject).with_payload(&payload);
            client.publish_acked(&publication).await.expect("it is published");
            1
        }
        Order::Subscribe(topic) => {
            let options = SubscribeOptions::default();
            let subscriber = client.subscribe(&native(&topic), &options).await;
            listen(subscriber.expect("it is a filter"), "publication");
            1
        }
        other => panic!("the native client is not asked for this: {other:?}"),
    }
}

#[tokio::main]
async fn main() {
    let words: Vec<String> = std::env::args().collect();
    let [_, path, name] = words.as_slice() else { panic!("SOCKET and NAME") };
    let address = format!("unix:{path}").parse().expect("it is an address");
    let mut options = Options::new(address);
    options.name.clone_from(name);
    let client = Client::connect(options).await.expect("it is let in");
    listen(client.named().expect("it has a name"), "named");
    report::ready();
    let mut orders = orders();
    while let Some(order) = orders.recv().await {
        report::done(carry_out(&client, order).await);
    }
}
