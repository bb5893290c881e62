//! The simulated disk as the store sees it: directories, their entries, locks and chance.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fastrand::Rng;
use sessile::simulation::{Kind, Storage, StorageFile, StorageLock};

use crate::content::Content;
use crate::directory::Directory;
use crate::disk::SimulatedDisk;
use crate::event::Action;
use crate::state::Node;

impl Storage for SimulatedDisk {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        let node = Node::Directory(Directory::default());
        self.change(Action::CreateDirectory, path, (0, 0), |inner, _| inner.state.add(path, node).map(drop))
    }

    fn kind(&self, path: &Path) -> io::Result<Option<Kind>> {
        self.look(|state| {
            Ok(state.find(path)?.map(|node| match &*state.nodes[node] {
                Node::File(_) => Kind::File,
                Node::Directory(_) => Kind::Directory,
            }))
        })
    }

    fn canonical(&self, path: &Path) -> io::Result<PathBuf> {
        self.look(|state| state.existing(path))?;
        Ok(path.to_owned())
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn StorageFile>> {
        let node = Node::File(Content::default());
        let node = self.change(Action::Create, path, (0, 0), |inner, _| inner.state.add(path, node))?;
        Ok(self.file(node, path))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn StorageFile>> {
        let node = self.look(|state| {
            let node = state.existing(path)?;
            state.file(node).map(|_| node)
        })?;
        Ok(self.file(node, path))
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        self.look(|state| match &*state.nodes[state.existing(path)?] {
            Node::Directory(directory) => Ok(directory.entries().keys().cloned().collect()),
            Node::File(_) => Err(io::Error::from(io::ErrorKind::NotADirectory)),
        })
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.change(Action::Remove, path, (0, 0), |inner, _| {
            let node = inner.state.existing(path)?;
            inner.state.file(node)?;
            let (directory, name) = inner.state.place(path)?;
            directory.unlink(&name);
            Ok(())
        })
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        self.change(Action::Remove, path, (0, 0), |inner, _| {
            let node = inner.state.existing(path)?;
            if !inner.state.directory(node)?.entries().is_empty() {
                return Err(io::Error::from(io::ErrorKind::DirectoryNotEmpty));
            }
            let (directory, name) = inner.state.place(path)?;
            directory.unlink(&name);
            Ok(())
        })
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        assert_eq!(from.parent(), to.parent(), "no rename of the store leaves its directory");
        self.change(Action::Rename, to, (0, 0), |inner, _| {
            inner.state.existing(from)?;
            let (_, to) = inner.state.place(to)?;
            let (directory, from) = inner.state.place(from)?;
            directory.rename(&from, &to);
            Ok(())
        })
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.change(Action::SyncDirectory, path, (0, 0), |inner, _| {
            let node = inner.state.existing(path)?;
            inner.state.directory(node)?.sync();
            Ok(())
        })
    }

    fn try_lock(&self, path: &Path) -> io::Result<Option<Box<dyn StorageLock>>> {
        let node = self.change(Action::Lock, path, (0, 0), |inner, _| {
            let node = match inner.state.find(path)? {
                Some(node) => node,
                None => inner.state.add(path, Node::File(Content::default()))?,
            };
            Ok(inner.locks.insert(node).then_some(node))
        })?;
        Ok(node.map(|node| Box::new(SimulatedLock { disk: self.clone(), node }) as Box<dyn StorageLock>))
    }

    /// Another number each time, and the same ones when a history is run again: events are counted on through
    /// crashes, so that no number can be on the disk already.
    fn random(&self) -> io::Result<u64> {
        let mut inner = self.0.lock();
        inner.draws += 1;
        Ok(Rng::with_seed(inner.events ^ inner.draws.rotate_left(32)).u64(..))
    }
}

struct SimulatedLock {
    disk: SimulatedDisk,
    node: usize,
}

impl fmt::Debug for SimulatedLock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SimulatedLock")
    }
}

impl StorageLock for SimulatedLock {}

impl Drop for SimulatedLock {
    fn drop(&mut self) {
        self.disk.0.lock().locks.remove(&self.node);
    }
}
