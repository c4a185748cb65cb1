//! Lists of pairs in a header field, as `Forwarded` (RFC 7239 §4) and `X-Forwarded-Client-Cert` of Envoy have them:
//! `a=b;c="d, e", f=g`.

use std::borrow::Cow;

/// A name, and its value without quotes.
pub(super) type Pair<'t> = (&'t str, Cow<'t, str>);

/// The pairs of the last element, which the nearest proxy has added. `None` where any part of the text is not of that form:
/// what a client has begun with, such as a quote that is never closed, must not change what the proxy says behind it.
/// `is_plain` is what a value without quotes consists of.
pub(super) fn last_element(text: &str, is_plain: fn(u8) -> bool) -> Option<Vec<Pair<'_>>> {
    let mut pairs = Vec::new();
    let mut is_over = false;
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches([' ', '\t']);
        let (name, behind) = rest.split_at(rest.bytes().take_while(|byte| is_of_token(*byte)).count());
        if !name.is_empty() {
            if std::mem::take(&mut is_over) {
                pairs.clear();
            }
            let (value, behind) = value(behind.strip_prefix('=')?, is_plain)?;
            pairs.push((name, value));
            rest = behind.trim_start_matches([' ', '\t']);
        }
        match rest.as_bytes().first() {
            None => return Some(pairs),
            Some(b';') => {}
            // Empty elements do not count (RFC 9110 §5.6.1.2).
            Some(b',') => is_over = true,
            Some(_) => return None,
        }
        rest = &rest[1..];
    }
}

/// A name is there twice.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Twice;

/// The value of a name that is there once at most.
pub(super) fn only<'p>(pairs: &'p [Pair<'_>], name: &str) -> Result<Option<&'p str>, Twice> {
    let mut values = pairs.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| &**value);
    let first = values.next();
    if values.next().is_some() { Err(Twice) } else { Ok(first) }
}

/// A value in front of the text, and what is behind it.
fn value(text: &str, is_plain: fn(u8) -> bool) -> Option<(Cow<'_, str>, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let (value, behind) = text.split_at(text.bytes().take_while(|byte| is_plain(*byte)).count());
        return Some((value.into(), behind));
    };
    let mut value = Cow::Borrowed("");
    let mut plain = 0;
    let mut bytes = quoted.bytes().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'"' => {
                value += &quoted[plain..at];
                return Some((value, &quoted[at + 1..]));
            }
            // What is escaped stands for itself (RFC 9110 §5.6.4).
            b'\\' => {
                value += &quoted[plain..at];
                plain = at + 1;
                bytes.next().filter(|(_, escaped)| is_of_text(*escaped))?;
            }
            byte if is_of_text(byte) => {}
            _ => return None,
        }
    }
    None
}

fn is_of_text(byte: u8) -> bool {
    matches!(byte, b'\t' | b' '..=b'~')
}

/// RFC 9110 §5.6.2.
pub(super) fn is_of_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Option<String> {
        let pairs = last_element(text, is_of_token)?;
        Some(pairs.iter().map(|(name, value)| format!("{name}={value};")).collect::<Vec<_>>().concat())
    }

    #[test]
    fn the_last_element_counts() {
        for (text, pairs) in [
            ("", ""),
            ("a=b", "a=b;"),
            ("a=b;c=d", "a=b;c=d;"),
            ("a=b, c=d", "c=d;"),
            ("a=b,c=d;e=f", "c=d;e=f;"),
            ("a=b , c=d ; e=f ", "c=d;e=f;"),
            ("a=b,\t, c=d,, ", "c=d;"),
            (";a=b;;c=d;", "a=b;c=d;"),
            (r#"a="b, c=d";e=f"#, "a=b, c=d;e=f;"),
            (r#"a="\"b\\";c="""#, r#"a="b\;c=;"#),
            ("a=;b=c", "a=;b=c;"),
        ] {
            assert_eq!(read(text).as_deref(), Some(pairs), "{text}");
        }
    }

    #[test]
    fn what_is_no_list_of_pairs_is_refused_as_a_whole() {
        for text in [
            "a",
            "a b=c",
            "a =b",
            "a=b c=d",
            "a=b:c",
            "=b",
            r#"a="b"#,
            r#"a="b\"#,
            r#"a="b\""#,
            r#"a="b"c"#,
            "a=\"\u{7f}\"",
            "a=\"ü\"",
            "a=\"\\ü\"",
            "ü=a",
            "a=b\n",
            // A client has opened a quote in front of what its proxy says.
            r#"for=", for="[2001:db8::1]";host=a"#,
            r#"for=", for="1.2.3.4";host=a"#,
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn a_name_that_is_there_twice_has_no_value() {
        let pairs = last_element("a=b;A=c;d=e", is_of_token).unwrap();
        assert_eq!((only(&pairs, "a"), only(&pairs, "D"), only(&pairs, "x")), (Err(Twice), Ok(Some("e")), Ok(None)));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(pairs in prop::collection::vec(("[a-z]{1,4}", "[ -~\t]{0,8}"), 1..4), front in "[a-z]{1,4}=[a-z]{0,4}") {
            let quote = |value: &str| format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""));
            let written: Vec<_> = pairs.iter().map(|(name, value)| format!("{name}={}", quote(value))).collect();
            let written = format!("{front}, {}", written.join(";"));
            let read = last_element(&written, is_of_token).unwrap();
            let read: Vec<_> = read.iter().map(|(name, value)| ((*name).to_owned(), value.to_string())).collect();
            prop_assert_eq!(read, pairs);
        }

        #[test]
        fn no_text_makes_the_reader_panic(text in "[a=;, \"\\\\ü\t]{0,24}") {
            let _ = read(&text);
        }
    }
}
