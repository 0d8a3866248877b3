//! A broker for one connection: the real session of the protocol, and a router of ten lines.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::thread::JoinHandle;

use coilgun_client::blocking::Client;
use coilgun_client::{Address, Options};
use coilgun_protocol::buffer::{Chunk, OutBuf, Pool, Region};
use coilgun_protocol::model::{
    BarrierDone, ClientId, Closing, Command, Commands, Delivery, ErrorCode, Event, Filter, Opened,
    Outcome, Publish, PublishFlags, Span, Subject, Subscribe, Ticket, Timestamp,
};
use coilgun_protocol::native::{NativeConfig, NativeSession};
use coilgun_protocol::session::Session;

/// Room for everything one test leaves unsent, in blocks.
const BLOCK_BYTES: usize = 64 * 1024;
const BLOCKS: usize = 64;

/// A broker that serves one connection on a thread, and what became of it.
pub(crate) struct FakeBroker {
    pub(crate) address: Address,
    thread: JoinHandle<()>,
}

impl FakeBroker {
    /// Serves one TCP connection with `serve`.
    pub(crate) fn tcp(serve: impl FnOnce(TcpStream) + Send + 'static) -> FakeBroker {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = Address::Tcp(listener.local_addr().expect("it is bound").to_string());
        let thread = std::thread::spawn(move || {
            serve(listener.accept().expect("the client connects").0);
        });
        FakeBroker { address, thread }
    }

    /// Serves one connection to a UNIX socket with `serve`.
    pub(crate) fn unix(path: &Path, serve: impl FnOnce(UnixStream) + Send + 'static) -> FakeBroker {
        let listener = UnixListener::bind(path).expect("the path is free");
        let thread = std::thread::spawn(move || {
            serve(listener.accept().expect("the client connects").0);
        });
        FakeBroker { address: Address::Unix(path.to_owned()), thread }
    }

    /// An echoing broker, and a client that is connected to it.
    pub(crate) fn with_client() -> (FakeBroker, Client) {
        let broker = FakeBroker::tcp(|stream| echo(stream, NativeConfig::default()));
        let options = Options::new(broker.address.clone());
        let client = Client::connect(options).expect("the broker lets it in");
        (broker, client)
    }

    /// Waits until the connection is over; what failed over there fails here.
    pub(crate) fn join(self) {
        self.thread.join().expect("the broker did not panic");
    }
}

/// Serves a connection until it ends: every message goes to the matching subscriptions of the same
/// client.
pub(crate) fn echo(mut stream: impl Read + Write, config: NativeConfig) {
    let mut broker = Echo {
        session: NativeSession::new(config),
        out: OutBuf::new(Pool::new(Region::heap(BLOCKS * BLOCK_BYTES), BLOCK_BYTES), 1024),
        subscriptions: Vec::new(),
        is_over: false,
    };
    broker.session.on_open(Timestamp(1), &mut broker.out);
    let mut kept = Vec::new();
    let mut room = vec![0; BLOCK_BYTES];
    while !broker.is_over {
        let count = match stream.read(&mut room) {
            Ok(0) | Err(_) => break,
            Ok(count) => count,
        };
        kept.extend_from_slice(&room[..count]);
        while !broker.is_over && broker.read(&mut kept, &mut stream) {}
    }
    broker.session.on_close();
}

struct Echo {
    session: NativeSession,
    out: OutBuf,
    subscriptions: Vec<(Subscribe, Vec<u8>)>,
    is_over: bool,
}

impl Echo {
    /// Takes one slice of commands from the front, and says whether there may be more.
    fn read(&mut self, kept: &mut Vec<u8>, stream: &mut impl Write) -> bool {
        let mut commands = Commands::default();
        let chunk = Chunk::plain(kept);
        let read = self.session.on_bytes(Timestamp(2), chunk, &mut commands, &mut self.out);
        for command in commands.list() {
            self.carry_out(command, chunk);
            self.send(stream);
        }
        let used = match read {
            Ok(consumed) => consumed.bytes,
            Err(error) => {
                self.end(error.code, &error.detail);
                kept.len()
            }
        };
        self.send(stream);
        kept.drain(..used);
        used > 0 && !kept.is_empty()
    }

