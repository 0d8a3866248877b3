//! Rust source as a flat list of tokens, so that words in comments and strings are no calls.

use std::str::FromStr;

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree, token_stream};

/// One token.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Token {
    /// Its text; `::` is one token, a literal is the empty text.
    pub(crate) text: String,
    /// From 1.
    pub(crate) line: usize,
    /// Whether it belongs to an item that only tests are built with.
    pub(crate) in_test: bool,
}

/// One level of brackets while walking down.
struct Level {
    rest: token_stream::IntoIter,
    /// What closes the level.
    close: &'static str,
    in_test: bool,
    /// The item that begins here is for tests: everything up to its body or semicolon.
    item_is_test: bool,
}

/// The tokens of a file. Each path that a `use` names is added in full behind it, closed by a
/// semicolon, so that `use std::{fs, net}` holds `std::fs` and `std::net`.
///
/// # Errors
/// If the text is not Rust.
pub(crate) fn tokens(text: &str) -> Result<Vec<Token>, proc_macro2::LexError> {
    let stream = TokenStream::from_str(text)?;
    let mut flat = Vec::new();
    let mut levels = vec![Level::new(stream, "", false)];
    // Each round takes one token off a finite tree, or goes one level up.
    while let Some(level) = levels.last_mut() {
        match level.rest.next() {
            None => {
                let (close, in_test) = (level.close, level.in_test);
                levels.pop();
                if !levels.is_empty() {
                    push(&mut flat, close, 0, in_test);
                }
            }
            Some(TokenTree::Group(group)) => {
                let inner = level.enter(&group, &mut flat);
                levels.push(inner);
            }
            Some(TokenTree::Ident(ident)) => {
                let in_test = level.in_test || level.item_is_test;
                push(&mut flat, &ident.to_string(), ident.span().start().line, in_test);
            }
            Some(TokenTree::Punct(punct)) => {
                let in_test = level.in_test || level.item_is_test;
                if punct.as_char() == ';' {
                    level.item_is_test = false;
                }
                push_punct(&mut flat, punct.as_char(), punct.span().start().line, in_test);
            }
            Some(TokenTree::Literal(literal)) => {
                push(&mut flat, "", literal.span().start().line, level.in_test);
            }
        }
    }
    Ok(with_full_uses(flat))
}

impl Level {
    fn new(stream: TokenStream, close: &'static str, in_test: bool) -> Level {
        Level { rest: stream.into_iter(), close, in_test, item_is_test: false }
    }

    /// Opens a group; returns the level inside it.
    fn enter(&mut self, group: &Group, flat: &mut Vec<Token>) -> Level {
        let in_test = self.in_test || self.item_is_test;
        let (open, close) = match group.delimiter() {
            Delimiter::Brace => ("{", "}"),
            Delimiter::Bracket => ("[", "]"),
            Delimiter::Parenthesis => ("(", ")"),
            Delimiter::None => ("", ""),
        };
        let after_hash = flat.last().is_some_and(|token| token.text == "#");
        if group.delimiter() == Delimiter::Bracket && after_hash && marks_test(group) {
            self.item_is_test = true;
        }
        if group.delimiter() == Delimiter::Brace {
            self.item_is_test = false;
        }
        push(flat, open, group.span_open().start().line, in_test);
        Level::new(group.stream(), close, in_test)
    }
}

/// Whether an attribute keeps its item for tests: `test`, `cfg(test)`, `cfg(all(test, ...))`.
fn marks_test(attribute: &Group) -> bool {
    let text: String = attribute.stream().to_string().split_whitespace().collect();
    text == "test" || text.starts_with("cfg(test") || text.starts_with("cfg(all(test")
}

fn push(flat: &mut Vec<Token>, text: &str, line: usize, in_test: bool) {
    // What closes a group stands where the group's last token stood.
    let line = if line == 0 { flat.last().map_or(1, |token| token.line) } else { line };
    flat.push(Token { text: text.to_owned(), line, in_test });
}

