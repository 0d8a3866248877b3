//! Streams: made, appended to and read, by both clients, while a broker goes and comes back.

use std::time::Duration;

use coilgun_client::blocking::{Client as BlockingClient, Followed};
use coilgun_client::{
    AckLevel, AppendOptions, Batch, Client, ClientError, FollowOptions, Offset, ProducerEpoch,
    ProducerId, ProducerOptions, Reconnect, Record, StartAt, StoredRecord, StreamOptions,
};
use coilgun_protocol::model::ErrorCode;

use crate::real_broker::RealBroker;
use crate::runtime::run;

const LONG: Duration = Duration::from_secs(20);

fn batch(payloads: &[&str]) -> Batch {
    let mut batch = Batch::new();
    for payload in payloads {
        batch.push(&Record::new(*payload)).expect("it is small");
    }
    batch
}

fn texts(records: &[StoredRecord]) -> Vec<(u64, String)> {
    let text = |it: &StoredRecord| String::from_utf8_lossy(it.payload()).into_owned();
    records.iter().map(|it| (it.offset().0, text(it))).collect()
}

fn code(error: &ClientError) -> ErrorCode {
    error.code().expect("the broker gave a code")
}

async fn read_all(client: &Client, stream: &str, partition: u32) -> Vec<StoredRecord> {
    let options = FollowOptions::default().until_end();
    let follower = client.follow(stream, partition, StartAt::First, options).await;
    let mut follower = follower.expect("the partition is there");
    let mut all = Vec::new();
    // Ends with the partition.
    while let Some(record) = follower.next().await {
        all.push(record.expect("the record can be read"));
    }
    all
}

#[test]
fn a_stream_is_made_described_listed_and_deleted() {
    run(async {
        let broker = RealBroker::start();
        let client = broker.client().await;
        let options = StreamOptions::default().with_partitions(600);
        let made = client.create_stream("many", options).await.expect("it is made");
        assert_eq!((made.name.as_str(), made.partitions.len()), ("many", 600));
        let indices: Vec<_> = made.partitions.iter().map(|it| it.index).collect();
        assert_eq!(indices, (0..600).collect::<Vec<_>>(), "over several frames");
        let again = client.create_stream("many", options).await.expect_err("it is there");
        assert_eq!(code(&again), ErrorCode::StreamExists);
        assert!(again.to_string().starts_with("creation of many: "), "{again}");
        client.create_stream("few", StreamOptions::default()).await.expect("it is made");
        let all = client.streams().await.expect("they are listed");
        let named: Vec<_> = all.iter().map(|it| (it.name.as_str(), it.partition_count)).collect();
        assert_eq!(named, [("few", 1), ("many", 600)]);
        assert_eq!(client.stream_info("few").await.expect("it is there").record_count(), 0);
        client.delete_stream("many").await.expect("it is deleted");
        let gone = client.stream_info("many").await.expect_err("it is gone");
        assert_eq!(code(&gone), ErrorCode::UnknownStream);
        client.close().await.expect("a good end");
    });
}

#[test]
fn what_is_appended_is_read_from_anywhere_and_as_it_comes() {
    run(async {
        let broker = RealBroker::start();
        let client = broker.client().await;
        client.create_stream("orders", StreamOptions::default()).await.expect("it is made");
        let plain = AppendOptions::default();
        let first = client.append("orders", &batch(&["a", "b", "c"]), &plain).await;
        let first = first.expect("it is stored");
        assert_eq!((first.base_offset, first.level), (Offset(0), AckLevel::Durable));
        let options = FollowOptions::default();
        let mut tail = client.follow("orders", 0, StartAt::End, options).await.expect("it reads");
        let mut last =
            client.follow("orders", 0, StartAt::BeforeEnd(2), options).await.expect("so");
        client.append("orders", &batch(&["d"]), &plain).await.expect("it is stored");
        let came = tail.next().await.expect("it goes on").expect("it can be read");
        assert_eq!(texts(&[came]), [(3, "d".to_owned())]);
        for expected in [1, 2, 3] {
            let came = last.next().await.expect("it goes on").expect("it can be read");
            assert_eq!(came.offset(), Offset(expected), "the records before were skipped");
        }
        let beyond = StartAt::Offset(Offset(9));
        let beyond = client.follow("orders", 0, beyond, options).await.expect_err("no such record");
        assert_eq!(code(&beyond), ErrorCode::OffsetOutOfRange);
        let absent = client.follow("orders", 7, StartAt::End, options).await.expect_err("absent");
        assert_eq!(code(&absent), ErrorCode::UnknownPartition);
        client.delete_stream("orders").await.expect("it is deleted");
        let ended = tail.next().await.expect("the reason comes").expect_err("it is gone");
        assert_eq!(code(&ended), ErrorCode::StreamDeleted);
        assert!(tail.next().await.is_none(), "it is said once");
    });
}

