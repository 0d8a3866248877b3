//! Running the code under test on one thread, in an order that the dice decides.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use super::dice::Dice;
use super::world::SimWorld;

/// Everything has stopped, because of [`SimWorld::crash_at`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the simulated process died")]
pub struct Crashed;

/// Runs a future to its end, completing operations while it waits. One that ends in the same turn in which
/// everything stops has not ended.
///
/// # Errors
/// If everything stops before.
///
/// # Panics
/// If the future waits for something that no operation brings.
pub fn run<F: Future>(world: &SimWorld, dice: &mut Dice, future: F) -> Result<F::Output, Crashed> {
    let mut future = pin!(future);
    let awake = Awake::new();
    let waker = Waker::from(awake.clone());
    // Ends because each turn polls a future that was woken, completes an operation, or panics.
    loop {
        if awake.take() {
            let polled = future.as_mut().poll(&mut Context::from_waker(&waker));
            if world.is_crashed() {
                return Err(Crashed);
            }
            if let Poll::Ready(output) = polled {
                return Ok(output);
            }
        } else {
            assert!(world.complete_one(dice), "the future waits for nothing that the disk does");
        }
    }
}

/// Futures that run side by side. They are polled when they were woken, in an order that the dice decides,
/// so that one that nobody wakes is found.
#[derive(Default)]
pub struct Tasks<'a> {
    tasks: Vec<Task<'a>>,
}

struct Task<'a> {
    name: &'static str,
    future: Pin<Box<dyn Future<Output = ()> + 'a>>,
    awake: Arc<Awake>,
}

/// What one step did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// A task was polled.
    Polled,
    /// An operation was completed.
    Completed,
    /// Nothing: no task is awake, and no operation is in flight.
    Idle,
}

impl<'a> Tasks<'a> {
    /// No tasks.
    #[must_use]
    pub fn new() -> Tasks<'a> {
        Tasks::default()
    }

    /// Adds a task; `name` is what a panic calls it.
    pub fn spawn(&mut self, name: &'static str, future: impl Future<Output = ()> + 'a) {
        self.tasks.push(Task { name, future: Box::pin(future), awake: Awake::new() });
    }

    /// The tasks that have not ended, in the order in which they were added.
    #[must_use]
    pub fn names(&self) -> Vec<&'static str> {
        self.tasks.iter().map(|task| task.name).collect()
    }

    /// Polls a task that is awake, or completes an operation.
    ///
    /// # Errors
    /// If everything has stopped. Drop the tasks then.
    pub fn step(&mut self, world: &SimWorld, dice: &mut Dice) -> Result<Step, Crashed> {
        if world.is_crashed() {
            return Err(Crashed);
        }
        let is_awake = |task: &Task<'_>| task.awake.0.load(Ordering::Relaxed);
        let indices: Vec<usize> =
            (0..self.tasks.len()).filter(|index| is_awake(&self.tasks[*index])).collect();
        // Now and then the disk is faster than the tasks.
        if (indices.is_empty() || dice.below(4) == 0) && world.complete_one(dice) {
            return Ok(Step::Completed);
        }
        if indices.is_empty() {
            return Ok(Step::Idle);
        }
        let index = indices[dice.below(indices.len())];
        let has_ended = self.tasks[index].poll();
        if world.is_crashed() {
            return Err(Crashed);
        }
        if has_ended {
            self.tasks.remove(index);
        }
        Ok(Step::Polled)
    }

    /// Runs until nothing is left to do, and returns how many tasks have not ended: they wait for
    /// something that no operation brings.
    ///
    /// # Errors
    /// If everything stops before. Drop the tasks then.
    pub fn run_until_idle(&mut self, world: &SimWorld, dice: &mut Dice) -> Result<usize, Crashed> {
        // Ends as soon as no task is awake and no operation in flight.
        while self.step(world, dice)? != Step::Idle {}
        Ok(self.tasks.len())
    }

    /// Runs until all tasks have ended.
    ///
    /// # Errors
    /// If everything stops before. Drop the tasks then.
    ///
    /// # Panics
    /// If tasks wait for something that no operation brings.
    pub fn run(&mut self, world: &SimWorld, dice: &mut Dice) -> Result<(), Crashed> {
        let left = self.run_until_idle(world, dice)?;
        assert!(left == 0, "nobody will wake {:?}", self.names());
        Ok(())
    }
}

impl Task<'_> {
    /// Polls it, and says whether it has ended.
    fn poll(&mut self) -> bool {
        self.awake.take();
        let waker = Waker::from(self.awake.clone());
        self.future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready()
    }
}

impl core::fmt::Debug for Tasks<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

/// Whether a future was woken since it was polled.
#[derive(Debug)]
struct Awake(AtomicBool);

impl Awake {
    /// Of a future that was never polled.
    fn new() -> Arc<Awake> {
        Arc::new(Awake(AtomicBool::new(true)))
    }

    fn take(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}

impl Wake for Awake {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}
