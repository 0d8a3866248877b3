//! What a broker says before it ends a connection.

use coilgun_protocol::model::ErrorCode;
use coilgun_protocol::native::{ErrorFrame, GoAway};

/// What the broker said before it ended the connection.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BrokerError {
    /// Number of the reason in the table of errors, which this version may not know.
    pub code: u16,
    /// Its name.
    pub name: String,
    /// What was wrong; may be empty.
    pub detail: String,
    /// What to do about it; may be empty.
    pub help: String,
    /// Whether the same may succeed later without being changed.
    pub retryable: bool,
}

impl core::fmt::Display for BrokerError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let known = ErrorCode::from_number(self.code);
        match (known, self.detail.as_str()) {
            (None, "") => write!(f, "error {} ({})", self.code, self.name),
            (None, detail) => write!(f, "{detail} (error {}, {})", self.code, self.name),
            (Some(code), "") => f.write_str(code.text()),
            (Some(code), detail) if detail == code.text() => f.write_str(detail),
            (Some(code), detail) => write!(f, "{} ({detail})", code.text()),
        }
    }
}

impl BrokerError {
    /// What the broker's last frame says.
    pub(crate) fn ended(frame: &ErrorFrame<'_>) -> BrokerError {
        BrokerError {
            code: frame.code,
            name: frame.name.to_owned(),
            detail: frame.detail.to_owned(),
            help: frame.help.to_owned(),
            retryable: frame.retryable,
        }
    }

    /// What the broker says about leaving, with the help that its code has.
    pub(crate) fn leaving(go_away: &GoAway<'_>) -> BrokerError {
        let known = ErrorCode::from_number(go_away.code);
        BrokerError {
            code: go_away.code,
            name: known.map_or("going_away", ErrorCode::name).to_owned(),
            detail: go_away.detail.to_owned(),
            help: known.map_or("", ErrorCode::help).to_owned(),
            retryable: true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_broker_said_is_told_once() {
        let mut said = BrokerError {
            code: ErrorCode::ShuttingDown as u16,
            name: "shutting_down".to_owned(),
            detail: ErrorCode::ShuttingDown.text().to_owned(),
            help: String::new(),
            retryable: true,
        };
        assert_eq!(said.to_string(), "the broker shuts down");
        said.detail = "for lunch".to_owned();
        assert_eq!(said.to_string(), "the broker shuts down (for lunch)");
        said.code = 9;
        assert_eq!(said.to_string(), "for lunch (error 9, shutting_down)");
    }
}
