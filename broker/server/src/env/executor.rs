//! glommio calls the turns.
//!
//! ```text
//!   turn, turn, turn ...    while there is work; every 200 us one real reactor turn for glommio
//!   nothing to do:          spin for a while, if asked to and if that was worth it the last time; then
//!                           announce sleep, look again, and
//!                             nap:  wait in the shard's own ring, until glommio's next turn
//!                             park: wait for the eventfd inside glommio
//! ```
//!
//! A nap is one system call, a park several: a shard that is busy but for moments naps. While a disk is at
//! work, of which only glommio hears, it naps once and shortly: clients that are answered without the disk
//! are back within that time. While it is parked, the ring's own completions and other threads write to the
//! same eventfd; glommio polls it in its own ring, so that timers and files of the executor go on.

use std::io;
use std::os::fd::AsRawFd;

use coilgun_protocol::model::Timestamp;
use glommio::io::PollableFd;
use glommio::{ExecutorJoinHandle, LocalExecutorBuilder, Placement};

use super::wake::Waker;

/// How long turns may follow each other before glommio gets a turn of its own, in nanoseconds.
const REACTOR_TURN_NS: u64 = 200_000;
/// The same while a disk is at work: what it has done is seen no later than that.
const REACTOR_TURN_DISK_NS: u64 = 40_000;
/// How long the shard naps while a disk is at work before it parks, in nanoseconds: a client that was
/// answered without the disk may be back by then, and the disk is not.
const DISK_NAP_NS: u64 = 20_000;

/// Something that works in turns.
pub trait Turn {
    /// Reads the clock.
    fn now(&mut self) -> Timestamp;

    /// Does a bounded amount of work (law S23).
    ///
    /// # Errors
    /// If it cannot go on.
    fn turn(&mut self, now: Timestamp) -> io::Result<Work>;

    /// Whether an operation of a disk is under way, of which only glommio hears.
    fn waits_for_disk(&self) -> bool {
        false
    }

    /// Unless there is something to do, sleeps until there is, or a thread wakes it, so many nanoseconds
    /// at most. Returns whether there is something to do.
    ///
    /// # Errors
    /// If it cannot go on.
    fn nap(&mut self, ns: u64) -> io::Result<bool>;

    /// Prepares to sleep, waking at its next deadline: after this, whatever happens writes to the
    /// eventfd. Returns whether there is still nothing to do (law S24).
    ///
    /// # Errors
    /// If it cannot go on.
    fn prepare_park(&mut self) -> io::Result<bool>;

    /// Is awake again.
    fn end_park(&mut self);
}

/// What a turn says about the next one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Work {
    /// There is more to do.
    More,
    /// Nothing is left to do until something happens.
    Idle,
    /// It has ended.
    Done,
}

/// A thread with an executor, on which a shard lives.
#[derive(Debug)]
pub struct ShardThread<T: Send + 'static>(ExecutorJoinHandle<T>);

impl<T: Send + 'static> ShardThread<T> {
    /// Waits for the thread, and returns what its future returned.
    ///
    /// # Errors
    /// If the thread panicked.
    pub fn join(self) -> io::Result<T> {
        self.0.join().map_err(io::Error::from)
    }
}

/// Runs the future that `make` returns on a thread of its own, inside an executor. The thread is
/// bound to `processor`, or to none: then it may run where the process may (law S36). The executor
/// registers `file_bytes` of buffers for files.
///
/// # Errors
/// If the kernel refuses a thread or the executor's rings, or has no such processor.
pub fn spawn<F, T>(
    name: &str,
    processor: Option<usize>,
    file_bytes: u64,
    make: impl FnOnce() -> F + Send + 'static,
) -> io::Result<ShardThread<T>>
where
    F: Future<Output = T> + 'static,
    T: Send + 'static,
{
    let placement = processor.map_or(Placement::Unbound, Placement::Fixed);
    let file_bytes = usize::try_from(file_bytes).unwrap_or(usize::MAX);
    let builder = LocalExecutorBuilder::new(placement).name(name).io_memory(file_bytes);
    builder.spawn(make).map(ShardThread).map_err(io::Error::from)
}

