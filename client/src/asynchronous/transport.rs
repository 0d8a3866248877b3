//! The three ways to a broker, as one.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

use crate::address::Address;

/// A connection that stands.
pub(crate) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
    #[cfg(feature = "in-process")]
    InProcess(InProcessStream),
}

impl Stream {
    /// Connects; takes as long as it takes.
    pub(crate) async fn connect(address: Address) -> io::Result<Stream> {
        match address {
            Address::Tcp(authority) => {
                let stream = TcpStream::connect(authority).await?;
                if stream.local_addr()? == stream.peer_addr()? {
                    // Where nobody listens, the system may choose the very port as ours, and connect
                    // us to ourselves; a broker that wants it back could not have it.
                    return Err(io::ErrorKind::ConnectionRefused.into());
                }
                // Frames are small and answers are waited for: they must not wait for each other.
                stream.set_nodelay(true)?;
                Ok(Stream::Tcp(stream))
            }
            Address::Unix(path) => Ok(Stream::Unix(UnixStream::connect(path).await?)),
            #[cfg(feature = "in-process")]
            Address::InProcess(broker) => {
                let link = broker.connector().connect().map_err(io::Error::other)?;
                Ok(Stream::InProcess(InProcessStream { link, waits_for_room: false }))
            }
        }
    }

    /// Reads what is there; 0 is the end.
    pub(crate) fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        room: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(room);
        let read = match self {
            Stream::Tcp(stream) => Pin::new(stream).poll_read(context, &mut buffer),
            Stream::Unix(stream) => Pin::new(stream).poll_read(context, &mut buffer),
            #[cfg(feature = "in-process")]
            Stream::InProcess(stream) => return stream.poll_read(context, room),
        };
        read.map_ok(|()| buffer.filled().len())
    }

    /// Writes as much as there is room for.
    pub(crate) fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self {
            Stream::Tcp(stream) => Pin::new(stream).poll_write(context, bytes),
            Stream::Unix(stream) => Pin::new(stream).poll_write(context, bytes),
            #[cfg(feature = "in-process")]
            Stream::InProcess(stream) => stream.poll_write(context, bytes),
        }
    }
}

/// A connection inside this process.
#[cfg(feature = "in-process")]
pub(crate) struct InProcessStream {
    link: Box<dyn coilgun_protocol::link::Link>,
    /// The latest write found no room, so that the one waker is for that too.
    waits_for_room: bool,
}

#[cfg(feature = "in-process")]
impl InProcessStream {
    fn poll_read(&mut self, context: &Context<'_>, room: &mut [u8]) -> Poll<io::Result<usize>> {
        // The end of the connection is the end of the stream.
        let mut receive =
            || self.link.receive(room).map_or(Some(0), |count| (count > 0).then_some(count));
        if let Some(count) = receive() {
            return Poll::Ready(Ok(count));
        }
        let is_so = self.link.wake(context.waker(), self.waits_for_room);
        if is_so {
            let mut receive =
                || self.link.receive(room).map_or(Some(0), |count| (count > 0).then_some(count));
            if let Some(count) = receive() {
                return Poll::Ready(Ok(count));
            }
            // There is room to write now: the driver has to come again.
            context.waker().wake_by_ref();
        }
        Poll::Pending
    }

    fn poll_write(&mut self, context: &Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let ended = |_| io::Error::from(io::ErrorKind::BrokenPipe);
        let mut count = self.link.send(bytes).map_err(ended)?;
        if count == 0 && self.link.wake(context.waker(), true) {
            count = self.link.send(bytes).map_err(ended)?;
        }
        self.waits_for_room = count == 0;
        if count == 0 { Poll::Pending } else { Poll::Ready(Ok(count)) }
    }
}
