//! Everything on a simulated disk at one moment: files and directories, found by their paths.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::io;
use std::path::{Component, Path};
use std::sync::Arc;

use crate::content::Content;
use crate::directory::Directory;
use crate::fate::{Fate, Fates, Pending};

#[derive(Debug, Clone)]
pub(crate) enum Node {
    File(Content),
    Directory(Directory),
}

/// Everything on the disk. Copying it is cheap.
#[derive(Debug, Clone)]
pub(crate) struct State {
    pub(crate) nodes: Vec<Arc<Node>>,
}

pub(crate) const ROOT: usize = 0;

impl State {
    pub(crate) fn empty() -> Self {
        Self { nodes: vec![Arc::new(Node::Directory(Directory::default()))] }
    }

    pub(crate) fn find(&self, path: &Path) -> io::Result<Option<usize>> {
        let mut node = ROOT;
        for component in path.components() {
            let Component::Normal(name) = component else { continue };
            match &*self.nodes[node] {
                Node::File(_) => return Err(io::Error::from(io::ErrorKind::NotADirectory)),
                Node::Directory(directory) => match directory.entries().get(&*name.to_string_lossy()) {
                    Some(next) => node = *next,
                    None => return Ok(None),
                },
            }
        }
        Ok(Some(node))
    }

    pub(crate) fn existing(&self, path: &Path) -> io::Result<usize> {
        self.find(path)?.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }

    /// The directory that holds `path`, and the name it has there.
    pub(crate) fn place(&mut self, path: &Path) -> io::Result<(&mut Directory, String)> {
        let name = path.file_name().ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        let parent = self.existing(path.parent().unwrap_or(Path::new("/")))?;
        Ok((self.directory(parent)?, name.to_string_lossy().into_owned()))
    }

    pub(crate) fn directory(&mut self, node: usize) -> io::Result<&mut Directory> {
        match Arc::make_mut(&mut self.nodes[node]) {
            Node::Directory(directory) => Ok(directory),
            Node::File(_) => Err(io::Error::from(io::ErrorKind::NotADirectory)),
        }
    }

    pub(crate) fn file(&self, node: usize) -> io::Result<&Content> {
        match &*self.nodes[node] {
            Node::File(content) => Ok(content),
            Node::Directory(_) => Err(io::Error::from(io::ErrorKind::IsADirectory)),
        }
    }

    pub(crate) fn file_mut(&mut self, node: usize) -> io::Result<&mut Content> {
        match Arc::make_mut(&mut self.nodes[node]) {
            Node::File(content) => Ok(content),
            Node::Directory(_) => Err(io::Error::from(io::ErrorKind::IsADirectory)),
        }
    }

    pub(crate) fn add(&mut self, path: &Path, node: Node) -> io::Result<usize> {
        if self.find(path)?.is_some() {
            return Err(io::Error::from(io::ErrorKind::AlreadyExists));
        }
        let index = self.nodes.len();
        let (directory, name) = self.place(path)?;
        directory.link(&name, index);
        self.nodes.push(Arc::new(node));
        Ok(index)
    }

    /// Bytes that all files with a name take, in whole blocks.
    pub(crate) fn used(&self, node: usize) -> u64 {
        match &*self.nodes[node] {
            Node::File(content) => content.cached.taken(),
            Node::Directory(directory) => directory.entries().values().map(|entry| self.used(*entry)).sum(),
        }
    }

    /// What a power loss may take, in an order of its own.
    pub(crate) fn pending(&self) -> Vec<Pending> {
        let mut pending = Vec::new();
        for node in &self.nodes {
            match &**node {
                Node::File(content) => pending.extend(content.pending()),
                Node::Directory(directory) => pending.extend(directory.pending()),
            }
        }
        pending
    }

    /// What a power loss leaves that did this to the pending changes, in their order.
    pub(crate) fn after_power_loss(&self, fates: &Fates) -> Self {
        let mut fates = fates.0.iter().copied().chain(std::iter::repeat(Fate::Lost));
        let mut left = |node: &Arc<Node>| match &**node {
            Node::File(content) => Node::File(content.after_power_loss(&mut fates)),
            Node::Directory(directory) => Node::Directory(directory.after_power_loss(&mut fates)),
        };
        Self { nodes: self.nodes.iter().map(|node| Arc::new(left(node))).collect() }
    }

    /// A number that tells what reads show from anything else they could show: the same in every process.
    pub(crate) fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.hash_below(ROOT, &mut hasher);
        hasher.finish()
    }

    fn hash_below(&self, node: usize, hasher: &mut DefaultHasher) {
        match &*self.nodes[node] {
            Node::File(content) => content.cached.hash(hasher),
            Node::Directory(directory) => {
                directory.entries().len().hash(hasher);
                for (name, entry) in directory.entries() {
                    name.hash(hasher);
                    self.hash_below(*entry, hasher);
                }
            }
        }
    }
}
