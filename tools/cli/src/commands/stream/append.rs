//! `coilgun stream append`: appends records.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::Duration;

use coilgun_client::blocking::{Client, Producer};
use coilgun_client::{
    AckLevel, AppendOptions, Appended, Batch, Offset, ProducerOptions, Reconnect, Record,
};
use coilgun_protocol::model::limits::PAYLOAD_BYTES_CEILING;
use coilgun_protocol::native::{key_hash, partition_of};
use serde_json::json;

use super::super::connect::options;
use crate::arguments::AppendArguments;
use crate::failure::Failure;
use crate::input;
use crate::output::{Output, Style};

/// How often the broker hears of a client whose standard input is silent.
const SIGN_OF_LIFE: Duration = Duration::from_secs(1);
/// A batch of lines is sent once it has so many bytes.
const BATCH_BYTES: usize = 256 * 1024;
/// Or so many records.
const BATCH_RECORDS: u32 = 1000;

/// Appends what the arguments say.
pub(super) fn append(arguments: &AppendArguments) -> Result<(), Failure> {
    let payload = match arguments.lines {
        true => None,
        false => Some(input::payload(arguments.payload.as_deref(), PAYLOAD_BYTES_CEILING)?),
    };
    // What is sent again is stored once, so that a broker may come back meanwhile.
    let options = options(&arguments.client)?.with_reconnect(Reconnect::default());
    let mut client = Client::connect(options)?;
    let mut appender = Appender::new(arguments, &mut client)?;
    let appended = match payload {
        Some(payload) => appender.one(&mut client, &payload),
        None => appender.lines(&mut client),
    };
    let finished = appender.tell(Output::flush).and_then(|()| match arguments.level {
        // Nothing else says that it left.
        AckLevel::None => Ok(client.flush()?),
        AckLevel::Leader | AckLevel::Durable => Ok(()),
    });
    appended.and(finished)?;
    Ok(client.close()?)
}

struct Appender<'a> {
    arguments: &'a AppendArguments,
    producer: Producer,
    partition_count: u32,
    /// Where the next record without a key goes.
    turn: u32,
    separator: Option<Vec<u8>>,
    /// Records that wait, by partition.
    batches: BTreeMap<u32, Batch>,
    /// None: nobody reads any more what is said.
    output: Option<Output>,
}

