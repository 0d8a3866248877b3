//! Runs a service with two endpoints and finds it: `cargo run -p coilgun-client --example service`.
//!
//! A broker runs at the address that is the first argument, or at 127.0.0.1:7700. While the service
//! runs, `coilgun service info text` and `coilgun service stats text` show it too.

use std::error::Error;
use std::time::Duration;

use coilgun_client::service::{
    Endpoint, EndpointGroup, Health, InfoReport, Report, Service, ServiceError, StatsReport,
};
use coilgun_client::{Client, Options, Publication, Reply, Request, ServiceRunner};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1".to_owned());
    let (info, stats) = run(Options::new(address.parse()?)).await?;
    println!("{} {}: {}", info.identity.name, info.identity.version, info.description);
    for endpoint in stats.endpoints {
        let (requests, errors) = (endpoint.num_requests, endpoint.num_errors);
        println!("  {}: {requests} requests, {errors} errors", endpoint.subject);
    }
    Ok(())
}

/// Returns what discovery tells about the service, and what the service has done at its end.
pub async fn run(options: Options) -> Result<(InfoReport, StatsReport), Box<dyn Error>> {
    let client = Client::connect(options).await?;
    let service = Service::builder("text", "1.0.0")
        .description("Changes texts")
        .metadata("language", "en")
        .group(
            EndpointGroup::new("text")
                .endpoint(Endpoint::new("upper"))
                .endpoint(Endpoint::new("count")),
        )
        .build()?;
    let running = ServiceRunner::new(service)
        .handle("upper", upper)
        .handle(
            "count",
            |request| async move { Ok(Reply::new(request.payload().len().to_string())) },
        )
        .start(&client)
        .await?;
    running.set_health("count", Health::Ok)?;

    let timeout = Duration::from_secs(5);
    client.request(&Publication::to("text.upper").with_payload(b"one table"), timeout).await?;
    client.request(&Publication::to("text.count").with_payload(b"one table"), timeout).await?;
    if client.request(&Publication::to("text.upper").with_payload(b"\xff"), timeout).await.is_ok() {
        return Err("what is no text has no upper case".into());
    }

    let question = format!("$SRV.INFO.text.{}", running.id());
    let answer = client.request(&Publication::to(&question), timeout).await?;
    let info = InfoReport::from_json(answer.payload())?;
    let stats = running.stop().await;
    client.close().await?;
    Ok((info, stats))
}

async fn upper(request: Request) -> Result<Reply, ServiceError> {
    let text = str::from_utf8(request.payload());
    let text = text.map_err(|error| ServiceError::new(400, error.to_string()))?;
    Ok(Reply::new(text.to_uppercase()))
}
