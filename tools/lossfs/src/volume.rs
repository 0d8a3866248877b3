//! All files and directories, and what they are on the disk below.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use crate::content::Content;
use crate::dice::Dice;
use crate::faults::Faults;
use crate::names::{Change, Names};
use crate::power::{Power, error};

/// The node of the directory that is mounted, as FUSE numbers it.
pub(crate) const ROOT: u64 = 1;

/// What a node is.
#[derive(Debug)]
pub(crate) enum Kind {
    File(Content),
    Directory(Names),
}

/// A file or a directory.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    pub(crate) mode: u32,
    pub(crate) modified: SystemTime,
    /// Its latest name and the directory of that.
    pub(crate) parent: u64,
    pub(crate) name: OsString,
}

/// Everything there is.
#[derive(Debug)]
pub(crate) struct Volume {
    /// The directory as a disk would have it.
    disk: PathBuf,
    /// Where contents are, by number.
    held: PathBuf,
    pub(crate) nodes: BTreeMap<u64, Node>,
    /// Open files: which node each handle is for.
    pub(crate) handles: BTreeMap<u64, u64>,
    /// The latest number of a node or a handle.
    latest: u64,
    pub(crate) faults: Faults,
    pub(crate) power: Arc<Power>,
    pub(crate) dice: Dice,
}

impl Volume {
    /// The volume that is kept in `backing`, which is made if it is not there.
    ///
    /// # Errors
    /// If the disk below refuses.
    pub(crate) fn open(backing: &Path, seed: u64, power: Arc<Power>) -> io::Result<Volume> {
        let (disk, held) = (backing.join("disk"), backing.join("held"));
        fs::create_dir_all(&disk)?;
        if held.exists() {
            fs::remove_dir_all(&held)?;
        }
        fs::create_dir(&held)?;
        let mut volume = Volume {
            disk,
            held,
            nodes: BTreeMap::new(),
            handles: BTreeMap::new(),
            latest: ROOT,
            faults: Faults::default(),
            power,
            dice: Dice::new(seed),
        };
        volume.load()?;
        Ok(volume)
    }

    /// Takes in what is on the disk.
    fn load(&mut self) -> io::Result<()> {
        let mut found = vec![(ROOT, ROOT, OsString::new(), self.disk.clone())];
        // Ends because directories are a finite tree.
        while let Some((number, parent, name, path)) = found.pop() {
            let kind = if path.is_dir() {
                let mut names = BTreeMap::new();
                for entry in fs::read_dir(&path)? {
                    let entry = entry?;
                    self.latest += 1;
                    names.insert(entry.file_name(), self.latest);
                    found.push((self.latest, number, entry.file_name(), entry.path()));
                }
                Kind::Directory(Names::of_disk(names))
            } else {
                fs::hard_link(&path, self.held_path(number))?;
                Kind::File(Content::new(open_held(&self.held_path(number))?)?)
            };
            let mode = if matches!(kind, Kind::File(_)) { 0o600 } else { 0o700 };
            let modified = SystemTime::now();
            self.nodes.insert(number, Node { kind, mode, modified, parent, name });
        }
        Ok(())
    }

    /// Where a node is by number.
    pub(crate) fn held_path(&self, number: u64) -> PathBuf {
        self.held.join(number.to_string())
    }

    /// Where a directory is on the disk below: under its name if that is durable, else by number.
    pub(crate) fn directory_path(&self, number: u64) -> io::Result<PathBuf> {
        let (mut parts, mut at) = (Vec::new(), number);
        // Ends because every directory is below the root.
        while at != ROOT {
            let node = self.node(at)?;
            if self.names(node.parent)?.on_disk().get(&node.name) != Some(&at) {
                parts.push(self.held_path(at));
                break;
            }
            parts.push(PathBuf::from(&node.name));
            at = node.parent;
        }
        if at == ROOT {
            parts.push(self.disk.clone());
        }
        Ok(parts.into_iter().rev().collect())
    }

    /// The node with a number.
    ///
    /// # Errors
    /// `ENOENT` if it is gone.
    pub(crate) fn node(&self, number: u64) -> io::Result<&Node> {
        self.nodes.get(&number).ok_or_else(|| error(libc::ENOENT))
    }

    fn node_mut(&mut self, number: u64) -> io::Result<&mut Node> {
        self.nodes.get_mut(&number).ok_or_else(|| error(libc::ENOENT))
    }

    /// Changes what its owner may do with a node.
    ///
    /// # Errors
    /// If it is gone.
    pub(crate) fn set_mode(&mut self, number: u64, mode: u32) -> io::Result<()> {
        self.node_mut(number)?.mode = mode & 0o7777;
        Ok(())
    }

    /// The names in a directory.
    ///
    /// # Errors
    /// `ENOTDIR` if it is none.
    pub(crate) fn names(&self, number: u64) -> io::Result<&Names> {
        match &self.node(number)?.kind {
            Kind::Directory(names) => Ok(names),
            Kind::File(_) => Err(error(libc::ENOTDIR)),
        }
    }

    /// The same to change them.
    ///
    /// # Errors
    /// Likewise.
    pub(crate) fn names_mut(&mut self, number: u64) -> io::Result<&mut Names> {
        match &mut self.node_mut(number)?.kind {
            Kind::Directory(names) => Ok(names),
            Kind::File(_) => Err(error(libc::ENOTDIR)),
        }
    }

    /// The node with this name.
    ///
    /// # Errors
    /// `ENOENT` if there is none.
    pub(crate) fn find(&self, parent: u64, name: &OsStr) -> io::Result<u64> {
        self.names(parent)?.find(name).ok_or_else(|| error(libc::ENOENT))
    }