impl Appender<'_> {
    fn new<'a>(
        arguments: &'a AppendArguments,
        client: &mut Client,
    ) -> Result<Appender<'a>, Failure> {
        let partition_count = match arguments.partition {
            // Whoever says where to needs no permission to read.
            Some(_) => 1,
            None => client.stream_info(&arguments.stream)?.partitions.len(),
        };
        let partition_count = u32::try_from(partition_count).unwrap_or(u32::MAX).max(1);
        let style = if arguments.client.json { Style::Json } else { Style::Line };
        Ok(Appender {
            arguments,
            producer: client.producer(&arguments.stream, ProducerOptions::default())?,
            partition_count,
            // Where several begin, they begin in different places.
            turn: (RandomState::new().hash_one(()) % u64::from(partition_count)) as u32,
            separator: arguments.key_separator.as_deref().map(unescaped),
            batches: BTreeMap::new(),
            output: Some(Output::new(style)),
        })
    }

    /// Appends one record.
    fn one(&mut self, client: &mut Client, payload: &[u8]) -> Result<(), Failure> {
        let key = self.arguments.key.as_deref().unwrap_or_default();
        self.put(key.as_bytes(), payload)?;
        self.send_all(client)
    }

    /// Appends each line of standard input, without waiting for more lines than there are.
    fn lines(&mut self, client: &mut Client) -> Result<(), Failure> {
        let lines = input::lines(client.server().payload_bytes_max)?;
        // Ends with standard input, or when the connection is lost.
        while let Some(line) = self.next_line(client, &lines)? {
            let key = self.arguments.key.as_deref().unwrap_or_default().as_bytes();
            let (key, payload) = match &self.separator {
                Some(separator) => split(&line, separator),
                None => (key, line.as_slice()),
            };
            if self.put(key, payload)? {
                self.send_all(client)?;
            }
        }
        self.send_all(client)
    }

    /// The next line; where none is there just now, what waits is appended first.
    fn next_line(
        &mut self,
        client: &mut Client,
        lines: &Receiver<Result<Vec<u8>, Failure>>,
    ) -> Result<Option<Vec<u8>>, Failure> {
        match lines.try_recv() {
            Ok(line) => return line.map(Some),
            Err(TryRecvError::Disconnected) => return Ok(None),
            Err(TryRecvError::Empty) => self.send_all(client)?,
        }
        self.tell(Output::flush)?;
        // Ends with a line, or with standard input.
        loop {
            match lines.recv_timeout(SIGN_OF_LIFE) {
                Ok(line) => return line.map(Some),
                Err(RecvTimeoutError::Disconnected) => return Ok(None),
                Err(RecvTimeoutError::Timeout) => client.keep_alive()?,
            }
        }
    }

    /// Puts a record into the batch of its partition, and says whether that is large enough.
    fn put(&mut self, key: &[u8], payload: &[u8]) -> Result<bool, Failure> {
        let partition = match self.arguments.partition {
            Some(index) => index,
            None if key.is_empty() => self.turn,
            None => partition_of(key_hash(key), self.partition_count),
        };
        let mut record = Record::new(payload).with_key(key);
        for header in &self.arguments.headers {
            record = record.with_header(&header.name, header.value.as_bytes())?;
        }
        let batch = self.batches.entry(partition).or_default();
        batch.push(&record)?;
        Ok(batch.len() >= BATCH_RECORDS || batch.bytes_len() >= BATCH_BYTES)
    }

    /// Appends everything that waits. Records without a key go to another partition from then on.
    fn send_all(&mut self, client: &mut Client) -> Result<(), Failure> {
        for (partition, batch) in std::mem::take(&mut self.batches) {
            self.send(client, partition, &batch)?;
        }
        self.turn = (self.turn + 1) % self.partition_count;
        Ok(())
    }

    fn send(&mut self, client: &mut Client, partition: u32, batch: &Batch) -> Result<(), Failure> {
        let AppendArguments { level, expected_offset, ref stream, .. } = *self.arguments;
        let options = AppendOptions {
            partition: Some(partition),
            level,
            expected_offset: expected_offset.map(Offset),
            producer: None,
        };
        if level == AckLevel::None {
            return Ok(client.append_unacked(stream, batch, &options)?);
        }
        let appended = self.producer.append(client, batch, &options)?;
        self.report(&appended, batch.len())
    }

    /// Says where the records are: one line for each, or one object for a batch.
    fn report(&mut self, appended: &Appended, count: u32) -> Result<(), Failure> {
        let Appended { partition, base_offset, level, .. } = *appended;
        if self.arguments.client.json {
            let object = json!({
                "partition": partition,
                "offset": base_offset.0,
                "count": count,
                "level": level.name(),
                "append_time_ms": appended.append_time.0,
            });
            return self.tell(|output| output.text(&format!("{object}\n")));
        }
        self.tell(|output| {
            (0..u64::from(count))
                .try_for_each(|at| output.text(&format!("{partition}\t{}\n", base_offset.0 + at)))
        })
    }

    /// Says something as long as somebody listens: records are appended even if nobody does, as in
    /// `coilgun stream append orders --lines | head -1`.
    fn tell(
        &mut self,
        say: impl FnOnce(&mut Output) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let Some(output) = &mut self.output else { return Ok(()) };
        match say(output) {
            Err(Failure::OutputClosed) => {
                self.output = None;
                Ok(())
            }
            said => said,
        }
    }
}

/// Key and payload of a line; a line without the separator has no key.
fn split<'a>(line: &'a [u8], separator: &[u8]) -> (&'a [u8], &'a [u8]) {
    let found = line.windows(separator.len().max(1)).position(|window| window == separator);
    found.map_or((&[], line), |at| (&line[..at], &line[at + separator.len()..]))
}

/// A separator as it was typed: `\t` stands for a tab.
fn unescaped(text: &str) -> Vec<u8> {
    text.replace("\\t", "\t").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_split_at_the_first_separator() {
        let tab = unescaped("\\t");
        assert_eq!(split(b"key\tone\ttwo", &tab), (&b"key"[..], &b"one\ttwo"[..]));
        assert_eq!(split(b"no key", &tab), (&b""[..], &b"no key"[..]));
        assert_eq!(split(b"a::b", b"::"), (&b"a"[..], &b"b"[..]));
        assert_eq!(split(b"", b"::"), (&b""[..], &b""[..]));
    }
}
