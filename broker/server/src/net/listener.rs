//! Sockets that wait for connections.

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use super::socket::SocketKind;

/// Connections the kernel keeps until they are accepted.
const BACKLOG: i32 = 4096;

/// The longest path of a UNIX socket in bytes; the kernel keeps one more for the zero at its end.
const PATH_BYTES_MAX: usize = 107;

/// Where to listen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ListenAddress {
    /// On a TCP address; port 0 lets the kernel choose.
    Tcp(SocketAddr),
    /// On a UNIX stream socket at this path.
    Unix(PathBuf),
}

impl ListenAddress {
    /// Whether it names one place, which only one can have; port 0 lets the kernel choose.
    #[must_use]
    pub fn is_fixed(&self) -> bool {
        match self {
            ListenAddress::Tcp(address) => address.port() != 0,
            ListenAddress::Unix(_) => true,
        }
    }
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
    #[error("{} is {what} and not a socket; it is left as it is", path.display())]
    NotASocket {
        /// The path.
        path: PathBuf,
        /// What stands there.
        what: &'static str,
    },
    /// A socket stands at the path that takes no connections of the kind we would.
    #[error("{} is a socket of another kind, in use or not ours; it is left as it is", .0.display())]
    NotOurs(PathBuf),
    /// The address belongs to another machine, or to none.
    #[error("{0} is no address of this machine")]
    NotLocal(SocketAddr),
    /// The port is kept for processes with a right that this one does not have.
    #[error("{0} has a privileged port, and this process may not listen there")]
    Privileged(SocketAddr),
    /// The path does not fit the address of a socket.
    #[error(
        "the path {} has {} bytes, and that of a UNIX socket has at most {PATH_BYTES_MAX}",
        .0.display(), .0.as_os_str().len()
    )]
    PathTooLong(PathBuf),
    /// The path is below something that does not exist or is no directory.
    #[error("there is no directory {} for the socket {}", parent(.0).display(), .0.display())]
    NoDirectory(PathBuf),
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
            Fault::System(error) => explain(address, error),
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

    /// The same socket for a thread that accepts on it without blocking.
    ///
    /// # Errors
    /// If there is no descriptor left.
    pub fn accept_elsewhere(&self) -> Result<TcpListener, ListenError> {
        let failed = |error| ListenError::System(self.address.clone(), error);
        let socket = TcpListener::from(self.descriptor.try_clone().map_err(failed)?);
        socket.set_nonblocking(true).map_err(failed)?;
        Ok(socket)
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
    if path.as_os_str().len() > PATH_BYTES_MAX {
        return Err(Fault::Known(ListenError::PathTooLong(path.to_owned())));
    }
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error.into()),
        Ok(found) if !found.file_type().is_socket() => {
            let what = what_it_is(found.file_type());
            return Err(Fault::Known(ListenError::NotASocket { path: path.to_owned(), what }));
        }
        Ok(_) => remove_abandoned(path)?,
    }
    let socket = UnixListener::bind(path)?;
    set_backlog(socket.as_raw_fd())?;
    let found = fs::symlink_metadata(path)?;
    let address = ListenAddress::Unix(path.to_owned());
    Ok(Listener { descriptor: socket.into(), address, file: Some((found.dev(), found.ino())) })
}

fn what_it_is(kind: fs::FileType) -> &'static str {
    if kind.is_dir() {
        "a directory"
    } else if kind.is_symlink() {
        "a symbolic link"
    } else if kind.is_file() {
        "a file"
    } else {
        "a device or a pipe"
    }
}

/// What a refusal of the system means for somebody who wants to listen there.
fn explain(address: &ListenAddress, error: io::Error) -> ListenError {
    match (address, error.raw_os_error()) {
        (_, Some(libc::EADDRINUSE)) => ListenError::InUse(address.clone()),
        (ListenAddress::Tcp(it), Some(libc::EADDRNOTAVAIL)) => ListenError::NotLocal(*it),
        (ListenAddress::Tcp(it), Some(libc::EACCES)) => ListenError::Privileged(*it),
        (ListenAddress::Unix(path), Some(libc::ENOENT | libc::ENOTDIR)) => {
            ListenError::NoDirectory(path.clone())
        }
        (ListenAddress::Tcp(_) | ListenAddress::Unix(_), _) => {
            ListenError::System(address.clone(), error)
        }
    }
}

/// The directory that a path of a socket is in.
fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) | None => Path::new("."),
    }
}

/// Removes a socket that nobody listens on.
fn remove_abandoned(path: &Path) -> Result<(), Fault> {
    match connect_at_once(path) {
        Err(error) if error.raw_os_error() == Some(libc::ECONNREFUSED) => {
            fs::remove_file(path)?;
            Ok(())
        }
        Err(error) if error.raw_os_error() == Some(libc::EPROTOTYPE) => {
            Err(Fault::Known(ListenError::NotOurs(path.to_owned())))
        }
        // Whoever listens there is too busy to accept.
        Err(error) if error.raw_os_error() == Some(libc::EAGAIN) => Err(in_use(path)),
        Err(error) => Err(error.into()),
        Ok(()) => Err(in_use(path)),
    }
}

fn in_use(path: &Path) -> Fault {
    Fault::Known(ListenError::InUse(ListenAddress::Unix(path.to_owned())))
}

/// Connects to a UNIX socket without waiting for whoever listens there, and hangs up.
fn connect_at_once(path: &Path) -> io::Result<()> {
    let path = path.as_os_str().as_bytes();
    assert!(path.len() <= PATH_BYTES_MAX, "a path that is too long was refused before");
    // SAFETY: zeros are a valid address: a family that is set below, and an empty path.
    let mut address: libc::sockaddr_un = unsafe { std::mem::zeroed() };
    address.sun_family = libc::AF_UNIX as libc::sa_family_t;
    for (to, from) in address.sun_path.iter_mut().zip(path) {
        *to = from.cast_signed();
    }
    let kind = libc::SOCK_STREAM | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    // SAFETY: socket takes three numbers.
    let descriptor = unsafe { libc::socket(libc::AF_UNIX, kind, 0) };
    if descriptor < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor was just opened, and nobody else owns it.
    let socket = unsafe { OwnedFd::from_raw_fd(descriptor) };
    let len = size_of_val(&address) as libc::socklen_t;
    // SAFETY: the address lives through the call, and its length is that of the structure, whose
    // path ends with a zero because it is longer than the longest path.
    let result = unsafe { libc::connect(socket.as_raw_fd(), (&raw const address).cast(), len) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
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
