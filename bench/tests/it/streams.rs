//! What streams cost, measured for a moment.

use coilgun_bench::error::BenchError;
use coilgun_bench::interrupt::Interrupt;
use coilgun_bench::streams::run::run_streams;

use crate::clients::settings;

#[test]
fn bare_synced_writes_are_measured() {
    let report = run_streams(&settings("raw/4KiB"), "", &Interrupt::default(), |_| {});
    let report = report.expect("the disk takes direct writes");
    assert_eq!(report.rounds.len(), 2);
    for sample in report.rounds.iter().flatten() {
        assert!(sample.records > 0 && sample.broker_cpu_s_per_million.is_none());
        let acks = sample.ack_ns.expect("each write is timed");
        assert!(acks.count == sample.records && acks.p50 > 0);
    }
    assert!(report.markdown().contains("| raw/4KiB |"));
}

#[test]
fn without_a_broker_or_anything_to_do_there_is_an_error() {
    let error = run_streams(&settings("append/durable/1"), "", &Interrupt::default(), |_| {});
    assert!(matches!(error, Err(BenchError::Server { .. })), "{error:?}");
    let error = run_streams(&settings("nothing"), "", &Interrupt::default(), |_| {});
    assert!(matches!(error, Err(BenchError::Argument(_))), "{error:?}");
}
