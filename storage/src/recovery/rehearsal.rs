//! Opens a log without changing it: looks, decides and replays as a start does, and stops there.

use super::decide::{Decision, Unproven, decide, decide_unproven};
use super::gather::gather;
use super::open::{OpenError, Replay, replay_log};
use crate::disk::Disk;

/// Replays the log `log_id` in `disk` as [`open`](super::open) would, and says what could then only be read.
/// Nothing on the disk is changed, and nothing is made durable.
///
/// # Errors
/// Whatever a start would be refused for, as far as that can be seen without writing.
pub async fn rehearse<D: Disk>(
    disk: &D,
    log_id: u128,
    replay: &mut impl Replay,
) -> Result<Unproven, OpenError> {
    let gathered = gather(disk, log_id).await?;
    let starts = match decide(&gathered.found) {
        Decision::Refuse(refusal) => return Err(refusal.into()),
        Decision::Create => return Ok(Unproven::Nothing),
        Decision::Open(starts) => starts,
    };
    // A log that is opened has a manifest.
    let Some(manifest) = &gathered.manifest else { return Ok(Unproven::Nothing) };
    let replayed = replay_log(disk, log_id, manifest, &gathered, starts, replay).await?;
    Ok(decide_unproven(&replayed.log.holes))
}
