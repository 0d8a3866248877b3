//! What each identity may do.

use std::collections::HashMap;

use ahash::RandomState;
use coilgun_protocol::model::{Filter, FilterToken, InvalidFilter, Subject, limits};

use super::coverage::{covers, overlaps};

/// A row of [`Identities`]. 0 may do everything.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct IdentityId(u16);

impl IdentityId {
    /// Whoever may do everything.
    pub const EVERYTHING: IdentityId = IdentityId(0);

    /// Whether there is anything it may not do.
    #[inline]
    #[must_use]
    pub fn is_restricted(self) -> bool {
        self != IdentityId::EVERYTHING
    }

    /// Its place in masks of bits, if it has one: the first 64 have.
    #[must_use]
    pub fn bit(self) -> Option<u64> {
        1u64.checked_shl(self.0.into())
    }
}

/// What somebody wants to do with a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Usage {
    /// Publish it.
    Publish,
    /// Publish it, and have it answered.
    Request,
}

impl Usage {
    /// A bit of its own, from the lowest on.
    #[must_use]
    pub fn bit(self) -> u8 {
        match self {
            Usage::Publish => 1,
            Usage::Request => 2,
        }
    }
}

/// Filters that allow, and filters that deny.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Rules {
    /// Nothing: everything is allowed that is not denied.
    allow: Option<Vec<Box<[u8]>>>,
    deny: Vec<Box<[u8]>>,
}

/// Why a filter cannot be part of rules.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum WrongRule {
    /// It is no filter.
    #[error("{filter:?} is not a filter: {why}")]
    Filter {
        /// Its text.
        filter: String,
        /// What is wrong with it.
        why: InvalidFilter,
    },
    /// There are more than [`limits::PERMISSION_FILTERS_MAX`] of them.
    #[error("there are {0} filters, and at most {max} are allowed", max = limits::PERMISSION_FILTERS_MAX)]
    TooMany(usize),
}

impl Rules {
    /// Rules of these filters; `allow` absent: everything but what is denied.
    ///
    /// # Errors
    /// If a text is no filter, or there are too many.
    pub fn new<T: AsRef<str>>(allow: Option<&[T]>, deny: &[T]) -> Result<Rules, WrongRule> {
        let allow = allow.map(checked).transpose()?;
        Ok(Rules { allow, deny: checked(deny)? })
    }

    /// Whether they forbid nothing.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.allow.is_none() && self.deny.is_empty()
    }

    fn allows(&self, subject: Subject<'_>) -> bool {
        let hits = |texts: &[Box<[u8]>]| {
            texts.iter().map(|text| filter(text)).any(|it| covers(it, as_filter(subject)))
        };
        !hits(&self.deny)
            && (is_known_inbox(as_filter(subject)) || self.allow.as_deref().is_none_or(hits))
    }

    /// Whether all of a filter is allowed, apart from what is denied inside of it.
    fn allows_filter(&self, wanted: Filter<'_>) -> bool {
        let covered = |texts: &[Box<[u8]>]| texts.iter().any(|text| covers(filter(text), wanted));
        !covered(&self.deny)
            && (is_known_inbox(wanted) || self.allow.as_deref().is_none_or(covered))
    }

    fn denies_part_of(&self, wanted: Filter<'_>) -> bool {
        self.deny.iter().any(|text| overlaps(filter(text), wanted))
    }

    fn denies(&self, subject: Subject<'_>) -> bool {
        self.deny.iter().any(|text| covers(filter(text), as_filter(subject)))
    }
}

/// What one identity may do.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Permissions {
    /// Where it may publish without asking for an answer.
    pub publish: Rules,
    /// What it may subscribe to.
    pub subscribe: Rules,
    /// Where it may send requests.
    pub request: Rules,
    /// To which names of clients it may send anything; absent: as to every other subject.
    pub names: Option<Rules>,
    /// To which masks of names it may send anything; absent: as to the subjects of these names.
    pub broadcast: Option<Rules>,
}

impl Permissions {
    /// Whether they forbid nothing.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        let others = self.names.iter().chain(&self.broadcast);
        [&self.publish, &self.subscribe, &self.request]
            .into_iter()
            .chain(others)
            .all(Rules::is_everything)
    }

    /// The rules that decide about a subject or a filter of names, and what they are asked about.
    fn about<'a>(&self, usage: Usage, text: &'a [u8], is_broadcast: bool) -> (&Rules, &'a [u8]) {
        let rules = match usage {
            Usage::Publish => &self.publish,
            Usage::Request => &self.request,
        };
        let of_names = if is_broadcast { &self.broadcast } else { &self.names };
        match (text.strip_prefix(NAMES), of_names) {
            (Some(name), Some(of_names)) => (of_names, name),
            (Some(_) | None, _) => (rules, text),
        }
    }
}

