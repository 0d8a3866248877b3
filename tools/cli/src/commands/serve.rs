//! `coilgun serve`: runs a broker until it is told to end.

use std::io::Write;

use coilgun_server::Broker;
use coilgun_server::config::{Config, Protocol};
use coilgun_server::security::AccessHandle;
use coilgun_server::topology::{shard_count, usable_processor_count};

use crate::arguments::ServeArguments;
use crate::configuration;
use crate::failure::Failure;
use crate::output::note;
use crate::process_limits::make_room;
use crate::signals::SignalWatch;

/// Runs a broker, or prints the configuration it would have.
pub(super) fn serve(arguments: &ServeArguments) -> Result<(), Failure> {
    let config = configuration::load(arguments)?;
    if arguments.print_config {
        let text = configuration::to_toml(&config);
        return std::io::stdout().write_all(text.as_bytes()).map_err(Failure::output);
    }
    abort_on_panic();
    run(config, arguments)
}

fn run(config: Config, arguments: &ServeArguments) -> Result<(), Failure> {
    warn_of_spinning(&config);
    make_room(&config);
    let broker = Broker::start(config)?;
    let shutdown = broker.shutdown_handle();
    let on_first = move || {
        note("saying good-bye to the clients; a second signal ends at once");
        shutdown.shutdown();
    };
    let (access, again) = (broker.elbus_access(), arguments.clone());
    let on_hangup = arguments.config.is_some().then_some(move || read_again(&again, &access));
    let _watch = SignalWatch::start_all(on_first, on_hangup)
        .map_err(|source| Failure::System { doing: "listen for signals", source })?;
    if !broker.hidden_namespaces().is_empty() {
        note(&format!(
            "there are streams in namespaces that are not configured; they are kept, and nobody reaches them: {}",
            broker.hidden_namespaces().join(", ")
        ));
    }
    for (address, protocol) in broker.listeners() {
        match protocol {
            Protocol::Native => note(&format!("listening on {address}")),
            Protocol::Elbus | Protocol::ElbusWebsocket => {
                note(&format!("listening on {address} ({protocol})"));
            }
        }
    }
    broker.wait()?;
    Ok(())
}

/// Reads the configuration again, as far as it can change while the broker runs: which clients of elbus
/// may do what.
fn read_again(arguments: &ServeArguments, access: &AccessHandle) {
    let replaced = configuration::load(arguments).and_then(|config| {
        let clients = &config.elbus_clients;
        access.replace((!clients.is_empty()).then_some(clients))?;
        Ok(clients.len())
    });
    match replaced {
        Ok(count) => note(&format!("read the configuration again: {count} elbus_client entries")),
        Err(error) => note(&format!("the configuration stays as it was: {error}")),
    }
}

/// Shards that spin take their cores from everybody else who runs there (law S25).
fn warn_of_spinning(config: &Config) {
    if config.timing.spin_us > 0 && shard_count(config) >= usable_processor_count() {
        note("--spin leaves no core free: whoever the broker waits for may have to wait for it");
    }
}

/// A broker that panicked does not know what it promised: the process ends, and the next start
/// recovers (law S36).
pub(super) fn abort_on_panic() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        report(panic);
        std::process::abort();
    }));
}
