//! What is safe to do: a table without any IO, tested over every combination.

use crate::format::SegmentSequence;
use crate::recovery::decide::Refusal;

/// What keeps a log from being opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Obstacle {
    /// Nothing.
    None,
    /// Something beside the commit groups.
    Refused(Refusal),
    /// The slots name checkpoints, and none of them is complete any more.
    CheckpointsIncomplete,
    /// Something whole in it is of a version, or an entry of a kind, that this Coilgun does not know.
    Unknown,
    /// The disk cannot read something that has to be read.
    Unreadable,
}

/// What the files of segments say of themselves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FoundSegments {
    /// None of them holds a commit group of this log.
    None,
    /// Each holds another segment.
    Distinct,
    /// Two say that they are the same segment.
    Alike(SegmentSequence),
    /// One holds a commit group of another version of the format.
    OtherVersion(u16),
}

/// What to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Remedy {
    /// Nothing: a start is not refused.
    NotNeeded,
    /// Make a manifest from what the segments say of themselves.
    NewManifest,
    /// Put a file in the place of one that is gone or too short, with a mark where bytes are lost.
    Substitute {
        /// The number of the file.
        file: u64,
    },
    /// Name the latest complete checkpoints of the segments in the superblock.
    NewSuperblock,
    /// Nothing that is safe.
    None(NoRemedy),
}

/// Why nothing that is safe can be done.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NoRemedy {
    /// Another version can read it.
    #[error("something in it is of another version; use the Coilgun that wrote it")]
    OtherVersion,
    /// Which files belong together only whoever mixed them can know.
    #[error("the files of two logs are mixed; put each back where it belongs")]
    OtherLog,
    /// There is nothing to make a log of.
    #[error("no file holds a commit group of this log; restore the directory from a backup")]
    NoSegments,
    /// Which of two files counts nobody can know.
    #[error("two files hold segment {0}; move the one away that does not belong here")]
    Alike(SegmentSequence),
    /// The state before the first segment is gone, and nothing stands for it.
    #[error(
        "no complete checkpoint stands in its segments, and the first segment is gone; restore the directory from a backup"
    )]
    NoCheckpoint,
    /// Repairing it would need to read what the disk does not give.
    #[error(
        "the disk cannot read it; copy the directory to another disk, as far as it can be read, and repair it there"
    )]
    Unreadable,
    /// What the files say of themselves cannot be true at the same time.
    #[error(
        "what its files say of themselves contradicts itself; restore the directory from a backup"
    )]
    Contradiction,
}

