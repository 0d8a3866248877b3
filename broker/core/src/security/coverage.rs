//! How the sets of subjects that two filters match lie to each other.
//!
//! Here a wildcard matches every token, also a first one that begins with `$`: permissions are about
//! what a text can mean, not about what a subscription's visibility shows.

use coilgun_protocol::model::{Filter, FilterToken};

/// Whether every subject that `inner` matches is matched by `outer` as well.
#[must_use]
pub fn covers(outer: Filter<'_>, inner: Filter<'_>) -> bool {
    let (mut outer, mut inner) = (outer.tokens(), inner.tokens());
    // Ends because every step takes a token of each.
    loop {
        match (outer.next(), inner.next()) {
            (None, None) | (Some(FilterToken::Rest), Some(_)) => return true,
            (Some(FilterToken::One), Some(FilterToken::One | FilterToken::Literal(_))) => {}
            (Some(FilterToken::Literal(one)), Some(FilterToken::Literal(other)))
                if one == other => {}
            (Some(_), _) | (None, Some(_)) => return false,
        }
    }
}

/// Whether there is a subject that both match.
#[must_use]
pub fn overlaps(one: Filter<'_>, other: Filter<'_>) -> bool {
    let (mut one, mut other) = (one.tokens(), other.tokens());
    // Ends because every step takes a token of each.
    loop {
        match (one.next(), other.next()) {
            (None, None)
            | (Some(FilterToken::Rest), Some(_))
            | (Some(_), Some(FilterToken::Rest)) => return true,
            (Some(FilterToken::Literal(left)), Some(FilterToken::Literal(right)))
                if left != right =>
            {
                return false;
            }
            (Some(_), Some(_)) => {}
            (Some(_), None) | (None, Some(_)) => return false,
        }
    }
}
