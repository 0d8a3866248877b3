//! Waiting for an operation of the simulated disk.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::request::{Completed, Request};
use super::world::SimWorld;

/// One operation: it begins when this is polled first, and stays in flight until the world completes it.
/// Dropped before, it is carried out all the same.
#[derive(Debug)]
pub(super) struct Waiting {
    world: SimWorld,
    /// The process it belongs to.
    generation: u64,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    New(Request),
    InFlight(u64),
    Over,
}

impl Waiting {
    /// An operation of a process; of one that has ended, it never happens.
    pub(super) fn new(world: &SimWorld, generation: u64, request: Request) -> Waiting {
        Waiting { world: world.clone(), generation, stage: Stage::New(request) }
    }

    /// An operation of the process that lives now.
    pub(super) fn of_living(world: &SimWorld, request: Request) -> Waiting {
        let generation = world.state().generation;
        Waiting::new(world, generation, request)
    }
}

impl Future for Waiting {
    type Output = Completed;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Completed> {
        let Waiting { world, generation, stage } = &mut *self;
        let mut state = world.state();
        if state.is_crashed || state.generation != *generation {
            return Poll::Pending;
        }
        match stage {
            Stage::New(request) => {
                let number = state.submit(request.clone(), context.waker().clone());
                *stage = Stage::InFlight(number);
                Poll::Pending
            }
            Stage::InFlight(number) => match state.completed.remove(number) {
                Some(completed) => {
                    *stage = Stage::Over;
                    Poll::Ready(completed)
                }
                None => {
                    let in_flight = state.in_flight.get_mut(number);
                    let in_flight = in_flight.expect("what is not complete is in flight");
                    in_flight.waker.clone_from(context.waker());
                    Poll::Pending
                }
            },
            Stage::Over => panic!("a future is not polled after its end"),
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Stage::InFlight(number) = self.stage {
            let mut state = self.world.state();
            if state.generation == self.generation {
                state.abandon(number);
            }
        }
    }
}
