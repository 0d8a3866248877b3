//! Calls and words that have no place here, or no place in some rooms.
//!
//! Clippy's list (`.clippy.toml`) holds what is banned everywhere and may be excused with a reason.
//! This list holds what is banned in some folders only, and what no reason excuses.

use crate::repository::Tree;
use crate::tidy::finding::Finding;
use crate::tidy::ratchet::Ratchet;
use crate::tidy::rust_tokens::{Token, tokens};

/// One ban.
struct Ban {
    /// Any of these rows of tokens, separated by spaces.
    tokens: &'static [&'static str],
    /// Paths that begin so; everywhere if there is none.
    folders: &'static [&'static str],
    /// Paths that begin so are free.
    except: &'static [&'static str],
    /// Where in those files.
    code: Code,
    /// What to do instead.
    instead: &'static str,
}

/// Which code a ban holds for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Code {
    /// What is shipped.
    Shipped,
    /// What only tests are built with.
    Tests,
    /// Both.
    All,
}

/// The rooms without any IO.
const SANS_IO: &[&str] = &["protocol/src/", "broker/core/src/", "client/src/engine/"];
/// The rooms that take the time as an argument.
const TIMELESS: &[&str] = &["protocol/", "broker/core/", "storage/src/", "broker/server/src/"];
/// Where the runtime may be named.
const RUNTIME: &[&str] = &["broker/server/src/env", "storage/src/disk"];

const BANS: &[Ban] = &[
    Ban {
        tokens: &["# [ ignore"],
        folders: &[],
        except: &[],
        code: Code::All,
        instead: "repair the test or remove it",
    },
    Ban {
        tokens: &["todo !", "unimplemented !", "dbg !"],
        folders: &[],
        except: &[],
        code: Code::All,
        instead: "finish it before it is committed",
    },
    Ban {
        tokens: &[". unwrap ("],
        folders: &[],
        except: &[],
        code: Code::Shipped,
        instead: "return the error, or say with `expect` why there cannot be one",
    },
    Ban {
        tokens: &["thread :: sleep", "time :: sleep", "timer :: sleep"],
        folders: &[],
        except: &[],
        code: Code::Tests,
        instead: "wait for the event itself: a sleep is too long or too short",
    },
    Ban {
        tokens: &["Instant :: now", "SystemTime :: now", "UNIX_EPOCH"],
        folders: TIMELESS,
        except: &["broker/server/src/env"],
        code: Code::Shipped,
        instead: "take `now` as an argument; the clock is read once per turn, in Env",
    },
    Ban {
        tokens: &[
            "std :: net",
            "std :: fs",
            "std :: thread",
            "std :: process",
            "std :: env",
            "std :: os",
            "Instant :: now",
            "SystemTime :: now",
            "async",
            "await",
            "tokio",
            "io_uring",
            "rand",
        ],
        folders: SANS_IO,
        except: &[],
        code: Code::All,
        instead: "cores are sans-IO: take (now, input), leave effects in an out-list",
    },
    Ban {
        tokens: &["glommio"],
        folders: &[],
        except: RUNTIME,
        code: Code::Shipped,
        instead: "only broker/server/src/env and storage/src/disk name the runtime",
    },
    Ban {
        tokens: &["std :: fs"],
        folders: &["storage/src/"],
        except: &["storage/src/disk/"],
        code: Code::Shipped,
        instead: "files are touched in storage/src/disk only",
    },
];

/// Finds banned rows of tokens.
pub(crate) fn check(tree: &Tree, ratchet: &Ratchet) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in ratchet.written(tree) {
        // A file that cannot be read as Rust is found by the check of functions.
        let Ok(tokens) = tokens(text) else { continue };
        for ban in BANS.iter().filter(|ban| ban.holds_in(path)) {
            findings.extend(ban.find(path, &tokens));
        }
    }
    findings
}

impl Ban {
    fn holds_in(&self, path: &str) -> bool {
        let begins = |folder: &&str| path.starts_with(*folder);
        let inside = self.folders.is_empty() || self.folders.iter().any(begins);
        inside && !self.except.iter().any(begins)
    }

    fn holds_for(&self, path: &str, token: &Token) -> bool {
        match self.code {
            Code::All => true,
            Code::Tests => token.in_test || is_test_file(path),
            Code::Shipped => !token.in_test && !is_test_file(path),
        }
    }

