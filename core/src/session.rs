//! What a store keeps: sessions, the ids they are known by, and their versions.
//!
//! A [`SessionId`] that exists has a valid length: it is checked once, where it is made.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::time::Timestamp;

/// The bytes of a session, opaque to the store, shared without copying.
pub type Payload = Arc<[u8]>;

/// The name of a session: 1 to 256 bytes of any value.
///
/// Ids of up to 38 bytes, which covers what express-session and most others make, are held in place
/// and cost no allocation.
#[derive(Clone)]
pub struct SessionId(Repr);

const INLINE_LEN_MAX: usize = 38;

#[derive(Clone)]
enum Repr {
    Inline { len: u8, bytes: [u8; INLINE_LEN_MAX] },
    Shared(Arc<[u8]>),
}

impl SessionId {
    /// The longest id, in bytes.
    pub const LEN_MAX: usize = 256;

    /// Takes `bytes` as an id.
    ///
    /// # Errors
    /// [`Error::InvalidId`] when there are none, or more than [`SessionId::LEN_MAX`].
    pub fn new(bytes: impl AsRef<[u8]>) -> Result<Self> {
        let bytes = bytes.as_ref();
        if bytes.is_empty() || bytes.len() > Self::LEN_MAX {
            return Err(Error::InvalidId { len: bytes.len() });
        }
        let mut inline = [0; INLINE_LEN_MAX];
        match (inline.get_mut(..bytes.len()), u8::try_from(bytes.len())) {
            (Some(place), Ok(len)) => {
                place.copy_from_slice(bytes);
                Ok(Self(Repr::Inline { len, bytes: inline }))
            }
            _ => Ok(Self(Repr::Shared(bytes.into()))),
        }
    }

    /// The id's bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Repr::Inline { len, bytes } => bytes.get(..usize::from(*len)).unwrap_or_default(),
            Repr::Shared(bytes) => bytes,
        }
    }
}

impl AsRef<[u8]> for SessionId {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl PartialEq for SessionId {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for SessionId {}

impl PartialOrd for SessionId {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for SessionId {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl Hash for SessionId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl fmt::Debug for SessionId {
    /// Shows the first bytes only: a session's id is a secret that must not end up in logs whole.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.as_bytes();
        let head = bytes.get(..bytes.len().min(4)).unwrap_or_default();
        write!(formatter, "SessionId({}…, {} bytes)", head.escape_ascii(), bytes.len())
    }
}

/// Whose session it is, as the application names its users: 1 to 256 bytes of any value.
///
/// Sessions with the same owner are found together; see [`crate::Store::sessions_of`]. Cloning copies nothing.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Owner(Arc<[u8]>);

impl Owner {
    /// The longest owner, in bytes.
    pub const LEN_MAX: usize = 256;

    /// Takes `bytes` as an owner.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] when there are none, or more than [`Owner::LEN_MAX`].
    pub fn new(bytes: impl AsRef<[u8]>) -> Result<Self> {
        let bytes = bytes.as_ref();
        if bytes.is_empty() || bytes.len() > Self::LEN_MAX {
            let reason = format!("it has {} bytes; an owner has 1 to {}", bytes.len(), Self::LEN_MAX);
            return Err(Error::InvalidArgument { what: "owner", reason });
        }
        Ok(Self(bytes.into()))
    }

    /// The owner's bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Owner {
    /// Leaves the bytes out: they may be a person's name or address.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Owner({} bytes)", self.0.len())
    }
}

/// Which `set` a session's content comes from: later ones have higher versions, a touch keeps it.
///
/// Never reused within a store, also across crashes and reopening.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub(crate) u64);

impl Version {
    /// The version that [`Version::get`] gave as this number.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The version as a number, for handing across a boundary.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

/// A living session as read from a store.
#[derive(Clone, PartialEq, Eq)]
pub struct Session {
    /// The bytes of the last `set`.
    pub payload: Payload,
    /// When the session came into being: a later `set` of the same living id keeps it.
    pub created_at: Timestamp,
    /// The first millisecond in which the session is no longer there.
    pub expires_at: Timestamp,
    /// Which `set` the payload comes from.
    pub version: Version,
    /// The first version of this session that memory knows of. Whoever read the id at a version from this one on read
    /// an earlier state of this session; at one before it, perhaps another session that had the id.
    pub known_since: Version,
    /// Whose session it is, as its last `set` has said.
    pub owner: Option<Owner>,
    /// The time that no expiry of this session passes, if it has one.
    pub deadline: Option<Timestamp>,
}

impl fmt::Debug for Session {
    /// Leaves the payload out: it belongs to a user.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Session")
            .field("payload_bytes", &self.payload.len())
            .field("created_at", &self.created_at)
            .field("expires_at", &self.expires_at)
            .field("version", &self.version)
            .field("known_since", &self.known_since)
            .field("owner", &self.owner)
            .field("deadline", &self.deadline)
            .finish()
    }
}
