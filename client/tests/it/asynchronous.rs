//! The async client with a real broker that stays.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use coilgun_client::{
    Client, ClientError, ConnectionState, Event, HandlerError, Options, Publication, Reply,
    Request, ServeOptions, SubscribeOptions, WhenFull,
};
use coilgun_protocol::model::ErrorCode;
use tokio::sync::Notify;

use crate::fake_broker::FakeBroker;
use crate::real_broker::RealBroker;
use crate::runtime::run;

/// A time limit that only a fault reaches.
const LONG: Duration = Duration::from_secs(30);
/// A time that has to pass in some tests.
const SHORT: Duration = Duration::from_millis(60);

#[test]
fn messages_go_round_over_tcp_and_unix_with_acks_and_barriers() {
    run(async {
        let broker = RealBroker::start();
        let client = broker.client().await;
        let mut options = broker.options();
        options.address = broker.unix();
        let other = Client::connect(options).await.expect("a UNIX socket is as good");
        let mut all = other.subscribe("a.>", &SubscribeOptions::default()).await.expect("valid");
        let count = client.publish_acked(&Publication::to("a.0")).await.expect("it is acked");
        assert_eq!(count, 1);
        for number in 1..1000 {
            let subject = format!("a.{number}");
            client.publish(&Publication::to(&subject)).await.expect("it is taken");
        }
        client.flush().await.expect("the broker answers");
        for number in 0..1000 {
            let message = all.next().await.expect("it was delivered");
            assert_eq!(message.subject_text(), format!("a.{number}"));
        }
        assert!(all.try_next().is_none());
        all.unsubscribe().await.expect("it goes on until then");
        assert!(all.next().await.is_none(), "nothing more comes");
        assert_eq!(client.publish_acked(&Publication::to("a.0")).await.expect("acked"), 0);
        assert_eq!(client.statistics().messages_out, 1001);
        client.close().await.expect("in good order");
        other.close().await.expect("in good order");
        assert_eq!(other.state(), ConnectionState::Closed);
    });
}

#[test]
fn a_client_is_reached_by_its_name_and_by_masks() {
    run(async {
        let broker = RealBroker::start();
        let press = Client::connect(broker.options().with_name("press.7")).await.expect("let in");
        let client = broker.client().await;
        let mut named = press.named().expect("it has a name");
        assert!(press.named().is_none() && client.named().is_none());
        let to_name = Publication::to_name("press.7").with_payload(b"one");
        assert_eq!(client.publish_acked(&to_name).await.expect("acked"), 1);
        client.publish(&Publication::broadcast("press.*").with_payload(b"all")).await.expect("ok");
        assert_eq!(named.next().await.expect("delivered").payload(), b"one");
        assert_eq!(named.next().await.expect("delivered").payload(), b"all");
    });
}

#[test]
fn requests_are_served_streamed_gathered_and_refused() {
    run(async {
        let broker = RealBroker::start();
        let (server, client) = (broker.client().await, broker.client().await);
        let error = client.request(&Publication::to("echo"), LONG).await.expect_err("nobody");
        assert_eq!(error.code(), Some(ErrorCode::NoResponders));
        let nobody = client.request_all(&Publication::to("echo"), SHORT, LONG).await;
        assert_eq!(nobody.expect("nobody is no error").len(), 0);

        let handler = |request: Request| async move {
            match request.payload() {
                b"fail" => Err(HandlerError::new(418, "a teapot\r\n")),
                b"panic" => panic!("on purpose"),
                b"bad header" => Ok(Reply::new("").with_header("no name", "")),
                b"three" => {
                    for number in ["1", "2"] {
                        let reply = Reply::new(number);
                        request.reply_more(&reply).await.expect("it wants replies");
                    }
                    Ok(Reply::new("3"))
                }
                payload => Ok(Reply::new(payload).with_header("By", "echo")),
            }
        };
        let mut responder =
            server.serve("echo", &ServeOptions::default(), handler).await.expect("it serves");
        let second = server.serve("echo", &ServeOptions::default(), handler).await.expect("ok");
        let ask = |payload: &'static str| Publication::to("echo").with_payload(payload);

        let reply = client.request(&ask("hello"), LONG).await.expect("it is served");
        assert_eq!((reply.payload(), reply.header("By")), (&b"hello"[..], Some(&b"echo"[..])));
        let all = client.request_all(&ask("hello"), SHORT, LONG).await.expect("two answer");
        assert_eq!(all.len(), 2);
        second.drain().await;

        let error = client.request(&ask("fail"), LONG).await.expect_err("the handler failed");
        assert!(matches!(&error, ClientError::Handler { code: 418, text } if text == "a teapot  "));
        let error = client.request(&ask("panic"), LONG).await.expect_err("the handler panicked");
        assert!(
            matches!(&error, ClientError::Handler { code: 500, text } if text == "the handler panicked"),
            "{error}"
        );
        let mut replies = client.request_many(&ask("three"), LONG).await.expect("sent");
        let mut texts = Vec::new();
        while let Some(reply) = replies.next().await {
            texts.push(reply.expect("served").into_payload());
        }
        assert_eq!(texts, [b"1", b"2", b"3"]);

        let counted = responder.wait_for(|it| it.requests == 5).await.expect("it goes on");
        assert_eq!((counted.errors, counted.panics), (2, 1));
        assert_eq!(counted.last_error, "the handler panicked: on purpose (error 500)");
        let error = client.request(&ask("bad header"), LONG).await.expect_err("cannot be sent");
        assert!(matches!(&error, ClientError::Handler { code: 500, .. }), "{error}");
        assert_eq!(responder.drain().await.errors, 3);
        let error = client.request(&ask("hello"), LONG).await.expect_err("nobody serves now");
        assert_eq!(error.code(), Some(ErrorCode::NoResponders));
    });
}

