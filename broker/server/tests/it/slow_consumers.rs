//! Clients that do not read fast enough, on a simulated kernel: what each policy does and tells.

use coilgun_protocol::model::{
    ErrorCode, PublishFlags, SlowConsumer, SlowConsumerPolicy, SlowConsumerWish, SubscriptionId,
    limits,
};
use coilgun_protocol::native::{ClientFrame, Hello, PublishFrame, SubscribeRequest};
use coilgun_server::env::sim::{Faults, SimWorld};
use coilgun_server::shard::{ListenerProtocol, ListenerSettings, RateLimits, ShardSettings};

use crate::native_peer::{Peer, SimBroker, plan, ticketed};

pub(crate) const NEWEST: u16 = ErrorCode::DroppedNewest as u16;
const OLDEST: u16 = ErrorCode::DroppedOldest as u16;

pub(crate) fn broker() -> SimBroker {
    broker_of(ShardSettings { outbox_high_bytes: 100_000, ..ShardSettings::default() })
}

pub(crate) fn broker_of(settings: ShardSettings) -> SimBroker {
    SimBroker::new(SimWorld::new(1, Faults::none()), &plan(), settings)
}

/// A client that takes in a little before it reads, and declares a policy for one subscription.
pub(crate) fn reader(broker: &mut SimBroker, filter: &str, policy: SlowConsumerPolicy) -> Peer {
    let mut peer = broker.connect(2_000);
    peer.hello("");
    broker.until(&mut peer, |peer| peer.is_open);
    let slow_consumer = SlowConsumerWish { policy: Some(policy), backpressure_ms: None };
    let plain = SubscribeRequest::plain(SubscriptionId(1), filter.as_bytes());
    peer.subscribe_with(SubscribeRequest { slow_consumer, ..plain });
    broker.barrier(&mut peer);
    peer
}

pub(crate) fn numbered(number: u32) -> Vec<u8> {
    [&number.to_le_bytes()[..], &[7; 200]].concat()
}

fn number(payload: &[u8]) -> u32 {
    u32::from_le_bytes(payload[..4].try_into().expect("four bytes"))
}

pub(crate) fn numbers(peer: &Peer) -> Vec<u32> {
    peer.seen.iter().map(|seen| number(&seen.payload)).collect()
}

/// Publishes numbered messages, none of which may be waited with, and lets them take effect.
pub(crate) fn publish_all(broker: &mut SimBroker, fast: &mut Peer, range: std::ops::Range<u32>) {
    for number in range {
        fast.publish("x", &numbered(number));
    }
    broker.barrier(fast);
}

/// Lets a reader read everything that waits for it.
pub(crate) fn catch_up(broker: &mut SimBroker, peer: &mut Peer) {
    broker.barrier(peer);
    broker.barrier(peer);
}

fn missed(peer: &Peer) -> u64 {
    peer.seen.iter().map(|seen| u64::from(seen.missed)).sum()
}

pub(crate) fn noticed(peer: &Peer, code: u16) -> u64 {
    peer.notices.iter().filter(|(it, _)| *it == code).map(|(_, count)| count).sum()
}

#[test]
fn s19_drop_newest_keeps_the_oldest_and_tells_what_is_gone() {
    let mut broker = broker();
    let mut slow = reader(&mut broker, "x", SlowConsumerPolicy::DropNewest);
    let mut fast = broker.open("fast");
    publish_all(&mut broker, &mut fast, 0..4_000);
    assert_eq!(broker.shard.counters().stalls, 0, "nobody waits");
    catch_up(&mut broker, &mut slow);
    let kept = slow.seen.len() as u32;
    assert!((300..600).contains(&kept), "{kept} fit the outbox");
    assert!(numbers(&slow).into_iter().eq(0..kept), "the oldest ones");
    assert_eq!(slow.notices, [(NEWEST, u64::from(4_000 - kept))]);
    assert_eq!(broker.shard.counters().dropped_newest, u64::from(4_000 - kept));
    publish_all(&mut broker, &mut fast, 4_000..4_001);
    catch_up(&mut broker, &mut slow);
    let last = slow.seen.last().expect("it came");
    assert_eq!((number(&last.payload), last.missed), (4_000, 4_000 - kept));
    assert_eq!(slow.notices.len(), 1, "told once");
}

