//! A client made with the crate elbus.

peers::bus_client!(elbus, |_client, order| panic!("elbus cannot do this: {order:?}"));
