//! Sockets that wait for connections.

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use super::socket::SocketKind;

/// Connections the kernel keeps until they are accepted.
const BACKLOG: i32 = 4096;

/// Where to listen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ListenAddress {
    /// On a TCP address; port 0 lets the kernel choose.
    Tcp(SocketAddr),
    /// On a UNIX stream socket at this path.
    Unix(PathBuf),
}

/// A listening socket. A UNIX socket's file is removed when it is dropped.
#[derive(Debug)]
pub struct Listener {
    descriptor: OwnedFd,
    address: ListenAddress,
    /// Device and inode of the socket's file, so that only our own is ever removed.
    file: Option<(u64, u64)>,
}

/// Why it is not possible to listen there.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Somebody else listens there.
    #[error("{0} is in use by another process")]
    InUse(ListenAddress),
    /// Something that is not a socket stands at the path.
    #[error("{0} exists and is not a socket; it is left as it is")]
    NotASocket(PathBuf),
    /// The system refuses.
    #[error("cannot listen on {0}: {1}")]
    System(ListenAddress, #[source] io::Error),
}

impl Listener {
    /// Listens on an address.
    ///
    /// A UNIX path where a socket stands that refuses connections is taken over: it was left behind
    /// by a process that is gone.
    ///
    /// # Errors
    /// Says who or what is in the way.
    pub fn bind(address: &ListenAddress) -> Result<Listener, ListenError> {
        match address {
            ListenAddress::Tcp(socket_address) => bind_tcp(*socket_address),
            ListenAddress::Unix(path) => bind_unix(path),
        }
        .map_err(|fault| match fault {
            Fault::Known(error) => error,
            Fault::System(error) if error.kind() == io::ErrorKind::AddrInUse => {
                ListenError::InUse(address.clone())
            }
            Fault::System(error) => ListenError::System(address.clone(), error),
        })
    }

    /// Where it listens, with the port the kernel chose.
    #[must_use]
    pub fn address(&self) -> &ListenAddress {
        &self.address
    }

    /// What kind of sockets it accepts.
    #[must_use]
    pub fn kind(&self) -> SocketKind {
        match self.address {
            ListenAddress::Tcp(_) => SocketKind::Tcp,
            ListenAddress::Unix(_) => SocketKind::Unix,
        }
    }

    /// Its descriptor.
    #[must_use]
    pub fn descriptor(&self) -> RawFd {
        self.descriptor.as_raw_fd()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let ListenAddress::Unix(path) = &self.address else { return };
        let ours = fs::symlink_metadata(path)
            .is_ok_and(|found| Some((found.dev(), found.ino())) == self.file);
        if ours && let Err(error) = fs::remove_file(path) {
            eprintln!("coilgun: cannot remove {}: {error}", path.display());
        }
    }
}

impl std::fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ListenAddress::Tcp(address) => write!(f, "{address}"),
            ListenAddress::Unix(path) => write!(f, "{}", path.display()),
        }
    }
}

enum Fault {
    Known(ListenError),
    System(io::Error),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Fault::System(error)
    }
}

fn bind_tcp(address: SocketAddr) -> Result<Listener, Fault> {
    let socket = TcpListener::bind(address)?;
    // Accepted sockets inherit this from the listening one.
    set_no_delay(socket.as_raw_fd())?;
    set_backlog(socket.as_raw_fd())?;
    let address = ListenAddress::Tcp(socket.local_addr()?);
    Ok(Listener { descriptor: socket.into(), address, file: None })
}

fn bind_unix(path: &Path) -> Result<Listener, Fault> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error.into()),
        Ok(found) if !found.file_type().is_socket() => {
            return Err(Fault::Known(ListenError::NotASocket(path.to_owned())));
        }
        Ok(_) => remove_abandoned(path)?,
    }
    let socket = UnixListener::bind(path)?;
    set_backlog(socket.as_raw_fd())?;
    let found = fs::symlink_metadata(path)?;
    let address = ListenAddress::Unix(path.to_owned());
    Ok(Listener { descriptor: socket.into(), address, file: Some((found.dev(), found.ino())) })
}

/// Removes a socket that nobody listens on.
fn remove_abandoned(path: &Path) -> Result<(), Fault> {
    match UnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            fs::remove_file(path)?;
            Ok(())
        }
        Err(error) => Err(error.into()),
        Ok(_) => Err(Fault::Known(ListenError::InUse(ListenAddress::Unix(path.to_owned())))),
    }
}

fn set_no_delay(descriptor: RawFd) -> io::Result<()> {
    let on: libc::c_int = 1;
    let len = size_of_val(&on) as libc::socklen_t;
    // SAFETY: the option's value is an int that lives through the call.
    let result = unsafe {
        libc::setsockopt(
            descriptor,
            libc::IPPROTO_TCP,
            libc::TCP_NODELAY,
            (&raw const on).cast(),
            len,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn set_backlog(descriptor: RawFd) -> io::Result<()> {
    // SAFETY: listen takes a descriptor and a number, and may be called again on the same socket.
    let result = unsafe { libc::listen(descriptor, BACKLOG) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