#[test]
fn refusals_of_appends_say_what_comes_next() {
    run(async {
        let broker = RealBroker::start();
        let client = broker.client().await;
        client.create_stream("s", StreamOptions::default()).await.expect("it is made");
        let at = |offset| AppendOptions::default().with_expected_offset(Offset(offset));
        client.append("s", &batch(&["a", "b"]), &at(0)).await.expect("0 comes next");
        let refused = client.append("s", &batch(&["x"]), &at(0)).await.expect_err("2 comes next");
        assert_eq!(code(&refused), ErrorCode::UnexpectedOffset);
        assert!(matches!(refused, ClientError::Refused { detail: 2, .. }), "{refused}");
        assert!(refused.to_string().ends_with("; offset 2 comes next"), "{refused}");
        let empty = client.append("s", &Batch::new(), &AppendOptions::default()).await;
        assert_eq!(code(&empty.expect_err("it holds nothing")), ErrorCode::InvalidBatch);
        let unacked = AppendOptions::default();
        client.append_unacked("s", &batch(&["c"]), &unacked).await.expect("it is sent");
        let leader = AppendOptions::default().with_level(AckLevel::Leader);
        let pending = client.begin_append("s", &batch(&["d"]), &leader).await.expect("it is sent");
        assert_eq!(pending.await.expect("it is stored").base_offset, Offset(3));
    });
}

#[test]
fn keys_choose_partitions_and_stay_there() {
    run(async {
        let broker = RealBroker::start();
        let client = broker.client().await;
        let four = StreamOptions::default().with_partitions(4);
        client.create_stream("s", four).await.expect("it is made");
        let mut chosen = Vec::new();
        for round in 0..2 {
            for key in ["a", "b", "c", "d", "e", "f"] {
                let record =
                    Record::new("x").with_key(key).with_header("Round", &round.to_string());
                let one = Batch::of(&record.expect("a header")).expect("it is small");
                let appended = client.append("s", &one, &AppendOptions::default()).await;
                chosen.push(appended.expect("it is stored").partition);
            }
        }
        assert_eq!(chosen[..6], chosen[6..], "the same key, the same partition");
        assert!(chosen.iter().any(|it| *it != chosen[0]), "not all are the same");
        let read = read_all(&client, "s", chosen[0]).await;
        let last = read.last().expect("there is one");
        assert_eq!(last.header("Round"), Some(&b"1"[..]));
        assert!(last.key().is_some() && last.append_time().0 > 0);
    });
}

/// Small credit, large batches: the follower stands again and again, and nothing is lost.
#[test]
fn a_reader_with_little_room_gets_everything() {
    run(async {
        let broker = RealBroker::start();
        let client = broker.client().await;
        client.create_stream("s", StreamOptions::default()).await.expect("it is made");
        for _ in 0..40 {
            let some: Vec<_> = (0..25).map(|_| "twenty bytes of text").collect();
            client.append("s", &batch(&some), &AppendOptions::default()).await.expect("stored");
        }
        for (records, bytes) in [(1, 1), (30, 1 << 20), (1000, 700)] {
            let options = FollowOptions::default().until_end().with_ahead(records, bytes);
            let follower = client.follow("s", 0, StartAt::First, options).await;
            let (mut follower, mut next) = (follower.expect("it reads"), 0);
            while let Some(record) = follower.next().await {
                assert_eq!(record.expect("it can be read").offset(), Offset(next), "no gap");
                next += 1;
            }
            assert_eq!(next, 1000, "with {records} records and {bytes} bytes ahead");
        }
    });
}

