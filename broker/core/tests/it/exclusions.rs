//! Exclusions and secondaries, compared with what they say.

use coilgun_core::mutant::{self, Mutant};
use coilgun_core::router::Removal;
use coilgun_protocol::model::{ErrorCode, Filter, Subject, Visibility};
use proptest::prelude::*;

use crate::world::{World, client, wants};

/// One step of a history of one client.
#[derive(Clone, Debug)]
enum Step {
    Exclude(String),
    Include(String),
    Subscribe(String),
}

fn filters() -> impl Strategy<Value = String> {
    let filters = ["a", "a.b", "*", "a.*", ">", "a.>", "*.b", "b.>", "c.d.e"];
    prop::sample::select(filters.to_vec()).prop_map(str::to_owned)
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        filters().prop_map(Step::Exclude),
        filters().prop_map(Step::Include),
        filters().prop_map(Step::Subscribe),
    ];
    prop::collection::vec(step, 1..12)
}

const SUBJECTS: [&str; 7] = ["a", "b", "a.b", "a.c", "b.b", "a.b.c", "c.d.e"];

/// Plays a history, and compares after each step who gets a message to each subject.
fn play(steps: &[Step]) -> Result<(), String> {
    let mut world = World::new(2);
    let (mut excluded, mut wanted): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    for step in steps {
        match step {
            Step::Exclude(filter) => {
                let result = world.router.exclude(client(0), filter.as_bytes());
                assert_eq!(result, Ok(()));
                if !excluded.contains(filter) {
                    excluded.push(filter.clone());
                }
            }
            Step::Include(filter) => {
                world.router.include_again(client(0), filter.as_bytes());
                excluded.retain(|known| known != filter);
            }
            Step::Subscribe(filter) => {
                // Another client wants the same, and excludes nothing.
                wanted.push(filter.clone());
                let id = wanted.len() as u64;
                world.subscribe(0, wants(id, filter));
                world.subscribe(1, wants(id, filter));
            }
        }
        for text in SUBJECTS {
            let subject = Subject::parse(text.as_bytes()).expect("a subject");
            let matches = |filter: &String| {
                let filter = Filter::parse(filter.as_bytes()).expect("a filter");
                filter.matches(subject, Visibility::ALL)
            };
            let all = wanted.iter().filter(|it| matches(it)).count();
            let hers = if excluded.iter().any(matches) { 0 } else { all };
            let got = world.plan(1, text).len();
            if got != all + hers {
                return Err(format!("{text} after {step:?}: {got} instead of {}", all + hers));
            }
        }
        world.router.invariants().map_err(|broken| format!("{broken:?}"))?;
    }
    Ok(())
}

proptest! {
    #[test]
    fn what_is_excluded_is_left_out_of_everything(steps in steps()) {
        prop_assert_eq!(play(&steps), Ok(()));
    }
}

#[test]
fn an_exclusion_that_is_ignored_is_found() {
    let steps = [Step::Subscribe("a.>".to_owned()), Step::Exclude("a.b".to_owned())];
    assert_eq!(play(&steps), Ok(()));
    assert!(mutant::with(Mutant::IgnoredExclusion, || play(&steps)).is_err());
}

#[test]
fn exclusions_cost_memory_and_give_it_back() {
    let mut world = World::new(1);
    for bad in ["", "a..b", "a.>.b"] {
        assert_eq!(world.router.exclude(client(0), bad.as_bytes()), Err(ErrorCode::InvalidFilter));
    }
    for number in 0..1024 {
        assert_eq!(world.router.exclude(client(0), format!("t.{number}").as_bytes()), Ok(()));
    }
    let one_more = world.router.exclude(client(0), b"more");
    assert_eq!(one_more, Err(ErrorCode::TooManyExclusions));
    assert_eq!(world.router.exclude(client(0), b"t.7"), Ok(()), "it is excluded already");
    assert_eq!(world.router.remove_client(client(0), 10), Removal::Done);
    world.router.invariants().expect("nothing is left");
}

fn orphans() -> usize {
    let mut world = World::new(3);
    let missing = world.router.make_secondary(client(1), b"a");
    assert_eq!(missing, Err(ErrorCode::PrimaryNotRegistered));
    assert_eq!(world.router.register_name(client(0), b"a"), Ok(()));
    for slot in [1, 2] {
        assert_eq!(world.router.make_secondary(client(slot), b"a"), Ok(()));
    }
    assert_eq!(world.router.remove_client(client(2), 10), Removal::Done);
    assert_eq!(world.router.next_orphan(), None);
    assert_eq!(world.router.remove_client(client(0), 10), Removal::Done);
    std::iter::from_fn(|| world.router.next_orphan()).count()
}

#[test]
fn secondaries_are_orphans_once_their_primary_goes() {
    assert_eq!(orphans(), 1);
    assert_eq!(mutant::with(Mutant::Undying, orphans), 0);
}
