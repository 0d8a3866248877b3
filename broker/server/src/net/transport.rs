//! What stands between the network and a session: it turns received blocks into chunks.
//!
//! The plain transport hands out bytes as they came. A transport that changes bytes (TLS, a
//! WebSocket's mask) takes each piece, writes what it means to a block of its own, and pushes that
//! (law S29); the session cannot tell the difference. Dispatch is through this enum, not a boxed
//! trait.

use coilgun_protocol::buffer::BlockRange;

use super::assembly::{AssemblyPools, NoAssemblyBlock};
use super::inbox::{Inbox, Next};

/// How bytes travel on a connection, and those that arrived.
#[derive(Debug)]
pub enum Transport {
    /// As they are.
    Plain(Inbox),
    /// Every byte combined with a mask, to prove the door.
    #[cfg(test)]
    Masked(Inbox, u8),
}

impl Transport {
    /// Takes in bytes as they came from the network.
    ///
    /// # Errors
    /// If the transport needs a block to change the bytes in and none is free; the connection has
    /// to be closed.
    pub fn receive(
        &mut self,
        piece: BlockRange,
        pools: &AssemblyPools,
    ) -> Result<(), NoAssemblyBlock> {
        match self {
            Transport::Plain(inbox) => inbox.push(piece),
            #[cfg(test)]
            Transport::Masked(inbox, mask) => {
                for part in piece.bytes().chunks(pools.small.block_bytes()) {
                    let block = pools.small.take().ok_or(NoAssemblyBlock)?;
                    // SAFETY: the block was just taken, nothing else refers to it.
                    let room = unsafe { block.unwritten(0, part.len()) };
                    room.iter_mut().zip(part).for_each(|(to, from)| *to = from ^ *mask);
                    inbox.push(BlockRange::new(block, 0, part.len()));
                }
            }
        }
        let _ = pools;
        Ok(())
    }

    /// The chunk to parse next.
    pub fn next(&mut self, pools: &AssemblyPools) -> Next {
        self.inbox_mut().next(pools)
    }

    /// The bytes that wait.
    #[must_use]
    pub fn inbox(&self) -> &Inbox {
        match self {
            Transport::Plain(inbox) => inbox,
            #[cfg(test)]
            Transport::Masked(inbox, _) => inbox,
        }
    }

    /// The bytes that wait, to consume them.
    pub fn inbox_mut(&mut self) -> &mut Inbox {
        match self {
            Transport::Plain(inbox) => inbox,
            #[cfg(test)]
            Transport::Masked(inbox, _) => inbox,
        }
    }
}

impl Default for Transport {
    fn default() -> Self {
        Transport::Plain(Inbox::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use coilgun_protocol::buffer::{Pool, Region};

    #[test]
    fn s29_a_transport_that_changes_bytes_fits_the_same_door() {
        let pools = AssemblyPools {
            small: Pool::new(Region::heap(4 * 8), 8),
            large: Pool::new(Region::heap(64), 64),
        };
        let receive = Pool::new(Region::heap(32), 32);
        let block = receive.take().expect("a block is free");
        let masked: Vec<u8> = b"twelve bytes".iter().map(|byte| byte ^ 0x5A).collect();
        // SAFETY: the block was just taken, nothing else refers to it.
        unsafe { block.unwritten(0, 12) }.copy_from_slice(&masked);
        let mut transport = Transport::Masked(Inbox::default(), 0x5A);
        transport.receive(BlockRange::new(block, 0, 12), &pools).expect("blocks are free");
        assert_eq!(receive.free_count(), 1, "the receive block went back at once");
        let mut plain = Vec::new();
        while let Next::Chunk(chunk) = transport.next(&pools) {
            plain.extend_from_slice(chunk.bytes());
            let consumed = coilgun_protocol::session::Consumed { bytes: chunk.len(), need: 0 };
            transport.inbox_mut().consume(consumed, &pools).expect("nothing to assemble");
        }
        assert_eq!(plain, b"twelve bytes");
    }
}