/// Calls `shard`'s turns inside a glommio executor until it is done. Where nothing is left to do it
/// goes on to look for `spin_us` microseconds before it sleeps (law S25), if there was something to do
/// again within that time when nothing was left before; 0: it sleeps at once.
///
/// # Errors
/// If a turn fails, or glommio cannot wait.
pub async fn run(shard: &mut impl Turn, waker: &Waker, spin_us: u64) -> io::Result<()> {
    let event = PollableFd::new(waker.clone()).map_err(io::Error::from)?;
    // Always readable, so that waiting for it costs exactly one turn of the reactor.
    let always = PollableFd::new(ready_event()?).map_err(io::Error::from)?;
    let mut reactor_turn_at = Timestamp::default();
    let mut spins_until = Timestamp::default();
    let (spin_ns, mut idle_since) = (spin_us * 1_000, None::<Timestamp>);
    // How long nothing was to do the last time.
    let mut pause_ns = u64::MAX;
    let mut at_disk = AtDisk::Nothing;
    // Ends when the shard says that it is done.
    loop {
        let now = shard.now();
        let work = shard.turn(now)?;
        // A turn may have asked a disk for something: it is begun, and heard of, sooner.
        reactor_turn_at = reactor_turn_at.min(Timestamp(now.0 + reactor_turn_ns(shard)));
        at_disk = match (shard.waits_for_disk(), at_disk) {
            (false, _) => AtDisk::Nothing,
            (true, AtDisk::Nothing) => AtDisk::ToBegin,
            (true, AtDisk::Napped) if work == Work::More => AtDisk::Begun,
            (true, as_before) => as_before,
        };
        if work == Work::More {
            if let Some(since) = idle_since.take() {
                pause_ns = now.0 - since.0;
            }
            // Whoever waits for longer than that is not found by looking.
            spins_until = if pause_ns <= spin_ns { Timestamp(now.0 + spin_ns) } else { now };
        } else {
            idle_since.get_or_insert(now);
        }
        match work {
            Work::Done => return Ok(()),
            Work::More if now < reactor_turn_at => {}
            Work::Idle if now < spins_until.min(reactor_turn_at) => std::hint::spin_loop(),
            Work::Idle if now >= spins_until && at_disk != AtDisk::ToBegin => {
                waker.announce_sleep();
                let left = reactor_turn_at.0.saturating_sub(now.0);
                let nap_ns = match at_disk {
                    AtDisk::Nothing => left,
                    AtDisk::ToBegin | AtDisk::Begun => DISK_NAP_NS,
                    // In a nap nobody hears of a disk.
                    AtDisk::Napped => 0,
                };
                if nap_ns > 0 && shard.nap(nap_ns)? {
                    waker.end_nap();
                    continue;
                }
                if at_disk == AtDisk::Begun {
                    at_disk = AtDisk::Napped;
                }
                if shard.prepare_park()? {
                    event.readable().await.map_err(io::Error::from)?;
                    reactor_turn_at = Timestamp(shard.now().0 + reactor_turn_ns(shard));
                }
                waker.end_sleep();
                shard.end_park();
            }
            Work::More | Work::Idle => {
                always.readable().await.map_err(io::Error::from)?;
                reactor_turn_at = Timestamp(now.0 + reactor_turn_ns(shard));
                if at_disk == AtDisk::ToBegin {
                    at_disk = AtDisk::Begun;
                }
            }
        }
    }
}

/// How far what a shard wants of a disk has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum AtDisk {
    /// It wants nothing.
    Nothing,
    /// It wants something, which begins with glommio's next turn.
    ToBegin,
    /// It is under way, and the shard may nap once: something else may come sooner.
    Begun,
    /// It is under way, and nothing came during the nap.
    Napped,
}

/// How long turns may follow each other before glommio gets one.
fn reactor_turn_ns(shard: &impl Turn) -> u64 {
    if shard.waits_for_disk() { REACTOR_TURN_DISK_NS } else { REACTOR_TURN_NS }
}

/// An eventfd that is always readable.
fn ready_event() -> io::Result<impl AsRawFd> {
    let waker = Waker::new()?;
    waker.announce_sleep();
    waker.wake();
    Ok(waker)
}
