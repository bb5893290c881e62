//! A batch of what waited, as the arguments of one call of JavaScript.

use napi::bindgen_prelude::{Array, Env, JsValue, Null, ToNapiValue, Unknown, sys};

use crate::answer::{NO_FIGURES, figures, text};
use crate::damage;
use crate::failure::Failure;
use crate::page;
use crate::port::HEAD;
use crate::queue::{Completion, Notice, Outcome};
use crate::raw;

/// The completions that say more than "done": null where there are none, else a flat array of request,
/// failure or null, value, and the figures of a session, in turn.
pub(crate) struct Results(pub(crate) Vec<Completion>);

/// Null where there are none, else a flat array of store number, failure, and whether it is only a
/// warning, in turn.
pub(crate) struct Notices(pub(crate) Vec<Notice>);

impl ToNapiValue for Results {
    unsafe fn to_napi_value(raw_env: sys::napi_env, val: Self) -> napi::Result<sys::napi_value> {
        let env = Env::from_raw(raw_env);
        if val.0.is_empty() {
            return Ok(Null.into_unknown(&env)?.raw());
        }
        let mut list = env.create_array(0)?;
        for Completion { request, outcome } in val.0 {
            list.insert(request)?;
            add_outcome(&env, &mut list, outcome)?;
        }
        Ok(list.raw())
    }
}

fn add_outcome(env: &Env, list: &mut Array<'_>, outcome: Result<Outcome, Failure>) -> napi::Result<()> {
    match outcome.and_then(|outcome| value(env, outcome)) {
        Ok((value, figures)) => {
            list.insert(Null)?;
            list.insert(value)?;
            figures.into_iter().try_for_each(|figure| list.insert(figure))
        }
        Err(failure) => {
            list.insert(failure.to_object(env)?)?;
            list.insert(Null)?;
            NO_FIGURES.into_iter().try_for_each(|figure| list.insert(figure))
        }
    }
}

fn value(env: &Env, outcome: Outcome) -> Result<(Unknown<'_>, [f64; HEAD]), Failure> {
    let value = match outcome {
        Outcome::Found(Some(session)) => return Ok((text(env, &session.payload)?, figures(&session))),
        Outcome::Done | Outcome::Found(None) => Null.into_unknown(env)?,
        Outcome::Count(count) => raw::number(count).into_unknown(env)?,
        Outcome::Page(page) => page.to_object(env)?.to_unknown(),
        Outcome::Owned(sessions) => page::owned(env, &sessions)?.to_unknown(),
        Outcome::Ended(sessions) => page::ended(env, &sessions)?.to_unknown(),
        Outcome::Report(report) => damage::report(env, report)?.to_unknown(),
        Outcome::Dropped(dropped) => damage::list(env, dropped)?.to_unknown(),
    };
    Ok((value, NO_FIGURES))
}

impl ToNapiValue for Notices {
    unsafe fn to_napi_value(raw_env: sys::napi_env, val: Self) -> napi::Result<sys::napi_value> {
        let env = Env::from_raw(raw_env);
        if val.0.is_empty() {
            return Ok(Null.into_unknown(&env)?.raw());
        }
        let mut list = env.create_array(0)?;
        for notice in val.0 {
            list.insert(notice.number)?;
            list.insert(notice.failure.to_object(&env)?)?;
            list.insert(notice.is_warning)?;
        }
        Ok(list.raw())
    }
}
