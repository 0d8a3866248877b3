//! `coilgun user`: makes what the configuration of a broker says about its users.

use std::io::{BufRead, IsTerminal, Write};

use coilgun_server::security::{HashCost, make_hash};

use crate::arguments::{HashArguments, UserArguments, UserCommand};
use crate::failure::Failure;

/// Carries out what is to be done for a user.
pub(super) fn user(arguments: &UserArguments) -> Result<(), Failure> {
    match &arguments.command {
        UserCommand::Hash(hash) => print_hash(hash),
    }
}

fn print_hash(arguments: &HashArguments) -> Result<(), Failure> {
    let wrong = |text: String| Failure::Usage {
        text,
        help: "coilgun user hash --help says what each option means.".to_owned(),
    };
    let memory_kib = u32::try_from(arguments.memory / 1024).unwrap_or(u32::MAX);
    let cost = HashCost { memory_kib, iterations: arguments.iterations };
    let password = new_password()?;
    if password.is_empty() {
        return Err(wrong("an empty password protects nothing".to_owned()));
    }
    let hash = make_hash(password.as_bytes(), cost).map_err(|why| wrong(why.to_string()))?;
    writeln!(std::io::stdout(), "{hash}").map_err(Failure::output)
}

/// Asks for a password twice, or takes the first line of what is no terminal.
fn new_password() -> Result<String, Failure> {
    let unreadable = |source| Failure::System { doing: "read the password", source };
    let mut input = std::io::stdin().lock();
    if !input.is_terminal() {
        let mut line = String::new();
        input.read_line(&mut line).map_err(unreadable)?;
        return Ok(without_line_end(&line).to_owned());
    }
    drop(input);
    let password = rpassword::prompt_password("Password: ").map_err(unreadable)?;
    let again = rpassword::prompt_password("Once more: ").map_err(unreadable)?;
    if password != again {
        let text = "the two passwords are not the same".to_owned();
        return Err(Failure::Usage { text, help: "Type the same one twice.".to_owned() });
    }
    Ok(password)
}

/// A line without what ends it.
fn without_line_end(line: &str) -> &str {
    let line = line.strip_suffix('\n').unwrap_or(line);
    line.strip_suffix('\r').unwrap_or(line)
}
