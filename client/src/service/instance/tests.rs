//! What an instance counts and answers.

use std::time::UNIX_EPOCH;

use super::*;
use crate::service::Endpoint;

fn instance() -> Instance {
    let service = Service::builder("orders", "1.2.0")
        .endpoint(Endpoint::new("new"))
        .endpoint(Endpoint::new("all").without_queue_group())
        .build()
        .expect("a service");
    Instance::new(service, 7, UNIX_EPOCH)
}

#[test]
fn it_answers_on_every_subject_that_it_is_asked_on() {
    let mut instance = instance();
    let subjects = instance.discovery_subjects();
    assert_eq!(subjects.len(), 9);
    for subject in &subjects {
        assert!(instance.answer(subject.as_bytes()).is_some(), "{subject}");
    }
    let id = instance.id().to_owned();
    assert!(subjects.contains(&format!("$SRV.STATS.orders.{id}")));
    for other in ["$SRV.PING.order", "$SRV.PING.orders.7", "$SRV.PONG", "orders.new"] {
        assert_eq!(instance.answer(other.as_bytes()), None, "{other}");
    }
}

#[test]
fn requests_failures_and_times_are_counted() {
    let mut instance = instance();
    for at in 0..3 {
        instance.on_request(0);
        let error = ServiceError::new(400, format!("bad {at}"));
        let error = (at > 0).then_some(&error);
        instance.on_answered(0, Duration::from_nanos(10 + at), error);
    }
    instance.on_request(1);
    let stats = instance.stats();
    let [new, all] = stats.endpoints.as_slice() else { panic!("there are two endpoints") };
    assert_eq!((new.num_requests, new.num_errors, new.last_error.as_str()), (3, 2, "400:bad 2"));
    assert_eq!((new.processing_time, new.average_processing_time), (33, 11));
    assert_eq!((new.queue_group.as_str(), all.queue_group.as_str()), ("q", ""));
    assert_eq!((all.num_requests, all.average_processing_time), (0, 0));
    assert_eq!(all.health().expect("ours tell it").in_flight, 1);
}

#[test]
fn a_reset_forgets_what_was_and_not_what_goes_on() {
    let mut instance = instance();
    instance.on_request(0);
    instance.on_answered(0, Duration::from_nanos(5), Some(&ServiceError::new(500, "x")));
    instance.on_request(0);
    instance.reset();
    assert_eq!(instance.in_flight(), 1);
    let before = instance.stats();
    assert_eq!((before.endpoints[0].num_requests, before.endpoints[0].num_errors), (0, 0));
    assert_eq!(before.endpoints[0].last_error, "");
    instance.on_answered(0, Duration::from_nanos(7), None);
    let after = instance.stats();
    assert_eq!((after.endpoints[0].num_requests, after.endpoints[0].processing_time), (1, 7));
    assert_eq!(instance.in_flight(), 0);
}

#[test]
#[should_panic(expected = "a request is taken in before it is answered")]
fn an_answer_to_no_request_is_a_mistake() {
    instance().on_answered(0, Duration::ZERO, None);
}

#[test]
fn health_is_what_was_said_last_or_what_a_check_says() {
    let mut instance = instance();
    let health = |instance: &mut Instance| {
        instance.stats().endpoints[0].health().expect("ours tell it").health
    };
    assert_eq!(health(&mut instance), Health::Ok);
    instance.set_health(0, Health::Failing("no ink".to_owned()));
    assert_eq!(health(&mut instance), Health::Failing("no ink".to_owned()));
    let mut calls = 0;
    instance.set_health_check(0, move || {
        calls += 1;
        Health::Failing(format!("call {calls}"))
    });
    assert_eq!(health(&mut instance), Health::Failing("call 1".to_owned()));
    assert_eq!(health(&mut instance), Health::Failing("call 2".to_owned()));
    instance.set_health_check(0, || panic!("no health"));
    assert_eq!(health(&mut instance), Health::Failing("the health check panicked".to_owned()));
    instance.set_health(0, Health::Ok);
    assert_eq!(health(&mut instance), Health::Ok);
}
