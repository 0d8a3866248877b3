//! Lays out the memory of one shard's network and builds it.

use std::io;

use coilgun_protocol::buffer::Pool;
use coilgun_protocol::model::limits;

use crate::env::Env;
use crate::net::{Net, NetSettings};

/// How much memory a network may use. All of it is reserved at the start and used as it is touched.
#[derive(Clone, Copy, Debug)]
pub struct MemoryPlan {
    /// Receive blocks.
    pub receive_blocks: usize,
    /// Bytes of output blocks, which also hold small frames that are being assembled.
    pub output_bytes: usize,
    /// The largest frame that is assembled, in bytes.
    pub frame_bytes_max: usize,
    /// Bytes of blocks for frames larger than an output block.
    pub large_bytes: usize,
    /// Connections, those that are turned away politely included.
    pub sockets_max: usize,
    /// Payloads up to this size are copied.
    pub copy_max: usize,
}

impl Default for MemoryPlan {
    fn default() -> Self {
        MemoryPlan {
            receive_blocks: 128,
            output_bytes: limits::BUFFER_BYTES_DEFAULT,
            frame_bytes_max: limits::FRAME_BYTES_DEFAULT,
            large_bytes: limits::BUFFER_BYTES_DEFAULT,
            sockets_max: limits::CONNECTIONS_DEFAULT + 64,
            copy_max: limits::COPY_MAX,
        }
    }
}

/// Builds a network in `env`.
///
/// # Errors
/// If memory or the ring cannot be had.
pub fn build_network<E: Env>(env: &mut E, plan: &MemoryPlan) -> io::Result<Net<E::Ring>> {
    let large_block = plan.frame_bytes_max.max(limits::BLOCK_BYTES).next_multiple_of(4096);
    let large_bytes = plan.large_bytes.max(4 * large_block);
    let receive_bytes = plan.receive_blocks * limits::BLOCK_BYTES;
    let receive = Pool::new(env.region(receive_bytes)?, limits::BLOCK_BYTES);
    let output = Pool::new(env.region(plan.output_bytes)?, limits::BLOCK_BYTES);
    let large = Pool::new(env.region(large_bytes)?, large_block);
    let ring = env.ring(&receive)?;
    let settings = NetSettings {
        receive,
        output,
        large,
        copy_max: plan.copy_max,
        sockets_max: plan.sockets_max,
    };
    Ok(Net::new(ring, settings))
}
