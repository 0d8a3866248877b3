//! What every suite of scenarios keeps, whatever it measures.

use coilgun_bench::scenario::{
    Comparison, Group, matrix, matrix_comparisons, shards, shards_comparisons,
};

fn assert_consistent(groups: &[Group], figures: &[Comparison]) {
    let mut names: Vec<&str> =
        groups.iter().flat_map(|group| &group.scenarios).map(|it| it.name.as_str()).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
    for figure in figures {
        let against = figure.against.iter().map(|against| against.scenario.as_str());
        for scenario in against.chain([figure.scenario.as_str()]) {
            assert!(names.binary_search(&scenario).is_ok(), "{scenario} of {}", figure.name);
        }
    }
}

#[test]
fn names_are_unique_and_every_figure_of_the_matrix_compares_scenarios_that_exist() {
    assert_consistent(&matrix(), &matrix_comparisons());
}

#[test]
fn names_are_unique_and_every_figure_of_the_shards_compares_scenarios_that_exist() {
    assert_consistent(&shards(), &shards_comparisons());
}
