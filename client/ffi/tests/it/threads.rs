//! One thread at a time, errors for each thread by itself, and a broker that goes.

use core::ptr::null_mut;

use coilgun::{
    ClientHandle, Code, coilgun_client_free, coilgun_close, coilgun_connect, coilgun_flush,
    coilgun_is_connected, coilgun_keep_alive, coilgun_last_error_code, coilgun_last_error_is_fatal,
    coilgun_message_free, coilgun_next_message, coilgun_options_free,
    coilgun_options_set_reconnect, coilgun_publish, coilgun_subscribe,
};

use crate::arguments::{connect, last_message, options_for, publication};
use crate::broker::Running;

/// A pointer on its way to another thread, which is what is tested here.
struct Sent(*mut ClientHandle);

// SAFETY: the handle behind the pointer refuses a second call while one is under way.
unsafe impl Send for Sent {}

#[test]
fn a_second_call_at_the_same_time_is_refused_and_changes_nothing() {
    let broker = Running::start();
    let reader = connect(&broker.address());
    let writer = connect(&broker.address());
    let mut subscription = 0;
    // SAFETY: the handles are alive until they are closed at the end; the thread is joined before.
    unsafe {
        let out = &raw mut subscription;
        let code = coilgun_subscribe(reader, b"a".as_ptr().cast(), 1, core::ptr::null(), out);
        assert_eq!(code, Code::CoilgunOk);
        let sent = Sent(reader);
        let waiting = std::thread::spawn(move || {
            let Sent(reader) = { sent };
            let mut message = null_mut();
            let mut code = Code::CoilgunErrorBusy;
            // Ends because the other thread stops to call as soon as this one was seen to wait.
            while code == Code::CoilgunErrorBusy {
                code = coilgun_next_message(reader, u32::MAX, &raw mut message);
            }
            assert_eq!(coilgun_message_free(message), Code::CoilgunOk);
            code
        });
        // Ends as soon as the thread is in its call, which it leaves with the message below only.
        while coilgun_keep_alive(reader) != Code::CoilgunErrorBusy {}
        assert_eq!(last_message(), "another thread is in a call with this client");
        assert_eq!(coilgun_client_free(reader), Code::CoilgunErrorBusy, "it is not freed either");
        let message = publication("a");
        assert_eq!(coilgun_publish(writer, &raw const message), Code::CoilgunOk);
        assert_eq!(coilgun_flush(writer), Code::CoilgunOk);
        assert_eq!(waiting.join().expect("it does not panic"), Code::CoilgunOk);
        assert_eq!(coilgun_flush(reader), Code::CoilgunOk, "it goes on as before");
        assert_eq!(coilgun_close(reader), Code::CoilgunOk);
        assert_eq!(coilgun_close(writer), Code::CoilgunOk);
    }
    broker.stop();
}

#[test]
fn a_client_that_shall_not_come_back_says_that_it_is_over() {
    let broker = Running::start();
    let options = options_for(&broker.address());
    let (mut client, mut message) = (null_mut(), null_mut());
    // SAFETY: the handles are alive until they are freed.
    unsafe {
        assert_eq!(coilgun_options_set_reconnect(options, 0), Code::CoilgunOk);
        assert_eq!(coilgun_connect(options, &raw mut client), Code::CoilgunOk);
        assert_eq!(coilgun_is_connected(client), 1);
        broker.stop();
        let code = coilgun_next_message(client, u32::MAX, &raw mut message);
        let lost = [Code::CoilgunErrorConnectionLost, Code::CoilgunErrorEnded];
        assert!(lost.contains(&code), "{code:?}: {}", last_message());
        assert_eq!((coilgun_is_connected(client), coilgun_last_error_is_fatal()), (0, 1));
        assert_eq!(coilgun_client_free(client), Code::CoilgunOk);
        assert_eq!(coilgun_options_free(options), Code::CoilgunOk);
    }
}

#[test]
fn each_thread_has_its_own_last_error() {
    // SAFETY: NULL is refused without being looked at.
    assert_eq!(unsafe { coilgun_flush(null_mut()) }, Code::CoilgunErrorInvalidArgument);
    let elsewhere = std::thread::spawn(|| coilgun_last_error_code()).join();
    assert_eq!(elsewhere.expect("it does not panic"), Code::CoilgunOk);
    assert_eq!(coilgun_last_error_code(), Code::CoilgunErrorInvalidArgument);
}