#[test]
pub(crate) fn s19_drop_oldest_keeps_the_newest_and_every_answer() {
    let mut broker = broker();
    let mut slow = reader(&mut broker, "x", SlowConsumerPolicy::DropOldest);
    let mut fast = broker.open("fast");
    for round in 0..40 {
        publish_all(&mut broker, &mut fast, round * 100..round * 100 + 100);
        let frame = PublishFrame {
            flags: PublishFlags::ACK,
            ..ticketed("nobody", b"", u64::from(round) + 1)
        };
        slow.publish_with(frame);
        broker.turns(3);
    }
    assert_eq!(broker.shard.counters().stalls, 0, "nobody waits");
    catch_up(&mut broker, &mut slow);
    let kept = numbers(&slow);
    assert_eq!(kept.last(), Some(&3_999), "the newest one");
    assert!(kept.windows(2).all(|pair| pair[0] < pair[1]), "in order");
    let gone = 4_000 - kept.len() as u64;
    assert!((3_300..3_900).contains(&gone), "{gone} were dropped");
    assert_eq!((missed(&slow), noticed(&slow, OLDEST)), (gone, gone), "each is told twice");
    assert_eq!(broker.shard.counters().dropped_oldest, gone);
    let answers: Vec<u64> = slow.outcomes.iter().map(|(ticket, ..)| *ticket).collect();
    assert!(answers.into_iter().eq(1..=40), "what is no message is never dropped");
}

#[test]
fn s19_disconnect_cuts_off_at_once_and_the_message_goes_to_the_others() {
    let mut broker = broker();
    let slow = reader(&mut broker, "x", SlowConsumerPolicy::Disconnect);
    let mut good = broker.open("good");
    good.subscribe(1, "x", "");
    broker.barrier(&mut good);
    let mut fast = broker.open("fast");
    for round in 0..20 {
        publish_all(&mut broker, &mut fast, round * 100..round * 100 + 100);
        catch_up(&mut broker, &mut good);
    }
    assert!(numbers(&good).into_iter().eq(0..2_000), "the others miss nothing");
    assert!(broker.world.broker_closed(slow.id));
    let counters = broker.shard.counters();
    assert_eq!((counters.slow_consumers, counters.stalls), (1, 0));
    assert!(counters.discarded_bytes > 90_000, "{}", counters.discarded_bytes);
}

#[test]
fn s19_when_patience_has_lapsed_messages_are_dropped_until_the_reader_has_caught_up() {
    for (policy, code) in [
        (SlowConsumerPolicy::BackpressureDropNewest, NEWEST),
        (SlowConsumerPolicy::BackpressureDropOldest, OLDEST),
    ] {
        let mut broker = broker();
        let mut slow = reader(&mut broker, "x", policy);
        let mut fast = broker.open("fast");
        (0..2_000).for_each(|number| fast.publish("x", &numbered(number)));
        let token = fast.ping();
        broker.turns(100);
        fast.read(usize::MAX);
        assert!(!fast.pongs.contains(&token), "the publisher waits");
        broker.world.advance_ms(limits::BACKPRESSURE_MS_MAX);
        broker.until(&mut fast, |fast| fast.pongs.contains(&token));
        assert_eq!(broker.shard.counters().stalls, 1, "nobody waits a second time");
        catch_up(&mut broker, &mut slow);
        let gone = 2_000 - slow.seen.len() as u64;
        assert!(gone > 1_000, "{policy}: {gone}");
        assert_eq!(noticed(&slow, code), gone, "{policy}");
        // It has caught up: others wait for it again.
        (0..2_000).for_each(|number| fast.publish("x", &numbered(number)));
        let token = fast.ping();
        broker.turns(100);
        fast.read(usize::MAX);
        assert!(!fast.pongs.contains(&token), "{policy}: the publisher waits again");
        assert_eq!(broker.shard.counters().slow_consumers, 0);
    }
}

