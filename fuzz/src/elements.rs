//! The model of lists of pairs in a header field (RFC 7239 §4): tokens first, and then what they make.

#[derive(Debug, Clone, PartialEq)]
enum Part {
    /// What stands without quotes.
    Word(String),
    Quoted(String),
    Equals,
    Semicolon,
    Comma,
    Space,
}

pub(crate) type Element = Vec<(String, String)>;

pub(crate) fn is_of_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// The last element that is not empty, or an empty one. `None` where any part of the text is none.
pub(crate) fn last(text: &str, is_plain: impl Fn(u8) -> bool) -> Option<Element> {
    let mut last = Element::new();
    for element in parts(text, &is_plain)?.split(|part| *part == Part::Comma) {
        let mut pairs = Element::new();
        for pair in element.split(|part| *part == Part::Semicolon) {
            let start = pair.iter().take_while(|part| **part == Part::Space).count();
            let end = pair.iter().rev().take_while(|part| **part == Part::Space).count();
            let pair = if start == pair.len() { &[] } else { &pair[start..pair.len() - end] };
            match pair {
                [] => {}
                [Part::Word(name), Part::Equals] if is_name(name) => pairs.push((name.clone(), String::new())),
                [Part::Word(name), Part::Equals, Part::Word(value) | Part::Quoted(value)] if is_name(name) => {
                    pairs.push((name.clone(), value.clone()));
                }
                _ => return None,
            }
        }
        if !pairs.is_empty() {
            last = pairs;
        }
    }
    Some(last)
}

/// The value of a name; `None` where it is there twice.
pub(crate) fn only(element: &Element, name: &str) -> Option<Option<String>> {
    let values: Vec<_> = element.iter().filter(|(known, _)| known.to_lowercase() == name).collect();
    match values.as_slice() {
        [] => Some(None),
        [(_, value)] => Some(Some(value.clone())),
        _ => None,
    }
}

fn is_name(word: &str) -> bool {
    word.bytes().all(is_of_token)
}

fn parts(text: &str, is_plain: &impl Fn(u8) -> bool) -> Option<Vec<Part>> {
    let mut parts = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, more @ ..] = rest {
        // An equals sign behind a name ends it; in a value it may be a plain one.
        let in_value = parts.last() == Some(&Part::Equals);
        match first {
            b'"' => {
                let (quoted, behind) = quoted(more)?;
                parts.push(Part::Quoted(quoted));
                rest = behind;
                continue;
            }
            b'=' if !in_value => parts.push(Part::Equals),
            b';' => parts.push(Part::Semicolon),
            b',' => parts.push(Part::Comma),
            b' ' | b'\t' => parts.push(Part::Space),
            byte if if in_value { is_plain(*byte) } else { is_of_token(*byte) } => {
                let length =
                    rest.iter().take_while(|byte| if in_value { is_plain(**byte) } else { is_of_token(**byte) });
                let (word, behind) = rest.split_at(length.count());
                parts.push(Part::Word(String::from_utf8_lossy(word).into_owned()));
                rest = behind;
                continue;
            }
            _ => return None,
        }
        rest = more;
    }
    Some(parts)
}

fn quoted(mut rest: &[u8]) -> Option<(String, &[u8])> {
    let is_text = |byte: u8| byte == b'\t' || (b' '..=b'~').contains(&byte);
    let mut text = String::new();
    loop {
        let (byte, behind) = match rest {
            [b'"', behind @ ..] => return Some((text, behind)),
            [b'\\', escaped, behind @ ..] => (escaped, behind),
            [b'\\'] | [] => return None,
            [byte, behind @ ..] => (byte, behind),
        };
        text.push(Some(char::from(*byte)).filter(|_| is_text(*byte))?);
        rest = behind;
    }
}