/// What subjects of clients begin with.
const NAMES: &[u8] = b"$NAME.";

/// The permissions of all identities. Where they change, all of them are made anew.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Identities(Vec<Permissions>);

impl Default for Identities {
    /// Only the one that may do everything.
    fn default() -> Identities {
        Identities(vec![Permissions::default()])
    }
}

impl Identities {
    /// The identity that may do exactly this. Those who may do the same are the same.
    ///
    /// # Panics
    /// If there are more than 65,536, more than there may be users.
    pub fn add(&mut self, permissions: Permissions) -> IdentityId {
        let at = self.0.iter().position(|known| *known == permissions).unwrap_or_else(|| {
            self.0.push(permissions);
            self.0.len() - 1
        });
        IdentityId(u16::try_from(at).expect("there are fewer users than that"))
    }

    /// The identities of many, in their order, as [`Identities::add`] makes them one by one.
    ///
    /// # Panics
    /// As [`Identities::add`].
    pub fn add_all(&mut self, all: impl IntoIterator<Item = Permissions>) -> Vec<IdentityId> {
        let number = |at: usize| u16::try_from(at).expect("there are fewer users than that");
        let old = self.0.iter().cloned().enumerate();
        // The configuration says what is in it, and nobody else.
        let mut known: HashMap<Permissions, u16, RandomState> =
            HashMap::with_hasher(RandomState::with_seeds(1, 2, 3, 4));
        known.extend(old.map(|(at, permissions)| (permissions, number(at))));
        let mut add = |permissions: Permissions| {
            let next = number(self.0.len());
            let at = *known.entry(permissions).or_insert_with_key(|permissions| {
                self.0.push(permissions.clone());
                next
            });
            IdentityId(at)
        };
        all.into_iter().map(&mut add).collect()
    }

    /// Whether an identity may publish or send requests to a subject.
    #[must_use]
    pub fn may_send(&self, identity: IdentityId, usage: Usage, subject: &[u8]) -> bool {
        let Some(permissions) = self.restricted(identity) else { return true };
        let (rules, subject) = permissions.about(usage, subject, false);
        Subject::parse(subject).is_ok_and(|it| rules.allows(it))
    }

    /// Whether an identity may publish to all clients whose name's subject a filter matches.
    #[must_use]
    pub fn may_send_to_all(&self, identity: IdentityId, usage: Usage, wanted: &[u8]) -> bool {
        let Some(permissions) = self.restricted(identity) else { return true };
        let (rules, wanted) = permissions.about(usage, wanted, true);
        Filter::parse(wanted).is_ok_and(|it| rules.allows_filter(it) && !rules.denies_part_of(it))
    }

    /// Whether an identity may subscribe to a filter, if only to a part of what it matches.
    #[must_use]
    pub fn may_subscribe(&self, identity: IdentityId, wanted: Filter<'_>) -> bool {
        self.restricted(identity).is_none_or(|it| it.subscribe.allows_filter(wanted))
    }

    /// Whether a filter matches subjects that an identity must not see.
    #[must_use]
    pub fn hides_part_of(&self, identity: IdentityId, wanted: Filter<'_>) -> bool {
        self.restricted(identity).is_some_and(|it| it.subscribe.denies_part_of(wanted))
    }

    /// Whether an identity must not see a subject, whatever it subscribed to.
    #[must_use]
    pub fn hides(&self, identity: IdentityId, subject: Subject<'_>) -> bool {
        self.restricted(identity).is_some_and(|it| it.subscribe.denies(subject))
    }

    fn restricted(&self, identity: IdentityId) -> Option<&Permissions> {
        identity.is_restricted().then(|| &self.0[usize::from(identity.0)])
    }
}

/// Whether only those who were told an inbox can mean it.
fn is_known_inbox(wanted: Filter<'_>) -> bool {
    let mut tokens = wanted.tokens();
    tokens.next() == Some(FilterToken::Literal(b"_INBOX"))
        && matches!(tokens.next(), Some(FilterToken::Literal(_)))
}

fn checked<T: AsRef<str>>(texts: &[T]) -> Result<Vec<Box<[u8]>>, WrongRule> {
    if texts.len() > limits::PERMISSION_FILTERS_MAX {
        return Err(WrongRule::TooMany(texts.len()));
    }
    let check = |text: &T| {
        let text = text.as_ref();
        match Filter::parse(text.as_bytes()) {
            Ok(_) => Ok(text.as_bytes().into()),
            Err(why) => Err(WrongRule::Filter { filter: text.to_owned(), why }),
        }
    };
    texts.iter().map(check).collect()
}

fn filter(text: &[u8]) -> Filter<'_> {
    Filter::parse(text).expect("rules hold filters that were checked")
}

