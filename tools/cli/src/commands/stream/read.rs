//! `coilgun stream read` and `tail`: print records.

use std::time::{Duration, Instant};

use coilgun_client::blocking::{Client, Followed};
use coilgun_client::{
    ClientError, ConnectionState, Event, FollowId, FollowOptions, Reconnect, StartAt, StoredRecord,
};
use coilgun_protocol::model::ErrorCode;

use super::super::connect::{connect, options};
use super::record::line;
use crate::arguments::{ReadArguments, SelectArguments, TailArguments};
use crate::failure::Failure;
use crate::output::{Output, Style, note};

/// How often a tail looks whether the broker is there, while nothing comes.
const LOOK: Duration = Duration::from_secs(1);

/// Prints records until there were enough.
struct Printer<'a> {
    select: &'a SelectArguments,
    output: Output,
    style: Style,
    came: u64,
    /// It was said that the broker is away.
    is_away: bool,
}

/// Prints what is there, one partition after the other.
pub(super) fn read(arguments: &ReadArguments) -> Result<(), Failure> {
    let select = &arguments.select;
    let mut client = connect(&select.client)?;
    let mut printer = Printer::new(select);
    let read = wanted(select, &mut client).and_then(|partitions| {
        let is_alone = partitions.len() == 1;
        for partition in partitions {
            let read = printer.read(&mut client, partition, arguments.from);
            if let Err(failure) = read {
                // Of several partitions, one may be shorter than the others.
                let is_shorter = !is_alone
                    && is_beyond_end(&failure, &mut client, select, partition, arguments.from)?;
                if !is_shorter {
                    return Err(failure);
                }
            }
        }
        printer.output.flush()
    });
    finish(client, read)
}

/// Prints what comes, of all partitions.
pub(super) fn tail(arguments: &TailArguments) -> Result<(), Failure> {
    let select = &arguments.select;
    // Followers go on behind the last record, so that a broker may come back meanwhile.
    let mut client =
        Client::connect(options(&select.client)?.with_reconnect(Reconnect::default()))?;
    let mut printer = Printer::new(select);
    let read = follow_all(arguments, &mut client)
        .and_then(|()| printer.tail(&mut client, arguments.timeout));
    finish(client, read)
}

/// Leaves, and forgives whoever reads the output that there was enough.
fn finish(client: Client, read: Result<(), Failure>) -> Result<(), Failure> {
    match read {
        // As in `coilgun stream read orders | head -1`.
        Err(Failure::OutputClosed) => Ok(()),
        Err(failure) => Err(failure),
        Ok(()) => Ok(client.close()?),
    }
}

/// The partitions to be read.
fn wanted(select: &SelectArguments, client: &mut Client) -> Result<Vec<u32>, Failure> {
    if !select.partitions.is_empty() {
        return Ok(select.partitions.clone());
    }
    let info = client.stream_info(&select.stream)?;
    Ok(info.partitions.iter().map(|it| it.index).collect())
}

/// Whether reading failed because it was to begin behind the end of the partition.
fn is_beyond_end(
    failure: &Failure,
    client: &mut Client,
    select: &SelectArguments,
    partition: u32,
    from: StartAt,
) -> Result<bool, Failure> {
    let (Failure::Client(error @ ClientError::Refused { .. }), StartAt::Offset(from)) =
        (failure, from)
    else {
        return Ok(false);
    };
    if error.code() != Some(ErrorCode::OffsetOutOfRange) {
        return Ok(false);
    }
    let info = client.stream_info(&select.stream)?;
    Ok(info.partitions.iter().any(|it| it.index == partition && it.end_offset < from))
}

fn follow_all(arguments: &TailArguments, client: &mut Client) -> Result<(), Failure> {
    let select = &arguments.select;
    let partitions = wanted(select, client)?;
    // All of them together read no more ahead than one does alone.
    let share = FollowOptions::default();
    let count = u32::try_from(partitions.len()).unwrap_or(u32::MAX).max(1);
    let (records, bytes) = (share.ahead_records / count, share.ahead_bytes / count);
    let options = share.with_ahead(records.max(1), bytes.max(1));
    for partition in partitions {
        client.follow(&select.stream, partition, arguments.from, options)?;
    }
    if !select.client.quiet {
        note(&format!("reading {}", select.stream));
    }
    Ok(())
}

impl Printer<'_> {
    fn new(select: &SelectArguments) -> Printer<'_> {
        let style = match (select.client.json, select.raw) {
            (true, _) => Style::Json,
            (false, true) => Style::Raw,
            (false, false) => Style::Line,
        };
        Printer { select, output: Output::new(style), style, came: 0, is_away: false }
    }

    fn has_enough(&self) -> bool {
        self.select.count.is_some_and(|wanted| self.came >= wanted)
    }

    fn print(&mut self, record: &StoredRecord) -> Result<(), Failure> {
        self.came += 1;
        self.output.bytes(&line(record, self.style))
    }

    /// Prints one partition from `from` to its end.
    fn read(&mut self, client: &mut Client, partition: u32, from: StartAt) -> Result<(), Failure> {
        if self.has_enough() {
            return Ok(());
        }
        let options = FollowOptions::default().until_end();
        let follower = client.follow(&self.select.stream, partition, from, options)?;
        // Ends with the partition.
        while !self.has_enough() {
            match client.next_record_of(follower, Duration::MAX)? {
                Followed::Record(record) => self.print(&record)?,
                Followed::End(_) => return Ok(()),
                Followed::Nothing => {}
            }
        }
        client.unfollow(follower);
        Ok(())
    }

    /// Prints what comes, until there was enough or none came for `timeout`.
    fn tail(&mut self, client: &mut Client, timeout: Option<Duration>) -> Result<(), Failure> {
        let patience = timeout.unwrap_or(Duration::MAX);
        let mut silent_since = Instant::now();
        // Ends with the last record that is wanted, or with the patience.
        while !self.has_enough() {
            let mut followed = client.next_record(Duration::ZERO)?;
            if matches!(followed, Followed::Nothing) {
                self.output.flush()?;
                self.tell_of_broker(client);
                let left = patience.saturating_sub(silent_since.elapsed());
                followed = client.next_record(left.min(LOOK))?;
            }
            match followed {
                Followed::Record(record) => {
                    self.print(&record)?;
                    silent_since = Instant::now();
                }
                Followed::End(FollowId(_)) => {}
                Followed::Nothing if silent_since.elapsed() >= patience => {
                    return self.silence(patience);
                }
                Followed::Nothing => {}
            }
        }
        self.output.flush()
    }

    /// Says on standard error that the broker is away, and that it is back.
    fn tell_of_broker(&mut self, client: &mut Client) {
        let mut why = None;
        // Ends because nothing happens meanwhile.
        while let Some(event) = client.take_event() {
            if let Event::Lost { error, .. } = event {
                why.get_or_insert(error);
            }
        }
        let is_quiet = self.select.client.quiet;
        if let Some(why) = why
            && !self.is_away
        {
            self.is_away = true;
            if !is_quiet {
                note(&format!("waiting for the broker to come back: {why}"));
            }
        }
        if self.is_away && client.state() == ConnectionState::Connected {
            self.is_away = false;
            if !is_quiet {
                note(&format!("reading {} again", self.select.stream));
            }
        }
    }

    /// What it means that nothing came for as long as was asked for.
    fn silence(&self, waited: Duration) -> Result<(), Failure> {
        match self.select.count {
            None => Ok(()),
            Some(wanted) => Err(Failure::TooFewRecords {
                came: self.came,
                wanted,
                seconds: waited.as_secs_f64(),
            }),
        }
    }
}
