//! The answers of a service to discovery, byte for byte, and read back.

use std::path::PathBuf;
use std::time::{Duration, UNIX_EPOCH};

use coilgun_client::service::{
    Endpoint, EndpointGroup, Health, InfoReport, Instance, PingReport, Report, Service,
    ServiceError, StatsReport, Verb,
};

/// Compares a JSON text with its golden file, or writes the file.
fn compare(name: &str, json: &[u8]) {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/service");
    let path = folder.join(format!("{name}.json"));
    if std::env::var_os("COILGUN_UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(&folder).expect("the repository is writable");
        std::fs::write(&path, json).expect("the repository is writable");
        return;
    }
    let golden = std::fs::read(&path).unwrap_or_default();
    let (json, golden) = (String::from_utf8_lossy(json), String::from_utf8_lossy(&golden));
    assert_eq!(json, golden, "{} holds another answer", path.display());
}

/// A service that uses everything there is.
fn full() -> Instance {
    let service = Service::builder("orders", "1.2.0-rc.1")
        .description("Takes \"orders\"")
        .metadata("region", "north")
        .metadata("build", "7")
        .endpoint(Endpoint::new("status").without_queue_group())
        .group(
            EndpointGroup::new("orders").endpoint(Endpoint::new("new").metadata("format", "json")),
        )
        .build()
        .expect("a service");
    let started = UNIX_EPOCH + Duration::new(1_754_629_637, 720_783_523);
    let mut instance = Instance::new(service, 0x1234_5678_9abc, started);
    for endpoint in [0, 1, 1, 1] {
        instance.on_request(endpoint);
    }
    instance.on_answered(1, Duration::from_nanos(1_000), None);
    instance.on_answered(1, Duration::from_nanos(2_001), Some(&ServiceError::new(404, "no table")));
    instance.set_health(1, Health::Failing("no ink".to_owned()));
    instance
}

/// A service that uses nothing that can be left out.
fn bare() -> Instance {
    Instance::new(Service::builder("bare", "0.0.1").build().expect("a service"), 0, UNIX_EPOCH)
}

#[test]
fn golden_answers_of_a_service() {
    for (name, mut instance) in [("full", full()), ("bare", bare())] {
        for verb in Verb::ALL {
            let subject = format!("$SRV.{}", verb.token());
            let json = instance.answer(subject.as_bytes()).expect("it is asked");
            compare(&format!("{name}_{}", verb.token().to_lowercase()), &json);
        }
    }
}

#[test]
fn what_an_instance_answers_is_read_back_as_it_was() {
    for mut instance in [full(), bare()] {
        let ping = instance.answer(b"$SRV.PING").expect("it is asked");
        let ping = PingReport::from_json(&ping).expect("a report");
        assert_eq!(ping.identity.id, instance.id());
        let info = instance.answer(b"$SRV.INFO").expect("it is asked");
        assert_eq!(InfoReport::from_json(&info).expect("a report"), instance.info());
        let stats = instance.answer(b"$SRV.STATS").expect("it is asked");
        assert_eq!(StatsReport::from_json(&stats).expect("a report"), instance.stats());
    }
}
