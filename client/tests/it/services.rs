//! Services that run on the async client, with a real broker.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use coilgun_client::service::{
    Endpoint, EndpointGroup, EndpointStats, Health, InfoReport, PingReport, Report, Service,
    ServiceError, StatsReport,
};
use coilgun_client::{
    Client, ClientError, Publication, Reply, Request, RunningService, ServeOptions, ServiceFault,
    ServiceRunner,
};
use coilgun_protocol::model::ErrorCode;
use tokio::sync::Notify;

use crate::real_broker::RealBroker;
use crate::runtime::run;

/// A time limit that only a fault reaches.
const LONG: Duration = Duration::from_secs(30);
/// A time that has to pass in some tests.
const SHORT: Duration = Duration::from_millis(100);

/// `text.upper`, which instances share, and `all`, which each of them answers.
fn service() -> Service {
    Service::builder("text", "1.0.0")
        .description("Changes texts")
        .metadata("region", "north")
        .endpoint(Endpoint::new("all").without_queue_group())
        .group(EndpointGroup::new("text").endpoint(Endpoint::new("upper")))
        .build()
        .expect("a service")
}

async fn upper(request: Request) -> Result<Reply, ServiceError> {
    match request.payload() {
        b"panic" => panic!("it was asked to"),
        b"never" => std::future::pending().await,
        payload => match str::from_utf8(payload) {
            Ok(text) => Ok(Reply::new(text.to_uppercase())),
            Err(_) => Err(ServiceError::new(400, "this is\nno text")),
        },
    }
}

async fn start(client: &Client) -> RunningService {
    ServiceRunner::new(service())
        .handle("upper", upper)
        .handle("all", |_| async { Ok(Reply::new("here")) })
        .start(client)
        .await
        .expect("it starts")
}

async fn ask(client: &Client, payload: &[u8], timeout: Duration) -> Result<Vec<u8>, ClientError> {
    let request = Publication::to("text.upper").with_payload(payload);
    Ok(client.request(&request, timeout).await?.into_payload())
}

/// Everybody who answers this question, and how many answers could not be read.
async fn reports<R: Report>(client: &Client, subject: &str) -> (Vec<R>, usize) {
    let answers = client.request_all(&Publication::to(subject), SHORT, LONG).await;
    let answers = answers.expect("the broker answers");
    let reports: Vec<_> = answers.iter().flat_map(|it| R::from_json(it.payload())).collect();
    let unread = answers.len() - reports.len();
    (reports, unread)
}

fn endpoint<'a>(stats: &'a StatsReport, name: &str) -> &'a EndpointStats {
    stats.endpoints.iter().find(|it| it.name == name).expect("there is one")
}

#[test]
fn instances_are_found_and_share_requests() {
    run(async {
        let broker = RealBroker::start();
        let (one, two, client) =
            (broker.client().await, broker.client().await, broker.client().await);
        let (first, second) = (start(&one).await, start(&two).await);
        let ids = BTreeSet::from([first.id(), second.id()]);
        assert_eq!(ids.len(), 2);
        for subject in ["$SRV.PING", "$SRV.PING.text"] {
            let (pings, _) = reports::<PingReport>(&client, subject).await;
            assert_eq!(pings.len(), 2, "{subject}");
            assert_eq!(pings.iter().map(|it| it.identity.id.clone()).collect::<BTreeSet<_>>(), ids);
        }
        let (infos, _) =
            reports::<InfoReport>(&client, &format!("$SRV.INFO.text.{}", first.id())).await;
        assert_eq!(infos, [first.info()]);
        assert!(reports::<InfoReport>(&client, "$SRV.INFO.other").await.0.is_empty());
        for _ in 0..100 {
            assert_eq!(ask(&client, b"ink", LONG).await.expect("served"), b"INK");
        }
        let all = client.request_all(&Publication::to("all"), SHORT, LONG).await.expect("served");
        assert_eq!(all.len(), 2, "an endpoint without queue group answers everywhere");
        // What is counted is seen once everything that was asked has ended.
        let stats = [first.stop().await, second.stop().await];
        let count = |name| stats.iter().map(|it| endpoint(it, name).num_requests).sum::<u64>();
        assert_eq!((count("upper"), count("all")), (100, 2));
        assert!(stats.iter().all(|it| endpoint(it, "upper").num_requests > 0), "both had some");
        assert!(reports::<PingReport>(&client, "$SRV.PING").await.0.is_empty());
    });
}

