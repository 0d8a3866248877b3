//! Who may send what and see what, by example and against brute force (law S32).

use std::sync::Arc;

use coilgun_core::mutant::{self, Mutant};
use coilgun_core::router::{Arrival, ClientAttributes, GroupNames, RouteHint, Subscription};
use coilgun_core::security::{Identities, Permissions, Rules, Usage, covers, overlaps};
use coilgun_protocol::model::{ErrorCode, Filter, NamespaceId, Subject, Visibility};
use proptest::prelude::*;

use crate::world::{World, client, wants};

/// Everything that can be said with two tokens in up to four places.
fn all_subjects() -> Vec<String> {
    let mut all: Vec<String> = vec!["a".to_owned(), "b".to_owned()];
    let mut begin = 0;
    for _ in 1..4 {
        let end = all.len();
        for at in begin..end {
            for token in ["a", "b"] {
                all.push(format!("{}.{token}", all[at]));
            }
        }
        begin = end;
    }
    all
}

fn filters() -> impl Strategy<Value = String> {
    let tokens = prop::collection::vec(prop::sample::select(vec!["a", "b", "*"]), 0..3);
    (tokens, prop::sample::select(vec!["a", "b", "*", ">"])).prop_map(|(mut tokens, last)| {
        tokens.push(last);
        tokens.join(".")
    })
}

proptest! {
    #[test]
    fn s32_filters_cover_and_overlap_as_their_subjects_say(one in filters(), other in filters()) {
        let [outer, inner] = [&one, &other].map(|it| Filter::parse(it.as_bytes()).expect("a filter"));
        let matching = |filter: Filter<'_>| -> Vec<bool> {
            let subjects = all_subjects();
            let subjects = subjects.iter().map(|it| Subject::parse(it.as_bytes()).expect("one"));
            subjects.map(|it| filter.matches(it, Visibility::ALL)).collect()
        };
        let (left, right) = (matching(outer), matching(inner));
        let pairs = || left.iter().zip(&right);
        // A third token that stands for every other one makes no difference: filters that tell it
        // from these two have it by a wildcard only, which the longest subjects show.
        let is_covered = pairs().all(|(outer, inner)| !inner || *outer);
        prop_assert_eq!(covers(outer, inner), is_covered && !lists_tokens(&one, &other));
        prop_assert_eq!(overlaps(outer, inner), pairs().any(|(left, right)| *left && *right));
        prop_assert_eq!(overlaps(outer, inner), overlaps(inner, outer));
    }
}

/// Whether one filter has a literal where the other has a wildcard, and so does not cover it,
/// although both tokens there are did match.
fn lists_tokens(outer: &str, inner: &str) -> bool {
    let pairs = outer.split('.').zip(inner.split('.'));
    pairs
        .take_while(|(outer, _)| *outer != ">")
        .any(|(outer, inner)| outer != "*" && inner != outer)
}

/// Two clients that may do everything, and one, in slot 2, that may do this.
fn world(permissions: Permissions) -> World {
    let mut world = World::new(2);
    let mut identities = Identities::default();
    let identity = identities.add(permissions);
    world.router.know_identities(Arc::new(identities));
    world.router.add_client(client(2), ClientAttributes { identity, ..Default::default() });
    world
}

fn rules(allow: Option<&[&str]>, deny: &[&str]) -> Rules {
    Rules::new(allow, deny).expect("these are filters")
}

fn check(world: &mut World, usage: Usage, subject: &str) -> Result<(), ErrorCode> {
    let World { router, hint, plan, .. } = world;
    router.check_permission(client(2), usage, subject.as_bytes(), hint)?;
    router.plan(client(2), subject.as_bytes(), hint, |_| true, plan)
}

#[test]
fn s32_a_hint_permits_what_was_looked_up_and_nothing_else() {
    let denied = || {
        let mut world = world(Permissions {
            publish: rules(Some(&["a.>"]), &["a.no"]),
            request: rules(Some(&["a.ask"]), &[]),
            ..Permissions::default()
        });
        world.subscribe(0, wants(1, ">"));
        // Somebody else made the route, and the hint leads there.
        assert_eq!(world.publish(0, "a.no").len(), 1);
        let refused = check(&mut world, Usage::Publish, "a.no");
        for _ in 0..3 {
            assert_eq!(check(&mut world, Usage::Publish, "a.ask"), Ok(()));
            assert_eq!(world.targets(), [(0, 1, 0)]);
            assert_eq!(check(&mut world, Usage::Publish, "a.no"), Err(ErrorCode::PermissionDenied));
            assert_eq!(check(&mut world, Usage::Request, "a.ask"), Ok(()));
            assert_eq!(check(&mut world, Usage::Request, "a.b"), Err(ErrorCode::PermissionDenied));
        }
        assert_eq!(check(&mut world, Usage::Publish, "a..b"), Err(ErrorCode::InvalidSubject));
        assert_eq!(check(&mut world, Usage::Publish, "_INBOX.x.1"), Ok(()));
        assert_eq!(world.router.invariants(), Ok(()));
        refused
    };
    assert_eq!(denied(), Err(ErrorCode::PermissionDenied));
    let found = std::panic::catch_unwind(|| mutant::with(Mutant::IgnoredPermission, denied));
    assert!(!matches!(found, Ok(Err(ErrorCode::PermissionDenied))), "the mutant is found");
}

