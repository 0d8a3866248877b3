//! What a client leaves out of everything it subscribes to.

use coilgun_protocol::model::limits::EXCLUSIONS_PER_CLIENT_MAX;
use coilgun_protocol::model::{
    ClientId, ErrorCode, Filter, FilterToken, NamespaceId, Subject, Visibility,
};

use super::epochs;
use super::state::Router;
use crate::mutant::{self, Mutant};

/// What one exclusion costs beside its text, in bytes.
const EXCLUSION_BYTES: usize = 32;

/// The filters that one client excludes.
#[derive(Debug, Default)]
pub(super) struct Exclusions(Vec<Box<[u8]>>);

impl Exclusions {
    /// Whether any of them matches; a leading wildcard stands for every subject.
    pub(super) fn hide(&self, subject: Subject<'_>) -> bool {
        if mutant::is_active(Mutant::IgnoredExclusion) {
            return false;
        }
        let filter = |text| Filter::parse(text).expect("what is excluded was checked");
        self.0.iter().any(|text| filter(text).matches(subject, Visibility::ALL))
    }

    /// How many bytes they cost.
    pub(super) fn bytes(&self) -> usize {
        self.0.iter().map(|text| cost(text)).sum()
    }
}

impl Router {
    /// Leaves whatever matches a filter out of all that a client subscribes to; what is sent to it by
    /// name is not left out. Another filter of the same text changes nothing.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidFilter`], [`ErrorCode::TooManyExclusions`] beyond the limit of the client, and
    /// [`ErrorCode::SubscriptionsExhausted`] beyond that of the shard.
    ///
    /// # Panics
    /// If the client was not added or is being removed.
    pub fn exclude(&mut self, client: ClientId, text: &[u8]) -> Result<(), ErrorCode> {
        let filter = Filter::parse(text).map_err(|_| ErrorCode::InvalidFilter)?;
        let excluded = &self.clients.present(client).exclusions.0;
        if excluded.iter().any(|known| **known == *text) {
            return Ok(());
        }
        if excluded.len() >= EXCLUSIONS_PER_CLIENT_MAX {
            return Err(ErrorCode::TooManyExclusions);
        }
        if self.filter_bytes() + cost(text) > self.limits.filter_bytes_per_shard {
            return Err(ErrorCode::SubscriptionsExhausted);
        }
        self.exclusion_bytes += cost(text);
        let excluder = self.clients.present_mut(client);
        excluder.exclusions.0.push(Box::from(text));
        let namespace = excluder.attributes.namespace;
        self.invalidate_matching(namespace, filter);
        Ok(())
    }

    /// Ends the exclusion of exactly this text, if there is one.
    ///
    /// # Panics
    /// If the client was not added or is being removed.
    pub fn include_again(&mut self, client: ClientId, text: &[u8]) {
        let excluder = self.clients.present_mut(client);
        let namespace = excluder.attributes.namespace;
        let Some(at) = excluder.exclusions.0.iter().position(|known| **known == *text) else {
            return;
        };
        excluder.exclusions.0.swap_remove(at);
        self.exclusion_bytes -= cost(text);
        let filter = Filter::parse(text).expect("what is excluded was checked");
        self.invalidate_matching(namespace, filter);
    }

    /// What filters, queue groups and exclusions cost together, in bytes.
    pub(super) fn filter_bytes(&self) -> usize {
        self.trie.bytes() + self.groups.bytes() + self.exclusion_bytes
    }

    /// A client that leaves excludes nothing any more.
    pub(super) fn drop_exclusions(&mut self, client: ClientId) {
        self.exclusion_bytes -= self.clients.in_slot(client.slot).exclusions.bytes();
    }

    /// Makes every remembered route worthless whose subject may match a filter (law S33).
    fn invalidate_matching(&mut self, namespace: NamespaceId, filter: Filter<'_>) {
        self.revision += 1;
        if filter.literal().is_some() {
            return self.cache.invalidate(namespace, filter.text());
        }
        match filter.tokens().next() {
            Some(FilterToken::Literal(_)) => {
                self.cache.epochs.bump_first_token(epochs::bucket(namespace, filter.text()));
            }
            Some(FilterToken::One | FilterToken::Rest) | None => {
                self.cache.epochs.bump_namespace(namespace);
            }
        }
    }
}

fn cost(text: &[u8]) -> usize {
    text.len() + EXCLUSION_BYTES
}
