//! Publishing, asking and answering.

use coilgun_client::Publication;

use crate::caller::Caller;
use crate::client::{ClientHandle, timeout, use_client};
use crate::code::Code;
use crate::failure::Failure;
use crate::guard::guard;
use crate::handle::Opaque;
use crate::message::MessageHandle;
use crate::publication::{PublicationParts, look_sized};

/// Sends a message and waits for nothing: it goes out with coilgun_flush, coilgun_write_out or the next
/// call that waits, or once enough has come together. After an error it was not taken.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coilgun_publish(
    client: *mut ClientHandle,
    publication: *const PublicationParts,
) -> Code {
    // SAFETY: whoever calls from C keeps the rules of the header.
    let caller = unsafe { Caller::promises() };
    use_client(&caller, client, |connected| {
        let publication = look_sized(&caller, publication, "publication")?.publication(&caller)?;
        Ok(connected.client.publish(&publication)?)
    })
}

/// Sends a message, waits until every receiver's outbox has it, and says in `*receivers_out` how many
/// there are; NULL, if nobody wants to know.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coilgun_publish_acked(
    client: *mut ClientHandle,
    publication: *const PublicationParts,
    receivers_out: *mut u32,
) -> Code {
    // SAFETY: whoever calls from C keeps the rules of the header.
    let caller = unsafe { Caller::promises() };
    let mut nobody = 0;
    let wanted = if receivers_out.is_null() { &raw mut nobody } else { receivers_out };
    use_client(&caller, client, |connected| {
        let out = caller.result(wanted, 0, "receivers_out")?;
        let publication = look_sized(&caller, publication, "publication")?.publication(&caller)?;
        *out = connected.client.publish_acked(&publication)?;
        Ok(())
    })
}

/// Sends a message and waits at most `timeout_ms` milliseconds for the reply to it; COILGUN_FOREVER
/// waits for as long as it takes. If nobody is there to answer, that is said at once, by
/// COILGUN_ERROR_REFUSED and the name `no_responders`. The reply is freed with coilgun_message_free; on
/// failure `*reply_out` is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coilgun_request(
    client: *mut ClientHandle,
    publication: *const PublicationParts,
    timeout_ms: u32,
    reply_out: *mut *mut MessageHandle,
) -> Code {
    // SAFETY: whoever calls from C keeps the rules of the header.
    let caller = unsafe { Caller::promises() };
    guard(|| {
        let out = caller.result(reply_out, core::ptr::null_mut(), "reply_out")?;
        let publication = look_sized(&caller, publication, "publication")?.publication(&caller)?;
        let client = caller.look(client, ClientHandle::WHAT)?;
        let reply =
            client.with(|it| Ok(it.client.request(&publication, timeout(timeout_ms))?))?;
        *out = Caller::give(MessageHandle::new(reply));
        Ok(Code::CoilgunOk)
    })
}

/// Replies to a message, with the payload and the headers of `reply`, whose target is empty. Waits for
/// nothing, as coilgun_publish.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coilgun_reply(
    client: *mut ClientHandle,
    request: *const MessageHandle,
    reply: *const PublicationParts,
) -> Code {
    // SAFETY: whoever calls from C keeps the rules of the header.
    let caller = unsafe { Caller::promises() };
    use_client(&caller, client, |connected| {
        let parts = look_sized(&caller, reply, "reply")?;
        if parts.target.length > 0 || parts.target_kind != 0 {
            return Err(Failure::argument("a reply has no target: its request says where it goes"));
        }
        let request = caller.look(request, MessageHandle::WHAT)?.message();
        let reply = Publication::reply_to(request).ok_or_else(Failure::no_reply_wanted)?;
        Ok(connected.client.publish(&parts.fill(&caller, reply)?)?)
    })
}
