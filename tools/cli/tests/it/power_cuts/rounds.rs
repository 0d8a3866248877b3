//! Rounds of load and power cuts.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::Instant;

use coilgun_lossfs::{Forgotten, Keep, Lie};

use crate::board::{Board, with_board};
use crate::load::{Crowd, Tally, dice};
use crate::process::Running;
use crate::stream_peer::StreamPeer;

/// How often the power is cut.
fn round_count() -> u64 {
    if std::env::var_os("COILGUN_TEST_FULL").is_some() { 300 } else { 60 }
}

/// Under load the power lasts fewer steps than this once it was decided that it goes: some commit groups.
const STEPS_UNDER_LOAD: u64 = 200;
/// During a start it lasts fewer steps than this, which is a few more than a start has.
const STEPS_OF_A_START: u64 = 5000;
/// The first steps of a start, before it fills a new segment with zeros.
const STEPS_OF_NAMES: u64 = 80;

/// What happened to the disk.
#[derive(Clone, Copy, Debug, Default)]
struct Exercised {
    /// Rounds in which clients were at work when the power went.
    under_load: u64,
    /// Rounds in which the power went before the broker listened.
    starts: u64,
    /// Rounds in which blocks were lost or torn.
    with_loss: u64,
    /// All that was lost, kept and torn.
    forgotten: Forgotten,
}

/// Rounds on one disk.
struct Rounds<'a> {
    board: &'a Board,
    crowd: Crowd,
    exercised: Exercised,
    /// How many there were.
    count: u64,
}

impl Rounds<'_> {
    fn new(board: &Board) -> Rounds<'_> {
        Rounds { board, crowd: Crowd::new(), exercised: Exercised::default(), count: 0 }
    }

    /// Runs so many rounds.
    fn run(&mut self, count: u64) {
        for number in self.count..self.count + count {
            self.round(number);
        }
        self.count += count;
    }

    /// Starts the broker, cuts the power at some moment, and has the disk forget.
    fn round(&mut self, number: u64) {
        match self.start(number) {
            Some(broker) => {
                if number == 0 {
                    Crowd::create_stream(&self.board.place.socket());
                }
                self.use_until_the_power_goes(&broker, number);
                self.exercised.under_load += 1;
            }
            None => self.exercised.starts += 1,
        }
        // Every second time dice keep a part of what was not synced, in any order.
        let keep = if number.is_multiple_of(2) { Keep::Nothing } else { Keep::Some(number) };
        let one = self.board.disk.forget(keep).expect("the disk below works");
        self.exercised.with_loss += u64::from(one.blocks_lost + one.blocks_torn > 0);
        let all = &mut self.exercised.forgotten;
        all.blocks_lost += one.blocks_lost;
        all.blocks_kept += one.blocks_kept;
        all.blocks_torn += one.blocks_torn;
        all.names_lost += one.names_lost;
    }

    /// Starts the broker; every fourth time on a disk whose power may go at any step of that. `None` if it
    /// went.
    fn start(&self, number: u64) -> Option<Running> {
        if number % 4 != 3 {
            return Some(self.board.place.start());
        }
        let disk = &self.board.disk;
        let steps = if number % 8 == 3 { STEPS_OF_A_START } else { STEPS_OF_NAMES };
        let has_power = disk.cut_after(Some((dice(number) % steps) as u32));
        assert!(has_power, "it came back");
        let mut broker = Running::start(self.board.place.command());
        let listens = broker.wait_for_or_end("coilgun: listening on ").is_some();
        let has_power = disk.cut_after(None);
        assert!(listens || !has_power, "it starts as long as there is power");
        has_power.then_some(broker)
    }

    /// Has the crowd use the broker until the power goes.
    fn use_until_the_power_goes(&mut self, broker: &Running, number: u64) {
        let (disk, acks_wanted) = (&self.board.disk, 1 + dice(number) % 120);
        self.crowd.run(&self.board.place.socket(), acks_wanted, &|| disk.is_cut(), |are_at_work| {
            if !number.is_multiple_of(4) {
                // While something is written: most often in the middle of a commit group.
                disk.cut_after(Some((dice(number + 1) % STEPS_UNDER_LOAD) as u32));
                // Ends because producers send as long as they are acked, which takes steps of the disk.
                while !disk.is_cut() && are_at_work() {
                    thread::yield_now();
                }
            }
            disk.cut();
            broker.signal(libc::SIGKILL);
        });
    }

    /// Holds what is there at the end against what everybody was told.
    fn check(&self) -> Tally {
        let broker = self.board.place.start();
        let tally = self.crowd.check(&mut StreamPeer::connect(&self.board.place.socket()));
        broker.signal(libc::SIGTERM);
        assert_eq!(broker.end().status, 0);
        tally
    }
}

#[test]
fn l7_l13_nothing_acked_is_lost_or_doubled_whenever_the_power_is_cut() {
    with_board(1, |board| {
        let begun = Instant::now();
        let mut rounds = Rounds::new(board);
        rounds.run(round_count());
        let tally = rounds.check();
        let Rounds { count, exercised, .. } = rounds;
        println!("{count} cuts, {tally:?}, {exercised:?}, {:?}", begun.elapsed());
        assert!(tally.records > 50 * count && tally.acked > 50 * count, "{tally:?}");
        assert!(tally.resent > count && tally.seen > 20 * count, "{tally:?}");
        assert!(
            tally.unknown > count / 10,
            "some heard that their append has no outcome: {tally:?}"
        );
        assert!(exercised.under_load > count / 2 && exercised.starts > count / 10, "{exercised:?}");
        assert!(exercised.with_loss > count / 3, "{exercised:?}");
        assert!(exercised.forgotten.blocks_torn > count, "{exercised:?}");
        assert!(exercised.forgotten.names_lost > count, "{exercised:?}");
    });
}

/// Rounds on a disk that is honest at first and then breaks a promise: somebody has to notice.
fn is_found(lie: Lie) {
    with_board(2, |board| {
        let mut rounds = Rounds::new(board);
        rounds.run(4);
        rounds.check();
        board.disk.lie(Some(lie));
        let found = catch_unwind(AssertUnwindSafe(|| {
            rounds.run(20);
            rounds.check()
        }));
        assert!(found.is_err(), "{lie:?} is not noticed: {found:?}");
    });
}

#[test]
fn writes_that_are_not_synced_although_the_broker_asked_for_it_are_found() {
    is_found(Lie::SyncedWrites);
}

#[test]
fn files_that_are_not_synced_although_the_broker_asked_for_it_are_found() {
    is_found(Lie::FileSyncs);
}

#[test]
fn directories_that_are_not_synced_although_the_broker_asked_for_it_are_found() {
    is_found(Lie::DirectorySyncs);
}
