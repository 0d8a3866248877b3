//! Arguments that cannot be used are errors, and nothing is done with them.

use core::ffi::{CStr, c_void};
use core::mem::size_of;
use core::ptr::{null, null_mut};

use coilgun::{
    Bytes, ClientHandle, Code, MessageHandle, OptionsHandle, PublicationParts, SubscribeParts,
    coilgun_add_credit, coilgun_client_free, coilgun_close, coilgun_connect, coilgun_drain,
    coilgun_flush, coilgun_last_error_message, coilgun_message_free, coilgun_message_header,
    coilgun_message_header_count, coilgun_message_payload, coilgun_message_subscription,
    coilgun_next_message, coilgun_options_free, coilgun_options_new, coilgun_options_set_name,
    coilgun_options_set_queue, coilgun_options_set_slow_consumer, coilgun_publish,
    coilgun_publish_acked, coilgun_queued_count, coilgun_reply, coilgun_request, coilgun_subscribe,
    coilgun_unsubscribe,
};

use crate::broker::Running;

const WRONG: Code = Code::CoilgunErrorInvalidArgument;

pub(crate) fn last_message() -> String {
    // SAFETY: the library gives a text with an end, and this thread makes no call meanwhile.
    let text = unsafe { CStr::from_ptr(coilgun_last_error_message()) };
    text.to_str().expect("it is UTF-8").to_owned()
}

pub(crate) fn options_for(address: &str) -> *mut OptionsHandle {
    let mut options = null_mut();
    // SAFETY: the text and the place for the result live during the call.
    let code =
        unsafe { coilgun_options_new(address.as_ptr().cast(), address.len(), &raw mut options) };
    assert_eq!(code, Code::CoilgunOk, "{}", last_message());
    options
}

pub(crate) fn connect(address: &str) -> *mut ClientHandle {
    let options = options_for(address);
    let mut client = null_mut();
    // SAFETY: the options were made above, and are freed once.
    unsafe {
        assert_eq!(
            coilgun_connect(options, &raw mut client),
            Code::CoilgunOk,
            "{}",
            last_message()
        );
        assert_eq!(coilgun_options_free(options), Code::CoilgunOk);
    }
    client
}

fn bytes(text: &str) -> Bytes {
    Bytes { data: text.as_ptr().cast(), length: text.len() }
}

pub(crate) fn publication(subject: &str) -> PublicationParts {
    PublicationParts {
        struct_size: size_of::<PublicationParts>(),
        target_kind: 0,
        has_more: 0,
        target: bytes(subject),
        reply: bytes(""),
        headers: null(),
        header_count: 0,
        payload: bytes("ink"),
    }
}

#[test]
fn null_is_refused_wherever_something_is_needed() {
    let (no_client, no_options, no_message) =
        (null_mut::<ClientHandle>(), null_mut::<OptionsHandle>(), null_mut::<MessageHandle>());
    let (mut client, mut message, mut number, mut value) =
        (null_mut(), null_mut(), 7, bytes("old"));
    let message_out = publication("a");
    // SAFETY: NULL is refused without being looked at, and the other pointers are to locals.
    unsafe {
        assert_eq!(coilgun_options_new(null(), 0, null_mut()), WRONG);
        assert_eq!(coilgun_options_set_name(no_options, null(), 0), WRONG);
        assert_eq!(coilgun_connect(no_options, &raw mut client), WRONG);
        assert_eq!(last_message(), "options is NULL");
        assert_eq!(coilgun_flush(no_client), WRONG);
        assert_eq!(coilgun_drain(no_client), WRONG);
        assert_eq!(coilgun_close(no_client), WRONG);
        assert_eq!(coilgun_publish(no_client, &raw const message_out), WRONG);
        assert_eq!(coilgun_next_message(no_client, 0, &raw mut message), WRONG);
        assert_eq!(coilgun_request(no_client, null(), 0, &raw mut message), WRONG);
        assert_eq!(coilgun_reply(no_client, no_message, null()), WRONG);
        assert_eq!(coilgun_queued_count(no_client), 0);
        assert_eq!(coilgun_message_subscription(no_message), 0);
        assert_eq!(coilgun_message_header_count(no_message), 0);
        assert!(coilgun_message_payload(no_message, &raw mut number).is_null());
        assert_eq!(number, 0, "it says the length of nothing");
        assert_eq!(coilgun_message_header(no_message, null(), 0, &raw mut value), WRONG);
        assert!(value.data.is_null() && value.length == 0);
        for code in [
            coilgun_options_free(no_options),
            coilgun_client_free(no_client),
            coilgun_message_free(no_message),
        ] {
            assert_eq!(code, Code::CoilgunOk, "nothing is there to be freed");
        }
    }
    assert!(client.is_null() && message.is_null());
}

