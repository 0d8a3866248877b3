//! Watches a connection that breaks and comes back: `cargo run -p coilgun-client --example reconnect`.
//!
//! A broker runs at the address that is the first argument, or at 127.0.0.1:7700; stop it and start it
//! again. The example ends when the client has come back.

use std::error::Error;

use coilgun_client::{Client, Event, Options, Publication, Reconnect, SubscribeOptions};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1".to_owned());
    let options = Options::new(address.parse()?).with_reconnect(Reconnect::default());
    let text = run(options, || println!("connected; stop the broker and start it again")).await?;
    println!("{text}");
    Ok(())
}

/// Returns what was published while there was no connection. `is_ready` is called when there is one.
pub async fn run(options: Options, is_ready: impl FnOnce()) -> Result<String, Box<dyn Error>> {
    let client = Client::connect(options).await?;
    let mut news = client.subscribe("news", &SubscribeOptions::default()).await?;
    let mut events = client.events();
    is_ready();
    while let Some(event) = events.next().await {
        match event {
            Event::Lost { error, next_attempt } => {
                println!("lost: {error}; next attempt in {next_attempt:?}");
                client
                    .publish(&Publication::to("news").with_payload(b"written while away"))
                    .await?;
            }
            Event::Connected { address, reconnects } => {
                println!("connected to {address}, {reconnects} times again");
                break;
            }
            Event::Closed(error) => return Err(error.into()),
            Event::SlowConsumer { .. }
            | Event::SubscriptionLost { .. }
            | Event::Notice(_)
            | Event::GoingAway(_) => {}
        }
    }
    // The subscription came back with the connection, and before what was published meanwhile.
    let message = news.next().await.ok_or("the subscription has ended")?;
    client.drain().await?;
    Ok(String::from_utf8_lossy(message.payload()).into_owned())
}
