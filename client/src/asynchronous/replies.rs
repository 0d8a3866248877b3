//! Several replies to one request.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;

use crate::asynchronous::waiting::Waiting;
use crate::engine::Answer;
use crate::error::ClientError;
use crate::message::Message;

/// The replies to one request, as a stream. It ends behind the reply that does not say that more
/// follow, or with an error. Replies that come after it was dropped are thrown away.
#[derive(Debug)]
pub struct Replies {
    waiting: Waiting,
    is_over: bool,
}

impl Replies {
    pub(super) fn new(waiting: Waiting) -> Replies {
        Replies { waiting, is_over: false }
    }

    /// The next reply; nothing behind the last one.
    ///
    /// # Errors
    /// If nobody is there to answer, the handler failed, no reply comes in time, or more replies waited
    /// here than there is room for ([`ClientError::QueueFull`]); nothing follows.
    pub async fn next(&mut self) -> Option<Result<Message, ClientError>> {
        std::future::poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await
    }
}

impl Stream for Replies {
    type Item = Result<Message, ClientError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        let answer = std::task::ready!(self.waiting.poll_answer(context));
        Poll::Ready(match answer {
            Ok(Answer::Reply(message)) => match message.handler_error() {
                None => Some(Ok(message)),
                Some(error) => {
                    self.is_over = true;
                    Some(Err(error))
                }
            },
            Ok(Answer::End | Answer::Done | Answer::Receivers(_) | Answer::Stream(_)) => {
                self.is_over = true;
                None
            }
            Err(error) => {
                self.is_over = true;
                Some(Err(error))
            }
        })
    }
}
