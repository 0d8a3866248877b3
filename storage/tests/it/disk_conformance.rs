//! What every disk has to do, asked of the real one and of the simulated one with the same words.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use coilgun_storage::disk::sim::{self, Dice, SimWorld};
use coilgun_storage::disk::{
    BLOCK_BYTES, DirectDisk, DirectoryEntry, Disk, DiskBuffer, DiskError, DiskFile, FileKind,
    Operation,
};

use crate::executor;

/// Asks both disks the same.
macro_rules! on_both {
    ($($name:ident,)+) => {
        mod real {
            use super::*;
            $(#[test]
            fn $name() {
                on_real(|disk| super::$name(disk));
            })+
        }

        mod simulated {
            use super::*;
            $(#[test]
            fn $name() {
                on_simulated(|disk| super::$name(disk));
            })+
        }
    };
}

on_both! {
    a_filled_file_has_zeros_and_takes_writes,
    a_read_behind_the_end_is_an_error,
    a_name_is_taken_once,
    what_is_missing_is_an_error_with_its_name,
    small_files_come_back_as_they_were,
    a_renamed_file_keeps_its_bytes_and_takes_the_place_of_another,
    a_removed_file_is_gone_for_those_who_do_not_have_it,
    a_file_is_cut_off,
    who_opened_a_file_to_read_cannot_write_it,
    buffers_are_cut_and_changed,
    a_list_is_sorted_and_says_what_is_what,
    mistakes_are_not_carried_out,
}

fn on_real<F: Future<Output = ()> + 'static>(test: impl FnOnce(DirectDisk) -> F + Send + 'static) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().to_owned();
    executor::run(move || async move { test(DirectDisk::new(&path)).await });
}

fn on_simulated<F: Future<Output = ()>>(test: impl FnOnce(sim::SimDisk) -> F) {
    let world = SimWorld::new();
    sim::run(&world, &mut Dice::new(1), test(world.disk())).expect("no crash was asked for");
    assert_eq!(world.open_files(), 0, "everything was closed");
}

fn filled<D: Disk>(disk: &D, blocks: usize, byte: u8) -> Rc<D::Buffer> {
    let mut buffer = disk.buffer(blocks * BLOCK_BYTES);
    buffer.as_mut().fill(byte);
    Rc::new(buffer)
}

async fn bytes_of<F: DiskFile>(file: &F) -> Vec<u8> {
    let bytes = usize::try_from(file.bytes()).expect("a small file");
    file.read(0, bytes).await.expect("it can be read").as_ref().to_vec()
}

/// What stands in each block, if it is the same in the whole block.
fn blocks(bytes: &[u8]) -> Vec<u8> {
    let is_even = |block: &[u8]| block.iter().all(|byte| *byte == block[0]);
    bytes.chunks(BLOCK_BYTES).map(|block| if is_even(block) { block[0] } else { 0xEE }).collect()
}

async fn a_filled_file_has_zeros_and_takes_writes<D: Disk>(disk: D) {
    let file = disk.create_filled("segment", 5 * BLOCK_BYTES as u64).await.expect("it is new");
    assert_eq!(file.bytes(), 5 * BLOCK_BYTES as u64);
    assert_eq!(blocks(&bytes_of(&file).await), [0; 5]);
    let buffer = filled(&disk, 2, 7);
    file.write(buffer.clone(), BLOCK_BYTES as u64).await.expect("it is written");
    file.write(filled(&disk, 1, 8), 4 * BLOCK_BYTES as u64).await.expect("it is written");
    assert_eq!(blocks(buffer.as_ref().as_ref()), [7; 2], "whoever wrote it still has it");
    assert_eq!(blocks(&bytes_of(&file).await), [0, 7, 7, 0, 8]);
    let part = file.read(2 * BLOCK_BYTES as u64, 2 * BLOCK_BYTES).await.expect("it is read");
    assert_eq!(blocks(part.as_ref()), [7, 0]);
    file.sync().await.expect("it is synced");
    file.close().await.expect("it is closed");
    disk.sync_directory().await.expect("it is synced");
    let file = disk.open("segment").await.expect("it is there");
    assert_eq!(blocks(&bytes_of(&file).await), [0, 7, 7, 0, 8]);
    file.close().await.expect("it is closed");
}

async fn a_read_behind_the_end_is_an_error<D: Disk>(disk: D) {
    let file = disk.create_filled("segment", 2 * BLOCK_BYTES as u64).await.expect("it is new");
    for (at, bytes) in [(1, 2), (2, 1), (0, 3), (100, 1)] {
        let error = file.read(at * BLOCK_BYTES as u64, bytes * BLOCK_BYTES).await.err();
        let error = error.expect("there is not so much");
        assert_eq!(error.operation, Operation::Read);
        assert_eq!(error.source.kind(), std::io::ErrorKind::UnexpectedEof, "{error}");
    }
    file.close().await.expect("it is closed");
    // A file that ends in the middle of a block, as one that was damaged.
    disk.write_small("short", &[1; 5000]).await.expect("it is new");
    let file = disk.open("short").await.expect("it is there");
    assert_eq!(file.bytes(), 5000);
    assert!(file.read(0, BLOCK_BYTES).await.is_ok());
    assert!(file.read(BLOCK_BYTES as u64, BLOCK_BYTES).await.is_err());
    file.close().await.expect("it is closed");
}

