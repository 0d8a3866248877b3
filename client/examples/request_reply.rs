//! Asks, and is answered by hand from a subscription: `cargo run -p coilgun-client --example request_reply`.
//!
//! A broker runs at the address that is the first argument, or at 127.0.0.1:7700.

use std::error::Error;
use std::time::Duration;

use coilgun_client::{Client, Options, Publication, SubscribeOptions};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1".to_owned());
    println!("{}", run(Options::new(address.parse()?)).await?);
    Ok(())
}

/// Returns the reply.
pub async fn run(options: Options) -> Result<String, Box<dyn Error>> {
    let client = Client::connect(options).await?;
    let mut questions = client.subscribe("clock.zone", &SubscribeOptions::default()).await?;
    let answerer = client.clone();
    let answering = tokio::spawn(async move {
        match questions.next().await {
            Some(question) => answerer.reply(&question, "UTC").await,
            None => Ok(()),
        }
    });
    let reply = client.request(&Publication::to("clock.zone"), Duration::from_secs(5)).await?;
    answering.await??;
    client.close().await?;
    Ok(String::from_utf8_lossy(reply.payload()).into_owned())
}