#[test]
fn what_is_no_text_and_no_number_is_refused() {
    let options = options_for("127.0.0.1:1");
    // SAFETY: the options are alive until they are freed at the end; a length that is too large is
    // refused without being used.
    unsafe {
        assert_eq!(coilgun_options_set_name(options, b"\xff".as_ptr().cast(), 1), WRONG);
        assert!(last_message().starts_with("name is no UTF-8"), "{}", last_message());
        let somewhere: *const c_void = b"x".as_ptr().cast();
        assert_eq!(coilgun_options_set_name(options, somewhere, usize::MAX), WRONG);
        assert_eq!(coilgun_options_set_name(options, null(), 1), WRONG);
        assert_eq!(coilgun_options_set_queue(options, 0, 1), WRONG);
        for policy in [-1, 7, 256, 260] {
            assert_eq!(coilgun_options_set_slow_consumer(options, policy), WRONG, "{policy}");
        }
        let odd = options.cast::<u8>().wrapping_add(1).cast::<OptionsHandle>();
        assert_eq!(coilgun_options_set_queue(odd, 1, 1), WRONG);
        assert_eq!(last_message(), "options is misaligned");
        assert_eq!(coilgun_options_set_slow_consumer(options, 6), Code::CoilgunOk);
        assert_eq!(coilgun_options_free(options), Code::CoilgunOk);
    }
}

#[test]
fn a_struct_of_another_size_or_kind_is_refused() {
    let broker = Running::start();
    let client = connect(&broker.address());
    let mut subscription = 0;
    let mut receivers = 7;
    let mut wrong = publication("a");
    // SAFETY: the client is alive until it is closed, and the structs are locals.
    unsafe {
        for size in [0, 8, size_of::<PublicationParts>() + 8] {
            wrong.struct_size = size;
            assert_eq!(coilgun_publish(client, &raw const wrong), WRONG, "{size}");
        }
        wrong = PublicationParts { target_kind: 3, ..publication("a") };
        assert_eq!(coilgun_publish(client, &raw const wrong), WRONG);
        wrong = PublicationParts { header_count: 1, ..publication("a") };
        assert_eq!(coilgun_publish_acked(client, &raw const wrong, &raw mut receivers), WRONG);
        assert_eq!((receivers, last_message().as_str()), (0, "headers is NULL"));
        let options = SubscribeParts {
            struct_size: 4,
            has_credit: 0,
            credit: 0,
            deliveries_max: 0,
            slow_consumer: 0,
            queue_group: bytes(""),
        };
        let filter = bytes("a");
        let out = &raw mut subscription;
        assert_eq!(coilgun_subscribe(client, filter.data, 1, &raw const options, out), WRONG);
        assert_eq!(coilgun_unsubscribe(client, 1), WRONG, "nothing was subscribed to");
        assert_eq!(coilgun_add_credit(client, 1, 1), WRONG);
        let good = publication("a");
        let code = coilgun_publish_acked(client, &raw const good, null_mut());
        assert_eq!(code, Code::CoilgunOk, "who does not want the count gives NULL");
        assert_eq!(coilgun_close(client), Code::CoilgunOk, "{}", last_message());
    }
    broker.stop();
}

#[test]
fn a_reply_needs_a_message_that_wants_one() {
    let broker = Running::start();
    let client = connect(&broker.address());
    let (mut subscription, mut message) = (0, null_mut());
    // SAFETY: the client and the message are alive until they are freed below.
    unsafe {
        let out = &raw mut subscription;
        let filter = bytes("a");
        assert_eq!(coilgun_subscribe(client, filter.data, 1, null(), out), Code::CoilgunOk);
        let plain = publication("a");
        assert_eq!(coilgun_publish(client, &raw const plain), Code::CoilgunOk);
        let code = coilgun_next_message(client, u32::MAX, &raw mut message);
        assert_eq!(code, Code::CoilgunOk, "{}", last_message());
        assert_eq!(coilgun_reply(client, message, &raw const plain), WRONG, "it has a target");
        let reply = publication("");
        let code = coilgun_reply(client, message, &raw const reply);
        assert_eq!(code, Code::CoilgunErrorNoReplyWanted);
        assert_eq!(coilgun_message_free(message), Code::CoilgunOk);
        assert_eq!(coilgun_close(client), Code::CoilgunOk);
    }
    broker.stop();
}
