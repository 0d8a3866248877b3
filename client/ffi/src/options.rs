//! How a client connects, put together call by call.

use core::ffi::c_void;
use std::time::Duration;

use coilgun_client::{
    Address, ClientError, Options, Reconnect, SlowConsumerPolicy, SlowConsumerWish,
};

use crate::caller::Caller;
use crate::code::Code;
use crate::failure::Failure;
use crate::guard::guard;
use crate::handle::{Handle, Opaque};

/// How a client connects.
#[derive(Debug)]
pub struct OptionsHandle(Handle<Options>);

impl Opaque for OptionsHandle {
    type Inside = Options;
    const WHAT: &'static str = "options";

    fn handle(&self) -> &Handle<Options> {
        &self.0
    }

    fn into_inside(self) -> Options {
        self.0.into_inside()
    }
}

/// Begins the options of a client for the broker at an address: `host:port`, `coilgun://host:port`,
/// `unix:PATH`, or a path with a slash. Unless it is changed, a client has no name, is in the default
/// namespace, takes at most 5 seconds to connect and 10 seconds for every answer, and keeps up to
/// 65,536 messages or 64 MiB for coilgun_next_message.
///
/// The options are freed with coilgun_options_free; on failure `*options_out` is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coilgun_options_new(
    address: *const c_void,
    address_length: usize,
    options_out: *mut *mut OptionsHandle,
) -> Code {
    // SAFETY: whoever calls from C keeps the rules of the header.
    let caller = unsafe { Caller::promises() };
    guard(|| {
        let out = caller.result(options_out, core::ptr::null_mut(), "options_out")?;
        let text = caller.text(address, address_length, "address")?;
        let address: Address = text.parse().map_err(ClientError::from)?;
        *out = Caller::give(OptionsHandle(Handle::new(Options::new(address))));
        Ok(Code::CoilgunOk)
    })
}

/// Frees options; nothing happens with NULL. Clients that were connected with them go on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coilgun_options_free(options: *mut OptionsHandle) -> Code {
    // SAFETY: whoever calls from C keeps the rules of the header.
    let caller = unsafe { Caller::promises() };
    guard(|| {
        if !options.is_null() {
            drop(caller.take_handle(options)?);
        }
        Ok(Code::CoilgunOk)
    })
}

/// Gives the client a name by which others reach it, unique in its namespace, in the grammar of a
/// subject; empty: none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coilgun_options_set_name(
    options: *mut OptionsHandle,
    name: *const c_void,
    name_length: usize,
) -> Code {
    // SAFETY: whoever calls from C keeps the rules of the header.
    let caller = unsafe { Caller::promises() };
    change(&caller, options, |options| {
        options.name = caller.text(name, name_length, "name")?.to_owned();
        Ok(())
    })
}

/// Puts the client into a namespace; empty: the default one of the broker.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coilgun_options_set_namespace(
    options: *mut OptionsHandle,
    name: *const c_void,
    name_length: usize,
) -> Code {
    // SAFETY: whoever calls from C keeps the rules of the header.
    let caller = unsafe { Caller::promises() };
    change(&caller, options, |options| {
        options.namespace = caller.text(name, name_length, "name")?.to_owned();
        Ok(())
    })
}

/// Says who the client is: a user, empty where a token says it all, and a password or token.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coilgun_options_set_credentials(
    options: *mut OptionsHandle,
    user: *const c_void,
    user_length: usize,
    secret: *const c_void,
    secret_length: usize,
) -> Code {
    // SAFETY: whoever calls from C keeps the rules of the header.
    let caller = unsafe { Caller::promises() };
    change(&caller, options, |options| {
        let user = caller.text(user, user_length, "user")?;
        let secret = caller.bytes(secret, secret_length, "secret")?;
        *options = options.clone().with_credentials(user, secret);
        Ok(())
    })
}

/// How long connecting may take, the handshake included, in milliseconds.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coilgun_options_set_connect_timeout(
    options: *mut OptionsHandle,
    timeout_ms: u32,
) -> Code {
    // SAFETY: whoever calls from C keeps the rules of the header.
    let caller = unsafe { Caller::promises() };
    change(&caller, options, |options| {
        options.connect_timeout = Duration::from_millis(timeout_ms.into());
        Ok(())
    })
}