    fn carry_out(&mut self, command: &Command, chunk: Chunk<'_>) {
        let text = |span: Span| chunk.slice(span).bytes();
        match command {
            Command::Open(open) if !open.secret.is_empty() => {
                self.end(ErrorCode::CredentialsNotAccepted, "");
            }
            Command::Open(_) => {
                let client = ClientId { slot: 6, generation: 1 };
                self.tell(&Event::Opened(Opened { client }));
            }
            Command::Publish(publish) => self.publish(publish, chunk),
            Command::Subscribe(subscribe) if text(subscribe.filter).starts_with(b"$NAME") => {
                self.outcome(subscribe.ticket, ErrorCode::ReservedSubject, 0);
            }
            Command::Subscribe(subscribe) => {
                self.subscriptions.push((*subscribe, text(subscribe.filter).to_vec()));
                self.outcome(subscribe.ticket, ErrorCode::Ok, 0);
            }
            Command::Unsubscribe(it) => {
                let before = self.subscriptions.len();
                self.subscriptions.retain(|(held, _)| held.subscription != it.subscription);
                let found = self.subscriptions.len() < before;
                let code = if found { ErrorCode::Ok } else { ErrorCode::UnknownSubscription };
                self.outcome(it.ticket, code, 0);
            }
            Command::AddCredit(it) => {
                for (held, _) in &mut self.subscriptions {
                    if held.subscription == it.subscription {
                        held.credit += it.messages;
                    }
                }
            }
            Command::Barrier(it) => {
                self.tell(&Event::BarrierDone(BarrierDone { token: it.token }));
            }
            Command::Exclude(_) => panic!("the native protocol excludes nothing"),
            Command::Stream(_) => panic!("the broker has no streams"),
            Command::Close(it) => self.end(it.code, ""),
        }
    }

    fn publish(&mut self, publish: &Publish, chunk: Chunk<'_>) {
        let subject = chunk.slice(publish.subject).bytes();
        let parsed = Subject::parse(subject).expect("the client checks subjects");
        let mut receivers = 0;
        for at in 0..self.subscriptions.len() {
            let (held, filter) = &mut self.subscriptions[at];
            let filter = Filter::parse(filter).expect("the client checks filters");
            if held.credit == 0 || !filter.matches(parsed, held.visibility) {
                continue;
            }
            if held.credit != u32::MAX {
                held.credit -= 1;
            }
            receivers += 1;
            let delivery = Delivery {
                subscription: held.subscription,
                subject,
                reply: chunk.slice(publish.reply).bytes(),
                headers: chunk.slice(publish.headers).bytes(),
                payload: chunk.slice(publish.payload),
                tail: None,
                sender: b"echo",
                correlation: publish.ticket,
                deadline_ms: publish.deadline_ms,
                flags: publish.flags,
                missed: 0,
            };
            self.session.on_event(Timestamp(3), &Event::Deliver(delivery), &mut self.out);
        }
        let wants_reply = publish.flags.contains(PublishFlags::REQUEST);
        if wants_reply && receivers == 0 {
            self.outcome(publish.ticket, ErrorCode::NoResponders, 0);
        } else if publish.flags.contains(PublishFlags::ACK) {
            self.outcome(publish.ticket, ErrorCode::Ok, receivers);
        }
    }

    fn outcome(&mut self, ticket: Ticket, code: ErrorCode, receivers: u32) {
        self.tell(&Event::Outcome(Outcome { ticket, code, receivers, is_starved: false }));
    }

    fn end(&mut self, code: ErrorCode, detail: &str) {
        self.tell(&Event::Closing(Closing { code, detail }));
        self.is_over = true;
    }

    fn tell(&mut self, event: &Event<'_>) {
        self.session.on_event(Timestamp(3), event, &mut self.out);
    }

    /// Sends everything, however long the client takes to read it.
    fn send(&mut self, stream: &mut impl Write) {
        let bytes: Vec<u8> = self.out.segments().flatten().copied().collect();
        self.out.consume(bytes.len());
        if stream.write_all(&bytes).is_err() {
            self.is_over = true;
        }
    }
}