    /// Makes a file, or a directory. Its name is not durable.
    ///
    /// # Errors
    /// If the name is taken, or the disk below refuses.
    pub(crate) fn create(
        &mut self,
        parent: u64,
        name: &OsStr,
        mode: u32,
        is_directory: bool,
    ) -> io::Result<u64> {
        if self.names(parent)?.find(name).is_some() {
            return Err(error(libc::EEXIST));
        }
        self.latest += 1;
        let (number, path) = (self.latest, self.held_path(self.latest));
        let kind = if is_directory {
            fs::create_dir(&path)?;
            Kind::Directory(Names::default())
        } else {
            File::create_new(&path)?;
            Kind::File(Content::new(open_held(&path)?)?)
        };
        let modified = SystemTime::now();
        let node = Node { kind, mode: mode & 0o7777, modified, parent, name: name.to_owned() };
        self.nodes.insert(number, node);
        self.names_mut(parent)?.change(Change::Put(name.to_owned(), number));
        Ok(number)
    }

    /// Gives a file one more name, which is not durable.
    ///
    /// # Errors
    /// If the name is taken, or it is a directory.
    pub(crate) fn link(&mut self, number: u64, parent: u64, name: &OsStr) -> io::Result<()> {
        if self.names(parent)?.find(name).is_some() {
            return Err(error(libc::EEXIST));
        }
        if matches!(self.node(number)?.kind, Kind::Directory(_)) {
            return Err(error(libc::EPERM));
        }
        self.names_mut(parent)?.change(Change::Put(name.to_owned(), number));
        self.rename_node(number, parent, name)
    }

    fn rename_node(&mut self, number: u64, parent: u64, name: &OsStr) -> io::Result<()> {
        let node = self.node_mut(number)?;
        (node.parent, node.name) = (parent, name.to_owned());
        Ok(())
    }

    /// Removes a name. That is not durable.
    ///
    /// # Errors
    /// If there is none, or it is of the other kind, or a directory with names in it.
    pub(crate) fn remove(
        &mut self,
        parent: u64,
        name: &OsStr,
        is_directory: bool,
    ) -> io::Result<()> {
        let number = self.find(parent, name)?;
        match (&self.node(number)?.kind, is_directory) {
            (Kind::Directory(names), true) if !names.now().is_empty() => {
                return Err(error(libc::ENOTEMPTY));
            }
            (Kind::File(_), true) => return Err(error(libc::ENOTDIR)),
            (Kind::Directory(_), false) => return Err(error(libc::EISDIR)),
            (Kind::File(_), false) | (Kind::Directory(_), true) => {}
        }
        self.names_mut(parent)?.change(Change::Remove(name.to_owned()));
        self.collect([number])
    }

    /// Gives a file another name in its directory. That is not durable.
    ///
    /// # Errors
    /// If there is none, or it is a directory, or the new name stands for one.
    pub(crate) fn rename(&mut self, parent: u64, from: &OsStr, to: &OsStr) -> io::Result<()> {
        let number = self.find(parent, from)?;
        let replaced = self.names(parent)?.find(to);
        for touched in replaced.into_iter().chain([number]) {
            if matches!(self.node(touched)?.kind, Kind::Directory(_)) {
                return Err(error(libc::EOPNOTSUPP));
            }
        }
        if replaced == Some(number) {
            return Ok(());
        }
        let change = Change::Rename(from.to_owned(), to.to_owned(), number);
        self.names_mut(parent)?.change(change);
        self.rename_node(number, parent, to)?;
        self.collect(replaced)
    }

    /// Opens a node; the handle.
    ///
    /// # Errors
    /// If it is gone.
    pub(crate) fn open_handle(&mut self, number: u64) -> io::Result<u64> {
        self.node(number)?;
        self.latest += 1;
        self.handles.insert(self.latest, number);
        Ok(self.latest)
    }

    /// Closes a handle. One from before a power cut is known no more.
    ///
    /// # Errors
    /// If the disk below refuses to remove what nobody can reach any more.
    pub(crate) fn close_handle(&mut self, handle: u64) -> io::Result<()> {
        let closed = self.handles.remove(&handle);
        self.collect(closed)
    }

    /// The file of a handle.
    ///
    /// # Errors
    /// `EBADF` for one from before a power cut.
    pub(crate) fn opened(&self, handle: u64) -> io::Result<u64> {
        self.handles.get(&handle).copied().ok_or_else(|| error(libc::EBADF))
    }

    /// The content of a file.
    ///
    /// # Errors
    /// `EISDIR` if it is none.
    pub(crate) fn content(&self, number: u64) -> io::Result<&Content> {
        match &self.node(number)?.kind {
            Kind::File(content) => Ok(content),
            Kind::Directory(_) => Err(error(libc::EISDIR)),
        }
    }

    /// The same to change it, with what decides how far it gets.
    ///
    /// # Errors
    /// Likewise.
    pub(crate) fn content_mut(
        &mut self,
        number: u64,
    ) -> io::Result<(&mut Content, &Power, &mut Dice)> {
        let node = self.nodes.get_mut(&number).ok_or_else(|| error(libc::ENOENT))?;
        node.modified = SystemTime::now();
        match &mut node.kind {
            Kind::File(content) => Ok((content, &self.power, &mut self.dice)),
            Kind::Directory(_) => Err(error(libc::EISDIR)),
        }
    }
}

fn open_held(path: &Path) -> io::Result<File> {
    File::options().read(true).write(true).open(path)
}
