//! `coilgun service` against brokers with services, some of them written by hand.

use coilgun_client::service::{Endpoint, EndpointGroup, Health, Service, ServiceError};
use coilgun_client::{Client, Options, Reply, Request, RunningService, ServiceRunner};
use serde_json::{Value, json};

use crate::process::{Broker, Running};

/// Instances of a service of ours, each with a client of its own, on a thread beside the test.
struct Instances {
    runtime: tokio::runtime::Runtime,
    running: Vec<RunningService>,
}

impl Instances {
    fn start(broker: &Broker, count: usize) -> Instances {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).enable_all().build().expect("a runtime");
        let options = Options::new(broker.tcp.parse().expect("an address"));
        let running =
            (0..count).map(|_| runtime.block_on(Instances::start_one(options.clone()))).collect();
        Instances { runtime, running }
    }

    async fn start_one(options: Options) -> RunningService {
        let service = Service::builder("orders", "1.2.0")
            .description("Takes orders")
            .metadata("region", "north")
            .endpoint(Endpoint::new("status").without_queue_group())
            .group(
                EndpointGroup::new("orders")
                    .endpoint(Endpoint::new("new").metadata("format", "text")),
            )
            .build()
            .expect("a service");
        let new = |request: Request| async move {
            match request.payload() {
                b"" => Err(ServiceError::new(400, "an order is not empty")),
                _ => Ok(Reply::new("taken")),
            }
        };
        let client = Client::connect(options).await.expect("the broker lets it in");
        let runner = ServiceRunner::new(service).handle("new", new);
        let runner = runner.handle("status", |_| async { Ok(Reply::new("open")) });
        runner.start(&client).await.expect("it starts")
    }

    /// Their identifiers, in order.
    fn ids(&self) -> Vec<String> {
        let mut ids: Vec<_> = self.running.iter().map(RunningService::id).collect();
        ids.sort();
        ids
    }

    fn stop(self) {
        for running in self.running {
            self.runtime.block_on(running.stop());
        }
    }
}

/// Lines of what a command prints, in columns.
fn columns(text: &str) -> Vec<Vec<&str>> {
    text.lines().map(|line| line.split('\t').collect()).collect()
}

#[test]
fn instances_of_a_service_are_listed_shown_counted_and_pinged() {
    let broker = Broker::start(&[]);
    let instances = Instances::start(&broker, 2);
    let ids = instances.ids();
    instances.running[0]
        .set_health("new", Health::Failing("no ink".to_owned()))
        .expect("there is such an endpoint");
    for _ in 0..3 {
        assert_eq!(broker.run(&["request", "orders.new", "a table"]).text(), "taken");
    }
    let failed = broker.run(&["request", "orders.new"]);
    assert_eq!(failed.status, 1);
    let said = "coilgun: the handler of the request failed: an order is not empty (error 400)\n  help: Ask whoever runs the responder.\n";
    assert_eq!(failed.stderr, said);

    let text = broker.run(&["service", "ls"]).text();
    let expected: Vec<_> = ids
        .iter()
        .map(|id| vec!["orders", "1.2.0", id, "2", "region=north", "Takes orders"])
        .collect();
    assert_eq!(columns(&text), expected);
    let text = broker.run(&["service", "info", "orders", &ids[1]]).text();
    let expected = [
        ["orders", "1.2.0", &ids[1], "status", "status", "", ""],
        ["orders", "1.2.0", &ids[1], "new", "orders.new", "q", "format=text"],
    ];
    assert_eq!(columns(&text), expected);

    let text = broker.run(&["service", "stats", "orders"]).text();
    let rows = columns(&text);
    let new: Vec<_> = rows.iter().filter(|row| row[3] == "new").collect();
    let sum = |column: usize| {
        new.iter().map(|row| row[column].parse::<u64>().expect("a number")).sum::<u64>()
    };
    assert_eq!((rows.len(), sum(4), sum(5), sum(6)), (4, 4, 1, 0), "{text}");
    assert_eq!(new.iter().filter(|row| row[8] == "failing: no ink").count(), 1, "{text}");
    assert_eq!(new.iter().filter(|row| row[9] == "400:an order is not empty").count(), 1, "{text}");

    let text = broker.run(&["service", "ping", "--json"]).text();
    let pings: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let pinged: Vec<_> = pings.iter().map(|ping| ping["id"].as_str().expect("a text")).collect();
    assert_eq!(pinged, ids);
    assert!(pings.iter().all(|ping| ping["metadata"]["region"] == "north"));
    let text = broker.run(&["service", "ping", "orders", &ids[0]]).text();
    assert!(text.ends_with("us\n") && columns(&text).len() == 1, "{text}");
    instances.stop();
    assert_eq!(broker.run(&["service", "ls"]).status, 1, "who has stopped is not found");
    broker.stop();
}

