//! One page of a scan on its way to JavaScript.

use napi::bindgen_prelude::{Env, Null, Object, ToNapiValue, Unknown};
use sessile::{Session, SessionId};

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
    /// null at the end; `sessions` is a flat list of ids, or of id, JSON or null, and expiry in turn.
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
