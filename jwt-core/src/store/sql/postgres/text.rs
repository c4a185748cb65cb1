//! Texts in columns of PostgreSQL, which have no U+0000.

use std::borrow::Cow;

use crate::store::StoreError;

/// The text as a column has it: `\0` for U+0000, and `\\` for a backslash.
pub(super) fn escape(text: &str) -> Cow<'_, str> {
    if text.contains(['\0', '\\']) { text.replace('\\', "\\\\").replace('\0', "\\0").into() } else { text.into() }
}

/// The text that a column has.
pub(super) fn unescape(text: &str) -> Result<String, StoreError> {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(next) = rest.next() {
        plain.push(match next {
            '\\' => match rest.next() {
                Some('0') => '\0',
                Some('\\') => '\\',
                _ => return Err(StoreError::Unreadable),
            },
            other => other,
        });
    }
    Ok(plain)
}

/// JSON, which has no U+0000 either.
pub(super) fn json(text: &str) -> Result<&str, StoreError> {
    if text.contains('\0') { Err(StoreError::Data) } else { Ok(text) }
}
