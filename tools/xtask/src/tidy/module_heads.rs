//! A folder's front page says what the room does, and holds nothing but its list of doors.

use syn::spanned::Spanned as _;
use syn::{Attribute, Expr, File, Item, Lit, Meta};

use crate::repository::Tree;
use crate::tidy::finding::Finding;
use crate::tidy::ratchet::Ratchet;

/// Front pages that may hold one thing more, and why.
const EXCEPTIONS: [(&str, &str); 0] = [];

/// Finds front pages without a head, and items that belong in a file of their own.
pub(crate) fn check(tree: &Tree, ratchet: &Ratchet) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in ratchet.written(tree).filter(|(path, _)| is_front_page(path)) {
        // A file that cannot be parsed is found by the check of functions.
        let Ok(file) = syn::parse_file(text) else { continue };
        if !head(&file).contains("never") {
            let text = "the head must say what the room does and what it never does";
            findings.push(Finding::at(path, 1, text));
        }
        if !EXCEPTIONS.iter().any(|(exempt, _)| *exempt == path) {
            findings.extend(file.items.iter().filter(|item| !is_door(item)).map(|item| {
                let text = "only docs, `mod` and `use` belong here; give the rest its own file";
                Finding::at(path, item.span().start().line, text)
            }));
        }
    }
    findings
}

fn is_front_page(path: &str) -> bool {
    let is_source = path.contains("/src/") || path.starts_with("src/");
    is_source && (path.ends_with("/mod.rs") || path.ends_with("/lib.rs"))
}

/// Whether an item only names what stands elsewhere.
fn is_door(item: &Item) -> bool {
    if let Item::Mod(module) = item {
        return module.content.is_none();
    }
    matches!(item, Item::Use(_))
}

/// The text of the `//!` lines at the top.
fn head(file: &File) -> String {
    file.attrs.iter().filter_map(doc_line).collect::<Vec<_>>().join("\n")
}

fn doc_line(attribute: &Attribute) -> Option<String> {
    let Meta::NameValue(meta) = &attribute.meta else { return None };
    let Expr::Lit(value) = &meta.value else { return None };
    let Lit::Str(text) = &value.lit else { return None };
    meta.path.is_ident("doc").then(|| text.value())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "//! Does this.\n//!\n//! What it never does: that.\n";

    fn check_one(path: &str, text: &str) -> Vec<Finding> {
        check(&Tree::of(&[(path, text)]), &Ratchet::default())
    }

    #[test]
    fn a_head_and_doors_are_fine() {
        let text =
            format!("{HEAD}mod a;\npub mod b;\n#[cfg(test)]\nmod c;\npub use a::{{A, B}};\n");
        assert_eq!(check_one("x/src/lib.rs", &text), []);
        assert_eq!(check_one("x/src/a/mod.rs", &text), []);
    }

    #[test]
    fn bodies_are_found() {
        for body in ["fn f() {}", "const C: u8 = 0;", "mod m { }", "struct S;", "m! { }"] {
            let text = format!("{HEAD}mod a;\n{body}\n");
            let found = check_one("x/src/lib.rs", &text);
            assert_eq!(found.iter().map(|finding| finding.line).collect::<Vec<_>>(), [5], "{body}");
            assert_eq!(check_one("x/src/main.rs", &text), [], "only front pages are held to it");
        }
    }

    #[test]
    fn a_missing_head_is_found() {
        assert_eq!(check_one("x/src/lib.rs", "mod a;\n").len(), 1);
        assert_eq!(check_one("x/src/lib.rs", "//! Does this.\nmod a;\n").len(), 1);
    }
}