async fn a_name_is_taken_once<D: Disk>(disk: D) {
    disk.write_small("name", b"first").await.expect("it is new");
    let block = BLOCK_BYTES as u64;
    let refused = [
        disk.create_filled("name", block).await.err().expect("it is taken"),
        disk.write_small("name", b"second").await.expect_err("it is taken"),
    ];
    for error in refused {
        assert_eq!(error.operation, Operation::Create);
        assert_eq!(error.source.kind(), std::io::ErrorKind::AlreadyExists, "{error}");
        assert!(error.path.ends_with("name"), "{error}");
    }
    assert_eq!(disk.read_small("name", 100).await.expect("it is there"), b"first");
}

async fn what_is_missing_is_an_error_with_its_name<D: Disk>(disk: D) {
    let expect = |error: Option<DiskError>, operation: &[Operation]| {
        let error = error.expect("there is none");
        assert!(error.is_missing() && !error.is_full(), "{error}");
        assert!(error.path.ends_with("nothing"), "{error}");
        assert!(operation.contains(&error.operation), "{error}");
    };
    expect(disk.open("nothing").await.err(), &[Operation::Open]);
    expect(disk.open_read_only("nothing").await.err(), &[Operation::Open]);
    expect(disk.read_small("nothing", 9).await.err(), &[Operation::Open, Operation::Read]);
    expect(disk.rename("nothing", "something").await.err(), &[Operation::Rename]);
    expect(disk.remove("nothing").await.err(), &[Operation::Remove]);
    assert_eq!(disk.list().await.expect("it is empty"), []);
}

async fn small_files_come_back_as_they_were<D: Disk>(disk: D) {
    for bytes in [0, 1, 511, 512, 513, 4096, 10_000] {
        let name = format!("of {bytes}");
        let written: Vec<u8> = (0..bytes).map(|at| (at % 251) as u8).collect();
        disk.write_small(&name, &written).await.expect("it is new");
        assert_eq!(disk.read_small(&name, bytes).await.expect("it fits"), written);
        assert_eq!(disk.read_small(&name, 20_000).await.expect("it fits"), written);
        if let Some(less) = bytes.checked_sub(1) {
            let error = disk.read_small(&name, less).await.expect_err("it does not fit");
            let text = error.to_string();
            assert!(text.contains(&format!("{bytes} bytes long")), "{text}");
        }
    }
}

async fn a_renamed_file_keeps_its_bytes_and_takes_the_place_of_another<D: Disk>(disk: D) {
    let old = disk.create_filled("old", BLOCK_BYTES as u64).await.expect("it is new");
    old.write(filled(&disk, 1, 9), 0).await.expect("it is written");
    disk.write_small("new", b"in the way").await.expect("it is new");
    disk.rename("old", "new").await.expect("it is there");
    disk.sync_directory().await.expect("it is synced");
    assert_eq!(blocks(&bytes_of(&old).await), [9], "who has it open keeps it");
    old.close().await.expect("it is closed");
    assert!(disk.open("old").await.err().expect("it is gone").is_missing());
    let new = disk.open("new").await.expect("it is there");
    assert_eq!(blocks(&bytes_of(&new).await), [9]);
    new.close().await.expect("it is closed");
}

async fn a_removed_file_is_gone_for_those_who_do_not_have_it<D: Disk>(disk: D) {
    let file = disk.create_filled("segment", BLOCK_BYTES as u64).await.expect("it is new");
    disk.remove("segment").await.expect("it is there");
    disk.sync_directory().await.expect("it is synced");
    assert!(disk.open("segment").await.err().expect("it is gone").is_missing());
    file.write(filled(&disk, 1, 3), 0).await.expect("it is still open");
    assert_eq!(blocks(&bytes_of(&file).await), [3]);
    file.close().await.expect("it is closed");
    let file = disk.create_filled("segment", BLOCK_BYTES as u64).await.expect("the name is free");
    assert_eq!(blocks(&bytes_of(&file).await), [0]);
    file.close().await.expect("it is closed");
}

async fn a_file_is_cut_off<D: Disk>(disk: D) {
    let file = disk.create_filled("segment", 4 * BLOCK_BYTES as u64).await.expect("it is new");
    file.write(filled(&disk, 4, 5), 0).await.expect("it is written");
    file.truncate(2 * BLOCK_BYTES as u64).await.expect("it is cut");
    assert_eq!(file.bytes(), 2 * BLOCK_BYTES as u64);
    assert_eq!(blocks(&bytes_of(&file).await), [5, 5]);
    assert!(file.read(2 * BLOCK_BYTES as u64, BLOCK_BYTES).await.is_err());
    file.close().await.expect("it is closed");
    assert_eq!(disk.open("segment").await.expect("it is there").bytes(), 2 * BLOCK_BYTES as u64);
}