/// Decides what is safe. `has_checkpoint`: whether a complete checkpoint stands in the segments.
#[must_use]
pub fn decide_repair(obstacle: Obstacle, segments: FoundSegments, has_checkpoint: bool) -> Remedy {
    let superblock = match has_checkpoint {
        true => Remedy::NewSuperblock,
        false => Remedy::None(NoRemedy::NoCheckpoint),
    };
    match (obstacle, segments) {
        (Obstacle::None, _) => Remedy::NotNeeded,
        (Obstacle::Unreadable, _) => Remedy::None(NoRemedy::Unreadable),
        (Obstacle::Unknown | Obstacle::Refused(Refusal::OtherVersion(_)), _)
        | (
            Obstacle::Refused(_) | Obstacle::CheckpointsIncomplete,
            FoundSegments::OtherVersion(_),
        ) => Remedy::None(NoRemedy::OtherVersion),
        (Obstacle::Refused(Refusal::OtherLog), _) => Remedy::None(NoRemedy::OtherLog),
        (Obstacle::Refused(Refusal::NoCheckpoint) | Obstacle::CheckpointsIncomplete, _) => {
            superblock
        }
        (Obstacle::Refused(Refusal::SegmentMissing(file) | Refusal::SegmentShort(file)), _) => {
            Remedy::Substitute { file }
        }
        (
            Obstacle::Refused(
                Refusal::ManifestDamaged | Refusal::ManifestMissing | Refusal::ManifestOld(_),
            ),
            segments,
        ) => match segments {
            FoundSegments::None => Remedy::None(NoRemedy::NoSegments),
            FoundSegments::Alike(segment) => Remedy::None(NoRemedy::Alike(segment)),
            FoundSegments::OtherVersion(_) => Remedy::None(NoRemedy::OtherVersion),
            FoundSegments::Distinct => Remedy::NewManifest,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OBSTACLES: [Obstacle; 12] = [
        Obstacle::None,
        Obstacle::Refused(Refusal::OtherVersion(9)),
        Obstacle::Refused(Refusal::OtherLog),
        Obstacle::Refused(Refusal::ManifestDamaged),
        Obstacle::Refused(Refusal::ManifestMissing),
        Obstacle::Refused(Refusal::ManifestOld(3)),
        Obstacle::Refused(Refusal::SegmentMissing(3)),
        Obstacle::Refused(Refusal::SegmentShort(3)),
        Obstacle::Refused(Refusal::NoCheckpoint),
        Obstacle::CheckpointsIncomplete,
        Obstacle::Unknown,
        Obstacle::Unreadable,
    ];
    const SEGMENTS: [FoundSegments; 4] = [
        FoundSegments::None,
        FoundSegments::Distinct,
        FoundSegments::Alike(SegmentSequence(5)),
        FoundSegments::OtherVersion(8),
    ];

    /// Every combination there is, with what is decided.
    fn all() -> Vec<(Obstacle, FoundSegments, bool, Remedy)> {
        let mut all = Vec::new();
        for obstacle in OBSTACLES {
            for segments in SEGMENTS {
                for has_checkpoint in [false, true] {
                    let remedy = decide_repair(obstacle, segments, has_checkpoint);
                    all.push((obstacle, segments, has_checkpoint, remedy));
                }
            }
        }
        all
    }

    fn count(is_it: impl Fn(&Remedy) -> bool) -> usize {
        all().iter().filter(|(.., remedy)| is_it(remedy)).count()
    }

    #[test]
    fn what_a_start_is_not_refused_for_is_left_to_recovery() {
        for (obstacle, _, _, remedy) in all() {
            assert_eq!(remedy == Remedy::NotNeeded, obstacle == Obstacle::None, "{obstacle:?}");
        }
    }

    #[test]
    fn nothing_of_another_version_or_log_is_ever_touched() {
        for (obstacle, segments, _, remedy) in all() {
            let foreign = matches!(segments, FoundSegments::OtherVersion(_))
                || matches!(
                    obstacle,
                    Obstacle::Unknown
                        | Obstacle::Refused(Refusal::OtherVersion(_) | Refusal::OtherLog)
                );
            let touches = !matches!(remedy, Remedy::NotNeeded | Remedy::None(_));
            assert!(!(foreign && touches), "{obstacle:?}, {segments:?} -> {remedy:?}");
        }
    }

    #[test]
    fn a_manifest_is_made_only_for_want_of_one_and_only_of_segments_that_differ() {
        for (obstacle, segments, _, remedy) in all() {
            let wanted = matches!(
                obstacle,
                Obstacle::Refused(
                    Refusal::ManifestDamaged | Refusal::ManifestMissing | Refusal::ManifestOld(3)
                )
            );
            let expected = wanted && segments == FoundSegments::Distinct;
            assert_eq!(remedy == Remedy::NewManifest, expected, "{obstacle:?}, {segments:?}");
        }
    }

    #[test]
    fn a_superblock_is_made_only_of_a_checkpoint_that_is_there() {
        for (obstacle, segments, has_checkpoint, remedy) in all() {
            if remedy == Remedy::NewSuperblock {
                assert!(has_checkpoint, "{obstacle:?}, {segments:?}");
                let wanted =
                    [Obstacle::Refused(Refusal::NoCheckpoint), Obstacle::CheckpointsIncomplete];
                assert!(wanted.contains(&obstacle), "{obstacle:?}");
            }
        }
    }

    #[test]
    fn the_table_has_as_many_rows_as_were_thought_of() {
        assert_eq!(all().len(), 12 * 4 * 2);
        assert_eq!(count(|remedy| *remedy == Remedy::NotNeeded), 8);
        assert_eq!(count(|remedy| *remedy == Remedy::NewManifest), 3 * 2);
        assert_eq!(count(|remedy| *remedy == Remedy::Substitute { file: 3 }), 2 * 3 * 2);
        assert_eq!(count(|remedy| *remedy == Remedy::NewSuperblock), 2 * 3);
    }
}
