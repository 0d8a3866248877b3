//! Members of a queue group share the messages.

use crate::process::Broker;

#[test]
fn s14_each_message_reaches_one_member_of_a_group() {
    let broker = Broker::start(&[]);
    let members: Vec<_> = (0..2)
        .map(|_| {
            broker.start_client(&["sub", "jobs", "--group", "workers", "--count", "50", "--raw"])
        })
        .collect();
    let watcher = broker.start_client(&["sub", "jobs", "--count", "100", "--raw"]);
    let jobs: String = (0..100).map(|at| format!("{at}\n")).collect();
    broker.run_with(&["pub", "jobs", "--lines"], jobs.as_bytes()).text();
    assert_eq!(watcher.end().text(), jobs, "who is in no group gets all, in order");
    let mut shared: Vec<u32> = Vec::new();
    for member in members {
        let text = member.end().text();
        let numbers: Vec<u32> = text.lines().map(|line| line.parse().expect("a number")).collect();
        assert_eq!(numbers.len(), 50);
        assert!(numbers.is_sorted(), "in order at each member");
        shared.extend(numbers);
    }
    shared.sort_unstable();
    assert_eq!(shared, (0..100).collect::<Vec<_>>(), "nothing lost, nothing doubled");
    broker.stop();
}
