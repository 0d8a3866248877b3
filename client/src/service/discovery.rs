//! The subjects of discovery.

/// The first token of every question.
pub(super) const PREFIX: &str = "$SRV";

/// What can be asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verb {
    /// Who is there.
    Ping,
    /// What it offers.
    Info,
    /// What it has done.
    Stats,
}

impl Verb {
    /// All of them.
    pub const ALL: [Verb; 3] = [Verb::Ping, Verb::Info, Verb::Stats];

    /// Its token in a subject.
    #[must_use]
    pub fn token(self) -> &'static str {
        match self {
            Verb::Ping => "PING",
            Verb::Info => "INFO",
            Verb::Stats => "STATS",
        }
    }

    /// The `type` of the answers to it.
    #[must_use]
    pub fn response_type(self) -> &'static str {
        match self {
            Verb::Ping => "io.nats.micro.v1.ping_response",
            Verb::Info => "io.nats.micro.v1.info_response",
            Verb::Stats => "io.nats.micro.v1.stats_response",
        }
    }
}

/// A question, and whom it is for.
///
/// ```
/// use coilgun_client::service::{Question, Verb};
///
/// let question = Question::parse(b"$SRV.PING.orders").expect("a question");
/// assert_eq!((question.verb, question.name, question.id), (Verb::Ping, Some("orders"), None));
/// assert_eq!(question.subject(), "$SRV.PING.orders");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Question<'a> {
    /// What is asked.
    pub verb: Verb,
    /// The service it is for; none: all.
    pub name: Option<&'a str>,
    /// The instance it is for; none: all of the service. Without a name it says nothing.
    pub id: Option<&'a str>,
}

impl<'a> Question<'a> {
    /// Reads a subject; nothing, if it is no question.
    #[must_use]
    pub fn parse(subject: &'a [u8]) -> Option<Question<'a>> {
        let mut tokens = core::str::from_utf8(subject).ok()?.split('.');
        if tokens.next()? != PREFIX {
            return None;
        }
        let token = tokens.next()?;
        let verb = Verb::ALL.into_iter().find(|verb| verb.token() == token)?;
        let (name, id) = (tokens.next(), tokens.next());
        tokens.next().is_none().then_some(Question { verb, name, id })
    }

    /// Its subject.
    #[must_use]
    pub fn subject(self) -> String {
        let verb = self.verb.token();
        match (self.name, self.id) {
            (Some(name), Some(id)) => format!("{PREFIX}.{verb}.{name}.{id}"),
            (Some(name), None) => format!("{PREFIX}.{verb}.{name}"),
            (None, _) => format!("{PREFIX}.{verb}"),
        }
    }

    /// Whether it is for this instance of this service.
    #[must_use]
    pub fn is_for(self, name: &str, id: &str) -> bool {
        self.name.is_none_or(|wanted| wanted == name) && self.id.is_none_or(|wanted| wanted == id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_read_as_it_is_written() {
        for verb in Verb::ALL {
            for (name, id) in [(None, None), (Some("a"), None), (Some("a"), Some("B7"))] {
                let question = Question { verb, name, id };
                let subject = question.subject();
                assert_eq!(Question::parse(subject.as_bytes()), Some(question), "{subject}");
            }
        }
        for none in ["", "$SRV", "$SRV.PONG", "$SRV.ping", "$SRV.PING.a.b.c", "SRV.PING", "$S"] {
            assert_eq!(Question::parse(none.as_bytes()), None, "{none}");
        }
        assert_eq!(Question::parse(b"$SRV.PING.\xff"), None);
    }

    #[test]
    fn a_question_is_for_whom_it_names() {
        let question = |name, id| Question { verb: Verb::Info, name, id };
        assert!(question(None, None).is_for("a", "1"));
        assert!(question(Some("a"), None).is_for("a", "1"));
        assert!(question(Some("a"), Some("1")).is_for("a", "1"));
        assert!(!question(Some("b"), None).is_for("a", "1"));
        assert!(!question(Some("a"), Some("2")).is_for("a", "1"));
    }
}
