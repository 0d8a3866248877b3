//! Clients of several libraries talk to each other, and to a native one, across a broker.
//!
//! What it does: starts the broker and one process for each client, tells the clients what to do, and
//! compares what they hear with what they should. What it never does: it speaks no protocol, and waits
//! for nothing longer than [`child::PATIENCE`].

mod broker;
mod child;
mod client;
mod command_line;
mod counts;
mod kind;
mod pairs;
mod places;

use std::process::ExitCode;

use broker::Broker;
use counts::Counts;
use places::Places;

fn main() -> ExitCode {
    let places = match Places::from_arguments(std::env::args().skip(1)) {
        Ok(places) => places,
        Err(text) => {
            eprintln!("clients: {text}");
            return ExitCode::from(2);
        }
    };
    let mut counts = Counts::default();
    let broker = Broker::serve(&places);
    pairs::run(&broker, &places, &mut counts);
    broker.end();
    let broker = Broker::busrtd(&places);
    command_line::run(&broker, &places, &mut counts);
    broker.end();
    println!("{counts}");
    counts.verdict()
}
