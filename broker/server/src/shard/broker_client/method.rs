//! What is asked of `.broker`.

use coilgun_protocol::elbus::RpcError;
use regex::{Regex, RegexBuilder};
use serde::Deserialize;

/// Longest pattern by which names are chosen, in bytes.
const PATTERN_BYTES_MAX: usize = 256;
/// Largest program that a pattern becomes, in bytes: that bounds the time it takes to make it and to
/// look at a name with it.
const PROGRAM_BYTES_MAX: usize = 64 * 1024;
/// The map without entries: what some clients send where there is nothing to say.
const EMPTY_MAP: &[u8] = &[0x80];

/// A call with its parameters.
#[derive(Debug)]
pub(super) enum Method<'a> {
    Test,
    Info,
    Stats,
    /// Clients whose name matches, or all.
    ClientList(Option<Regex>),
    /// The same bytes back.
    Benchmark(&'a [u8]),
}

/// Why a call is not carried out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Refusal {
    pub(super) code: i16,
    pub(super) text: String,
}

impl Refusal {
    pub(super) fn new(code: RpcError, text: impl Into<String>) -> Refusal {
        Refusal { code: code as i16, text: text.into() }
    }
}

#[derive(Deserialize, Default)]
struct Choice {
    filter: Option<String>,
}

/// Reads a call.
pub(super) fn read_method<'a>(method: &[u8], params: &'a [u8]) -> Result<Method<'a>, Refusal> {
    let plain = match method {
        b"benchmark.test" => return Ok(Method::Benchmark(params)),
        b"client.list" => return choice(params).map(Method::ClientList),
        b"test" => Method::Test,
        b"info" => Method::Info,
        b"stats" => Method::Stats,
        _ => return Err(Refusal::new(RpcError::MethodNotFound, "")),
    };
    if params.is_empty() || params == EMPTY_MAP {
        return Ok(plain);
    }
    Err(Refusal::new(RpcError::InvalidParams, ""))
}

fn choice(params: &[u8]) -> Result<Option<Regex>, Refusal> {
    if params.is_empty() {
        return Ok(None);
    }
    let unreadable = |text: String| Refusal::new(RpcError::Parse, text);
    let choice: Choice =
        rmp_serde::from_slice(params).map_err(|error| unreadable(error.to_string()))?;
    let Some(pattern) = choice.filter else { return Ok(None) };
    if pattern.len() > PATTERN_BYTES_MAX {
        let text = format!("a filter has at most {PATTERN_BYTES_MAX} bytes");
        return Err(Refusal::new(RpcError::InvalidParams, text));
    }
    let built = RegexBuilder::new(&pattern)
        .size_limit(PROGRAM_BYTES_MAX)
        .dfa_size_limit(PROGRAM_BYTES_MAX)
        .build();
    built.map(Some).map_err(|error| unreadable(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(method: &[u8], params: &[u8]) -> Option<i16> {
        read_method(method, params).err().map(|refusal| refusal.code)
    }

    #[test]
    fn every_method_takes_its_parameters_and_no_others() {
        for method in [&b"test"[..], b"info", b"stats"] {
            assert_eq!(code(method, b""), None);
            assert_eq!(code(method, b"\x80"), None, "a map without entries says nothing");
            assert_eq!(code(method, b"\x81\xa1a\x01"), Some(-32602));
            assert_eq!(code(method, b"x"), Some(-32602));
        }
        assert_eq!(code(b"benchmark.test", b"\0any\xff"), None);
        assert_eq!(code(b"", b""), Some(-32601));
        assert_eq!(code(b"client.lists", b""), Some(-32601));
    }

    #[test]
    fn clients_are_chosen_by_a_pattern_of_bounded_cost() {
        let chosen = |params: &[u8]| match read_method(b"client.list", params) {
            Ok(Method::ClientList(pattern)) => Ok(pattern.map(|it| it.as_str().to_owned())),
            Ok(other) => panic!("{other:?} is another method"),
            Err(refusal) => Err(refusal.code),
        };
        let filter = |pattern: &str| {
            let mut params = vec![0x81, 0xa6];
            params.extend_from_slice(b"filter\xd9");
            params.push(pattern.len() as u8);
            params.extend_from_slice(pattern.as_bytes());
            params
        };
        assert_eq!(chosen(b""), Ok(None));
        assert_eq!(chosen(b"\x80"), Ok(None));
        assert_eq!(chosen(b"\x81\xa6filter\xc0"), Ok(None));
        assert_eq!(chosen(&filter("^a.*")), Ok(Some("^a.*".to_owned())));
        assert_eq!(chosen(b"\xc1"), Err(-32700));
        assert_eq!(chosen(b"\x81\xa6filter"), Err(-32700));
        assert_eq!(chosen(&filter("(")), Err(-32700));
        assert_eq!(chosen(&filter("(a{1000}){1000}")), Err(-32700), "it would be too large");
        let long = rmp_serde::to_vec_named(&std::collections::BTreeMap::from([(
            "filter",
            "a".repeat(300),
        )]));
        assert_eq!(chosen(&long.expect("a map is MessagePack")), Err(-32602));
    }
}
