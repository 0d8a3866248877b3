//! The bytes of the format, as they must stay.

use std::fs;
use std::path::Path;

use coilgun_storage::Identity;
use coilgun_storage::disk::{BLOCK_BYTES, Block};

const IDENTITY: Identity = Identity {
    log_id: 0x0f1e_2d3c_4b5a_6978_8796_a5b4_c3d2_e1f0,
    created_unix_ms: 0x0000_018b_cfe5_6800,
};

/// The bytes up to the last that is not zero, sixteen to a line.
fn hex(block: &Block) -> String {
    let bytes = block.bytes();
    let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let mut text = format!("# {BLOCK_BYTES} bytes; those behind the last line are zero\n");
    for line in bytes[..end].chunks(16) {
        let pairs: Vec<String> = line.iter().map(|byte| format!("{byte:02x}")).collect();
        text.push_str(&pairs.join(" "));
        text.push('\n');
    }
    text
}

#[test]
fn golden_identity() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/identity.hex");
    let found = hex(&IDENTITY.to_block());
    if std::env::var_os("COILGUN_UPDATE_GOLDEN").is_some() {
        fs::write(&path, &found).expect("the golden file can be written");
    }
    let expected = fs::read_to_string(&path).expect("the golden file is there");
    assert_eq!(
        found, expected,
        "a change of the format needs a new version; then `cargo xtask golden`"
    );
}