#[test]
fn a_request_that_everybody_is_too_busy_for_is_told_so() {
    let mut broker = broker();
    let _busy = reader(&mut broker, "x", SlowConsumerPolicy::DropNewest);
    let mut fast = broker.open("fast");
    publish_all(&mut broker, &mut fast, 0..2_000);
    let flags = PublishFlags::REQUEST.with(PublishFlags::ACK);
    fast.publish_with(PublishFrame { flags, reply: b"_INBOX.x", ..ticketed("x", b"?", 7) });
    fast.publish_with(PublishFrame { flags: PublishFlags::ACK, ..ticketed("x", b"!", 8) });
    broker.barrier(&mut fast);
    let (no_credit, ok) = (ErrorCode::NoCredit as u16, ErrorCode::Ok as u16);
    assert_eq!(fast.outcomes, [(7, no_credit, 0), (8, ok, 0)], "nobody received either");
}

/// HELLO and the listener say it where the subscription does not, and nobody makes others wait
/// longer than the listener allows.
#[test]
fn s19_the_client_and_the_listener_decide_where_the_subscription_does_not() {
    let settings = ShardSettings { outbox_high_bytes: 100_000, ..ShardSettings::default() };
    let mut broker = broker_of(settings);
    let slow_consumer =
        SlowConsumer { policy: SlowConsumerPolicy::DropNewest, backpressure_ms: 20 };
    let listener = ListenerSettings { slow_consumer, ..ListenerProtocol::Native.into() };
    broker.listen(9, listener);
    let mut fast = broker.open("fast");
    let wishes = [
        (SlowConsumerWish::default(), false),
        (
            SlowConsumerWish {
                policy: Some(SlowConsumerPolicy::Backpressure),
                backpressure_ms: Some(60_000),
            },
            true,
        ),
    ];
    for (wish, waits) in wishes {
        let mut slow = broker.connect_to(9, 2_000);
        slow.hello_with(Hello { slow_consumer: wish, name: b"slow", ..Hello::default() });
        broker.until(&mut slow, |slow| slow.is_open);
        for number in 0..2_000 {
            fast.publish("$NAME.slow", &numbered(number));
        }
        let token = fast.ping();
        broker.turns(100);
        fast.read(usize::MAX);
        assert_eq!(fast.pongs.contains(&token), !waits, "{wish:?}");
        broker.world.advance_ms(20);
        broker.until(&mut fast, |fast| fast.pongs.contains(&token));
        assert_eq!(broker.world.broker_closed(slow.id), waits, "cut off after 20 ms: {wish:?}");
        slow.send(&ClientFrame::Goodbye);
        slow.read(usize::MAX);
        broker.world.end(slow.id);
        broker.turns(50);
        slow.read(usize::MAX);
        broker.turns(2_000);
    }
}

#[test]
fn who_reads_no_answers_is_cut_off_whatever_its_policy() {
    let mut broker = broker();
    let deaf = reader(&mut broker, "x", SlowConsumerPolicy::DropOldest);
    for ticket in 1..20_000 {
        deaf.publish_with(PublishFrame {
            flags: PublishFlags::ACK,
            ..ticketed("nobody", b"", ticket)
        });
    }
    broker.turns(500);
    assert!(!broker.world.broker_closed(deaf.id));
    broker.world.advance_ms(limits::BACKPRESSURE_MS_MAX);
    broker.turns(20);
    assert!(broker.world.broker_closed(deaf.id));
    assert_eq!(broker.shard.counters().slow_consumers, 1);
}

