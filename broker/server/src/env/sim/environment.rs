//! The simulated world as a shard's environment.

use std::io;
use std::ptr::NonNull;

use coilgun_protocol::buffer::{Pool, Region};
use coilgun_protocol::model::Timestamp;

use super::ring::SimRing;
use super::world::SimWorld;
use crate::env::Env;

/// What discarded memory holds: whoever still looks at it shall notice.
const DISCARDED: u8 = 0xDF;

/// [`Env`] in a simulated world.
#[derive(Clone, Debug)]
pub struct SimEnv {
    world: SimWorld,
}

impl SimEnv {
    /// A shard's view of `world`.
    #[must_use]
    pub fn new(world: SimWorld) -> SimEnv {
        SimEnv { world }
    }
}

impl Env for SimEnv {
    type Ring = SimRing;

    fn region(&mut self, len: usize) -> io::Result<Region> {
        Ok(Region::heap(len))
    }

    fn ring(&mut self, receive: &Pool) -> io::Result<SimRing> {
        Ok(SimRing::new(self.world.clone(), receive.clone()))
    }

    unsafe fn discard(&mut self, base: NonNull<u8>, len: usize) {
        self.world.count_discarded(len);
        // SAFETY: the caller promises that nobody refers to the bytes, and they are mapped.
        unsafe { base.write_bytes(DISCARDED, len) };
    }

    fn now(&mut self) -> Timestamp {
        self.world.now()
    }

    fn random(&mut self) -> u64 {
        self.world.random()
    }
}
