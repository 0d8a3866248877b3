//! What the load makes of streams of messages that are not as they were sent.

use coilgun_bench::traffic::lane::{FrameTemplate, Lane, Then};
use coilgun_bench::traffic::message::{
    Arrival, Checker, Faults, MessageError, payload_template, read_stamp, write_stamp,
};

const SENT: u64 = 1000;

fn payload(sequence: u64) -> Vec<u8> {
    let mut payload = payload_template(3, 40);
    write_stamp(&mut payload, sequence, 1_000 + sequence);
    payload
}

/// Feeds messages with these numbers; `SENT` were sent.
fn feed(numbers: impl IntoIterator<Item = u64>) -> (Checker, Vec<Arrival>) {
    let mut checker = Checker::new(&payload_template(3, 40));
    let arrivals = numbers
        .into_iter()
        .map(|number| {
            let payload = payload(number);
            let stamp = read_stamp(&payload).expect("the payload is ours");
            checker.on_arrival(stamp, &payload, SENT).expect("the payload was sent")
        })
        .collect();
    (checker, arrivals)
}

#[test]
fn a_stamp_reads_back() {
    let last = (1 << 48) - 1;
    for sequence in [77, 0x1234_5678_9abc, last] {
        let payload = payload(sequence);
        let stamp = read_stamp(&payload).expect("the payload is ours");
        assert_eq!((stamp.lane, stamp.sequence), (3, sequence));
        assert_eq!(stamp.intended_ns, 1_000 + sequence);
    }
}

#[test]
fn a_stream_in_order_has_no_faults() {
    let (checker, arrivals) = feed(0..SENT);
    assert_eq!(checker.faults(SENT), Faults::default());
    assert!(arrivals.iter().all(|arrival| *arrival == Arrival::First));
}

#[test]
fn losses_in_the_middle_and_at_the_end_are_counted() {
    let (checker, _) = feed((0..10).chain(13..SENT - 2));
    assert_eq!(checker.faults(SENT), Faults { lost: 5, doubled: 0, disordered: 0 });
    assert_eq!(checker.arrived(), SENT - 5);
}

#[test]
fn a_message_that_comes_again_is_doubled_whenever_it_comes() {
    let (checker, arrivals) = feed((0..5).chain([4, 0]).chain(5..SENT).chain([7]));
    assert_eq!(checker.faults(SENT), Faults { lost: 0, doubled: 3, disordered: 0 });
    assert_eq!(arrivals[5..7], [Arrival::Again, Arrival::Again]);
}

#[test]
fn a_late_message_is_out_of_order_and_then_doubled() {
    let (checker, arrivals) = feed([0, 2, 3, 1, 1].into_iter().chain(4..SENT));
    assert_eq!(checker.faults(SENT), Faults { lost: 0, doubled: 1, disordered: 1 });
    assert_eq!(arrivals[3..5], [Arrival::First, Arrival::Again]);
}

#[test]
fn a_gap_that_is_too_long_to_remember_is_counted() {
    let sent = 10_000_000;
    let mut checker = Checker::new(&payload_template(3, 40));
    let last = payload(sent - 1);
    let stamp = read_stamp(&last).expect("the payload is ours");
    checker.on_arrival(stamp, &last, sent).expect("the payload was sent");
    assert_eq!(checker.faults(sent).lost, sent - 1);
    assert_eq!(checker.arrived(), 1);
}

#[test]
fn bytes_that_were_not_sent_are_refused() {
    let mut checker = Checker::new(&payload_template(3, 40));
    let mut check = |payload: &[u8]| {
        let stamp = read_stamp(payload)?;
        checker.on_arrival(stamp, payload, 10)
    };
    let mut altered = payload(0);
    altered[39] ^= 4;
    assert_eq!(check(&altered), Err(MessageError::Altered { lane: 3, sequence: 0 }));
    assert_eq!(check(&payload(10)), Err(MessageError::NeverSent { lane: 3, sequence: 10 }));
    assert_eq!(check(&payload(0)[..15]), Err(MessageError::Length { found: 15, expected: 16 }));
    assert_eq!(check(&payload(0)[..39]), Err(MessageError::Length { found: 39, expected: 40 }));
    let other = payload_template(3, 48);
    assert_eq!(check(&other), Err(MessageError::Length { found: 48, expected: 40 }));
    assert_eq!(check(&payload(0)), Ok(Arrival::First));
}

#[test]
fn a_lane_numbers_its_frames_and_stamps_their_payloads() {
    let mut frame = b"HEAD".to_vec();
    frame.extend(payload_template(9, 32));
    let mut lane = Lane::new(FrameTemplate::new(frame, 32), 0, 0, Then::Done { restart: 0 });
    let mut out = Vec::new();
    lane.push(500, &mut out);
    lane.push(600, &mut out);
    assert_eq!((out.len(), lane.sent(), lane.arrived()), (72, 2, 0));
    assert_eq!(lane.faults(), Faults { lost: 2, ..Faults::default() });
    for (frame, (sequence, intended)) in out.chunks(36).zip([(0, 500), (1, 600)]) {
        let stamp = read_stamp(frame.strip_prefix(b"HEAD").expect("the head is kept"))
            .expect("the payload is ours");
        assert_eq!((stamp.lane, stamp.sequence, stamp.intended_ns), (9, sequence, intended));
    }
}