fn as_filter(subject: Subject<'_>) -> Filter<'_> {
    Filter::parse(subject.text()).expect("every subject is a filter")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(allow: Option<&[&str]>, deny: &[&str]) -> Rules {
        Rules::new(allow, deny).expect("these are filters")
    }

    fn restricted() -> (Identities, IdentityId) {
        let mut identities = Identities::default();
        let id = identities.add(Permissions {
            publish: rules(Some(&["orders.>"]), &["orders.secret.>"]),
            subscribe: rules(Some(&["orders.>", "_INBOX.*"]), &["orders.secret.>", "_INBOX.no"]),
            request: rules(Some(&["$SYS.COUNTERS"]), &[]),
            ..Permissions::default()
        });
        (identities, id)
    }

    #[test]
    fn s32_what_is_denied_counts_over_what_is_allowed() {
        let (identities, id) = restricted();
        let may = |usage, subject: &str| identities.may_send(id, usage, subject.as_bytes());
        assert!(may(Usage::Publish, "orders.new"));
        assert!(!may(Usage::Publish, "orders"));
        assert!(!may(Usage::Publish, "orders.secret.x"));
        assert!(may(Usage::Publish, "orders.secret"));
        assert!(!may(Usage::Publish, "orders..x"), "what is no subject is not allowed");
        assert!(may(Usage::Request, "$SYS.COUNTERS"));
        assert!(!may(Usage::Request, "orders.new"));
        assert!(may(Usage::Publish, "_INBOX.7.1"), "replies need no permission");
        assert!(identities.may_send(IdentityId::EVERYTHING, Usage::Publish, b"orders.secret.x"));
        let all = |text: &[u8]| identities.may_send_to_all(id, Usage::Publish, text);
        assert!(!all(b"orders.>") && !all(b"*.x") && all(b"orders.*") && !all(b"_INBOX.*"));
    }

    #[test]
    fn s32_a_subscription_is_covered_by_one_filter_and_never_denied_whole() {
        let (identities, id) = restricted();
        let filter = |text: &'static str| Filter::parse(text.as_bytes()).expect("a filter");
        for (text, may, is_cut) in [
            ("orders.>", true, true),
            ("orders.*", true, false),
            ("orders.secret.>", false, true),
            ("orders.secret.x", false, true),
            (">", false, true),
            ("_INBOX.a.b", true, false),
            ("_INBOX.no", false, true),
            ("_INBOX.>", false, true),
        ] {
            assert_eq!(identities.may_subscribe(id, filter(text)), may, "{text}");
            assert_eq!(identities.hides_part_of(id, filter(text)), is_cut, "{text}");
        }
    }

    #[test]
    fn s32_names_and_masks_of_names_may_have_rules_of_their_own() {
        let mut identities = Identities::default();
        let id = identities.add(Permissions {
            publish: rules(Some(&["a.>"]), &[]),
            names: Some(rules(Some(&["x.>", "y"]), &["x.no"])),
            broadcast: Some(rules(Some(&["x.*"]), &[])),
            ..Permissions::default()
        });
        let may = |subject: &str| identities.may_send(id, Usage::Publish, subject.as_bytes());
        let found = ["a.b", "b", "$NAME.x.b", "$NAME.y", "$NAME.x.no", "$NAME.a.b", "x.b"].map(may);
        assert_eq!(found, [true, false, true, true, false, false, false]);
        let all = |mask: &[u8]| identities.may_send_to_all(id, Usage::Publish, mask);
        assert!(all(b"$NAME.x.*") && all(b"$NAME.x.b") && !all(b"$NAME.x.>") && !all(b"$NAME.y"));
        let only = Permissions { broadcast: Some(rules(None, &["z"])), ..Permissions::default() };
        assert!(!only.is_everything());
    }

    #[test]
    fn who_may_do_the_same_is_the_same() {
        let (mut identities, id) = restricted();
        assert!(id.is_restricted());
        assert!(!identities.add(Permissions::default()).is_restricted());
        let again = identities.0[1].clone();
        assert_eq!(identities.add(again.clone()), id);
        let other = Permissions { publish: rules(Some(&["x"]), &[]), ..Permissions::default() };
        let all = [other.clone(), again, Permissions::default(), other.clone()];
        let all = identities.add_all(all);
        assert_eq!(all, [IdentityId(2), id, IdentityId::EVERYTHING, IdentityId(2)]);
        assert_eq!(identities.add(other), IdentityId(2));
        assert!(Rules::new(Some(&["a..b"]), &[]).is_err());
        let many = vec!["a"; limits::PERMISSION_FILTERS_MAX + 1];
        assert!(Rules::new(None, &many).is_err());
    }

    #[test]
    fn only_the_first_identities_have_a_bit() {
        assert_eq!(IdentityId(63).bit(), Some(1 << 63));
        assert_eq!(IdentityId(64).bit(), None);
    }
}