fn push_punct(flat: &mut Vec<Token>, punct: char, line: usize, in_test: bool) {
    match flat.last_mut() {
        Some(last) if punct == ':' && last.text == ":" => last.text.push(':'),
        Some(_) | None => push(flat, &punct.to_string(), line, in_test),
    }
}

/// Adds the paths that each `use` stands for.
fn with_full_uses(flat: Vec<Token>) -> Vec<Token> {
    let mut all = Vec::with_capacity(flat.len());
    let mut start = 0;
    for (index, token) in flat.iter().enumerate() {
        let captures = flat.get(index + 1).is_some_and(|next| next.text == "<");
        if token.text != "use" || captures {
            continue;
        }
        let Some(length) = flat[index..].iter().position(|token| token.text == ";") else {
            continue;
        };
        all.extend_from_slice(&flat[start..=index + length]);
        all.extend(full_paths(&flat[index + 1..index + length]));
        start = index + length + 1;
    }
    all.extend_from_slice(&flat[start..]);
    all
}

/// The paths of one tree behind `use`, each closed by a semicolon.
fn full_paths(tree: &[Token]) -> Vec<Token> {
    let mut found = Vec::new();
    let mut path: Vec<Token> = Vec::new();
    let mut outer: Vec<Vec<Token>> = Vec::new();
    for token in tree {
        match token.text.as_str() {
            "{" => outer.push(path.clone()),
            "," => {
                close_path(&mut found, &mut path);
                path = outer.last().cloned().unwrap_or_default();
            }
            "}" => {
                close_path(&mut found, &mut path);
                outer.pop();
            }
            _ => path.push(token.clone()),
        }
    }
    close_path(&mut found, &mut path);
    found
}

fn close_path(found: &mut Vec<Token>, path: &mut Vec<Token>) {
    if let Some(last) = path.last().cloned() {
        found.append(path);
        found.push(Token { text: ";".to_owned(), ..last });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(tokens: &[Token]) -> String {
        tokens.iter().map(|token| token.text.as_str()).collect::<Vec<_>>().join(" ")
    }

    fn outside_tests(source: &str) -> String {
        let tokens = tokens(source).expect("it is Rust");
        text(&tokens.into_iter().filter(|token| !token.in_test).collect::<Vec<_>>())
    }

    #[test]
    fn comments_and_strings_hold_no_words() {
        let found = outside_tests("// a::b()\nfn f() { \"c::d()\"; /* e */ 'g' }");
        assert_eq!(found, "fn f ( ) {  ;  }");
    }

    #[test]
    fn lines_are_those_of_the_file() {
        let tokens = tokens("a\n::b(\n  c\n)\n").expect("it is Rust");
        let lines: Vec<_> = tokens.iter().map(|token| (token.text.as_str(), token.line)).collect();
        assert_eq!(lines, [("a", 1), ("::", 2), ("b", 2), ("(", 2), ("c", 3), (")", 3)]);
    }

    #[test]
    fn items_for_tests_are_marked_up_to_their_end() {
        assert_eq!(
            outside_tests("a; #[cfg(test)] mod t { x; { y } } b;"),
            "a ; # [ cfg ( test ) ] b ;"
        );
        assert_eq!(outside_tests("#[cfg(test)] use x; b;"), "# [ cfg ( test ) ] b ;");
        assert_eq!(outside_tests("#[test] fn t() -> [u8; 2] { x } b"), "# [ test ] b");
        assert_eq!(
            outside_tests("#[cfg(not(test))] mod t { x }"),
            "# [ cfg ( not ( test ) ) ] mod t { x }"
        );
    }

    #[test]
    fn uses_are_spelt_out() {
        let found = outside_tests("use a::{b::{c, d as e}, f}; g");
        let expected = "a :: b :: c ; a :: b :: d as e ; a :: f ; g";
        assert!(found.ends_with(expected), "{found}");
        assert_eq!(outside_tests("fn f() -> impl X + use<'a>;").matches("use").count(), 1);
    }
}
