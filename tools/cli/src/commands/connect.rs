//! What every verb of a client begins with.

use std::env::VarError;

use coilgun_client::blocking::Client;
use coilgun_client::{Options, Publication};

use crate::arguments::{ClientArguments, HeaderArgument};
use crate::failure::Failure;

/// How to connect, as the arguments say.
///
/// # Errors
/// If there is a user without a password, or a password that cannot be read.
pub(super) fn options(arguments: &ClientArguments) -> Result<Options, Failure> {
    // A verb does one thing, and says so if that was interrupted.
    let mut options = Options::new(arguments.server.clone()).without_reconnect();
    options.name = arguments.name.clone().unwrap_or_default();
    options.namespace = arguments.namespace.clone().unwrap_or_default();
    match &arguments.user {
        Some(user) => {
            let password = password(arguments)?;
            Ok(options.with_credentials(user, password.as_bytes()))
        }
        None => Ok(options),
    }
}

/// The password of the user: from the file, or from the environment, which a list of processes does
/// not show as it does arguments.
fn password(arguments: &ClientArguments) -> Result<String, Failure> {
    let wrong = |text: String| Failure::Usage {
        text,
        help: "Write the password into a file for --password-file, or into COILGUN_PASSWORD."
            .to_owned(),
    };
    if let Some(path) = &arguments.password_file {
        let text = std::fs::read_to_string(path)
            .map_err(|why| wrong(format!("cannot read {}: {why}", path.display())))?;
        return Ok(text.lines().next().unwrap_or("").to_owned());
    }
    match std::env::var("COILGUN_PASSWORD") {
        Ok(password) => Ok(password),
        Err(VarError::NotPresent) => Err(wrong("there is a user and no password".to_owned())),
        Err(VarError::NotUnicode(_)) => Err(wrong("COILGUN_PASSWORD is not UTF-8".to_owned())),
    }
}

/// Connects as the arguments say.
pub(super) fn connect(arguments: &ClientArguments) -> Result<Client, Failure> {
    Ok(Client::connect(options(arguments)?)?)
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