/// How long a call that waits for the broker may take where it has no time limit of its own, in
/// milliseconds.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coilgun_options_set_timeout(
    options: *mut OptionsHandle,
    timeout_ms: u32,
) -> Code {
    // SAFETY: whoever calls from C keeps the rules of the header.
    let caller = unsafe { Caller::promises() };
    change(&caller, options, |options| {
        options.timeout = Duration::from_millis(timeout_ms.into());
        Ok(())
    })
}

/// How many messages, at least 1, and how many bytes of them wait in the client at most while it
/// waits for something else; one message of any size is taken even so.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coilgun_options_set_queue(
    options: *mut OptionsHandle,
    messages_max: usize,
    bytes_max: usize,
) -> Code {
    // SAFETY: whoever calls from C keeps the rules of the header.
    let caller = unsafe { Caller::promises() };
    change(&caller, options, |options| {
        if messages_max == 0 {
            return Err(Failure::argument("messages_max is 0: a queue holds at least one message"));
        }
        options.queue_messages_max = messages_max;
        options.queue_bytes_max = bytes_max;
        Ok(())
    })
}

/// Not 0: the client does not get what it published itself.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coilgun_options_set_no_echo(
    options: *mut OptionsHandle,
    no_echo: i32,
) -> Code {
    // SAFETY: whoever calls from C keeps the rules of the header.
    let caller = unsafe { Caller::promises() };
    change(&caller, options, |options| {
        options.no_echo = no_echo != 0;
        Ok(())
    })
}

/// Not 0: the client gets each message once, however many of its subscriptions match it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coilgun_options_set_once_per_message(
    options: *mut OptionsHandle,
    once_per_message: i32,
) -> Code {
    // SAFETY: whoever calls from C keeps the rules of the header.
    let caller = unsafe { Caller::promises() };
    change(&caller, options, |options| {
        options.once_per_message = once_per_message != 0;
        Ok(())
    })
}

/// Whether the client comes back when its connection breaks, which it does unless this is 0: while a call
/// waits, within the time limit of the call. Its subscriptions go on then, and what was published
/// meanwhile is sent; calls whose outcome nobody knows give COILGUN_ERROR_LOST.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coilgun_options_set_reconnect(
    options: *mut OptionsHandle,
    reconnect: i32,
) -> Code {
    // SAFETY: whoever calls from C keeps the rules of the header.
    let caller = unsafe { Caller::promises() };
    change(&caller, options, |options| {
        options.reconnect = (reconnect != 0).then(Reconnect::default);
        Ok(())
    })
}

/// What the broker shall do with messages that the client does not read fast enough, by the number of
/// the policy in docs/WIRE.md: 0 what the broker does anyway, 1 disconnect, 2 drop the newest, 3 drop
/// the oldest, 4 to 6 let publishers wait and then do one of the three.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coilgun_options_set_slow_consumer(
    options: *mut OptionsHandle,
    policy: i32,
) -> Code {
    // SAFETY: whoever calls from C keeps the rules of the header.
    let caller = unsafe { Caller::promises() };
    change(&caller, options, |options| {
        options.slow_consumer = slow_consumer(policy)?;
        Ok(())
    })
}

/// The wish for the policy with this number; 0 is none.
pub(crate) fn slow_consumer(policy: i32) -> Result<SlowConsumerWish, Failure> {
    if policy == 0 {
        return Ok(SlowConsumerWish::default());
    }
    let known = u8::try_from(policy).ok().and_then(SlowConsumerPolicy::from_number);
    let unknown = || Failure::argument(&format!("there is no policy {policy}; there are 0 to 6"));
    let policy = Some(known.ok_or_else(unknown)?);
    Ok(SlowConsumerWish { policy, backpressure_ms: None })
}

/// Changes options.
fn change(
    caller: &Caller,
    options: *mut OptionsHandle,
    change: impl FnOnce(&mut Options) -> Result<(), Failure>,
) -> Code {
    guard(|| {
        caller.look(options, "options")?.with(change)?;
        Ok(Code::CoilgunOk)
    })
}
