//! Standard input: all of it as one payload, or line by line.

use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::ffi::OsStrExt;
use std::sync::mpsc::{Receiver, sync_channel};

use crate::failure::Failure;

/// Lines that are read ahead. Each may be as large as a payload, so there are few.
const LINES_AHEAD: usize = 32;

/// The payload an argument stands for: its text, all of standard input for `-`, nothing if there is
/// no argument.
///
/// # Errors
/// If standard input cannot be read, or has more than `bytes_max` bytes.
pub(crate) fn payload(argument: Option<&OsStr>, bytes_max: usize) -> Result<Vec<u8>, Failure> {
    match argument {
        None => Ok(Vec::new()),
        Some(text) if text == "-" => read_all(io::stdin().lock(), bytes_max),
        Some(text) => Ok(text.as_bytes().to_vec()),
    }
}

fn read_all(input: impl Read, bytes_max: usize) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    input.take(bytes_max as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() > bytes_max {
        return Err(Failure::TooLarge { what: "standard input".to_owned(), bytes_max });
    }
    Ok(bytes)
}

/// Reads the lines of standard input on a thread of its own, so that who waits for one can do
/// something else meanwhile. A line comes without its line feed.
///
/// # Errors
/// If there can be no thread. What goes wrong later comes in place of a line, and is the last.
pub(crate) fn lines(bytes_max: usize) -> Result<Receiver<Result<Vec<u8>, Failure>>, Failure> {
    let (sender, receiver) = sync_channel(LINES_AHEAD);
    let read = move || {
        let mut input = BufReader::with_capacity(64 * 1024, io::stdin());
        for number in 1_u64.. {
            let Some(line) = read_line(&mut input, number, bytes_max).transpose() else { break };
            let is_last = line.is_err();
            if sender.send(line).is_err() || is_last {
                break;
            }
        }
    };
    std::thread::Builder::new()
        .name("coilgun-stdin".to_owned())
        .spawn(read)
        .map_err(|source| Failure::System { doing: "start a thread", source })?;
    Ok(receiver)
}

/// The next line without its line feed; nothing at the end.
fn read_line(
    input: &mut impl BufRead,
    number: u64,
    bytes_max: usize,
) -> Result<Option<Vec<u8>>, Failure> {
    let mut line = Vec::new();
    let count =
        input.take(bytes_max as u64 + 1).read_until(b'\n', &mut line).map_err(unreadable)?;
    if count == 0 {
        return Ok(None);
    }
    if line.last() == Some(&b'\n') {
        line.pop();
    }
    if line.len() > bytes_max {
        let what = format!("line {number} of standard input");
        return Err(Failure::TooLarge { what, bytes_max });
    }
    Ok(Some(line))
}

fn unreadable(source: io::Error) -> Failure {
    Failure::System { doing: "read standard input", source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_at_line_feeds_and_bounded() {
        let mut input = io::Cursor::new(b"one\n\ntwo\r\nlong!\nlast".to_vec());
        let mut lines = Vec::new();
        for number in 1..=3 {
            lines.push(read_line(&mut input, number, 4).expect("short").expect("a line"));
        }
        assert_eq!(lines, [&b"one"[..], b"", b"two\r"]);
        let error = read_line(&mut input, 4, 4).expect_err("five bytes are too many");
        assert!(error.to_string().starts_with("line 4 of standard input has more"), "{error}");
        let mut input = io::Cursor::new(b"last".to_vec());
        assert_eq!(read_line(&mut input, 1, 4).expect("short"), Some(b"last".to_vec()));
        assert_eq!(read_line(&mut input, 2, 4).expect("the end"), None);
    }

    #[test]
    fn all_of_the_input_is_bounded() {
        assert_eq!(read_all(&b"four"[..], 4).expect("it fits"), b"four");
        assert!(matches!(read_all(&b"fives"[..], 4), Err(Failure::TooLarge { bytes_max: 4, .. })));
    }
}
