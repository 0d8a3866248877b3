//! A broker of one thread that knows literal subjects only, and can break its promises.

use std::collections::HashMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::thread::JoinHandle;
use std::time::Duration;

use coilgun_bench::interrupt::Interrupt;
use coilgun_bench::traffic::poller::{Interest, Poller};
use coilgun_protocol::buffer::{Chunk, OutBuf, Pool, Region};
use coilgun_protocol::model::{
    BarrierDone, ClientId, Command, Commands, Delivery, ErrorCode, Event, Opened, Outcome,
    PublishFlags, SubscriptionId, Ticket, Timestamp,
};
use coilgun_protocol::native::{NativeConfig, NativeSession};
use coilgun_protocol::session::Session;
use coilgun_server::net::ListenAddress;

/// Above so many bytes to send nothing is read.
const PENDING_BYTES_MAX: usize = 4 << 20;

/// What the broker does to some messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fault {
    /// Nothing.
    None,
    /// Message number `n` of all is thrown away.
    Lose(u64),
    /// Message number `n` is delivered twice.
    Double(u64),
    /// Message number `n` is delivered after the one that follows it.
    Swap(u64),
    /// The last byte of message number `n` is changed.
    Alter(u64),
    /// Every subscription is refused.
    Refuse,
}

/// A running broker, which ends when this is dropped.
pub(crate) struct FakeBroker {
    pub(crate) address: ListenAddress,
    end: Interrupt,
    thread: Option<JoinHandle<()>>,
}

impl FakeBroker {
    pub(crate) fn start(fault: Fault) -> FakeBroker {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        listener.set_nonblocking(true).expect("sockets can be nonblocking");
        let address = ListenAddress::Tcp(listener.local_addr().expect("it has an address"));
        let end = Interrupt::default();
        let watched = end.clone();
        let thread = std::thread::spawn(move || Broker::new(listener, fault).run(&watched));
        FakeBroker { address, end, thread: Some(thread) }
    }
}

impl Drop for FakeBroker {
    fn drop(&mut self) {
        self.end.raise();
        let thread = self.thread.take().expect("it is joined once");
        assert!(thread.join().is_ok() || std::thread::panicking(), "the fake broker panicked");
    }
}

struct Broker {
    listener: TcpListener,
    poller: Poller,
    pool: Pool,
    clients: Vec<Option<Client>>,
    /// Who is subscribed to a subject: places in `clients`.
    subscribers: HashMap<Vec<u8>, Vec<(usize, SubscriptionId)>>,
    fault: Fault,
    published: u64,
    held: Option<Message>,
}

struct Client {
    stream: TcpStream,
    session: NativeSession,
    out: OutBuf,
    input: Vec<u8>,
}

#[derive(Clone)]
struct Message {
    subject: Vec<u8>,
    reply: Vec<u8>,
    payload: Vec<u8>,
    correlation: Ticket,
    flags: PublishFlags,
}

impl Broker {
    fn new(listener: TcpListener, fault: Fault) -> Broker {
        let poller = Poller::new().expect("there are descriptors");
        poller.add(listener.as_raw_fd(), usize::MAX, Interest::Read).expect("it is new");
        let pool = Pool::new(Region::heap(256 << 20), 64 << 10);
        Broker {
            listener,
            poller,
            pool,
            clients: vec![],
            subscribers: HashMap::new(),
            fault,
            published: 0,
            held: None,
        }
    }

    fn run(mut self, end: &Interrupt) {
        let mut ready = Vec::new();
        while !end.is_raised() {
            self.poller.wait(Duration::from_millis(20), &mut ready).expect("epoll works");
            for ready in &ready {
                if ready.token == usize::MAX {
                    self.accept();
                } else if ready.readable && self.pending_bytes() < PENDING_BYTES_MAX {
                    self.read(ready.token);
                }
            }
            self.flush();
        }
    }

    fn pending_bytes(&self) -> usize {
        self.clients.iter().flatten().map(|client| client.out.pending_bytes()).sum()
    }

    fn accept(&mut self) {
        while let Ok((stream, _)) = self.listener.accept() {
            stream.set_nonblocking(true).expect("sockets can be nonblocking");
            stream.set_nodelay(true).expect("TCP can be without delay");
            let token = self.clients.len();
            self.poller.add(stream.as_raw_fd(), token, Interest::Read).expect("it is new");
            let mut out = OutBuf::new(self.pool.clone(), 1024);
            let mut session = NativeSession::new(NativeConfig::default());
            session.on_open(Timestamp::default(), &mut out);
            self.clients.push(Some(Client { stream, session, out, input: Vec::new() }));
        }
    }

