//! A broker inside this process, over TCP and over memory. CPU time is that of both sides together.

use std::sync::Arc;
use std::time::Duration;

use coilgun_client::{Client, ClientError, Options, Publication, SubscribeOptions, blocking};
use coilgun_server::config::Config;
use coilgun_server::{Broker, StartError};

use super::publishing::PAYLOAD_BYTES;
use super::run::{in_runtime, options};
use super::sample::{ClientSample, Measurement, Part};
use crate::cpu::monotonic_ns;
use crate::error::BenchError;
use crate::interrupt::Interrupt;

/// Messages that are under way before they are taken out.
pub const WINDOW: u64 = 4096;
/// How long a message may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Where they go.
const SUBJECT: &str = "bench.self";

/// How a client reaches the broker.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    /// Over loopback.
    Tcp,
    /// Over memory.
    InProcess,
}

/// A broker of one shard in this process; it ends with this.
#[derive(Debug)]
pub struct Embedded {
    broker: Option<Broker>,
    _folder: tempfile::TempDir,
}

impl Embedded {
    /// Starts it.
    ///
    /// # Errors
    /// If it does not start.
    pub fn start() -> Result<Embedded, BenchError> {
        let folder = tempfile::Builder::new()
            .prefix("coilgun-bench-")
            .tempdir()
            .map_err(BenchError::system("making a folder for the broker"))?;
        let config = Config {
            shards: 1,
            data: folder.path().join("data"),
            listen: vec![([127, 0, 0, 1], 0).into()],
            ..Config::default()
        };
        let failed = |error: StartError| BenchError::Argument(error.to_string());
        let broker = Some(Broker::start(config).map_err(failed)?);
        Ok(Embedded { broker, _folder: folder })
    }

    fn options(&self, way: Way) -> Result<Options, BenchError> {
        let broker = self.broker.as_ref().expect("it runs until it is dropped");
        match way {
            Way::Tcp => options(&broker.addresses()[0]),
            Way::InProcess => Ok(Options::in_process(Arc::new(broker.connector()))),
        }
    }

    /// Publishes and receives through the asynchronous client: many messages at a time, or one.
    ///
    /// # Errors
    /// If a message does not come back.
    pub fn asynchronous(
        &self,
        way: Way,
        window: u64,
        measured: Duration,
        interrupt: &Interrupt,
    ) -> Result<ClientSample, BenchError> {
        let name = match (way, window) {
            (Way::Tcp, 1) => "embedded/tcp/round-trip",
            (Way::InProcess, 1) => "embedded/in-process/round-trip",
            (Way::Tcp, _) => "embedded/tcp/flow",
            (Way::InProcess, _) => "embedded/in-process/flow",
        };
        let options = self.options(way)?;
        in_runtime(async {
            let client = Client::connect(options).await?;
            let mut subscriber = client.subscribe(SUBJECT, &SubscribeOptions::default()).await?;
            let payload = [7; PAYLOAD_BYTES];
            let publication = Publication::to(SUBJECT).with_payload(&payload);
            let mut measurement = Measurement::begin(name, measured, interrupt)?;
            for part in [Part::WarmUp, Part::Whole] {
                measurement.restart()?;
                while !measurement.has_taken(part)? {
                    let began_ns = monotonic_ns();
                    for _ in 0..window {
                        client.publish(&publication).await?;
                    }
                    for _ in 0..window {
                        subscriber.next().await.ok_or(ClientError::Gone)?;
                    }
                    measurement.count_window(window, began_ns);
                }
            }
            let sample = measurement.end()?;
            client.close().await?;
            Ok(sample)
        })
    }

    /// Publishes and receives through the blocking client: many messages at a time, or one.
    ///
    /// # Errors
    /// If a message does not come back.
    pub fn blocking(
        &self,
        way: Way,
        window: u64,
        measured: Duration,
        interrupt: &Interrupt,
    ) -> Result<ClientSample, BenchError> {
        let name = match (way, window) {
            (Way::Tcp, 1) => "embedded/tcp/round-trip/blocking",
            (Way::InProcess, 1) => "embedded/in-process/round-trip/blocking",
            (Way::Tcp, _) => "embedded/tcp/flow/blocking",
            (Way::InProcess, _) => "embedded/in-process/flow/blocking",
        };
        let mut client = blocking::Client::connect(self.options(way)?)?;
        client.subscribe(SUBJECT, &SubscribeOptions::default())?;
        let payload = [7; PAYLOAD_BYTES];
        let publication = Publication::to(SUBJECT).with_payload(&payload);
        let mut measurement = Measurement::begin(name, measured, interrupt)?;
        for part in [Part::WarmUp, Part::Whole] {
            measurement.restart()?;
            while !measurement.has_taken(part)? {
                let began_ns = monotonic_ns();
                for _ in 0..window {
                    client.publish(&publication)?;
                }
                for _ in 0..window {
                    let message = client.next_message(PATIENCE)?;
                    message.ok_or(ClientError::Gone)?;
                }
                measurement.count_window(window, began_ns);
            }
        }
        let sample = measurement.end()?;
        client.close()?;
        Ok(sample)
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        if let Some(broker) = self.broker.take() {
            broker.shutdown_handle().stop();
            if let Err(fault) = broker.wait() {
                eprintln!("coilgun-bench: the broker in this process: {fault}");
            }
        }
    }
}
