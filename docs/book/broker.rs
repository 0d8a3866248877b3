// A broker for the examples of this book: on a free port, with its data in a folder that is removed.

struct ExampleBroker {
    broker: Option<coilgun_server::Broker>,
    _folder: tempfile::TempDir,
}

fn start_broker() -> Result<ExampleBroker, Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let config = coilgun_server::config::Config {
        shards: 1,
        data: folder.path().join("data"),
        listen: vec!["127.0.0.1:0".parse()?],
        ..Default::default()
    };
    Ok(ExampleBroker { broker: Some(coilgun_server::Broker::start(config)?), _folder: folder })
}

fn address_of(
    broker: &ExampleBroker,
) -> Result<coilgun_client::Address, Box<dyn std::error::Error>> {
    let addresses = broker.broker.as_ref().map_or(&[][..], coilgun_server::Broker::addresses);
    let address = addresses.first().ok_or("the broker listens")?;
    Ok(address.to_string().parse()?)
}

impl Drop for ExampleBroker {
    fn drop(&mut self) {
        if let Some(broker) = self.broker.take() {
            broker.shutdown_handle().stop();
            broker.wait().expect("the broker ends in good order");
        }
    }
}
