//! The decoders that are fuzzed.

use coilgun_protocol::model::{Header, encode_header, fuzz_headers};

/// One decoder's entry and inputs it understands.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// How it is called on the command line and in file names.
    pub(crate) name: &'static str,
    /// Takes any bytes and panics only over a mistake of ours.
    pub(crate) entry: fn(&[u8]),
    /// Where mutations begin.
    pub(crate) seeds: Vec<Vec<u8>>,
}

/// Every decoder there is.
pub(crate) fn targets() -> Vec<Target> {
    vec![Target { name: "headers", entry: fuzz_headers, seeds: header_seeds() }]
}

fn header_seeds() -> Vec<Vec<u8>> {
    let blocks: [&[(&[u8], &[u8])]; 3] =
        [&[], &[(b"a", b"")], &[(b"Trace-Id", b"7"), (b"trace-id", b"\0\r\n"), (b"x", &[9; 300])]];
    let block = |headers: &[(&[u8], &[u8])]| {
        let mut block = Vec::new();
        for (name, value) in headers {
            encode_header(Header { name, value }, &mut block).expect("the headers are valid");
        }
        block
    };
    blocks.map(block).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_file_names_and_each_stands_once() {
        let mut names: Vec<_> = targets().iter().map(|target| target.name).collect();
        let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "_-".contains(letter);
        assert!(names.iter().all(|name| !name.is_empty() && name.chars().all(is_plain)));
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