    fn find(&self, path: &str, tokens: &[Token]) -> Vec<Finding> {
        let mut findings = Vec::new();
        for row in self.tokens {
            let words: Vec<&str> = row.split(' ').collect();
            let places = tokens.windows(words.len()).filter(|window| {
                window.iter().map(|token| token.text.as_str()).eq(words.iter().copied())
            });
            let places = places.filter(|window| self.holds_for(path, &window[0]));
            findings.extend(places.map(|window| {
                let text = format!("`{}` is banned here: {}", words.concat(), self.instead);
                Finding::at(path, window[0].line, text)
            }));
        }
        findings
    }
}

/// Whether a whole file is built for tests only.
pub(crate) fn is_test_file(path: &str) -> bool {
    path.starts_with("tests/")
        || path.contains("/tests/")
        || path.ends_with("/tests.rs")
        || path.contains("/benches/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(path: &str, text: &str) -> Vec<usize> {
        let mut findings = check(&Tree::of(&[(path, text)]), &Ratchet::default());
        findings.sort();
        findings.dedup();
        findings.into_iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn what_is_banned_everywhere_is_found() {
        assert_eq!(lines("bench/src/a.rs", "#[test]\n#[ignore]\nfn f() {}"), [2]);
        assert_eq!(lines("bench/src/a.rs", "#[ignore = \"slow\"]\nfn f() {}"), [1]);
        assert_eq!(lines("bench/src/a.rs", "fn f() { todo!() }"), [1]);
        assert_eq!(lines("bench/src/a.rs", "// todo!()\nfn f() -> &str { \"dbg!(x)\" }"), [0; 0]);
    }

    #[test]
    fn unwrap_is_for_tests() {
        let text = "fn f() { x.unwrap() }\n#[cfg(test)]\nmod tests { fn g() { x.unwrap(); } }";
        assert_eq!(lines("client/src/a.rs", text), [1]);
        assert_eq!(lines("client/tests/it/a.rs", text), [0; 0]);
        assert_eq!(lines("client/src/a.rs", "fn f() { x.unwrap_or(1); unwrap(x) }"), [0; 0]);
    }

    #[test]
    fn tests_do_not_sleep() {
        let text = "#[test]\nfn f() { std::thread::sleep(d) }";
        assert_eq!(lines("client/src/a.rs", text), [2]);
        assert_eq!(lines("client/tests/it/a.rs", "async fn f() { tokio::time::sleep(d) }"), [1]);
        assert_eq!(lines("client/src/a.rs", "fn f() { std::thread::sleep(d) }"), [0; 0]);
    }

    #[test]
    fn clocks_are_read_in_env_only() {
        let text = "fn f() { Instant::now() }";
        for path in ["protocol/src/a.rs", "broker/server/src/a.rs", "storage/src/disk/a.rs"] {
            assert!(lines(path, text).contains(&1), "{path}");
        }
        for path in ["broker/server/src/env/a.rs", "bench/src/a.rs", "tools/cli/src/a.rs"] {
            assert_eq!(lines(path, text), [0; 0], "{path}");
        }
    }

    #[test]
    fn cores_do_no_io() {
        for path in ["protocol/src/a.rs", "broker/core/src/a.rs", "client/src/engine/a.rs"] {
            for text in [
                "use std::fs;",
                "use std::{fmt, net::TcpStream};",
                "fn f() { std::thread::spawn(g) }",
                "async fn f() {}",
                "use tokio::x;",
            ] {
                assert_eq!(lines(path, text), [1], "{path}: {text}");
            }
            assert_eq!(lines(path, "use std::{fmt, time::Duration};"), [0; 0]);
        }
        assert_eq!(lines("protocol/tests/it/golden.rs", "use std::fs;"), [0; 0]);
        assert_eq!(lines("storage/src/a.rs", "use std::fs::File;"), [1]);
        assert_eq!(lines("storage/src/disk/a.rs", "use std::fs::Metadata;"), [0; 0]);
    }

    #[test]
    fn the_runtime_is_named_in_two_folders() {
        let text = "use ::glommio::io::DmaFile;";
        assert_eq!(lines("broker/server/src/shard.rs", text), [1]);
        assert_eq!(lines("storage/src/journal/writer.rs", text), [1]);
        assert_eq!(lines("broker/server/src/env/runtime.rs", text), [0; 0]);
        assert_eq!(lines("storage/src/disk/direct/disk.rs", text), [0; 0]);
        assert_eq!(lines("storage/tests/it/executor.rs", text), [0; 0]);
    }
}
