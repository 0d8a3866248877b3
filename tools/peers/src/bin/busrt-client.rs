//! A client made with the crate busrt.

peers::bus_client!(busrt, |client, order| match order {
    Order::Exclude(topic) => client.exclude(topic, QoS::Processed).await,
    Order::Unexclude(topic) => client.unexclude(topic, QoS::Processed).await,
    Order::PublishFor(topic, to, text) => {
        client.publish_for(topic, to, payload_of(text).into(), QoS::Processed).await
    }
    Order::Secondary(to, text) => {
        let secondary = client.register_secondary().await.expect("it is let in");
        // It lives as long as the program: its answer is still to come.
        let secondary = Box::leak(Box::new(secondary));
        secondary.send(to, payload_of(text).into(), QoS::Processed).await
    }
    _ => panic!("busrt does everything"),
});
