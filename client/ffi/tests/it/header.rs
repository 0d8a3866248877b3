//! The header is what the source gives, and promises exactly what the library exports.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use cbindgen::{Builder, Config, DocumentationStyle, EnumConfig, Language, RenameRule, Style};

use crate::compiler;

/// The files with what C sees, in the order of the header.
const SOURCES: [&str; 11] = [
    "version",
    "code",
    "last_error",
    "bytes",
    "options",
    "client",
    "publication",
    "publishing",
    "subscribing",
    "message",
    "message_headers",
];

/// What the types of Rust are called in C.
const NAMES: [(&str, &str); 10] = [
    ("ABI_VERSION", "COILGUN_ABI_VERSION"),
    ("Code", "coilgun_code_t"),
    ("Bytes", "coilgun_bytes_t"),
    ("HeaderParts", "coilgun_header_t"),
    ("OptionsHandle", "coilgun_options_t"),
    ("ClientHandle", "coilgun_client_t"),
    ("TargetKind", "coilgun_target_kind_t"),
    ("PublicationParts", "coilgun_publication_t"),
    ("SubscribeParts", "coilgun_subscribe_options_t"),
    ("MessageHandle", "coilgun_message_t"),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub(crate) fn path() -> PathBuf {
    root().join("include/coilgun.h")
}

fn config() -> Config {
    let mut config = Config {
        language: Language::C,
        style: Style::Both,
        cpp_compat: true,
        no_includes: true,
        sys_includes: ["stddef.h", "stdint.h", "string.h"].map(str::to_owned).to_vec(),
        usize_is_size_t: true,
        documentation_style: DocumentationStyle::C99,
        header: Some(include_str!("../../include/preamble.txt").trim_end().to_owned()),
        trailer: Some(include_str!("../../include/inline.txt").trim_end().to_owned()),
        enumeration: EnumConfig {
            rename_variants: RenameRule::ScreamingSnakeCase,
            ..EnumConfig::default()
        },
        ..Config::default()
    };
    // No function takes it as its type, because C may put any number there.
    config.export.include = vec!["TargetKind".to_owned()];
    config.export.rename =
        NAMES.into_iter().map(|(rust, c)| (rust.to_owned(), c.to_owned())).collect();
    config
}

fn generate() -> String {
    let sources = SOURCES.map(|name| root().join(format!("src/{name}.rs")));
    let builder = sources.iter().fold(Builder::new().with_config(config()), Builder::with_src);
    let mut header = Vec::new();
    builder.generate().expect("the source can be read").write(&mut header);
    String::from_utf8(header).expect("the source is UTF-8")
}

#[test]
fn golden_the_header_is_what_the_source_gives() {
    let generated = generate();
    if std::env::var_os("COILGUN_UPDATE_GOLDEN").is_some() {
        std::fs::write(path(), &generated).expect("the header can be written");
    }
    let committed = std::fs::read_to_string(path()).expect("the header is committed");
    assert!(
        committed == generated,
        "run `cargo xtask golden` and review what changes in coilgun.h"
    );
}

/// The functions that the header declares and does not define.
fn declared() -> BTreeSet<String> {
    let header = std::fs::read_to_string(path()).expect("the header is committed");
    let outside =
        header.lines().filter(|line| line.starts_with(|first: char| first.is_alphabetic()));
    let promised = outside.filter(|line| !line.starts_with("static"));
    let names = promised.filter_map(|line| {
        let (before, _) = line.split_once('(')?;
        let name = before.rsplit([' ', '*']).next()?;
        name.starts_with("coilgun_").then(|| name.to_owned())
    });
    names.collect()
}

#[test]
fn the_library_exports_what_the_header_declares_and_nothing_else() {
    let declared = declared();
    assert!(declared.len() > 40, "the header is read as it should be: {declared:?}");
    let shared = compiler::symbols(&["-D", "--defined-only"], &compiler::shared_library());
    assert_eq!(shared, declared);
    // An archive has the symbols of Rust's own library as well.
    let archive = compiler::symbols(&["--defined-only"], &compiler::static_library());
    let ours: BTreeSet<String> =
        archive.into_iter().filter(|symbol| symbol.starts_with("coilgun_")).collect();
    assert_eq!(ours, declared);
}

#[test]
fn the_header_is_plain_c_and_plain_cpp() {
    compiler::check_header("c", "-std=c99");
    if compiler::knows_cpp() {
        compiler::check_header("c++", "-std=c++11");
    } else {
        eprintln!("skipped for C++: there is no compiler for it");
    }
}