#[test]
fn failures_panics_and_lost_time_are_answered_and_counted() {
    run(async {
        let broker = RealBroker::start();
        let (server, client) = (broker.client().await, broker.client().await);
        let running = start(&server).await;
        let failed = ask(&client, b"\xff", LONG).await.expect_err("no text");
        let expected = "the handler of the request failed: this is no text (error 400)";
        assert_eq!(failed.to_string(), expected);
        let (stats, _) = reports::<StatsReport>(&client, "$SRV.STATS.text").await;
        assert_eq!(endpoint(&stats[0], "upper").last_error, "400:this is no text");
        let panicked = ask(&client, b"panic", LONG).await.expect_err("it panics");
        assert!(matches!(panicked, ClientError::Handler { code: 500, .. }), "{panicked}");
        assert_eq!(endpoint(&running.stats(), "upper").last_error, "500:the handler panicked");
        let late = ask(&client, b"never", SHORT).await.expect_err("nothing comes");
        assert!(matches!(late, ClientError::TimedOut { .. }), "{late}");
        let stats = running.stop().await;
        let upper = endpoint(&stats, "upper");
        assert_eq!((upper.num_requests, upper.num_errors), (3, 3));
        assert_eq!(upper.last_error, "408:the time for this request was over");
        assert_eq!(upper.average_processing_time, upper.processing_time / 3);
        assert!(upper.processing_time >= 50_000_000, "the one that never ended worked for long");
        assert_eq!(upper.health().expect("ours tell it").in_flight, 0);
    });
}

#[test]
fn health_and_resets_are_seen_from_outside() {
    run(async {
        let broker = RealBroker::start();
        let (server, client) = (broker.client().await, broker.client().await);
        let running = start(&server).await;
        ask(&client, b"a", LONG).await.expect("served");
        running.set_health("upper", Health::Failing("no ink".to_owned())).expect("there is one");
        running.set_health_check("all", || Health::Failing("asked".to_owned())).expect("one");
        assert!(matches!(
            running.set_health("upper case", Health::Ok),
            Err(ServiceFault::UnknownEndpoint(_))
        ));
        let (stats, _) = reports::<StatsReport>(&client, "$SRV.STATS").await;
        let health = |name| endpoint(&stats[0], name).health().expect("ours tell it").health;
        assert_eq!(health("upper"), Health::Failing("no ink".to_owned()));
        assert_eq!(health("all"), Health::Failing("asked".to_owned()));
        assert_eq!(endpoint(&stats[0], "upper").num_requests, 1);
        running.reset();
        let (stats, _) = reports::<StatsReport>(&client, "$SRV.STATS").await;
        assert_eq!(endpoint(&stats[0], "upper").num_requests, 0);
        assert_eq!(stats[0].started, running.stats().started);
    });
}