#[test]
fn who_sends_too_fast_is_read_more_slowly_and_loses_nothing() {
    let rate = RateLimits { messages_per_second: 1_000, bytes_per_second: 0 };
    let mut broker = broker_of(ShardSettings { rate, ..ShardSettings::default() });
    let mut reader = broker.open("reader");
    reader.subscribe(1, "x", "");
    broker.barrier(&mut reader);
    let mut fast = broker.open("fast");
    (0..5_000).for_each(|number| fast.publish("x", &numbered(number)));
    let begin = broker.world.now();
    for _ in 0..10_000 {
        broker.turns_until_it_sleeps();
        reader.read(usize::MAX);
        if reader.seen.len() == 5_000 {
            break;
        }
        broker.world.advance_ms(1);
    }
    assert!(numbers(&reader).into_iter().eq(0..5_000), "in order, each once");
    let ms = broker.world.now().ms_since(begin);
    assert!((3_500..4_500).contains(&ms), "5,000 at 1,000 per second took {ms} ms");
    fast.read(usize::MAX);
    let notices = &fast.notices;
    let code = ErrorCode::RateExceeded as u16;
    assert!(notices.iter().all(|(it, ms)| *it == code && *ms > 0 && *ms < 1_000), "{notices:?}");
    assert_eq!(broker.shard.counters().throttles, notices.len() as u64);
    broker.barrier(&mut reader);
}

/// Dropping under a kernel that does everything late and in parts: what is gone is told exactly,
/// what is left is in order.
#[test]
pub(crate) fn s19_what_is_dropped_is_told_whatever_the_kernel_does() {
    const MESSAGES: u32 = 1_500;
    let (mut dropped, mut stalls) = (0, 0);
    let seeds = if std::env::var_os("COILGUN_TEST_FULL").is_some() { 300 } else { 12 };
    for seed in 0..seeds {
        let world = SimWorld::new(seed, Faults::rough());
        let settings = ShardSettings { outbox_high_bytes: 50_000, ..ShardSettings::default() };
        let mut broker = SimBroker::new(world.clone(), &plan(), settings);
        let policies = [
            SlowConsumerPolicy::DropNewest,
            SlowConsumerPolicy::DropOldest,
            SlowConsumerPolicy::BackpressureDropNewest,
            SlowConsumerPolicy::BackpressureDropOldest,
        ];
        let mut readers: Vec<Peer> =
            policies.iter().map(|policy| reader(&mut broker, "x", *policy)).collect();
        let mut fast = broker.open("fast");
        for number in 0..MESSAGES {
            fast.publish("x", &numbered(number));
            if world.random().is_multiple_of(4) {
                broker.turn();
                world.advance_ms(world.random() % 8);
                let at = world.random() as usize % readers.len();
                readers[at].read(world.random() as usize % 3_000);
            }
        }
        for _ in 0..20_000 {
            broker.turn();
            world.advance_ms(1);
            if fast.pongs.is_empty() && world.random().is_multiple_of(50) {
                fast.ping();
            }
            fast.read(usize::MAX);
            if !fast.pongs.is_empty() {
                break;
            }
        }
        readers.iter_mut().for_each(|reader| catch_up(&mut broker, reader));
        // Its `missed` says what was dropped last.
        publish_all(&mut broker, &mut fast, MESSAGES..MESSAGES + 1);
        for (reader, policy) in readers.iter_mut().zip(policies) {
            catch_up(&mut broker, reader);
            let seen = numbers(reader);
            assert!(seen.windows(2).all(|pair| pair[0] < pair[1]), "seed {seed} {policy}");
            let gone = u64::from(MESSAGES) + 1 - seen.len() as u64;
            assert_eq!(missed(reader), gone, "seed {seed} {policy}: told by the subscription");
            let told = noticed(reader, NEWEST) + noticed(reader, OLDEST);
            assert_eq!(told, gone, "seed {seed} {policy}: told by notices");
            dropped += gone;
        }
        stalls += broker.shard.counters().stalls;
    }
    println!("{seeds} seeds: {dropped} messages dropped, {stalls} stalls");
    assert!(dropped / seeds > 1_000 && stalls > seeds, "{dropped} dropped, {stalls} stalls");
}
