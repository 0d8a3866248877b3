//! Bytes out: one send per connection and turn, resumed where it was short.

use coilgun_protocol::buffer::FrameTag;
use coilgun_protocol::model::{ClientId, Timestamp};

use super::network::{End, Net, NetEvent};
use super::ring::{Operation, OperationKind, Ring};
use super::socket::{Phase, SendPlan};
use crate::mutant::{self, Mutant};

impl<R: Ring> Net<R> {
    /// Begins a send for every connection that has something to say and is not sending.
    pub(super) fn send_dirty(&mut self, now: Timestamp, events: &mut Vec<NetEvent>) {
        let count = self.dirty.len();
        self.held_until = None;
        for index in 0..count {
            let id = self.dirty[index];
            if let Some(socket) = self.sockets.get_mut(id) {
                socket.dirty = false;
                self.copies.collect(socket);
                self.send(now, id, events);
            }
        }
        self.dirty.drain(..count);
    }

    fn send(&mut self, now: Timestamp, id: ClientId, events: &mut Vec<NetEvent>) {
        let low = self.buffers.is_low();
        let Some(socket) = self.sockets.get_mut(id) else { return };
        if socket.phase == Phase::Closing {
            return;
        }
        if socket.link.is_some() {
            return self.send_link(id, events);
        }
        if socket.in_flight > 0 && socket.outbox.is_exhausted() {
            // It lacks bytes in the middle, and does not take what it has: nothing is to be saved.
            return self.end(id, End::Exhausted, events);
        }
        if socket.in_flight > 0 {
            return self.wait_for_reader(id, low);
        }
        if socket.flush_delay_us > 0 && socket.waits_for_more(now) {
            return self.hold(id);
        }
        let (operation, bytes) = match socket.plan_send() {
            SendPlan::Nothing if socket.outbox.is_exhausted() => {
                return self.end(id, End::Exhausted, events);
            }
            SendPlan::Nothing if socket.phase == Phase::Flushing => return self.linger(now, id),
            SendPlan::Nothing => return,
            SendPlan::One(address, len) => {
                let (socket, len_u32) = (socket.descriptor, len as u32);
                (Operation::Send { socket, address, len: len_u32 }, len)
            }
            SendPlan::Many(message, bytes) => {
                (Operation::SendVector { socket: socket.descriptor, message }, bytes)
            }
        };
        socket.in_flight = bytes;
        socket.late = false;
        self.counters.sends += 1;
        // SAFETY: the runs are the first `bytes` of the outbox, which keeps them until `on_sent`
        // consumes them; while the send is outstanding the socket is not freed (law S1).
        unsafe { self.push(id, OperationKind::Send, operation) };
        if mutant::is_active(Mutant::FreedEarly)
            && let Some(socket) = self.sockets.get_mut(id)
        {
            socket.outbox.consume(bytes);
        }
    }

    /// What is to be sent waits for more to go out with it.
    fn hold(&mut self, id: ClientId) {
        let Some(socket) = self.sockets.get_mut(id) else { return };
        let until = socket.held_until;
        self.held_until = self.held_until.into_iter().chain(until).min();
        socket.dirty = true;
        self.dirty.push(id);
    }

    /// Lets what is sent to a connection wait for more to go out with it, so many microseconds at most;
    /// what is [in a hurry](coilgun_protocol::buffer::OutBuf::hurry) does not.
    pub fn set_flush_delay(&mut self, id: ClientId, us: u32) {
        if let Some(socket) = self.sockets.get_mut(id) {
            socket.flush_delay_us = us;
        }
    }

    /// The reader has not taken what was sent to it before. What it has not taken after one more
    /// turn shall pin no receive block (law S6).
    pub(super) fn wait_for_reader(&mut self, id: ClientId, low: bool) {
        let Some(socket) = self.sockets.get_mut(id) else { return };
        if socket.late || low {
            socket.outbox.move_out_references(socket.in_flight);
        } else if socket.outbox.has_references() {
            socket.late = true;
            socket.dirty = true;
            self.dirty.push(id);
        }
    }

    /// All receive blocks are held and somebody waits for one: what the kernel is sending out of them
    /// to readers that take nothing is taken back, and sent again from copies (law S6).
    pub(super) fn take_back_sends(&mut self) {
        let ids: Vec<ClientId> = self.sockets.ids().collect();
        for id in ids {
            // Without a block to copy into, sends would be taken back for nothing, again and again.
            if self.pools.small.free_count() == 0 {
                return;
            }
            let Some(socket) = self.sockets.get_mut(id) else { continue };
            if socket.link.is_some() {
                // The kernel has none of it.
                if self.buffers.are_held_by(&socket.outbox) {
                    socket.outbox.move_out_references(0);
                }
                continue;
            }
            if socket.phase != Phase::Closing
                && socket.in_flight > 0
                && !socket.taken_back
                && self.buffers.are_held_by(&socket.outbox)
            {
                socket.taken_back = true;
                self.cancel(id, OperationKind::Send);
            }
        }
    }

    /// Drops messages that wait for a client, the oldest first, until `wanted` bytes are gone; calls
    /// `on_dropped` with the tag of each. What the kernel is sending stays. Returns how many bytes
    /// are gone.
    pub fn drop_oldest(
        &mut self,
        id: ClientId,
        wanted: usize,
        on_dropped: impl FnMut(FrameTag),
    ) -> usize {
        let Some(socket) = self.sockets.get_mut(id) else { return 0 };
        socket.outbox.drop_oldest(socket.in_flight, wanted, on_dropped)
    }

    pub(super) fn on_sent(&mut self, id: ClientId, result: i32, events: &mut Vec<NetEvent>) {
        let Some(socket) = self.sockets.get_mut(id) else {
            self.counters.stale_completions += 1;
            return;
        };
        socket.outstanding -= 1;
        let in_flight = std::mem::take(&mut socket.in_flight);
        if socket.phase == Phase::Closing {
            return self.settle(id);
        }
        match usize::try_from(result) {
            Ok(sent) => {
                let is_repeated = mutant::is_active(Mutant::RepeatedSend) && sent < in_flight;
                if !is_repeated && !mutant::is_active(Mutant::FreedEarly) {
                    socket.outbox.consume(sent);
                }
                self.counters.sent_bytes += sent as u64;
                if socket.phase == Phase::Open {
                    events.push(NetEvent::Sent(id));
                }
            }
            Err(_) if [libc::EAGAIN, libc::EINTR, libc::ECANCELED].contains(&-result) => {}
            Err(_) => return self.end(id, End::Failed(-result), events),
        }
        let socket = self.sockets.get_mut(id).expect("it was there a moment ago");
        if std::mem::take(&mut socket.taken_back) {
            socket.outbox.move_out_references(0);
        }
        let more = !socket.outbox.is_empty() || socket.outbox.is_exhausted();
        if (more || socket.phase == Phase::Flushing) && !socket.dirty {
            socket.dirty = true;
            self.dirty.push(id);
        }
    }
}