#[test]
fn readers_and_producers_go_on_when_the_broker_comes_back() {
    run(async {
        let mut broker = RealBroker::start();
        let soon =
            Reconnect::default().with_delays(Duration::from_millis(1), Duration::from_millis(20));
        let options = broker.options().with_reconnect(soon).with_timeout(LONG);
        let client = Client::connect(options).await.expect("let in");
        client.create_stream("s", StreamOptions::default()).await.expect("it is made");
        let mut producer =
            client.producer("s", ProducerOptions::default()).await.expect("the stream is there");
        let mut reader =
            client.follow("s", 0, StartAt::First, FollowOptions::default()).await.expect("reads");
        let plain = AppendOptions::default();
        let mut read = Vec::new();
        for round in 0..4 {
            for at in 0..5 {
                let text = format!("{round}.{at}");
                producer.append(&batch(&[text.as_str()]), &plain).await.expect("it is stored");
                read.push(reader.next().await.expect("it goes on").expect("it can be read"));
            }
            broker.stop();
            // While it is away, one is put on its way that waits for it.
            let text = format!("{round}.away");
            let away = batch(&[text.as_str()]);
            let (appended, ()) = tokio::join!(producer.append(&away, &plain), async {
                tokio::task::yield_now().await;
                broker.start_again();
            });
            assert!(!appended.expect("it is stored").is_duplicate);
            read.push(reader.next().await.expect("it goes on").expect("it can be read"));
        }
        let all = texts(&read);
        assert_eq!(texts(&read_all(&client, "s", 0).await), all, "nothing twice, nothing lost");
        let offsets: Vec<_> = all.iter().map(|(offset, _)| *offset).collect();
        assert_eq!(offsets, (0..24).collect::<Vec<_>>());
        assert_eq!(client.statistics().reconnects, 4);
    });
}

#[test]
fn a_producer_that_begins_anew_fences_the_one_before() {
    run(async {
        let broker = RealBroker::start();
        let client = broker.client().await;
        client.create_stream("s", StreamOptions::default()).await.expect("it is made");
        let of = |epoch| ProducerOptions { id: Some(ProducerId(7)), epoch: ProducerEpoch(epoch) };
        let mut old = client.producer("s", of(0)).await.expect("it is there");
        let plain = AppendOptions::default();
        old.append(&batch(&["a"]), &plain).await.expect("it is stored");
        let mut new = client.producer("s", of(1)).await.expect("it is there");
        new.append(&batch(&["b"]), &plain).await.expect("it is stored");
        let fenced = old.append(&batch(&["c"]), &plain).await.expect_err("it is fenced off");
        assert_eq!(code(&fenced), ErrorCode::ProducerFenced);
        assert!(fenced.to_string().ends_with("; the epoch is 1 now"), "{fenced}");
        let mut twin = client.producer("s", of(1)).await.expect("it is there");
        let twice = twin.append(&batch(&["b"]), &plain).await.expect("it is known");
        assert!(twice.is_duplicate && twice.base_offset == Offset(1));
    });
}

/// The broker knows a batch by its sequence and its length: another one would be taken for it.
#[test]
fn a_producer_whose_append_was_dropped_takes_no_other_batch_for_it() {
    run(async {
        let broker = RealBroker::start();
        let client = broker.client().await;
        client.create_stream("s", StreamOptions::default()).await.expect("it is made");
        let plain = AppendOptions::default();
        let mut producer =
            client.producer("s", ProducerOptions::default()).await.expect("there are streams");
        let (first, other) = (batch(&["first"]), batch(&["other"]));
        {
            let appending = std::pin::pin!(producer.append(&first, &plain));
            let once = &mut std::task::Context::from_waker(std::task::Waker::noop());
            assert!(appending.poll(once).is_pending(), "it is on its way");
        }
        let refused = producer.append(&other, &plain).await.expect_err("the first is in doubt");
        assert!(matches!(refused, ClientError::InDoubt { partition: 0 }), "{refused}");
        assert!(!refused.is_retryable() && refused.help().contains("again"));
        producer.append(&first, &plain).await.expect("it is the same");
        let stored = producer.append(&other, &plain).await.expect("nothing is in doubt now");
        assert!(!stored.is_duplicate);
        let all = texts(&read_all(&client, "s", 0).await);
        assert_eq!(all, [(0, "first".to_owned()), (1, "other".to_owned())]);
        let named = producer.options();
        let next = ProducerOptions { epoch: ProducerEpoch(named.epoch.0 + 1), ..named };
        let mut next = client.producer("s", next).await.expect("there are streams");
        next.append(&other, &plain).await.expect("it begins anew");
        let late = producer.append(&first, &plain).await.expect_err("the earlier one is over");
        assert_eq!(code(&late), ErrorCode::ProducerFenced);
    });
}

