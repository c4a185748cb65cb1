//! The header fields of a browser that binds a login: a string of a structured field (RFC 9651 §3.3.3).

use http::{HeaderName, Request};

/// The longest value that is read, in bytes: more than a proof has.
const MAX: usize = 16 * 1024;

/// The value of a field that is there once, or not at all; `None` where it is there more often, or is too long. The inner
/// `None` stands for no field. Chromium sends the bare text; the draft has it in quotes.
#[expect(clippy::option_option, reason = "absent and wrong differ")]
pub(super) fn only<'r>(head: &'r Request<()>, name: &HeaderName) -> Option<Option<&'r [u8]>> {
    let mut values = head.headers().get_all(name).iter();
    let Some(value) = values.next() else { return Some(None) };
    let is_one = values.next().is_none() && value.len() <= MAX;
    is_one.then(|| Some(bare(value.as_bytes())))
}

/// Without quotes and parameters. What we make has nothing that is escaped.
fn bare(value: &[u8]) -> &[u8] {
    let value = value.trim_ascii();
    match value.strip_prefix(b"\"") {
        Some(quoted) => quoted.split(|byte| *byte == b'"').next().unwrap_or_default(),
        None => value.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_read_with_quotes_and_without() {
        for (value, expected) in [
            ("abc", "abc"),
            ("\"abc\"", "abc"),
            (" \"abc\"; id=1", "abc"),
            ("abc;id=1", "abc"),
            ("\"abc", "abc"),
            ("\"", ""),
            ("", ""),
        ] {
            assert_eq!(bare(value.as_bytes()), expected.as_bytes(), "{value}");
        }
    }

    #[test]
    fn a_field_that_is_there_twice_or_too_long_is_none() {
        let name = HeaderName::from_static("x");
        let head = |values: &[&str]| {
            values.iter().fold(Request::get("/"), |head, value| head.header("x", *value)).body(()).unwrap()
        };
        assert_eq!(only(&head(&[]), &name), Some(None));
        assert_eq!(only(&head(&["a"]), &name), Some(Some(&b"a"[..])));
        assert_eq!(only(&head(&["a", "a"]), &name), None);
        assert_eq!(only(&head(&[&"a".repeat(MAX + 1)]), &name), None);
    }
}
