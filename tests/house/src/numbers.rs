//! How much code there is.

use std::collections::BTreeSet;

use proc_macro2::{Delimiter, Span, TokenStream, TokenTree};

use crate::reader::means_test;

/// How many lines of a file have code, and how many `cfg` attributes it has, without the lines that are for tests.
pub(crate) fn count(text: &str, tokens: TokenStream, tests: &[(usize, usize)]) -> (usize, usize) {
    let mut counter = Counter { text: text.lines().collect(), tests, lines: BTreeSet::new(), cfgs: 0 };
    counter.tokens(tokens);
    (counter.lines.len(), counter.cfgs)
}

struct Counter<'c> {
    text: Vec<&'c str>,
    tests: &'c [(usize, usize)],
    lines: BTreeSet<usize>,
    cfgs: usize,
}

impl Counter<'_> {
    fn tokens(&mut self, tokens: TokenStream) {
        let mut after_pound = false;
        for token in tokens {
            if self.is_comment(token.span()) || self.is_for_tests(token.span()) {
                continue;
            }
            let is_bang = matches!(&token, TokenTree::Punct(punct) if punct.as_char() == '!');
            match token {
                TokenTree::Group(group) => {
                    self.code(group.span_open());
                    self.code(group.span_close());
                    if after_pound && group.delimiter() == Delimiter::Bracket && is_cfg(group.stream()) {
                        self.cfgs += 1;
                    }
                    self.tokens(group.stream());
                    after_pound = false;
                }
                other => {
                    self.code(other.span());
                    let is_pound = matches!(&other, TokenTree::Punct(punct) if punct.as_char() == '#');
                    after_pound = is_pound || (after_pound && is_bang);
                }
            }
        }
    }

    fn code(&mut self, span: Span) {
        self.lines.extend(span.start().line..=span.end().line);
    }

    /// A comment for rustdoc is a token, too.
    fn is_comment(&self, span: Span) -> bool {
        let start = span.start();
        let line = self.text.get(start.line.saturating_sub(1)).copied().unwrap_or_default();
        let rest: String = line.chars().skip(start.column).take(2).collect();
        rest == "//" || rest == "/*"
    }

    fn is_for_tests(&self, span: Span) -> bool {
        let (first, last) = (span.start().line, span.end().line);
        self.tests.iter().any(|(start, end)| (*start..=*end).contains(&first) && last <= *end)
    }
}

/// Whether an attribute is a `cfg`, and not one for tests.
fn is_cfg(attribute: TokenStream) -> bool {
    let mut tokens = attribute.into_iter();
    match (tokens.next(), tokens.next()) {
        (Some(TokenTree::Ident(name)), Some(TokenTree::Group(condition))) => {
            name == "cfg" && !means_test(&condition.stream())
        }
        _ => false,
    }
}
