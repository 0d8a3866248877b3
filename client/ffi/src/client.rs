//! A client: connected, waited with, and ended.

use std::collections::BTreeMap;
use std::time::Duration;

use coilgun_client::blocking::Client;
use coilgun_client::{ConnectionState, Subscription};

use crate::caller::Caller;
use crate::code::Code;
use crate::failure::Failure;
use crate::guard::{guard, guard_answer};
use crate::handle::{Handle, Opaque};
use crate::message::MessageHandle;
use crate::options::OptionsHandle;

/// A client of a broker.
#[derive(Debug)]
pub struct ClientHandle(Handle<Connected>);

/// What stands behind the handle of a client.
#[derive(Debug)]
pub(crate) struct Connected {
    pub(crate) client: Client,
    /// The subscriptions that C has not ended, by their numbers.
    pub(crate) subscriptions: BTreeMap<u64, Subscription>,
}

impl Opaque for ClientHandle {
    type Inside = Connected;
    const WHAT: &'static str = "client";

    fn handle(&self) -> &Handle<Connected> {
        &self.0
    }

    fn into_inside(self) -> Connected {
        self.0.into_inside()
    }
}

/// What a call may wait that names this many milliseconds.
pub(crate) fn timeout(timeout_ms: u32) -> Duration {
    // A time too long to be told is for ever.
    if timeout_ms == u32::MAX { Duration::MAX } else { Duration::from_millis(timeout_ms.into()) }
}

/// Connects, and returns when the broker has let the client in. The options may be used again or
/// freed afterwards. The client is freed with coilgun_close or coilgun_client_free; on failure
/// `*client_out` is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coilgun_connect(
    options: *mut OptionsHandle,
    client_out: *mut *mut ClientHandle,
) -> Code {
    // SAFETY: whoever calls from C keeps the rules of the header.
    let caller = unsafe { Caller::promises() };
    guard(|| {
        let out = caller.result(client_out, core::ptr::null_mut(), "client_out")?;
        let options = caller.look(options, "options")?.with(|options| Ok(options.clone()))?;
        let client = Client::connect(options)?;
        let connected = Connected { client, subscriptions: BTreeMap::new() };
        *out = Caller::give(ClientHandle(Handle::new(connected)));
        Ok(Code::CoilgunOk)
    })
}

/// Says goodbye, waits for the end of the connection, and frees the client: what was published is
/// out, and what still arrives is dropped. Whatever it returns, the client is gone, unless it returns
/// COILGUN_ERROR_BUSY or the pointer is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coilgun_close(client: *mut ClientHandle) -> Code {
    // SAFETY: whoever calls from C keeps the rules of the header.
    let caller = unsafe { Caller::promises() };
    guard(|| {
        let (connected, is_poisoned) = caller.take_handle(client)?;
        if is_poisoned {
            return Err(Failure::poisoned(ClientHandle::WHAT));
        }
        connected.client.close()?;
        Ok(Code::CoilgunOk)
    })
}

/// Ends the connection at once and frees the client; what was published and not flushed may be lost.
/// Nothing happens with NULL. With COILGUN_ERROR_BUSY nothing was freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coilgun_client_free(client: *mut ClientHandle) -> Code {
    // SAFETY: whoever calls from C keeps the rules of the header.
    let caller = unsafe { Caller::promises() };
    guard(|| {
        if !client.is_null() {
            drop(caller.take_handle(client)?);
        }
        Ok(Code::CoilgunOk)
    })
}

/// Returns once everything this client sent has taken effect: messages are in the outboxes of their
/// receivers, and subscriptions receive.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coilgun_flush(client: *mut ClientHandle) -> Code {
    // SAFETY: whoever calls from C keeps the rules of the header.
    let caller = unsafe { Caller::promises() };
    use_client(&caller, client, |connected| Ok(connected.client.flush()?))
}

/// Hands everything to the system that was published and not yet sent.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coilgun_write_out(client: *mut ClientHandle) -> Code {
    // SAFETY: whoever calls from C keeps the rules of the header.
    let caller = unsafe { Caller::promises() };
    use_client(&caller, client, |connected| Ok(connected.client.write_out()?))
}

