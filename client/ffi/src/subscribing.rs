//! Subscriptions and their credit.

use core::ffi::c_void;

use coilgun_client::{SubscribeOptions, Subscription};

use crate::bytes::Bytes;
use crate::caller::Caller;
use crate::client::{ClientHandle, Connected, use_client};
use crate::code::Code;
use crate::failure::Failure;
use crate::options::slow_consumer;
use crate::publication::look_sized;

/// How a subscription receives. All fields that are 0 is a subscription without limits;
/// coilgun_subscribe_options() sets everything to 0 and `struct_size`.
#[repr(C)]
#[derive(Debug)]
pub struct SubscribeParts {
    /// sizeof(coilgun_subscribe_options_t), by which the library knows the version of the struct.
    pub struct_size: usize,
    /// Not 0: only as many messages arrive as `credit` and coilgun_add_credit allow.
    pub has_credit: i32,
    /// How many messages may arrive before coilgun_add_credit is needed.
    pub credit: u32,
    /// The subscription ends after this many messages; 0: it does not.
    pub deliveries_max: u32,
    /// The policy for its messages while the client does not read fast enough, by number as in
    /// coilgun_options_set_slow_consumer.
    pub slow_consumer: i32,
    /// Name of the queue group, whose members share the messages, UTF-8; empty: none.
    pub queue_group: Bytes,
}

impl SubscribeParts {
    fn options(&self, caller: &Caller) -> Result<SubscribeOptions, Failure> {
        let group = self.queue_group;
        Ok(SubscribeOptions {
            queue_group: caller.text(group.data, group.length, "queue_group")?.to_owned(),
            credit: (self.has_credit != 0).then_some(self.credit),
            deliveries_max: self.deliveries_max,
            slow_consumer: slow_consumer(self.slow_consumer)?,
            ..SubscribeOptions::default()
        })
    }
}

/// Begins to receive what is published to the subjects that a filter matches, and returns when the
/// subscription is in force. Its number, never 0, is what coilgun_message_subscription says. `options`
/// may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coilgun_subscribe(
    client: *mut ClientHandle,
    filter: *const c_void,
    filter_length: usize,
    options: *const SubscribeParts,
    subscription_out: *mut u64,
) -> Code {
    // SAFETY: whoever calls from C keeps the rules of the header.
    let caller = unsafe { Caller::promises() };
    use_client(&caller, client, |connected| {
        let out = caller.result(subscription_out, 0, "subscription_out")?;
        let filter = caller.text(filter, filter_length, "filter")?;
        let options = if options.is_null() {
            SubscribeOptions::default()
        } else {
            look_sized(&caller, options, "options")?.options(&caller)?
        };
        let subscription = connected.client.subscribe(filter, &options)?;
        connected.subscriptions.insert(subscription.id().0, subscription);
        *out = subscription.id().0;
        Ok(())
    })
}

/// Ends a subscription and returns when nothing more is delivered for it. Messages that arrived before
/// are still handed out.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coilgun_unsubscribe(client: *mut ClientHandle, subscription: u64) -> Code {
    // SAFETY: whoever calls from C keeps the rules of the header.
    let caller = unsafe { Caller::promises() };
    use_client(&caller, client, |connected| {
        let held = find(connected, subscription)?;
        let ended = connected.client.unsubscribe(held);
        // After a refusal it had ended already; where the broker did not answer it may be tried again.
        if ended.as_ref().map_or_else(|error| error.code().is_some(), |()| true) {
            connected.subscriptions.remove(&subscription);
        }
        Ok(ended?)
    })
}

/// Ends a subscription once it has had so many messages since it began; 0: at once.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coilgun_unsubscribe_after(
    client: *mut ClientHandle,
    subscription: u64,
    deliveries_max: u32,
) -> Code {
    // SAFETY: whoever calls from C keeps the rules of the header.
    let caller = unsafe { Caller::promises() };
    use_client(&caller, client, |connected| {
        let held = find(connected, subscription)?;
        Ok(connected.client.unsubscribe_after(held, deliveries_max)?)
    })
}

/// Lets a subscription receive so many messages more. Waits for nothing, as coilgun_publish.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coilgun_add_credit(
    client: *mut ClientHandle,
    subscription: u64,
    messages: u32,
) -> Code {
    // SAFETY: whoever calls from C keeps the rules of the header.
    let caller = unsafe { Caller::promises() };
    use_client(&caller, client, |connected| {
        let held = find(connected, subscription)?;
        Ok(connected.client.add_credit(held, messages)?)
    })
}

fn find(connected: &Connected, subscription: u64) -> Result<Subscription, Failure> {
    let unknown = || Failure::argument(&format!("this client has no subscription {subscription}"));
    connected.subscriptions.get(&subscription).copied().ok_or_else(unknown)
}
