//! What an export returns: one table of how answers look in JavaScript.

use napi::bindgen_prelude::{Env, JsValue, Null, Object, ToNapiValue, Unknown};
use sessile::{Payload, Session, Timestamp};

use crate::failure::Failure;
use crate::guard::guarded;
use crate::port::HEAD;
use crate::raw;

/// An operation's answer, if it did not fail.
pub(crate) enum Answer {
    /// `true`: acknowledged.
    Done,
    /// `false`: the answer comes later, under the request's number.
    Pending,
    /// `null`: there is no such session.
    Missing,
    /// The session's text as a string.
    Text(Payload),
    /// `{ name: figure, … }`.
    Figures(Vec<(&'static str, u64)>),
}

/// Runs an export's body and turns its answer, or its failure, into a JavaScript value.
pub(crate) fn answer<'env>(
    env: &'env Env,
    body: impl FnOnce() -> Result<Answer, Failure>,
) -> napi::Result<Unknown<'env>> {
    let answered = guarded(body).and_then(|answer| match answer {
        Answer::Text(payload) => text(env, &payload),
        Answer::Done => Ok(true.into_unknown(env)?),
        Answer::Pending => Ok(false.into_unknown(env)?),
        Answer::Missing => Ok(Null.into_unknown(env)?),
        Answer::Figures(figures) => Ok(object(env, &figures)?.to_unknown()),
    });
    answered.or_else(|failure| Ok(failure.to_object(env)?.to_unknown()))
}

/// A payload as a string. Plain ASCII, which most JSON is, is copied without being decoded.
pub(crate) fn text<'env>(env: &'env Env, payload: &[u8]) -> Result<Unknown<'env>, Failure> {
    if payload.is_ascii() {
        return Ok(env.create_string_latin1(payload)?.to_unknown());
    }
    let text = std::str::from_utf8(payload).map_err(|_| Failure::unreadable())?;
    Ok(env.create_string(text)?.to_unknown())
}

/// A session's text, or that there is none, and the figures that go with it, as the store answers a read.
pub(crate) fn found(session: Option<Session>) -> (Answer, [f64; HEAD]) {
    match session {
        Some(session) => {
            let figures = figures(&session);
            (Answer::Text(session.payload), figures)
        }
        None => (Answer::Missing, NO_FIGURES),
    }
}

/// Of what is no session.
pub(crate) const NO_FIGURES: [f64; HEAD] = [0.0; HEAD];

/// A session's expiry, its version, the first version of it that memory knows of, and its deadline or 0.
pub(crate) fn figures(session: &Session) -> [f64; HEAD] {
    let deadline = session.deadline.map_or(0, Timestamp::as_millis);
    [session.expires_at.as_millis(), session.version.get(), session.known_since.get(), deadline].map(raw::number)
}

fn object<'env>(env: &'env Env, figures: &[(&'static str, u64)]) -> napi::Result<Object<'env>> {
    let mut object = Object::new(env)?;
    for (name, figure) in figures {
        object.set(name, raw::number(*figure))?;
    }
    Ok(object)
}