#[test]
fn a_handler_is_dropped_at_the_requesters_deadline() {
    struct Dropped(Arc<Notify>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.notify_one();
        }
    }
    run(async {
        let broker = RealBroker::start();
        let client = broker.client().await;
        let dropped = Arc::new(Notify::new());
        let told = Arc::clone(&dropped);
        let handler = move |request: Request| {
            let guard = Dropped(Arc::clone(&told));
            async move {
                assert!(request.deadline().is_some(), "a request has one");
                std::future::pending::<()>().await;
                drop(guard);
                Ok(Reply::default())
            }
        };
        let mut responder =
            client.serve("slow", &ServeOptions::default(), handler).await.expect("it serves");
        let error = client.request(&Publication::to("slow"), SHORT).await.expect_err("too late");
        assert!(matches!(error, ClientError::TimedOut { .. }), "{error}");
        dropped.notified().await;
        let counted = responder.wait_for(|it| it.expired == 1).await.expect("it goes on");
        assert_eq!(counted.errors, 1);
    });
}

#[test]
fn a_dropped_request_and_a_dropped_subscriber_leave_nothing_behind() {
    run(async {
        let broker = RealBroker::start();
        let client = broker.client().await;
        let silent = client.subscribe("a", &SubscribeOptions::default()).await.expect("valid");
        let asked = tokio::time::timeout(SHORT, client.request(&Publication::to("a"), LONG)).await;
        assert!(asked.is_err(), "nobody answers");
        assert_eq!(client.statistics().calls_pending, 0);
        drop(silent);
        assert_eq!(client.publish_acked(&Publication::to("a")).await.expect("acked"), 0);
        assert_eq!(client.statistics().queued, 0);
    });
}

#[test]
fn s19_each_policy_for_a_full_queue_does_as_it_says() {
    run(async {
        let broker = RealBroker::start();
        let (reader, writer) = (broker.client().await, broker.client().await);
        let mut events = reader.events();
        let with = |when_full| SubscribeOptions::default().with_queue(10, usize::MAX, when_full);
        let mut lossy = reader.subscribe("a", &with(WhenFull::DropNewest)).await.expect("valid");
        for _ in 0..100 {
            writer.publish(&Publication::to("a")).await.expect("taken");
        }
        writer.flush().await.expect("answered");
        // Behind everything that was sent to it before.
        reader.flush().await.expect("answered");
        assert_eq!(reader.statistics().dropped, 90);
        let told = events.next().await;
        assert!(matches!(told, Some(Event::SlowConsumer { dropped: 1, .. })), "{told:?}");
        for _ in 0..10 {
            assert_eq!(lossy.next().await.expect("it was kept").missed(), 0);
        }
        writer.publish(&Publication::to("a")).await.expect("taken");
        assert_eq!(lossy.next().await.expect("there is room").missed(), 90);
        drop(lossy);

        let mut whole = reader.subscribe("a", &with(WhenFull::StopReading)).await.expect("valid");
        for number in 0..10_000_u32 {
            let payload = number.to_le_bytes();
            writer.publish(&Publication::to("a").with_payload(&payload)).await.expect("taken");
        }
        writer.flush().await.expect("answered");
        for number in 0..10_000_u32 {
            let message = whole.next().await.expect("nothing is lost");
            assert_eq!((message.payload(), message.missed()), (&number.to_le_bytes()[..], 0));
        }
        assert_eq!(reader.statistics().dropped, 90, "as before");
    });
}

#[test]
fn giving_up_a_subscription_that_stops_reading_lets_the_others_go_on() {
    run(async {
        let broker = RealBroker::start();
        let (reader, writer) = (broker.client().await, broker.client().await);
        let stops = SubscribeOptions::default().with_queue(10, usize::MAX, WhenFull::StopReading);
        let full = reader.subscribe("a", &stops).await.expect("valid");
        let mut other = reader.subscribe("b", &SubscribeOptions::default()).await.expect("valid");
        for _ in 0..100 {
            writer.publish(&Publication::to("a")).await.expect("taken");
        }
        writer.publish(&Publication::to("b")).await.expect("taken");
        while reader.statistics().queued < 10 {
            tokio::task::yield_now().await;
        }
        drop(full);
        other.next().await.expect("it was behind the others");
    });
}