/// Sends what waits to be sent, reads what has arrived as far as there is room for it, answers the
/// broker's signs of life, and waits for nothing. Who makes no other call for long calls this, at
/// least once in each ping interval of the broker.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coilgun_keep_alive(client: *mut ClientHandle) -> Code {
    // SAFETY: whoever calls from C keeps the rules of the header.
    let caller = unsafe { Caller::promises() };
    use_client(&caller, client, |connected| Ok(connected.client.keep_alive()?))
}

/// Ends all subscriptions and returns when nothing more is delivered for them and everything that was
/// sent has taken effect; what arrived before is still handed out by coilgun_next_message.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coilgun_drain(client: *mut ClientHandle) -> Code {
    // SAFETY: whoever calls from C keeps the rules of the header.
    let caller = unsafe { Caller::promises() };
    use_client(&caller, client, |connected| {
        connected.client.drain()?;
        connected.subscriptions.clear();
        Ok(())
    })
}

/// Takes the oldest message that was not handed out; COILGUN_NOTHING, if none comes within
/// `timeout_ms` milliseconds. 0 takes what is there, COILGUN_FOREVER waits for as long as it takes.
/// The message is freed with coilgun_message_free; without one `*message_out` is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coilgun_next_message(
    client: *mut ClientHandle,
    timeout_ms: u32,
    message_out: *mut *mut MessageHandle,
) -> Code {
    // SAFETY: whoever calls from C keeps the rules of the header.
    let caller = unsafe { Caller::promises() };
    guard(|| {
        let out = caller.result(message_out, core::ptr::null_mut(), "message_out")?;
        let client = caller.look(client, ClientHandle::WHAT)?;
        let next = client.with(|it| Ok(it.client.next_message(timeout(timeout_ms))?))?;
        let Some(message) = next else { return Ok(Code::CoilgunNothing) };
        *out = Caller::give(MessageHandle::new(message));
        Ok(Code::CoilgunOk)
    })
}

/// How many messages wait in the client for coilgun_next_message; 0 if that cannot be told.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coilgun_queued_count(client: *mut ClientHandle) -> usize {
    // SAFETY: whoever calls from C keeps the rules of the header.
    let caller = unsafe { Caller::promises() };
    ask_client(&caller, client, |connected| connected.client.queued_count())
}

/// The largest payload that the broker accepts, in bytes; 0 if that cannot be told.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coilgun_payload_bytes_max(client: *mut ClientHandle) -> usize {
    // SAFETY: whoever calls from C keeps the rules of the header.
    let caller = unsafe { Caller::promises() };
    ask_client(&caller, client, |connected| connected.client.server().payload_bytes_max)
}

/// 1, if the client is connected as far as it knows, which looks only while a call waits; 0, if it is
/// about to come back or has ended, or if that cannot be told.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coilgun_is_connected(client: *mut ClientHandle) -> i32 {
    // SAFETY: whoever calls from C keeps the rules of the header.
    let caller = unsafe { Caller::promises() };
    ask_client(&caller, client, |connected| {
        i32::from(connected.client.state() == ConnectionState::Connected)
    })
}

/// 1, if the broker said that it is about to leave: it still delivers what waits, and ends the
/// connection soon. 0 if not, or if that cannot be told.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coilgun_is_going_away(client: *mut ClientHandle) -> i32 {
    // SAFETY: whoever calls from C keeps the rules of the header.
    let caller = unsafe { Caller::promises() };
    ask_client(&caller, client, |connected| i32::from(connected.client.going_away().is_some()))
}

/// Runs the work of a call that gives nothing but its code.
pub(crate) fn use_client(
    caller: &Caller,
    client: *mut ClientHandle,
    work: impl FnOnce(&mut Connected) -> Result<(), Failure>,
) -> Code {
    guard(|| {
        caller.look(client, ClientHandle::WHAT)?.with(work)?;
        Ok(Code::CoilgunOk)
    })
}

fn ask_client<T: Default>(
    caller: &Caller,
    client: *mut ClientHandle,
    ask: impl FnOnce(&mut Connected) -> T,
) -> T {
    guard_answer(T::default(), || {
        caller.look(client, ClientHandle::WHAT)?.with(|connected| Ok(ask(connected)))
    })
}

/// A handle may go from thread to thread, as long as one at a time uses it.
const _: fn() = || {
    fn may_move<T: Send>() {}
    may_move::<Connected>();
};
