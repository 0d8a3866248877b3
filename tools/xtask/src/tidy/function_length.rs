//! No function is longer than a screen and a half.

use syn::visit::Visit;
use syn::{Block, ImplItemFn, ItemFn, Signature, TraitItemFn};

use crate::repository::Tree;
use crate::tidy::finding::Finding;
use crate::tidy::ratchet::{RATCHET_PATH, Ratchet};

/// Lines a function may have, from `fn` to its closing brace.
const LINES_MAX: usize = 70;

/// A function with its place.
struct Measured {
    name: String,
    line: usize,
    lines: usize,
}

/// Finds functions that are too long, and entries of the list that no longer fit.
pub(crate) fn check(tree: &Tree, ratchet: &Ratchet) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut listed_and_long = Vec::new();
    for (path, text) in ratchet.written(tree) {
        let functions = match measure(text) {
            Ok(functions) => functions,
            Err(error) => {
                findings.push(Finding::at(path, error.span().start().line, error.to_string()));
                continue;
            }
        };
        for function in functions.iter().filter(|function| function.lines > LINES_MAX) {
            let key = format!("{path}::{}", function.name);
            let ceiling = ratchet.functions.get(&key).copied();
            findings.extend(too_long(path, function, ceiling));
            listed_and_long.push(key);
        }
    }
    let gone = ratchet.functions.keys().filter(|key| !listed_and_long.contains(key));
    findings.extend(gone.map(|key| {
        Finding::in_file(RATCHET_PATH, format!("no function {key} is too long: remove it"))
    }));
    findings
}

fn too_long(path: &str, function: &Measured, listed: Option<usize>) -> Option<Finding> {
    let ceiling = listed.unwrap_or(LINES_MAX);
    let Measured { name, line, lines } = function;
    let text = format!("fn {name} has {lines} lines, {ceiling} are allowed; give its parts names");
    (*lines > ceiling).then(|| Finding::at(path, *line, text))
}

/// Measures every function with a body in a source file.
fn measure(text: &str) -> syn::Result<Vec<Measured>> {
    let file = syn::parse_file(text)?;
    let mut ruler = Ruler(Vec::new());
    ruler.visit_file(&file);
    Ok(ruler.0)
}

struct Ruler(Vec<Measured>);

impl Ruler {
    fn measure(&mut self, signature: &Signature, body: &Block) {
        let line = signature.fn_token.span.start().line;
        let end = body.brace_token.span.close().end().line;
        self.0.push(Measured { name: signature.ident.to_string(), line, lines: end - line + 1 });
    }
}

impl<'ast> Visit<'ast> for Ruler {
    fn visit_item_fn(&mut self, function: &'ast ItemFn) {
        self.measure(&function.sig, &function.block);
        syn::visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast ImplItemFn) {
        self.measure(&function.sig, &function.block);
        syn::visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'ast TraitItemFn) {
        if let Some(body) = &function.default {
            self.measure(&function.sig, body);
        }
        syn::visit::visit_trait_item_fn(self, function);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A function of this many lines: in a module, as a method, or as a trait's default.
    fn function(lines: usize, around: &str) -> String {
        let body = format!("fn long() {{\n{}}}", "    ();\n".repeat(lines - 2));
        format!("struct S;\n/// Words\n/// do not count.\n{around} {{\n{body}\n}}\n")
    }

    fn check_one(text: &str, listed: Option<usize>) -> usize {
        let tree = Tree::of(&[("a.rs", text)]);
        let functions = listed.map(|ceiling| ("a.rs::long".to_owned(), ceiling));
        let functions = functions.into_iter().collect();
        check(&tree, &Ratchet { functions, ..Ratchet::default() }).len()
    }

    #[test]
    fn long_functions_are_found_wherever_they_stand() {
        for around in ["mod m", "impl S", "trait T", "fn outer()"] {
            assert_eq!(check_one(&function(60, around), None), 0, "{around}");
        }
        for around in ["mod m", "impl S", "trait T"] {
            assert_eq!(check_one(&function(70, around), None), 0, "{around}");
            assert_eq!(check_one(&function(71, around), None), 1, "{around}");
        }
        assert_eq!(check_one(&function(71, "fn outer()"), None), 2);
    }

    #[test]
    fn a_ceiling_holds_and_goes_when_it_is_not_needed() {
        assert_eq!(check_one(&function(90, "mod m"), Some(90)), 0);
        assert_eq!(check_one(&function(91, "mod m"), Some(90)), 1);
        assert_eq!(check_one(&function(70, "mod m"), Some(90)), 1);
    }

    #[test]
    fn a_file_that_is_no_rust_is_found() {
        assert_eq!(check_one("fn (", None), 1);
    }
}