/// The answer to a question, as a client that is not ours writes it.
fn foreign(verb: &str, name: &str, id: &str, more: &Value) -> String {
    let mut answer = json!({
        "type": format!("io.nats.micro.v1.{verb}_response"),
        "name": name,
        "id": id,
        "version": "0.1.0",
        "metadata": null,
        "and": "a field that nobody knows",
    });
    let fields = answer.as_object_mut().expect("an object");
    fields.extend(more.as_object().expect("an object").clone());
    answer.to_string()
}

/// Answers one question to `subject` with this text.
fn responder(broker: &Broker, name: &str, subject: &str, answer: &str) -> Running {
    broker.start_client(&["reply", subject, answer, "--count", "1", "--name", name])
}

#[test]
fn where_no_service_answers_it_is_said_at_once() {
    let broker = Broker::start(&[]);
    let cases: [(&[&str], &str); 3] = [
        (&["ls"], "no service answers"),
        (&["stats", "orders"], "no service orders answers"),
        (&["ping", "orders", "X7"], "no instance X7 of the service orders answers"),
    ];
    for (words, said) in cases {
        // An hour: the test would not end if it was said with the time limit only.
        let words = [&["service"][..], words, &["--timeout", "3600"]].concat();
        let ended = broker.run(&words);
        assert_eq!((ended.status, ended.stdout.len()), (1, 0), "{}", ended.stderr);
        let help = "  help: Start one, check name and namespace, or wait longer (--timeout).";
        assert_eq!(ended.stderr, format!("coilgun: {said}\n{help}\n"));
    }
    let ended = broker.run(&["service", "info", "--json"]);
    let error: Value = serde_json::from_str(&ended.stderr).expect("JSON");
    assert_eq!(error["error"]["name"], "no_service");
    assert_eq!(error["error"]["retryable"], true);
    broker.stop();
}

#[test]
fn a_service_that_is_silent_is_waited_for_as_long_as_asked() {
    let broker = Broker::start(&[]);
    let silent = broker.start_client(&["sub", "$SRV.PING", "--count", "1"]);
    let ended = broker.run(&["service", "ping", "--timeout", "0.05"]);
    assert_eq!(ended.status, 1);
    assert!(ended.stderr.starts_with("coilgun: no service answers\n"), "{}", ended.stderr);
    assert_eq!(silent.end().status, 0);
    broker.stop();
}