async fn who_opened_a_file_to_read_cannot_write_it<D: Disk>(disk: D) {
    disk.create_filled("segment", BLOCK_BYTES as u64)
        .await
        .expect("it is new")
        .close()
        .await
        .expect("closed");
    let file = disk.open_read_only("segment").await.expect("it is there");
    assert!(file.write(filled(&disk, 1, 1), 0).await.is_err());
    assert!(file.truncate(0).await.is_err());
    assert_eq!(blocks(&bytes_of(&file).await), [0]);
    file.close().await.expect("it is closed");
}

async fn buffers_are_cut_and_changed<D: Disk>(disk: D) {
    let file = disk.create_filled("segment", 3 * BLOCK_BYTES as u64).await.expect("it is new");
    let mut buffer = disk.buffer(3 * BLOCK_BYTES);
    assert_eq!(buffer.as_ref().as_ptr() as usize % BLOCK_BYTES, 0, "it is aligned");
    buffer.as_mut().fill(4);
    buffer.truncate(2 * BLOCK_BYTES);
    file.write(Rc::new(buffer), 0).await.expect("it is written");
    let mut read = file.read(0, 3 * BLOCK_BYTES).await.expect("it is read");
    assert_eq!(read.as_ref().as_ptr() as usize % BLOCK_BYTES, 0, "it is aligned");
    assert_eq!(blocks(read.as_ref()), [4, 4, 0]);
    // What was read can be changed and written somewhere else.
    read.as_mut()[..BLOCK_BYTES].fill(6);
    read.truncate(2 * BLOCK_BYTES);
    file.write(Rc::new(read), BLOCK_BYTES as u64).await.expect("it is written");
    let unchanged = Rc::new(file.read(BLOCK_BYTES as u64, BLOCK_BYTES).await.expect("it is read"));
    file.write(unchanged, 0).await.expect("it is written");
    assert_eq!(blocks(&bytes_of(&file).await), [6, 6, 4]);
    file.close().await.expect("it is closed");
}

async fn a_list_is_sorted_and_says_what_is_what<D: Disk>(disk: D) {
    for name in ["b", "c", "a"] {
        disk.write_small(name, name.repeat(3).as_bytes()).await.expect("it is new");
    }
    let segment = disk.create_filled("B", BLOCK_BYTES as u64).await.expect("it is new");
    segment.close().await.expect("it is closed");
    let entry =
        |name: &str, bytes| DirectoryEntry { name: name.to_owned(), bytes, kind: FileKind::File };
    let block = BLOCK_BYTES as u64;
    let expected = [entry("B", block), entry("a", 3), entry("b", 3), entry("c", 3)];
    assert_eq!(disk.list().await.expect("it can be read"), expected);
}

/// Polls a future once, and expects that it panics.
fn expect_mistake<T>(future: impl Future<Output = T>) {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(&mut context).is_ready()));
    assert!(polled.is_err(), "it should have been refused");
}

async fn mistakes_are_not_carried_out<D: Disk>(disk: D) {
    for name in ["", ".", "..", "a/b", "/a", "a\0b"] {
        expect_mistake(disk.open(name));
        expect_mistake(disk.write_small(name, b""));
        expect_mistake(disk.read_small(name, 1));
        expect_mistake(disk.rename("a", name));
        expect_mistake(disk.rename(name, "a"));
        expect_mistake(disk.remove(name));
        expect_mistake(disk.create_filled(name, BLOCK_BYTES as u64));
    }
    expect_mistake(disk.create_filled("a", 0));
    expect_mistake(disk.create_filled("a", 512));
    let file = disk.create_filled("segment", 2 * BLOCK_BYTES as u64).await.expect("it is new");
    expect_mistake(file.write(filled(&disk, 1, 1), 512));
    expect_mistake(file.write(filled(&disk, 2, 1), BLOCK_BYTES as u64));
    expect_mistake(file.write(filled(&disk, 1, 1), u64::MAX - 4095));
    expect_mistake(file.read(1, BLOCK_BYTES));
    expect_mistake(file.read(0, 100));
    expect_mistake(file.read(0, 0));
    expect_mistake(file.truncate(100));
    expect_mistake(file.truncate(3 * BLOCK_BYTES as u64));
    let mut buffer = disk.buffer(BLOCK_BYTES);
    for bytes in [0, 100, 2 * BLOCK_BYTES] {
        assert!(catch_unwind(AssertUnwindSafe(|| buffer.truncate(bytes))).is_err());
    }
    assert_eq!(blocks(&bytes_of(&file).await), [0, 0]);
    file.close().await.expect("it is closed");
    assert_eq!(disk.list().await.expect("it can be read").len(), 1);
}
