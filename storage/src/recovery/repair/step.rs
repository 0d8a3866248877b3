//! One change of the files of a log.

use crate::format::{LostStretch, Manifest, SLOT_COUNT, Superblock, segment_file_name};

/// One change of the files of a log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// A small file is copied, as it is, to another name.
    Keep {
        /// Its name.
        name: &'static str,
        /// The name of the copy.
        copy: String,
    },
    /// A file gets another name, under which nobody looks for it.
    SetAside {
        /// Its name.
        name: String,
        /// The one that it gets.
        to: String,
    },
    /// A new file of a segment, with the beginning of another one, the mark, and zeros.
    MakeFile {
        /// Its number.
        file: u64,
        /// How long it gets, in bytes.
        bytes: u32,
        /// The number of the file whose beginning it gets, up to the mark, if that is there.
        source: Option<u64>,
        /// What is lost of the segment.
        mark: LostStretch,
    },
    /// A manifest takes the place of the one that is there, if one is.
    WriteManifest(Manifest),
    /// A superblock takes the place of the one that is there, if one is.
    WriteSuperblock([Option<Superblock>; SLOT_COUNT]),
}

impl core::fmt::Display for Step {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Step::Keep { name, copy } => write!(f, "copy {name} to {copy}"),
            Step::SetAside { name, to } => write!(f, "rename {name} to {to}"),
            Step::MakeFile { file, bytes, mark, .. } => {
                let name = segment_file_name(*file);
                let LostStretch { from, to, .. } = mark;
                write!(f, "make {name} of {bytes} bytes, with a mark that {from} to {to} is lost")
            }
            Step::WriteManifest(manifest) => {
                let (count, epoch) = (manifest.segments().count(), manifest.epoch);
                write!(f, "write a manifest with {count} segments, of epoch {epoch}")
            }
            Step::WriteSuperblock(slots) => {
                let numbers = slots.iter().flatten().map(|slot| slot.checkpoint.to_string());
                let numbers: Vec<String> = numbers.collect();
                write!(f, "write a superblock with checkpoint {}", numbers.join(" and "))
            }
        }
    }
}
