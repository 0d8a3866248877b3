//! Waiting for the answer to one call.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::asynchronous::client::Handle;
use crate::engine::{Answer, Call};
use crate::error::ClientError;

/// The future of a call. Dropping it forgets the call.
#[derive(Debug)]
pub(super) struct Waiting {
    handle: Arc<Handle>,
    call: Call,
    is_over: bool,
}

impl Waiting {
    pub(super) fn new(handle: &Arc<Handle>, call: Call) -> Waiting {
        Waiting { handle: Arc::clone(handle), call, is_over: false }
    }

    /// The next answer of a call that has several.
    pub(super) fn poll_answer(
        &mut self,
        context: &Context<'_>,
    ) -> Poll<Result<Answer, ClientError>> {
        if self.is_over {
            return Poll::Ready(Ok(Answer::End));
        }
        let call = self.call;
        let answer = self.handle.shared.with(|core| {
            let answer = core.engine.take_answer(call);
            if answer.is_none() {
                core.wait_for_call(call, context.waker());
            }
            answer
        });
        match answer {
            None => Poll::Pending,
            Some(answer) => {
                self.is_over = !matches!(answer, Ok(Answer::Reply(_)));
                Poll::Ready(answer)
            }
        }
    }
}

impl Future for Waiting {
    type Output = Result<Answer, ClientError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.poll_answer(context)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if !self.is_over {
            let call = self.call;
            self.handle.shared.with(|core| core.forget_call(call));
        }
    }
}
