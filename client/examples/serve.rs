//! Serves requests with a function, two of them at once: `cargo run -p coilgun-client --example serve`.
//!
//! A broker runs at the address that is the first argument, or at 127.0.0.1:7700.

use std::error::Error;
use std::time::Duration;

use coilgun_client::{
    Client, ClientError, HandlerError, Options, Publication, Reply, Request, ServeOptions,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1".to_owned());
    let (answer, failure) = run(Options::new(address.parse()?)).await?;
    println!("21 doubled is {answer}; and then: {failure}");
    Ok(())
}

/// Returns an answer, and the text of a failure.
pub async fn run(options: Options) -> Result<(String, String), Box<dyn Error>> {
    let client = Client::connect(options).await?;
    let shared = ServeOptions::default().with_queue_group("doublers").with_concurrency_max(2);
    let responder = client.serve("double", &shared, double).await?;

    let timeout = Duration::from_secs(5);
    let reply = client.request(&Publication::to("double").with_payload(b"21"), timeout).await?;
    let answer = String::from_utf8_lossy(reply.payload()).into_owned();
    let bad = Publication::to("double").with_payload(b"a dozen");
    let failure = match client.request(&bad, timeout).await {
        Err(error @ ClientError::Handler { .. }) => error.to_string(),
        Err(error) => return Err(error.into()),
        Ok(_) => "no failure".to_owned(),
    };

    let counted = responder.drain().await;
    println!("{} requests, {} errors", counted.requests, counted.errors);
    client.close().await?;
    Ok((answer, failure))
}

async fn double(request: Request) -> Result<Reply, HandlerError> {
    let text = String::from_utf8_lossy(request.payload());
    let number: i64 = text.parse().map_err(|_| HandlerError::new(400, "this is no number"))?;
    Ok(Reply::new((2 * number).to_string()))
}
