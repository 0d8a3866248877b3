//! The clients over a link inside the process: small rings, and a broker on a thread behind them.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::sync::{Arc, Condvar, MutexGuard};
use std::task::Waker;
use std::time::Duration;

use coilgun_client::{Client, ClientError, Options, Publication, SubscribeOptions, blocking};
use coilgun_protocol::link::{Link, LinkConnector, LinkEnded, LinkRefused};
use coilgun_protocol::native::NativeConfig;

use crate::fake_broker::echo;
use crate::runtime::run;

#[expect(clippy::disallowed_types, reason = "both sides of a test's pipe; nothing waits for speed")]
type Lock<T> = std::sync::Mutex<T>;

/// Bytes each direction holds: less than most frames.
const ROOM: usize = 100;

#[derive(Debug, Default)]
struct Pipe {
    to_broker: VecDeque<u8>,
    to_client: VecDeque<u8>,
    waker: Option<(Waker, bool)>,
    is_over: bool,
}

#[derive(Clone, Debug, Default)]
struct Shared(Arc<(Lock<Pipe>, Condvar)>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Pipe> {
        self.0.0.lock().expect("no side panicked")
    }

    /// Tells the client what has changed: room, or something to read.
    fn tell(&self, pipe: &mut Pipe, is_room: bool) {
        if !is_room || pipe.waker.as_ref().is_some_and(|(_, for_room)| *for_room) {
            pipe.waker.take().into_iter().for_each(|(waker, _)| waker.wake());
        }
        self.0.1.notify_all();
    }
}

struct ClientEnd(Shared);

impl Link for ClientEnd {
    fn send(&mut self, bytes: &[u8]) -> Result<usize, LinkEnded> {
        let mut pipe = self.0.lock();
        if pipe.is_over {
            return Err(LinkEnded);
        }
        let count = bytes.len().min(ROOM - pipe.to_broker.len());
        pipe.to_broker.extend(&bytes[..count]);
        self.0.0.1.notify_all();
        Ok(count)
    }

    fn receive(&mut self, room: &mut [u8]) -> Result<usize, LinkEnded> {
        let mut pipe = self.0.lock();
        let count = pipe.to_client.read(room).expect("a queue can be read");
        if count == 0 && pipe.is_over {
            return Err(LinkEnded);
        }
        self.0.0.1.notify_all();
        Ok(count)
    }

    fn wake(&mut self, waker: &Waker, for_room: bool) -> bool {
        let mut pipe = self.0.lock();
        let has_room = for_room && pipe.to_broker.len() < ROOM;
        pipe.waker = Some((waker.clone(), for_room));
        !pipe.to_client.is_empty() || has_room || pipe.is_over
    }
}

impl Drop for ClientEnd {
    fn drop(&mut self) {
        self.0.lock().is_over = true;
        self.0.0.1.notify_all();
    }
}

struct BrokerEnd(Shared);

impl Read for BrokerEnd {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let waits = |pipe: &mut Pipe| pipe.to_broker.is_empty() && !pipe.is_over;
        let mut pipe = self.0.0.1.wait_while(self.0.lock(), waits).expect("no side panicked");
        let count = pipe.to_broker.read(room)?;
        self.0.tell(&mut pipe, true);
        Ok(count)
    }
}

impl Write for BrokerEnd {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let waits = |pipe: &mut Pipe| pipe.to_client.len() == ROOM && !pipe.is_over;
        let mut pipe = self.0.0.1.wait_while(self.0.lock(), waits).expect("no side panicked");
        if pipe.is_over {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let count = bytes.len().min(ROOM - pipe.to_client.len());
        pipe.to_client.extend(&bytes[..count]);
        self.0.tell(&mut pipe, false);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for BrokerEnd {
    fn drop(&mut self) {
        let mut pipe = self.0.lock();
        pipe.is_over = true;
        self.0.tell(&mut pipe, false);
    }
}

/// Starts an echoing broker for every connection.
#[derive(Debug)]
struct Connector;

impl LinkConnector for Connector {
    fn connect(&self) -> Result<Box<dyn Link>, LinkRefused> {
        let shared = Shared::default();
        let broker = BrokerEnd(shared.clone());
        // It ends with the connection.
        std::thread::spawn(move || echo(broker, NativeConfig::default()));
        Ok(Box::new(ClientEnd(shared)))
    }
}

/// A broker that has ended.
#[derive(Debug)]
struct Ended;

impl LinkConnector for Ended {
    fn connect(&self) -> Result<Box<dyn Link>, LinkRefused> {
        Err(LinkRefused::Ended)
    }
}

#[test]
fn s35_a_link_carries_what_a_socket_does_however_small_its_rings() {
    run(async {
        let client =
            Client::connect(Options::in_process(Arc::new(Connector))).await.expect("let in");
        let mut all = client.subscribe("a", &SubscribeOptions::default()).await.expect("valid");
        for number in 0..200_u32 {
            let payload = number.to_le_bytes().repeat(number as usize);
            client.publish(&Publication::to("a").with_payload(&payload)).await.expect("taken");
        }
        client.flush().await.expect("the broker answers");
        for number in 0..200_u32 {
            let message = all.next().await.expect("it comes back");
            assert_eq!(message.payload(), number.to_le_bytes().repeat(number as usize));
        }
        client.close().await.expect("in good order");
    });
}

#[test]
fn a_broker_in_this_process_that_has_ended_is_named() {
    run(async {
        let error = Client::connect(Options::in_process(Arc::new(Ended))).await.expect_err("ended");
        let text = error.to_string();
        assert!(text.contains("the broker in this process has ended"), "{text}");
    });
}

#[test]
fn s35_a_client_whose_calls_wait_uses_a_link_as_it_uses_a_socket() {
    let options = Options::in_process(Arc::new(Connector)).without_reconnect();
    let mut client = blocking::Client::connect(options).expect("let in");
    client.subscribe("n", &SubscribeOptions::default()).expect("accepted");
    // Larger than both rings, so that each side waits for the other again and again.
    let payload = vec![7; 10 * ROOM];
    for _ in 0..20 {
        client.publish(&Publication::to("n").with_payload(&payload)).expect("taken");
    }
    client.flush().expect("the broker answers");
    for _ in 0..20 {
        let message = client.next_message(Duration::ZERO).expect("connected").expect("it is there");
        assert_eq!(message.payload(), payload);
    }
    assert!(client.next_message(Duration::from_millis(1)).expect("connected").is_none());
    client.close().expect("a good end");
    let error = blocking::Client::connect(Options::in_process(Arc::new(Ended)));
    assert!(matches!(error, Err(ClientError::Connect { .. })), "{error:?}");
}
