//! Damage that was found, on its way to JavaScript.

use napi::bindgen_prelude::{Array, Env, Null, Object};
use sessile::{CheckReport, Damage};

use crate::raw;

/// The parts as a list of `{ file, offset, id, reason }`.
pub(crate) fn list<'env>(env: &'env Env, parts: Vec<Damage>) -> napi::Result<Array<'env>> {
    let mut list = env.create_array(0)?;
    for part in parts {
        let mut object = Object::new(env)?;
        object.set("file", part.file.display().to_string())?;
        object.set("offset", raw::number(part.offset))?;
        // An id that is no text was not written from JavaScript, which could not name it.
        match part.id.as_ref().and_then(|id| std::str::from_utf8(id.as_bytes()).ok()) {
            Some(id) => object.set("id", id)?,
            None => object.set("id", Null)?,
        }
        object.set("reason", part.reason)?;
        list.insert(object)?;
    }
    Ok(list)
}

/// The report as `{ sessions, baseBytes, logBytes, damage }`.
pub(crate) fn report<'env>(env: &'env Env, report: CheckReport) -> napi::Result<Object<'env>> {
    let mut object = Object::new(env)?;
    object.set("sessions", raw::number(report.sessions))?;
    object.set("baseBytes", raw::number(report.base_bytes))?;
    object.set("logBytes", raw::number(report.log_bytes))?;
    object.set("damage", list(env, report.damage)?)?;
    Ok(object)
}
