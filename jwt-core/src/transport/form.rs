//! Forms, as `application/x-www-form-urlencoded`.

use std::fmt::Write;

/// Appends a parameter behind others.
pub(crate) fn append(form: &mut String, name: &str, value: &str) {
    if !form.is_empty() {
        form.push('&');
    }
    form.push_str(name);
    form.push('=');
    encode_onto(form, value);
}

/// Appends a text in which everything is escaped that has a meaning in a form.
pub(crate) fn encode_onto(form: &mut String, text: &str) {
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' => form.push(char::from(byte)),
            b' ' => form.push('+'),
            // Writing to a string cannot fail.
            _ => _ = write!(form, "%{byte:02X}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_escapes_everything_that_has_a_meaning_in_it() {
        let mut form = String::new();
        append(&mut form, "scope", "a b&c=d+é%/");
        append(&mut form, "x", "");
        assert_eq!(form, "scope=a+b%26c%3Dd%2B%C3%A9%25%2F&x=");
    }
}