#[test]
fn the_driver_ends_with_the_last_handle_and_not_before() {
    run(async {
        let broker = RealBroker::start();
        let client = broker.client().await;
        let press = Client::connect(broker.options().with_name("press")).await.expect("let in");
        let mut named = press.named().expect("it has a name");
        let mut events = press.events();
        drop(press);
        let to_name = Publication::to_name("press");
        assert_eq!(client.publish_acked(&to_name).await.expect("acked"), 1);
        named.next().await.expect("a subscriber is a handle");
        drop(named);
        assert!(matches!(events.next().await, Some(Event::Closed(ClientError::Closed))));
        // The broker knows when it has read that far.
        while client.publish_acked(&to_name).await.expect("acked") > 0 {}
    });
}

#[test]
fn a_client_that_drains_finishes_what_is_in_hand_and_what_waits() {
    run(async {
        let broker = RealBroker::start();
        let (server, client) = (broker.client().await, broker.client().await);
        let go = Arc::new(Notify::new());
        let wait = Arc::clone(&go);
        let handler = move |request: Request| {
            let wait = Arc::clone(&wait);
            async move {
                wait.notified().await;
                wait.notify_one();
                Ok(Reply::new(request.payload()))
            }
        };
        let one = ServeOptions::default().with_concurrency_max(1);
        let mut responder = server.serve("a", &one, handler).await.expect("it serves");
        let mut asked = tokio::task::JoinSet::new();
        for number in 0..20_u8 {
            let client = client.clone();
            asked.spawn(async move {
                let reply =
                    client.request(&Publication::to("a").with_payload(&[number]), LONG).await;
                reply.expect("it is answered").payload()[0]
            });
        }
        responder.wait_for(|it| it.in_hand == 1).await.expect("it goes on");
        // All of them have reached the broker, and with its barrier the server.
        while client.statistics().calls_pending < 20 {
            tokio::task::yield_now().await;
        }
        client.flush().await.expect("answered");
        server.flush().await.expect("answered");
        let drain = tokio::spawn({
            let server = server.clone();
            async move { server.drain().await }
        });
        go.notify_one();
        let answered: BTreeSet<u8> = asked.join_all().await.into_iter().collect();
        assert_eq!(answered, (0..20).collect());
        drain.await.expect("no panic").expect("everything was finished");
        assert_eq!(server.state(), ConnectionState::Closed);
        assert!(matches!(server.flush().await, Err(ClientError::Closed)));
    });
}

#[test]
fn what_was_published_before_the_last_handle_went_is_sent() {
    run(async {
        let broker = RealBroker::start();
        let reader = broker.client().await;
        let mut all = reader.subscribe("a", &SubscribeOptions::default()).await.expect("valid");
        let writer = broker.client().await;
        for _ in 0..1000 {
            writer.publish(&Publication::to("a")).await.expect("taken");
        }
        drop(writer);
        for _ in 0..1000 {
            all.next().await.expect("it was sent");
        }
    });
}

#[test]
fn credit_and_an_end_after_so_many_messages() {
    run(async {
        let broker = RealBroker::start();
        let client = broker.client().await;
        let options = SubscribeOptions::default().with_credit(2).with_deliveries_max(4);
        let mut few = client.subscribe("a", &options).await.expect("credit is offered");
        for _ in 0..5 {
            client.publish(&Publication::to("a")).await.expect("taken");
        }
        client.flush().await.expect("answered");
        few.add_credit(10).expect("credit is offered");
        for _ in 0..5 {
            client.publish(&Publication::to("a")).await.expect("taken");
        }
        let mut missed = 0;
        let mut count = 0;
        while let Some(message) = few.next().await {
            missed += message.missed();
            count += 1;
        }
        assert_eq!((count, missed), (4, 3), "three came while there was no credit");
    });
}

#[test]
fn whoever_says_nothing_or_nonsense_is_given_up() {
    run(async {
        let (hold, held) = std::sync::mpsc::channel::<()>();
        let silent = FakeBroker::tcp(move |stream| {
            // Ends when the test drops its half.
            held.recv().expect_err("nothing is ever sent");
            drop(stream);
        });
        let options = Options::new(silent.address.clone()).with_connect_timeout(SHORT);
        let error = Client::connect(options).await.expect_err("there is no answer");
        assert!(error.to_string().ends_with("within 0.06 s"), "{error}");
        drop(hold);
        silent.join();
        let nats = FakeBroker::tcp(|mut stream| {
            let greeted = std::io::Write::write_all(&mut stream, b"INFO {}\r\n");
            greeted.expect("the client reads");
        });
        let options = Options::new(nats.address.clone()).with_retry_first_connect();
        let error = Client::connect(options).await.expect_err("this is another protocol");
        assert!(matches!(error, ClientError::Protocol(_)) && !error.is_retryable(), "{error}");
        nats.join();
    });
}
