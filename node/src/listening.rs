//! Listening for sessions that end, one inbox for each way in which they do.

use std::cell::RefCell;
use std::sync::Arc;

use napi::bindgen_prelude::{Env, External, Unknown};
use napi_derive::napi;
use sessile::EndCause;

use crate::answer::{Answer, answer};
use crate::failure::Failure;
use crate::inbox::Inbox;
use crate::store::Handle;

impl Handle {
    const fn inbox(&self, is_expired: bool) -> &RefCell<Option<Arc<Inbox>>> {
        let [expired, destroyed] = &self.inboxes;
        if is_expired { expired } else { destroyed }
    }
}

/// Listens for sessions that expire, or for those that are destroyed.
#[napi]
pub(crate) fn listen<'env>(env: &'env Env, handle: &External<Handle>, is_expired: bool) -> napi::Result<Unknown<'env>> {
    answer(env, || {
        let cause = if is_expired { EndCause::Expired } else { EndCause::Destroyed };
        let inbox = Inbox::open(handle.store()?, cause, handle.port.queue())?;
        handle.inbox(is_expired).replace(Some(inbox));
        Ok(Answer::Done)
    })
}

/// Answers with the next sessions that have ended so, when there are any; with none where nothing more will come.
#[napi]
pub(crate) fn ended<'env>(
    env: &'env Env,
    handle: &External<Handle>,
    is_expired: bool,
    request: u32,
) -> napi::Result<Unknown<'env>> {
    answer(env, || {
        let inbox = handle.inbox(is_expired).borrow();
        let inbox = inbox.as_ref().ok_or_else(|| Failure::defect("a batch that nobody listens for"))?;
        let pending = handle.port.pend(env);
        inbox.next(request);
        Ok(pending)
    })
}

/// Nothing more will come, since the store has closed: what there is can still be asked for.
#[napi]
pub(crate) fn finish_listening<'env>(
    env: &'env Env,
    handle: &External<Handle>,
    is_expired: bool,
) -> napi::Result<Unknown<'env>> {
    answer(env, || {
        if let Some(inbox) = handle.inbox(is_expired).borrow().as_ref() {
            inbox.finish();
        }
        Ok(Answer::Done)
    })
}

/// Listens for them no longer.
#[napi]
pub(crate) fn unlisten<'env>(
    env: &'env Env,
    handle: &External<Handle>,
    is_expired: bool,
) -> napi::Result<Unknown<'env>> {
    answer(env, || {
        if let Some(inbox) = handle.inbox(is_expired).take() {
            inbox.leave();
        }
        Ok(Answer::Done)
    })
}
