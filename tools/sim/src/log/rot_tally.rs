//! What rotted, counted, and how much of it there must be.

use super::rot::{Rot, Rotten};
use super::rot_places::{Area, Counts};
use crate::tally::tally;

tally! {
    /// What happened to logs that rotted.
    RotTally;
    /// Seeds that were run.
    seeds, "seeds", 1_000;
    /// Places in the headers of commit groups.
    headers, "rot in headers", 1_000;
    /// In directories.
    directories, "rot in directories", 1_000;
    /// In heads of entries.
    heads, "rot in heads", 1_000;
    /// In bodies.
    bodies, "rot in bodies", 1_000;
    /// In what is checked to be zero.
    padding, "rot in padding", 1_000;
    /// In footers of segments.
    footers, "rot in footers", 1_000;
    /// In the superblock.
    superblock, "rot in the superblock", 1_000;
    /// In the manifest.
    manifest, "rot in the manifest", 1_000;
    /// Where nothing counts.
    void, "rot where nothing counts", 1_000;
    /// Bits that turned over.
    flips, "bits turned over", 5_000;
    /// Blocks of zeros.
    zeros, "blocks of zeros", 500;
    /// Blocks with something else.
    garbage, "blocks of garbage", 500;
    /// Blocks with what stood elsewhere.
    misplaced, "blocks misplaced", 500;
    /// Files cut off.
    cuts, "files cut off", 500;
    /// Places that had to be found.
    counting, "had to be found", 5_000;
    /// Places of which nothing can be said.
    perhaps, "the last of all", 50;
    /// Logs that were found to have a problem.
    found, "found", 5_000;
    /// Holes in them.
    holes, "holes", 3_000;
    /// Ends that look like writes that were interrupted.
    torn, "torn tails", 50;
    /// Logs that were opened.
    opened, "opened", 5_000;
    /// Logs that were refused.
    refused, "refused", 1_000;
    /// Times a checkpoint served although the superblock had rotted.
    other_slot, "the other slot served", 300;
    /// Times a checkpoint could not be read, and an earlier one served.
    earlier, "an earlier start served", 30;
    /// Logs of which the partitions in a hole were known.
    named, "partitions named", 500;
    /// Batches that were lost.
    lost, "batches lost", 1_000;
}

impl RotTally {
    /// Notes what rotted.
    pub(super) fn note(&mut self, rotten: &Rotten) {
        let of_area = match rotten.area {
            Area::Header => &mut self.headers,
            Area::Directory => &mut self.directories,
            Area::Head => &mut self.heads,
            Area::Body => &mut self.bodies,
            Area::Padding => &mut self.padding,
            Area::Footer => &mut self.footers,
            Area::Superblock => &mut self.superblock,
            Area::Manifest => &mut self.manifest,
            Area::Void => &mut self.void,
        };
        *of_area += 1;
        let of_rot = match rotten.rot {
            Rot::Flip => &mut self.flips,
            Rot::Zeros => &mut self.zeros,
            Rot::Garbage => &mut self.garbage,
            Rot::Misplaced => &mut self.misplaced,
            Rot::Cut => &mut self.cuts,
        };
        *of_rot += 1;
        match rotten.counts {
            Counts::Yes => self.counting += 1,
            Counts::Perhaps => self.perhaps += 1,
            Counts::No => {}
        }
    }
}