#[test]
fn a_service_that_stops_answers_what_it_has_in_hand() {
    run(async {
        let broker = RealBroker::start();
        let (server, client) = (broker.client().await, broker.client().await);
        let (begun, may_end) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let handler = {
            let (begun, may_end) = (Arc::clone(&begun), Arc::clone(&may_end));
            move |_| {
                let (begun, may_end) = (Arc::clone(&begun), Arc::clone(&may_end));
                async move {
                    begun.notify_one();
                    may_end.notified().await;
                    Ok(Reply::new("done"))
                }
            }
        };
        let service = Service::builder("slow", "0.1.0").endpoint(Endpoint::new("slow"));
        let runner = ServiceRunner::new(service.build().expect("a service"));
        let running = runner.handle("slow", handler).start(&server).await.expect("it starts");
        let asking = tokio::spawn({
            let client = client.clone();
            async move { client.request(&Publication::to("slow"), LONG).await }
        });
        begun.notified().await;
        assert_eq!(endpoint(&running.stats(), "slow").health().expect("ours").in_flight, 1);
        let stopping = tokio::spawn(running.stop());
        // Requests are refused from the moment on that the subscription has ended.
        let refused = loop {
            match client.request(&Publication::to("slow"), SHORT).await {
                Err(error) if error.code() == Some(ErrorCode::NoResponders) => break error,
                // It was still taken, and may end too.
                Ok(_) | Err(_) => may_end.notify_one(),
            }
        };
        assert!(refused.is_retryable());
        may_end.notify_waiters();
        may_end.notify_one();
        let reply = asking.await.expect("no panic").expect("it was in hand");
        assert_eq!(reply.payload(), b"done");
        let stats = stopping.await.expect("no panic");
        assert_eq!(endpoint(&stats, "slow").health().expect("ours").in_flight, 0);
        assert!(reports::<PingReport>(&client, "$SRV.PING.slow").await.0.is_empty());
    });
}

#[test]
fn a_service_whose_handlers_do_not_fit_serves_nothing() {
    run(async {
        let broker = RealBroker::start();
        let client = broker.client().await;
        let all = |_| async { Ok(Reply::new("here")) };
        let none = ServiceRunner::new(service()).handle("all", all).start(&client).await;
        assert_eq!(
            none.expect_err("upper has none").to_string(),
            "the endpoint upper has no handler"
        );
        let more = ServiceRunner::new(service()).handle("all", all).handle("lower", all);
        let unknown = more.start(&client).await.expect_err("there is no such endpoint");
        assert_eq!(unknown.to_string(), "the service has no endpoint lower");
        client.flush().await.expect("the broker answers");
        let asked = client.request(&Publication::to("all"), LONG).await.expect_err("nobody");
        assert_eq!(asked.code(), Some(ErrorCode::NoResponders));
    });
}

#[test]
fn services_of_others_are_found_beside_ours_and_nonsense_is_left_out() {
    run(async {
        let broker = RealBroker::start();
        let (server, client) = (broker.client().await, broker.client().await);
        let running = start(&server).await;
        let answer = |text: &'static str| move |_| async move { Ok(Reply::new(text)) };
        let options = ServeOptions::default();
        let foreign = r#"{"type":"io.nats.micro.v1.ping_response","name":"sum","id":"7",
            "version":"0.1.0","metadata":null,"more":[]}"#;
        let _foreign = client.serve("$SRV.PING", &options, answer(foreign)).await.expect("served");
        let _rogue = client.serve("$SRV.PING", &options, answer("{")).await.expect("served");
        let (pings, unread) = reports::<PingReport>(&client, "$SRV.PING").await;
        let names: BTreeSet<_> = pings.into_iter().map(|it| it.identity.name).collect();
        assert_eq!(names, BTreeSet::from(["sum".to_owned(), "text".to_owned()]));
        assert_eq!(unread, 1);
        running.stop().await;
    });
}

#[test]
fn a_service_comes_back_with_its_connection() {
    run(async {
        let mut broker = RealBroker::start();
        let server = broker.client().await;
        let running = start(&server).await;
        broker.stop();
        broker.start_again();
        let client = broker.client().await;
        // Its subscriptions are there when the client is back, and a barrier says that it is.
        while server.flush().await.is_err() {}
        assert_eq!(ask(&client, b"again", LONG).await.expect("served"), b"AGAIN");
        let (pings, _) = reports::<PingReport>(&client, "$SRV.PING").await;
        assert_eq!(pings[0].identity.id, running.id(), "it is the instance that it was");
    });
}
