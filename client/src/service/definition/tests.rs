//! What is a service, and what is none.

use super::*;

fn with(endpoint: Endpoint) -> Result<Service, InvalidService> {
    Service::builder("orders", "1.0.0").endpoint(endpoint).build()
}

#[test]
fn names_and_versions_are_checked() {
    let build = |name: &str, version: &str| Service::builder(name, version).build();
    for name in ["a", "A-b_9"] {
        assert!(build(name, "1.0.0").is_ok(), "{name}");
    }
    for name in ["", "a.b", "a b", "*", ">", "\u{e9}", "a\n"] {
        assert_eq!(build(name, "1.0.0"), Err(InvalidService::Name(name.to_owned())));
        assert_eq!(with(Endpoint::new(name)), Err(InvalidService::Name(name.to_owned())));
    }
    for version in ["0.0.0", "1.2.3-rc.1+build.5"] {
        assert!(build("a", version).is_ok(), "{version}");
    }
    for version in ["", "1", "1.2", "v1.2.3", "01.2.3", "1.2.3-", "1.2.3 ", "1.2.3-01"] {
        let built = build("a", version);
        assert!(matches!(built, Err(InvalidService::Version { .. })), "{version}: {built:?}");
    }
}

#[test]
fn subjects_are_filters_outside_discovery() {
    for subject in ["a.b", "a.*.c", "a.>", ">", "$SRVX.a"] {
        assert!(with(Endpoint::new("e").subject(subject)).is_ok(), "{subject}");
    }
    for subject in ["", "a..b", "a b", "a."] {
        let built = with(Endpoint::new("e").subject(subject));
        assert!(matches!(built, Err(InvalidService::Subject { .. })), "{subject}: {built:?}");
    }
    for subject in ["$SRV", "$SRV.PING"] {
        let built = with(Endpoint::new("e").subject(subject));
        assert!(matches!(built, Err(InvalidService::DiscoverySubject { .. })), "{subject}");
    }
}

#[test]
fn endpoint_groups_put_their_prefixes_before_subjects() {
    let service = Service::builder("orders", "1.0.0")
        .endpoint(Endpoint::new("top"))
        .group(
            EndpointGroup::new("v1")
                .endpoint(Endpoint::new("new"))
                .group(
                    EndpointGroup::new("admin").endpoint(Endpoint::new("purge").subject("all.*")),
                )
                .group(EndpointGroup::new("").endpoint(Endpoint::new("bare"))),
        )
        .build()
        .expect("a service");
    let subjects: Vec<_> = service.endpoints().iter().map(EndpointSettings::subject).collect();
    assert_eq!(subjects, ["top", "v1.new", "v1.admin.all.*", "v1.bare"]);
    let wild = Service::builder("a", "1.0.0")
        .group(EndpointGroup::new("b.>").endpoint(Endpoint::new("c")));
    assert_eq!(wild.build(), Err(InvalidService::Prefix("b.>".to_owned())));
}

#[test]
fn the_queue_group_that_is_named_closest_counts() {
    let service = Service::builder("orders", "1.0.0")
        .queue_group("mine")
        .endpoint(Endpoint::new("a"))
        .endpoint(Endpoint::new("b").queue_group("own"))
        .endpoint(Endpoint::new("c").without_queue_group())
        .group(
            EndpointGroup::new("g")
                .queue_group("of-g")
                .endpoint(Endpoint::new("d"))
                .group(EndpointGroup::new("h").endpoint(Endpoint::new("e")))
                .group(EndpointGroup::new("i").without_queue_group().endpoint(Endpoint::new("f"))),
        )
        .build()
        .expect("a service");
    let groups: Vec<_> = service.endpoints().iter().map(EndpointSettings::queue_group).collect();
    let expected = [Some("mine"), Some("own"), None, Some("of-g"), Some("of-g"), None];
    assert_eq!(groups, expected);
    for name in ["", "a b", &"x".repeat(257)] {
        let built = with(Endpoint::new("e").queue_group(name));
        assert_eq!(built, Err(InvalidService::QueueGroup(name.to_owned())));
    }
}

#[test]
fn a_service_has_a_bounded_number_of_endpoints() {
    let mut builder = Service::builder("many", "1.0.0");
    for at in 0..ENDPOINTS_MAX {
        builder = builder.endpoint(Endpoint::new(format!("e{at}")));
    }
    assert!(builder.clone().build().is_ok());
    let built = builder.endpoint(Endpoint::new("last")).build();
    assert_eq!(built, Err(InvalidService::TooManyEndpoints(ENDPOINTS_MAX + 1)));
}
