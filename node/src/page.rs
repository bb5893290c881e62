//! One page of a scan on its way to JavaScript.

use napi::bindgen_prelude::{Array, Env, Null, Object, ToNapiValue, Unknown};
use sessile::{Ended, Session, SessionId};

use crate::answer::text;
use crate::failure::Failure;
use crate::raw;

/// Sessions of a page, with their payloads or with nothing but their ids.
pub(crate) struct Page {
    pub(crate) sessions: Vec<(SessionId, Session)>,
    pub(crate) next: Option<SessionId>,
    pub(crate) with_payloads: bool,
}

impl Page {
    /// The page as `{ next, sessions }`. `next` holds the place to go on from as a string of bytes, or
    /// null at the end; `sessions` is a flat list of ids, or of id, text or null, expiry, and version in turn.
    ///
    /// Ids that are not text were not written from JavaScript, which could not name them: they are left
    /// out. A payload that is not text is null, so that one such session does not hide the others.
    pub(crate) fn to_object<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        let mut list = env.create_array(0)?;
        for (id, session) in &self.sessions {
            let Ok(id) = std::str::from_utf8(id.as_bytes()) else { continue };
            list.insert(id)?;
            if self.with_payloads {
                list.insert(payload(env, session)?)?;
                list.insert(raw::number(session.expires_at.as_millis()))?;
                list.insert(raw::number(session.version.get()))?;
            }
        }
        let mut object = Object::new(env)?;
        object.set("sessions", list)?;
        match &self.next {
            Some(next) => object.set("next", env.create_string_latin1(next.as_bytes())?)?,
            None => object.set("next", Null)?,
        }
        Ok(object)
    }
}

/// An owner's sessions as a flat list of id, text or null, expiry, version, creation, and deadline or 0, in turn.
pub(crate) fn owned<'env>(env: &'env Env, sessions: &[(SessionId, Session)]) -> napi::Result<Array<'env>> {
    let mut list = env.create_array(0)?;
    for (id, session) in sessions {
        let Ok(id) = std::str::from_utf8(id.as_bytes()) else { continue };
        list.insert(id)?;
        list.insert(payload(env, session)?)?;
        let deadline = session.deadline.map_or(0, sessile::Timestamp::as_millis);
        let figures = [session.expires_at.as_millis(), session.version.get(), session.created_at.as_millis(), deadline];
        figures.into_iter().try_for_each(|figure| list.insert(raw::number(figure)))?;
    }
    Ok(list)
}

/// Sessions that have ended as a flat list of id, text or null, expiry, and creation, in turn.
pub(crate) fn ended<'env>(env: &'env Env, sessions: &[Ended]) -> napi::Result<Array<'env>> {
    let mut list = env.create_array(0)?;
    for Ended { id, session, .. } in sessions {
        let Ok(id) = std::str::from_utf8(id.as_bytes()) else { continue };
        list.insert(id)?;
        list.insert(payload(env, session)?)?;
        let figures = [session.expires_at, session.created_at].map(sessile::Timestamp::as_millis);
        figures.into_iter().try_for_each(|figure| list.insert(raw::number(figure)))?;
    }
    Ok(list)
}

fn payload<'env>(env: &'env Env, session: &Session) -> napi::Result<Unknown<'env>> {
    text(env, &session.payload).or_else(|_| Null.into_unknown(env))
}

/// The place to go on from, out of the string of bytes that [`Page::to_object`] made of it.
pub(crate) fn place(next: Option<&str>) -> Result<Option<SessionId>, Failure> {
    let Some(next) = next else { return Ok(None) };
    let bytes: Result<Vec<u8>, _> = next.chars().map(|character| u8::try_from(u32::from(character))).collect();
    let bytes = bytes.map_err(|_| Failure::defect("a place in a scan that is not bytes"))?;
    Ok(Some(SessionId::new(bytes)?))
}