#[test]
fn s32_what_is_denied_leaves_no_route_behind() {
    let mut world = world(Permissions { publish: rules(Some(&[]), &[]), ..Default::default() });
    for number in 0..100 {
        let refused = check(&mut world, Usage::Publish, &format!("x.{number}"));
        assert_eq!(refused, Err(ErrorCode::PermissionDenied));
    }
    assert_eq!(world.router.counts().routes_cached, 0);
}

#[test]
fn s32_what_a_client_must_not_see_is_left_out_of_its_wildcards() {
    let seen = || {
        let mut world =
            world(Permissions { subscribe: rules(None, &["a.secret.>"]), ..Default::default() });
        world.subscribe(0, wants(1, "a.>"));
        world.subscribe(2, wants(1, "a.>"));
        world.subscribe(2, Subscription { group: b"g", ..wants(2, "a.*.x") });
        assert_eq!(world.publish(0, "a.open.x"), [(0, 1, 0), (2, 1, 0), (2, 2, 0)]);
        assert_eq!(
            world.router.subscribe(client(2), wants(3, "a.secret.x")),
            Err(ErrorCode::PermissionDenied)
        );
        let arrival = Arrival {
            namespace: NamespaceId::DEFAULT,
            subject: b"a.secret.y",
            is_plain: true,
            plain_went: false,
            only_to: None,
            groups: GroupNames::default(),
        };
        let World { router, plan, .. } = &mut world;
        let hint = &mut RouteHint::default();
        assert_eq!(router.plan_arrival(&arrival, hint, |_| true, plan), Ok(()));
        (world.targets().len(), world.publish(0, "a.secret.x").len())
    };
    assert_eq!(seen(), (1, 1), "from another shard and from this one");
    assert_eq!(mutant::with(Mutant::IgnoredDeny, seen), (2, 3));
}

#[test]
fn s32_a_broadcast_has_to_be_allowed_as_a_whole() {
    let allowed = ["$NAME.press.>"];
    let mut world = world(Permissions {
        publish: rules(Some(&allowed), &["$NAME.press.no"]),
        ..Default::default()
    });
    for (mask, may) in [("press.*", false), ("press.1", true), ("press.no", false), (">", false)] {
        let said = world.router.check_broadcast(client(2), Usage::Publish, mask.as_bytes());
        assert_eq!(said.is_ok(), may, "{mask}");
        assert_eq!(
            world.router.check_broadcast(client(0), Usage::Publish, mask.as_bytes()),
            Ok(())
        );
    }
}

#[test]
fn s32_more_identities_than_bits_are_told_apart_as_well() {
    let mut identities = Identities::default();
    let all: Vec<_> = (0..200)
        .map(|number| {
            let allowed = format!("own.{number}");
            let publish = Rules::new(Some(&[allowed]), &[]).expect("a filter");
            identities.add(Permissions { publish, ..Default::default() })
        })
        .collect();
    let mut world = World::new(1);
    world.router.know_identities(Arc::new(identities));
    for (slot, identity) in (1..).zip(all) {
        world.router.add_client(client(slot), ClientAttributes { identity, ..Default::default() });
    }
    for _ in 0..2 {
        for slot in 1..=200u32 {
            for subject in [slot - 1, slot % 200] {
                let subject = format!("own.{subject}");
                let World { router, hint, .. } = &mut world;
                let said =
                    router.check_permission(client(slot), Usage::Publish, subject.as_bytes(), hint);
                assert_eq!(
                    said.is_ok(),
                    subject == format!("own.{}", slot - 1),
                    "{slot} {subject}"
                );
            }
        }
    }
}

/// Whether a client that may publish to `a` may still do so when its identity may not.
fn outlives_a_change() -> bool {
    let mut world = world(Permissions { publish: rules(Some(&["a"]), &[]), ..Default::default() });
    world.subscribe(0, wants(1, "a"));
    let mut hint = RouteHint::default();
    for _ in 0..2 {
        let may = world.router.check_permission(client(2), Usage::Publish, b"a", &mut hint);
        assert_eq!(may, Ok(()));
    }
    let mut identities = Identities::default();
    let publish = rules(Some(&["b"]), &[]);
    let identity = identities.add(Permissions { publish, ..Default::default() });
    world.router.change_identities(Arc::new(identities), |id, before| {
        if id == client(2) { identity } else { before }
    });
    let other = world.router.check_permission(client(2), Usage::Publish, b"b", &mut hint.clone());
    assert_eq!(other, Ok(()), "what it may do now");
    world.router.check_permission(client(2), Usage::Publish, b"a", &mut hint).is_ok()
}

#[test]
fn s32_what_was_looked_up_does_not_outlive_a_change_of_identities() {
    assert!(!outlives_a_change());
    assert!(mutant::with(Mutant::StalePermits, outlives_a_change), "nobody noticed");
}
