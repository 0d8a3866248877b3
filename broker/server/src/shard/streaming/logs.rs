//! The logs of a shard: opened at the start or when their first partition is made, and what becomes of
//! those that fail.

use std::rc::Rc;

use coilgun_core::stream::LogIndex;
use coilgun_storage::disk::{Disk, DiskError};

use super::super::turn::Shard;
use super::arrivals::{Arrivals, Arrived};
use super::setup::{LogFault, Opened, StreamSetup};
use super::state::LogState;
use crate::env::Env;

/// The log in which streams are decided about.
pub(super) const FIRST: LogIndex = LogIndex(0);

impl<E: Env> Shard<E> {
    /// Gives the shard its logs: opens those that are there. Runs inside its executor, before its first
    /// turn.
    ///
    /// # Errors
    /// If one of them cannot be opened.
    pub async fn open_logs(&mut self, setup: StreamSetup) -> Result<(), LogFault> {
        let now_ms = self.env.wall_clock_ns() / 1_000_000;
        self.streams.setup = Some(setup.clone());
        for number in 0..setup.log_count {
            let log = LogIndex(number);
            if setup.shard_of(log) != setup.shard || !setup.exists(log)? {
                continue;
            }
            let disk = self.env.disk(&setup.directory(log)?);
            let opened = setup.clone().open(log, disk, now_ms).await?;
            self.on_opened_log(log, opened);
        }
        Ok(())
    }

    /// Begins to open a log, unless it is open or being opened.
    pub(super) fn open_log(&mut self, log: LogIndex) {
        if self.streams.logs.contains_key(&log) {
            return;
        }
        let Some(setup) = self.streams.setup.clone() else { return };
        let directory = match setup.directory(log) {
            Ok(directory) => directory,
            Err(fault) => return self.on_log_fault(fault),
        };
        let now_ms = self.env.wall_clock_ns() / 1_000_000;
        let (disk, arrivals) = (self.env.disk(&directory), Rc::clone(&self.streams.arrivals));
        self.streams.logs.insert(log, LogState::Opening);
        self.streams.under_way += 1;
        self.env.spawn(async move {
            let opened = setup.open(log, disk, now_ms).await.map(Box::new);
            arrivals.bring(Arrived::Log(log, opened));
        });
    }

    /// A log is open: its tasks begin, and what waited for it goes on.
    pub(super) fn on_opened_log(&mut self, log: LogIndex, opened: Opened<E::Disk>) {
        let Opened { host, catalog, report } = opened;
        let first = report.checkpoint.map(|checkpoint| checkpoint.first.segment);
        let begun = first.or(report.log.segments.first().map(|segment| segment.segment));
        self.note_checkpoint(log, begun.unwrap_or_default());
        self.counters.logs_opened += 1;
        self.counters.groups_replayed += report.log.group_count;
        let journal = host.journal().clone();
        let (writer, keeper) = (journal.clone(), journal.clone());
        let arrivals = &self.streams.arrivals;
        self.env.spawn(watched(log, arrivals, async move { writer.write().await }));
        self.env.spawn(watched(log, arrivals, async move { keeper.keep().await }));
        let bells = Rc::clone(arrivals);
        self.env.spawn(async move {
            // Ends with the executor.
            loop {
                journal.news().await;
                bells.ring();
            }
        });
        self.streams.logs.insert(log, LogState::Open(Box::new(host)));
        if log == FIRST {
            self.restore_catalog(&catalog);
        }
        self.go_on_with_log(log);
    }

    /// A log cannot be used any more: the shard tells whoever waits, and ends (law L14).
    pub(super) fn on_log_fault(&mut self, fault: LogFault) {
        self.streams.fault.get_or_insert(fault);
    }
}

/// Runs a task of a log, and says if it failed.
fn watched<D: Disk>(
    log: LogIndex,
    arrivals: &Rc<Arrivals<D>>,
    task: impl Future<Output = Result<(), DiskError>> + 'static,
) -> impl Future<Output = ()> + 'static {
    let arrivals = Rc::clone(arrivals);
    arrivals.begin();
    async move {
        if let Err(fault) = task.await {
            arrivals.bring(Arrived::Fault(LogFault::Write { log: log.0, fault }));
        }
        arrivals.end();
    }
}