#[test]
fn services_of_others_are_found() {
    let broker = Broker::start(&[]);
    let endpoints = json!({"description": "Adds\tup", "endpoints": [
        {"name": "add", "subject": "sum.add", "queue_group": "q", "metadata": null},
        {"name": "old", "subject": "sum.old"},
    ]});
    let text = foreign("info", "sum", "nuid7", &endpoints);
    let services: Vec<_> = (0..2).map(|_| responder(&broker, "", "$SRV.INFO.sum", &text)).collect();
    // Both answer in the name of one instance, which is shown once.
    let ended = broker.run(&["service", "ls", "sum"]);
    assert!(ended.stderr.contains("sum, nuid7 has answered already"), "{}", ended.stderr);
    assert_eq!(ended.text(), "sum\t0.1.0\tnuid7\t2\t\tAdds\\tup\n");
    for service in services {
        assert_eq!(service.end().status, 0);
    }
    let service = responder(&broker, "", "$SRV.INFO", &text);
    assert_eq!(
        broker.run(&["service", "info"]).text(),
        "sum\t0.1.0\tnuid7\tadd\tsum.add\tq\t\nsum\t0.1.0\tnuid7\told\tsum.old\t\t\n"
    );
    assert_eq!(service.end().status, 0);
    let stats = json!({"started": "2025-08-08T05:07:17Z", "endpoints": [{
        "name": "add", "subject": "sum.add", "num_requests": 10, "num_errors": 1,
        "last_error": "400:\u{1b}[2J", "processing_time": 25_000, "average_processing_time": 2_500,
        "data": [1, 2]
    }]});
    let text = foreign("stats", "sum", "nuid7", &stats);
    let service = responder(&broker, "", "$SRV.STATS.sum.nuid7", &text);
    assert_eq!(
        broker.run(&["service", "stats", "sum", "nuid7"]).text(),
        "sum\t0.1.0\tnuid7\tadd\t10\t1\t\t2.5us\t\t400:\\u{1b}[2J\n"
    );
    assert_eq!(service.end().status, 0);
    let service = responder(&broker, "", "$SRV.STATS", &text);
    let object: Value =
        serde_json::from_str(&broker.run(&["service", "stats", "--json"]).text()).expect("JSON");
    assert_eq!(object["type"], "io.nats.micro.v1.stats_response");
    assert_eq!(object["endpoints"][0]["data"], json!([1, 2]));
    assert_eq!(service.end().status, 0);
    broker.stop();
}

#[test]
fn answers_that_cannot_be_read_are_named_and_left_out() {
    let broker = Broker::start(&[]);
    let answers = [
        ("no.json", "\u{1b}[2J{".to_owned()),
        ("other.type", foreign("info", "sum", "1", &json!({}))),
        ("other.name", foreign("ping", "product", "1", &json!({}))),
        ("a.number", foreign("ping", "sum", "1", &json!({"version": 7}))),
        ("nobody", foreign("ping", "", "1", &json!({}))),
        ("good", foreign("ping", "sum", "2", &json!({}))),
    ];
    let running: Vec<_> = answers
        .iter()
        .map(|(name, answer)| responder(&broker, name, "$SRV.PING.sum", answer))
        .collect();
    let ended = broker.run(&["service", "ping", "sum", "--json"]);
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    for name in ["no.json", "other.type", "other.name", "a.number", "nobody"] {
        let line = format!("coilgun: skipped an answer of the client {name}: it ");
        let named = ended.stderr.lines().any(|said| {
            said.starts_with(&line) || said.starts_with(&line.replace("it ", "product, 1 was not"))
        });
        assert!(named, "{name}: {}", ended.stderr);
    }
    assert!(!ended.stderr.contains('\u{1b}'), "no answer moves the cursor");
    let text = ended.text();
    let object: Value = serde_json::from_str(&text).expect("one object");
    assert_eq!((&object["name"], &object["id"]), (&json!("sum"), &json!("2")));
    assert!(object["rtt_us"].as_u64().expect("a number") > 0);
    for running in running {
        assert_eq!(running.end().status, 0);
    }
    broker.stop();
}

#[test]
fn where_no_answer_can_be_read_no_service_answers() {
    let broker = Broker::start(&[]);
    let rogue = responder(&broker, "rogue", "$SRV.INFO", "nonsense");
    let ended = broker.run(&["service", "ls", "--timeout", "0.2", "--quiet"]);
    assert_eq!((ended.status, ended.stdout.len()), (1, 0));
    assert!(ended.stderr.starts_with("coilgun: no service answers\n"), "{}", ended.stderr);
    assert_eq!(rogue.end().status, 0);
    broker.stop();
}

#[test]
fn names_that_no_service_has_are_wrong_arguments() {
    for words in [&["ls", "a.b"][..], &["info", "a", "b.c"], &["ping", "*"], &["stats", "a", ">"]] {
        let words = [&["service"][..], words].concat();
        assert_eq!(crate::process::run(&words).status, 2, "{words:?}");
    }
    assert_eq!(crate::process::run(&["service"]).status, 2);
}
