//! Calls to `.broker` by its name.

use coilgun_protocol::buffer::Chunk;
use coilgun_protocol::elbus::{
    BROKER_NAME, RPC_CODE_BASE, ResultCode, RpcFrame, encode_rpc, read_rpc,
};
use coilgun_protocol::model::{
    ClientId, Delivery, ErrorCode, Publish, PublishFlags, SubscriptionId, Timestamp,
};

use super::method::{Method, Refusal, read_method};
use super::results;
use crate::env::Env;
use crate::shard::asking::{Question, Unanswered, Words};
use crate::shard::dispatch::Progress;
use crate::shard::draft::{Draft, Reached};
use crate::shard::publish::Origin;
use crate::shard::turn::Shard;
use crate::shard::waits::Wait;

/// What a message for one client is published to.
const NAME_PREFIX: &[u8] = b"$NAME.";

/// Whether a message to this subject is for `.broker`.
#[inline]
pub(in super::super) fn is_for_broker(subject: &[u8]) -> bool {
    subject.strip_prefix(NAME_PREFIX) == Some(BROKER_NAME)
}

/// What a message to `.broker` counts as: it got there.
const TAKEN: Reached = Reached { receivers: 1, is_starved: false, crossing: 0 };

impl<E: Env> Shard<E> {
    /// Takes a message to `.broker`, and answers it if it is a call of somebody who has a name.
    pub(in super::super) fn call_broker(
        &mut self,
        now: Timestamp,
        id: ClientId,
        publish: &Publish,
        subject: &[u8],
        payload: &[u8],
    ) -> Progress {
        if !self.is_open(id) {
            self.end(now, id, ErrorCode::HandshakeExpected, "");
            return Progress::Ended;
        }
        if self.router.check_subject(id, coilgun_core::security::Usage::Publish, subject).is_err() {
            self.deny(now, id, publish.ticket);
            return Progress::Done;
        }
        let call = match read_rpc(payload) {
            Some(RpcFrame::Request { call_id, method, params }) if call_id != 0 => {
                (call_id, method, params)
            }
            _ => {
                self.account(now, id, publish, TAKEN);
                return Progress::Done;
            }
        };
        if self.router.name_of(id).is_empty() {
            self.account(now, id, publish, TAKEN);
            return Progress::Done;
        }
        let mut answer = std::mem::take(&mut self.answer);
        answer.payload.clear();
        let progress = match self.write_answer(now, id, call, &mut answer.payload) {
            Some(wait) => Progress::Waits(wait),
            None => self.send_answer(now, id, publish, &mut answer),
        };
        self.answer = answer;
        progress
    }

    /// Writes the answer to a call, or says what it waits for.
    fn write_answer(
        &mut self,
        now: Timestamp,
        id: ClientId,
        (call_id, method, params): (u32, &[u8], &[u8]),
        answer: &mut Vec<u8>,
    ) -> Option<Wait> {
        let result = match read_method(method, params) {
            Ok(Method::Benchmark(params)) => {
                encode_rpc(&RpcFrame::Reply { call_id, payload: params }, answer);
                return None;
            }
            Ok(Method::Test) => Ok(results::OK.to_vec()),
            Ok(Method::Info) => Ok(results::info()),
            Ok(Method::Stats) => {
                let uptime_s = now.ms_since(self.started) / 1_000;
                let stats = |words: Words| results::stats(uptime_s, words.traffic);
                self.asked(id, Question::Traffic, stats)
            }
            Ok(Method::ClientList(filter)) => {
                let namespace = self.clients.get(id)?.namespace;
                let list = |words: Words| results::client_list(words.rows, filter.as_ref());
                self.asked(id, Question::clients(namespace), list)
            }
            Err(refusal) => Err(Unwritten::Refused(refusal)),
        };
        match result {
            Ok(result) => encode_rpc(&RpcFrame::Reply { call_id, payload: &result }, answer),
            Err(Unwritten::Refused(Refusal { code, text })) => {
                encode_rpc(&RpcFrame::Error { call_id, code, data: text.as_bytes() }, answer);
            }
            Err(Unwritten::Waits(wait)) => return Some(wait),
        }
        None
    }

    /// What is made of what all shards say.
    fn asked(
        &mut self,
        id: ClientId,
        question: Question,
        result: impl FnOnce(Words) -> Vec<u8>,
    ) -> Result<Vec<u8>, Unwritten> {
        match self.ask_all(id, question) {
            Ok(words) => Ok(result(words)),
            Err(Unanswered::Waits(wait)) => Err(Unwritten::Waits(wait)),
            Err(Unanswered::Busy) => {
                let code = RPC_CODE_BASE - ResultCode::Busy as i16;
                let text = "others ask the same; ask again".to_owned();
                Err(Unwritten::Refused(Refusal { code, text }))
            }
        }
    }

    /// Acknowledges a call and then sends its answer, both or neither yet.
    fn send_answer(
        &mut self,
        now: Timestamp,
        id: ClientId,
        publish: &Publish,
        answer: &mut AnswerText,
    ) -> Progress {
        answer.subject.clear();
        answer.subject.extend_from_slice(NAME_PREFIX);
        answer.subject.extend_from_slice(self.router.name_of(id));
        let realtime = PublishFlags(publish.flags.0 & PublishFlags::REALTIME.0);
        let delivery = Delivery {
            subscription: SubscriptionId::NAME,
            subject: &answer.subject,
            reply: &[],
            headers: &[],
            payload: Chunk::plain(&answer.payload),
            tail: None,
            sender: BROKER_NAME,
            correlation: publish.correlation,
            deadline_ms: 0,
            flags: realtime,
            missed: 0,
        };
        let origin = Origin::Broker(id);
        match self.plan_with_room(now, origin, &Draft::of_answer(&delivery)) {
            Ok(None) => {}
            Ok(Some(wait)) => return Progress::Waits(wait),
            // Who asked was the one that was too slow, and is gone.
            Err(_) => return Progress::Ended,
        }
        self.forget_words(id);
        self.account(now, id, publish, TAKEN);
        let reached = self.carry_out(now, origin, || delivery);
        if reached.crossing > 0 {
            let nobody = crate::mesh::ReplyTo { client: id, number: 0 };
            self.cross(now, origin, nobody, &delivery);
        }
        Progress::Done
    }
}

/// Why there is no result.
enum Unwritten {
    Waits(Wait),
    Refused(Refusal),
}

/// An answer that is being written; used again and again.
#[derive(Debug, Default)]
pub(in super::super) struct AnswerText {
    subject: Vec<u8>,
    payload: Vec<u8>,
}
