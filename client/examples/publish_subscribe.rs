//! Publishes ten messages and receives them: `cargo run -p coilgun-client --example publish_subscribe`.
//!
//! A broker runs at the address that is the first argument, or at 127.0.0.1:7700.

use std::error::Error;

use coilgun_client::{Client, Options, Publication, SubscribeOptions};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1".to_owned());
    let received = run(Options::new(address.parse()?)).await?;
    println!("{received} messages");
    Ok(())
}

/// Returns how many messages came.
pub async fn run(options: Options) -> Result<usize, Box<dyn Error>> {
    let client = Client::connect(options).await?;
    let mut orders = client.subscribe("orders.>", &SubscribeOptions::default()).await?;
    for number in 0..10 {
        let subject = format!("orders.{number}");
        client.publish(&Publication::to(&subject).with_payload(b"one table")).await?;
    }
    // Everything published before is in the outboxes of its receivers now.
    client.flush().await?;
    let mut received = 0;
    while received < 10 {
        let Some(message) = orders.next().await else { break };
        println!("{}: {} bytes", message.subject_text(), message.payload().len());
        received += 1;
    }
    client.drain().await?;
    Ok(received)
}
