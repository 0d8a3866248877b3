//! What every verb of a client begins with.

use coilgun_client::blocking::Client;
use coilgun_client::{Options, Publication};

use crate::arguments::{ClientArguments, HeaderArgument};
use crate::failure::Failure;

/// How to connect, as the arguments say.
pub(super) fn options(arguments: &ClientArguments) -> Options {
    // A verb does one thing, and says so if that was interrupted.
    let mut options = Options::new(arguments.server.clone()).without_reconnect();
    options.name = arguments.name.clone().unwrap_or_default();
    options.namespace = arguments.namespace.clone().unwrap_or_default();
    options
}

/// Connects as the arguments say.
pub(super) fn connect(arguments: &ClientArguments) -> Result<Client, Failure> {
    Ok(Client::connect(options(arguments))?)
}

/// The same message with these headers.
pub(super) fn with_headers<'a>(
    mut publication: Publication<'a>,
    headers: &[HeaderArgument],
) -> Result<Publication<'a>, Failure> {
    for HeaderArgument { name, value } in headers {
        publication = publication
            .with_header(name, value.as_bytes())
            .map_err(coilgun_client::ClientError::from)?;
    }
    Ok(publication)
}
