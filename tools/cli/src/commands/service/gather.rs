//! Asking, and sorting out who answers.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use coilgun_client::blocking::Client;
use coilgun_client::service::{Question, Report, ServiceError};
use coilgun_client::{Message, Publication};

use crate::arguments::QueryArguments;
use crate::commands::connect::connect;
use crate::failure::Failure;
use crate::output::{escaped, note};

/// Answers are taken up to so many bytes; a service answers in a few kilobytes.
const ANSWERS_BYTES_MAX: usize = 64 * 1024 * 1024;
/// So many answers that cannot be read are named; the rest is counted.
const NAMED_MAX: usize = 8;
/// So much is told of what is wrong with one, in bytes.
const REASON_BYTES_MAX: usize = 200;

/// An instance that answered.
#[derive(Debug)]
pub(super) struct Found<R> {
    /// What it says.
    pub(super) report: R,
    /// How long after the question its answer was there.
    pub(super) time: Duration,
}

/// Those who answered, by name and identifier, and how many answers were left out.
#[derive(Debug)]
struct Sorting<'a, R> {
    question: Question<'a>,
    found: BTreeMap<(String, String), Found<R>>,
    skipped: usize,
    bytes: usize,
    is_quiet: bool,
}

/// Asks what the arguments say, and returns those who answer in the order of their names.
///
/// # Errors
/// If nobody answers so that it can be read, or the connection is lost.
pub(super) fn gather<R: Report>(arguments: &QueryArguments) -> Result<Vec<Found<R>>, Failure> {
    let (name, id) = (arguments.service.as_deref(), arguments.id.as_deref());
    let question = Question { verb: R::VERB, name, id };
    let mut sorting = Sorting {
        question,
        found: BTreeMap::new(),
        skipped: 0,
        bytes: 0,
        is_quiet: arguments.client.quiet,
    };
    let mut client = connect(&arguments.client)?;
    ask(&mut client, arguments, &mut sorting)?;
    client.close()?;
    sorting.finish()
}

/// Sends the question and takes in the answers.
fn ask<R: Report>(
    client: &mut Client,
    arguments: &QueryArguments,
    sorting: &mut Sorting<'_, R>,
) -> Result<(), Failure> {
    let subject = sorting.question.subject();
    let request = Publication::to(&subject);
    let mut answers = client.request_answers(&request, arguments.wait, arguments.timeout)?;
    // The inbox is there by now, and the request leaves when the first answer is waited for.
    let asked = Instant::now();
    // Ends with the time limit at the latest.
    while let Some(answer) = answers.next_answer()? {
        sorting.take(&answer, asked.elapsed());
        if sorting.bytes > ANSWERS_BYTES_MAX {
            note(&format!("more than {ANSWERS_BYTES_MAX} bytes of answers came; the rest is left"));
            break;
        }
    }
    Ok(())
}

impl<R: Report> Sorting<'_, R> {
    fn take(&mut self, answer: &Message, time: Duration) {
        self.bytes += answer.payload().len();
        match self.read(answer) {
            Ok(report) => {
                let identity = report.identity();
                let key = (identity.name.clone(), identity.id.clone());
                self.found.insert(key, Found { report, time });
            }
            Err(reason) => self.skip(answer, &reason),
        }
    }

    fn read(&self, answer: &Message) -> Result<R, String> {
        if let Some(error) = ServiceError::of(answer) {
            return Err(format!("it says that it failed: {} ({})", error.text(), error.code()));
        }
        let report = R::from_json(answer.payload()).map_err(|error| error.to_string())?;
        let identity = report.identity();
        if !self.question.is_for(&identity.name, &identity.id) {
            return Err(format!("{}, {} was not asked", identity.name, identity.id));
        }
        if self.found.contains_key(&(identity.name.clone(), identity.id.clone())) {
            return Err(format!("{}, {} has answered already", identity.name, identity.id));
        }
        Ok(report)
    }

    fn skip(&mut self, answer: &Message, reason: &str) {
        self.skipped += 1;
        if self.is_quiet || self.skipped > NAMED_MAX {
            return;
        }
        let whose = match answer.sender() {
            Some(sender) => format!("the client {}", escaped(sender)),
            None => "a client without a name".to_owned(),
        };
        let reason = &reason[..reason.floor_char_boundary(REASON_BYTES_MAX)];
        note(&format!("skipped an answer of {whose}: {}", escaped(reason.as_bytes())));
    }

    fn finish(self) -> Result<Vec<Found<R>>, Failure> {
        if self.skipped > NAMED_MAX && !self.is_quiet {
            note(&format!("skipped {} more answers", self.skipped - NAMED_MAX));
        }
        if self.found.is_empty() {
            let whom = match (self.question.name, self.question.id) {
                (Some(name), Some(id)) => format!("no instance {id} of the service {name}"),
                (Some(name), None) => format!("no service {name}"),
                (None, _) => "no service".to_owned(),
            };
            return Err(Failure::NoService { whom });
        }
        Ok(self.found.into_values().collect())
    }
}