    fn read(&mut self, token: usize) {
        let Some(client) = &mut self.clients[token] else { return };
        let mut room = [0; 65_536];
        match client.stream.read(&mut room) {
            Ok(count) if count > 0 => client.input.extend_from_slice(&room[..count]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return,
            Ok(_) | Err(_) => {
                self.clients[token] = None;
                return;
            }
        }
        let input = std::mem::take(&mut client.input);
        let mut commands = Commands::default();
        let mut at = 0;
        // Ends because a turn without progress is the last.
        while let Some(client) = &mut self.clients[token] {
            commands.clear();
            let rest = &input[at..];
            let consumed = client
                .session
                .on_bytes(Timestamp(1), Chunk::plain(rest), &mut commands, &mut client.out)
                .expect("the load keeps to the protocol");
            for command in commands.list() {
                self.execute(token, *command, rest);
            }
            at += consumed.bytes;
            if consumed.bytes == 0 || consumed.need > 0 || at == input.len() {
                break;
            }
        }
        if let Some(client) = &mut self.clients[token] {
            client.input = input[at..].to_vec();
        }
    }

    fn execute(&mut self, token: usize, command: Command, input: &[u8]) {
        let text = |span| Chunk::plain(input).slice(span).bytes().to_vec();
        let client = self.clients[token].as_mut().expect("its bytes were just read");
        let mut tell = |event: Event<'_>| {
            client.session.on_event(Timestamp(1), &event, &mut client.out);
        };
        match command {
            Command::Open(_) => {
                let client = ClientId { slot: token as u32, generation: 0 };
                tell(Event::Opened(Opened { client }));
            }
            Command::Subscribe(subscribe) => {
                let code = match self.fault {
                    Fault::Refuse => ErrorCode::InvalidSubject,
                    Fault::None
                    | Fault::Lose(_)
                    | Fault::Double(_)
                    | Fault::Swap(_)
                    | Fault::Alter(_) => ErrorCode::Ok,
                };
                let ticket = subscribe.ticket;
                tell(Event::Outcome(Outcome { ticket, code, receivers: 0, is_starved: false }));
                let place = (token, subscribe.subscription);
                self.subscribers.entry(text(subscribe.filter)).or_default().push(place);
            }
            // It answers nothing itself, as a broker that has no counters.
            Command::Publish(publish) if text(publish.subject).starts_with(b"$SYS.") => {
                let (ticket, code) = (publish.ticket, ErrorCode::NoResponders);
                tell(Event::Outcome(Outcome { ticket, code, receivers: 0, is_starved: false }));
            }
            Command::Barrier(barrier) => {
                tell(Event::BarrierDone(BarrierDone { token: barrier.token }));
            }
            Command::Close(_) => self.clients[token] = None,
            Command::Publish(publish) => self.publish(Message {
                subject: text(publish.subject),
                reply: text(publish.reply),
                payload: text(publish.payload),
                correlation: publish.ticket,
                flags: publish.flags,
            }),
            Command::Unsubscribe(_)
            | Command::Exclude(_)
            | Command::AddCredit(_)
            | Command::Stream(_) => {
                panic!("the load does not say {command:?}")
            }
        }
    }

    fn publish(&mut self, mut message: Message) {
        let number = self.published;
        self.published += 1;
        match self.fault {
            Fault::Lose(n) if n == number => return,
            Fault::Double(n) if n == number => self.deliver(&message.clone()),
            Fault::Swap(n) if n == number => {
                self.held = Some(message);
                return;
            }
            Fault::Alter(n) if n == number => {
                *message.payload.last_mut().expect("payloads are not empty") ^= 1;
            }
            Fault::None
            | Fault::Lose(_)
            | Fault::Double(_)
            | Fault::Swap(_)
            | Fault::Alter(_)
            | Fault::Refuse => {}
        }
        self.deliver(&message);
        if let Some(held) = self.held.take() {
            self.deliver(&held);
        }
    }

    fn deliver(&mut self, message: &Message) {
        let Some(subscribers) = self.subscribers.get(&message.subject) else { return };
        for (token, subscription) in subscribers {
            let Some(client) = &mut self.clients[*token] else { continue };
            let delivery = Delivery {
                subscription: *subscription,
                subject: &message.subject,
                reply: &message.reply,
                headers: &[],
                payload: Chunk::plain(&message.payload),
                tail: None,
                sender: &[],
                correlation: message.correlation,
                deadline_ms: 0,
                flags: message.flags,
                missed: 0,
            };
            client.session.on_event(Timestamp(1), &Event::Deliver(delivery), &mut client.out);
        }
    }

    fn flush(&mut self) {
        for (token, slot) in self.clients.iter_mut().enumerate() {
            let Some(client) = slot else { continue };
            assert!(!client.out.is_exhausted(), "the fake broker reads no more than it can hold");
            let waiting: Vec<Vec<u8>> = client.out.segments().map(<[u8]>::to_vec).collect();
            let mut is_gone = false;
            for segment in waiting {
                match client.stream.write(&segment) {
                    Ok(count) => {
                        client.out.consume(count);
                        if count < segment.len() {
                            break;
                        }
                    }
                    Err(error) => {
                        is_gone = error.kind() != ErrorKind::WouldBlock;
                        break;
                    }
                }
            }
            let interest =
                if client.out.is_empty() { Interest::Read } else { Interest::ReadAndWrite };
            self.poller
                .change(client.stream.as_raw_fd(), token, interest)
                .expect("it was added before");
            if is_gone {
                *slot = None;
            }
        }
    }
}
