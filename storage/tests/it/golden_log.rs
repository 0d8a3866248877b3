//! A log that version 1 of the format wrote, and what the code of today reads in it.

use core::fmt::Write as _;
use core::ops::ControlFlow;
use std::fs;
use std::path::PathBuf;

use coilgun_storage::disk::sim::{Dice, SimWorld, run};
use coilgun_storage::format::{EntryKind, Group};
use coilgun_storage::recovery::{Inspected, Part, Unproven, inspect, verify};

use crate::golden_writer::{LOG_ID, open_in, write_log};

/// The file beside the log with what is read in it.
const TRANSCRIPT: &str = "transcript.txt";

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/v1")
}

/// A world with the files of the log. They are made once, if somebody asks for it, and never again.
pub(crate) fn golden_world() -> SimWorld {
    let is_asked = std::env::var_os("COILGUN_UPDATE_GOLDEN").is_some();
    if is_asked && !folder().join("manifest").exists() {
        let world = write_log();
        for name in world.names() {
            let bytes = world.contents(&name).expect("it has this name");
            fs::write(folder().join(name), bytes).expect("the repository is writable");
        }
    }
    let world = SimWorld::new();
    for entry in fs::read_dir(folder()).expect("the golden log is there") {
        let path = entry.expect("it can be listed").path();
        let name = path.file_name().expect("it has a name").to_string_lossy().into_owned();
        if name != TRANSCRIPT {
            world.plant(&name, &fs::read(&path).expect("it can be read"));
        }
    }
    world
}

/// Everything that stands in the log, as text.
fn transcript(world: &SimWorld) -> String {
    let (mut text, disk) = (String::new(), world.disk());
    let mut write = |inspected: &Inspected<'_>| {
        write_one(&mut text, inspected);
        ControlFlow::Continue(())
    };
    let inspected = inspect(&disk, LOG_ID, Part::default(), &mut write);
    let inspected = run(world, &mut Dice::new(1), inspected);
    inspected.expect("nothing stops").expect("the disk reads");
    text
}

fn write_one(text: &mut String, inspected: &Inspected<'_>) {
    let written = match inspected {
        Inspected::NoManifest => writeln!(text, "no manifest"),
        Inspected::Manifest(manifest) => writeln!(text, "{manifest:?}"),
        Inspected::Slot(index, slot) => writeln!(text, "slot {index}: {slot:?}"),
        Inspected::File(row, bytes) => writeln!(text, "{row:?}: {bytes:?} bytes"),
        Inspected::Group(group, follows) => {
            write_group(text, group);
            writeln!(text, "  follows: {follows:?}")
        }
        Inspected::Fault { from, to, fault } => writeln!(text, "{from} to {to}: {fault}"),
        Inspected::Footer(position, footer) => writeln!(text, "{position}: {footer:?}"),
    };
    written.expect("a string takes everything");
}

fn write_group(text: &mut String, group: &Group<'_>) {
    writeln!(text, "{:?} {:08x}", group.header, group.crc).expect("a string takes everything");
    for (row, (position, entry)) in group.rows().zip(group.entries()) {
        let mut line = format!("{entry:?}");
        if line.len() > 600 {
            line = format!("{}... and so on", &line[..600]);
        }
        writeln!(text, "  {position} {row:?} {line}").expect("a string takes everything");
    }
}

#[test]
fn golden_log_v1_reads_back() {
    let world = golden_world();
    let found = transcript(&world);
    let path = folder().join(TRANSCRIPT);
    if std::env::var_os("COILGUN_UPDATE_GOLDEN").is_some() {
        fs::write(&path, &found).expect("the repository is writable");
    }
    let expected = fs::read_to_string(&path).expect("the golden file is there");
    assert!(found == expected, "version 1 is read otherwise than before; see {}", path.display());
    for kind in EntryKind::ALL {
        assert!(found.contains(&format!(" {kind:?}(")), "{kind:?} stands in it");
    }
}

#[test]
fn golden_log_v1_is_sound_and_opens() {
    let world = golden_world();
    let disk = world.disk();
    let mut ignored = |_| {};
    let verified = run(&world, &mut Dice::new(1), verify(&disk, LOG_ID, &mut ignored));
    let verified = verified.expect("nothing stops").expect("the disk reads");
    assert_eq!(verified.problems, []);
    assert_eq!(verified.checkpoints, [Some(2), Some(1)]);
    let (opened, counting) = open_in(&world);
    let (_, report) = opened.expect("it can be opened");
    assert_eq!((report.unproven, counting.checkpoint), (Unproven::Nothing, 2));
    assert!(counting.groups > 5 && report.epoch.0 == 3);
}
