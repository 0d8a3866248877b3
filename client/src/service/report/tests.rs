//! Reports as others write them.

use super::*;

#[test]
fn what_older_clients_leave_out_is_empty() {
    let json = br#"{"type":"io.nats.micro.v1.stats_response","name":"a","id":"1","version":"0.0.1",
        "started":"2025-08-08T05:07:17.720783523Z","endpoints":[{"name":"e","subject":"a.e",
        "num_requests":2,"last_error":null,"average_processing_time":1.5,"data":{"val":10}}]}"#;
    let report = StatsReport::from_json(json).expect("a report");
    assert!(report.identity.metadata.is_empty());
    let endpoint = &report.endpoints[0];
    assert_eq!((endpoint.queue_group.as_str(), endpoint.last_error.as_str()), ("", ""));
    assert_eq!((endpoint.processing_time, endpoint.average_processing_time), (0, 1));
    assert_eq!(endpoint.data, Some(serde_json::json!({"val": 10})));
    assert_eq!(endpoint.health(), None, "it is not the health that our endpoints tell");
    let json = br#"{"type":"io.nats.micro.v1.info_response","name":"a","id":"1","version":"1.0.0",
        "metadata":null,"description":null,"endpoints":null,"subjects":["old"]}"#;
    let report = InfoReport::from_json(json).expect("a report");
    assert!(report.endpoints.is_empty() && report.description.is_empty());
}

#[test]
fn what_is_no_report_says_why() {
    let said = |json: &str| PingReport::from_json(json.as_bytes()).expect_err(json).to_string();
    let kind = r#""type":"io.nats.micro.v1.ping_response""#;
    assert!(said("").contains("no answer to PING"), "{}", said(""));
    assert!(said("[]").contains("no answer to PING"));
    assert!(said(r#"{"name":"a"}"#).contains("missing field `type`"));
    assert!(said(&format!("{{{kind}}}")).contains("missing field `name`"));
    let other =
        r#"{"type":"io.nats.micro.v1.info_response","name":"a","id":"1","version":"1.0.0"}"#;
    assert!(said(other).contains("info_response"), "{}", said(other));
    let nobody = format!(r#"{{{kind},"name":"","id":"1","version":"1.0.0"}}"#);
    assert_eq!(said(&nobody), "it has an empty name or an empty id");
    let number = format!(r#"{{{kind},"name":1,"id":"1","version":"1.0.0"}}"#);
    assert!(said(&number).contains("invalid type"), "{}", said(&number));
    let deep = "[".repeat(100_000);
    assert!(said(&deep).contains("no answer to PING"), "depth is an error and no stack overflow");
}

#[test]
fn times_below_zero_are_refused_and_endless_ones_are_bounded() {
    let stats = |time: &str| {
        let json = format!(
            r#"{{"type":"io.nats.micro.v1.stats_response","name":"a","id":"1","version":"1.0.0",
            "endpoints":[{{"name":"e","subject":"s","processing_time":{time}}}]}}"#
        );
        StatsReport::from_json(json.as_bytes()).map(|report| report.endpoints[0].processing_time)
    };
    assert_eq!(stats("null").expect("nothing said"), 0);
    assert_eq!(stats("18446744073709551615").expect("the largest"), u64::MAX);
    assert_eq!(stats("1e300").expect("too large"), u64::MAX);
    assert!(stats("-1").is_err() && stats("-0.5").is_err() && stats("\"1\"").is_err());
}
