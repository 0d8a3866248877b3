//! Which filter sees which subject: a second opinion, written without a look at the broker's.

/// Whether a filter of the native grammar sees a subject.
///
/// A leading wildcard sees neither special subjects nor, unless `sees_inboxes`, inboxes; nobody's
/// wildcard sees names.
#[must_use]
pub fn sees(filter: &str, subject: &str, sees_inboxes: bool) -> bool {
    let first = filter.split('.').next().unwrap_or_default();
    if (first == "*" || first == ">")
        && (subject.starts_with('$') || (subject.starts_with("_INBOX") && !sees_inboxes))
    {
        return false;
    }
    matches(filter, subject)
}

/// Whether a filter matches a name or a subject, token by token.
#[must_use]
pub fn matches(filter: &str, text: &str) -> bool {
    let mut tokens = text.split('.');
    for wanted in filter.split('.') {
        let found = tokens.next();
        match (wanted, found) {
            (">", found) => return found.is_some(),
            ("*", Some(_)) => {}
            (wanted, Some(found)) if wanted == found => {}
            _ => return false,
        }
    }
    tokens.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_see_what_the_protocol_says() {
        for (filter, subject, expected) in [
            ("a.b", "a.b", true),
            ("a.b", "a.b.c", false),
            ("a.*", "a.b", true),
            ("a.*", "a", false),
            ("*.b", "a.b", true),
            ("a.>", "a", false),
            ("a.>", "a.b.c", true),
            (">", "a", true),
            (">", "_INBOX.1", false),
            ("*.1", "_INBOX.1", false),
            ("_INBOX.1", "_INBOX.1", true),
            (">", "$NAME.x", false),
        ] {
            assert_eq!(sees(filter, subject, false), expected, "{filter} {subject}");
        }
        assert!(sees(">", "_INBOX.1", true) && !sees(">", "$NAME.x", true));
    }
}