#[test]
fn a_producer_asks_about_its_stream_for_keys_alone() {
    run(async {
        let broker = RealBroker::start();
        let client = broker.client().await;
        let producer = client.producer("later", ProducerOptions::default()).await;
        let mut producer = producer.expect("the stream may be made later");
        let options = StreamOptions::default().with_partitions(4);
        let plain = AppendOptions::default();
        let keyed = Batch::of(&Record::new("x").with_key("f")).expect("it is small");
        for one in [&batch(&["x"]), &keyed] {
            let absent = producer.append(one, &plain).await.expect_err("there is none yet");
            assert_eq!(code(&absent), ErrorCode::UnknownStream);
        }
        client.create_stream("later", options).await.expect("it is made");
        let by_key = producer.append(&keyed, &plain).await.expect("it is stored");
        let chosen = client.append("later", &keyed, &plain).await.expect("it is stored");
        assert_eq!(by_key.partition, chosen.partition);
    });
}

#[test]
fn the_blocking_client_reads_several_partitions_in_turn() {
    let broker = RealBroker::start();
    let mut client = BlockingClient::connect(broker.options()).expect("let in");
    client.create_stream("s", StreamOptions::default().with_partitions(3)).expect("it is made");
    assert_eq!(client.streams().expect("listed").len(), 1);
    for partition in 0..3 {
        let options = AppendOptions::default().with_partition(partition);
        let pending: Vec<_> = (0..4)
            .map(|_| client.begin_append("s", &batch(&["x", "y"]), &options).expect("it is sent"))
            .collect();
        for (at, pending) in (0_u64..).zip(pending) {
            let appended = client.finish_append(pending).expect("it is stored");
            assert_eq!((appended.partition, appended.base_offset), (partition, Offset(2 * at)));
        }
    }
    let until_end = FollowOptions::default().until_end();
    for partition in 0..3 {
        client.follow("s", partition, StartAt::First, until_end).expect("it reads");
    }
    let (mut next, mut ended) = ([0; 3], 0);
    while ended < 3 {
        match client.next_record(LONG).expect("it can be read") {
            Followed::Record(record) => {
                let next = &mut next[record.partition() as usize];
                assert_eq!(record.offset().0, *next, "in order");
                *next += 1;
            }
            Followed::End(_) => ended += 1,
            Followed::Nothing => panic!("everything is there"),
        }
    }
    assert_eq!(next, [8, 8, 8]);
    let tail = client.follow("s", 1, StartAt::End, FollowOptions::default()).expect("it reads");
    let nothing = client.next_record_of(tail, Duration::ZERO).expect("it is there");
    assert!(matches!(nothing, Followed::Nothing));
    let mut producer = client.producer("s", ProducerOptions::default()).expect("it is there");
    let options = AppendOptions::default().with_partition(1);
    producer.append(&mut client, &batch(&["z"]), &options).expect("it is stored");
    let came = client.next_record_of(tail, LONG).expect("it goes on");
    assert!(matches!(came, Followed::Record(ref it) if it.payload() == b"z"), "{came:?}");
    client.delete_stream("s").expect("it is deleted");
    let ended = client.next_record(LONG).expect_err("it is gone");
    assert_eq!(code(&ended), ErrorCode::StreamDeleted);
    client.close().expect("a good end");
}
