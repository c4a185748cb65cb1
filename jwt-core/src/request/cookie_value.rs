//! What careless writers put around a token in a cookie.

/// The value without the quotes around it (RFC 6265 §4.1.1), and without `Bearer` and the space in front of its token.
pub(crate) fn undecorated(value: &[u8]) -> &[u8] {
    let bare = value.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or(value);
    let (scheme, rest) = bare.split_at_checked("Bearer".len()).unwrap_or((b"", bare));
    let token = rest.strip_prefix(b"%20").or(rest.strip_prefix(b" "));
    let token = token.filter(|_| scheme.eq_ignore_ascii_case(b"Bearer"));
    token.map_or(bare, <[u8]>::trim_ascii_start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_pair_of_quotes_and_one_scheme_are_taken_off_in_this_order() {
        for (value, token) in [
            ("a.b.c", "a.b.c"),
            ("\"a.b.c\"", "a.b.c"),
            ("Bearer a.b.c", "a.b.c"),
            ("BEARER   a.b.c", "a.b.c"),
            ("Bearer%20a.b.c", "a.b.c"),
            ("\"bearer a.b.c\"", "a.b.c"),
            ("\"\"", ""),
            ("Bearer ", ""),
            ("\"", "\""),
            ("\"a.b.c", "\"a.b.c"),
            ("a.b.c\"", "a.b.c\""),
            ("Bearer", "Bearer"),
            ("Bearera.b.c", "Bearera.b.c"),
            ("Bearer\ta.b.c", "Bearer\ta.b.c"),
            ("Basic a", "Basic a"),
            ("Bearer \"a.b.c\"", "\"a.b.c\""),
            ("Bearer Bearer a", "Bearer a"),
            ("", ""),
        ] {
            assert_eq!(undecorated(value.as_bytes()), token.as_bytes(), "{value}");
        }
    }
}
