//! The examples, against a real broker.

use std::time::Duration;

use coilgun_client::Reconnect;

use crate::real_broker::RealBroker;
use crate::runtime::run;

/// Each example is a program; here its `run` is called.
macro_rules! example {
    ($name:ident, $path:literal) => {
        #[path = $path]
        #[expect(dead_code, reason = "main is for who runs it as a program")]
        #[expect(unreachable_pub, reason = "an example shows what a program would write")]
        mod $name;
    };
}

example!(publish_subscribe, "../../examples/publish_subscribe.rs");
example!(reconnect, "../../examples/reconnect.rs");
example!(request_reply, "../../examples/request_reply.rs");
example!(serve, "../../examples/serve.rs");
example!(service, "../../examples/service.rs");

#[test]
fn messages_are_published_and_received() {
    run(async {
        let broker = RealBroker::start();
        assert_eq!(publish_subscribe::run(broker.options()).await.expect("it works"), 10);
    });
}

#[test]
fn a_question_is_answered() {
    run(async {
        let broker = RealBroker::start();
        assert_eq!(request_reply::run(broker.options()).await.expect("it works"), "UTC");
    });
}

#[test]
fn requests_are_served() {
    run(async {
        let broker = RealBroker::start();
        let (answer, failure) = serve::run(broker.options()).await.expect("it works");
        assert_eq!(answer, "42");
        assert!(failure.contains("this is no number (error 400)"), "{failure}");
    });
}

#[test]
fn a_service_is_found() {
    run(async {
        let broker = RealBroker::start();
        let (info, stats) = service::run(broker.options()).await.expect("it works");
        let subjects: Vec<_> = info.endpoints.iter().map(|it| it.subject.as_str()).collect();
        assert_eq!(subjects, ["text.upper", "text.count"]);
        let counts = stats.endpoints.iter().map(|it| (it.num_requests, it.num_errors));
        assert_eq!(counts.collect::<Vec<_>>(), [(2, 1), (1, 0)]);
    });
}

#[test]
fn a_connection_comes_back() {
    run(async {
        let mut broker = RealBroker::start();
        let delay = Duration::from_millis(10);
        let options =
            broker.options().with_reconnect(Reconnect::default().with_delays(delay, delay));
        let again = || {
            broker.stop();
            broker.start_again();
        };
        let text = reconnect::run(options, again).await.expect("it works");
        assert_eq!(text, "written while away");
    });
}
