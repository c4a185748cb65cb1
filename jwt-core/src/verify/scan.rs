//! Looks for one member without reading what is around it: a hint, which costs a fraction of what reading does.

use crate::json::{skip_blank, string_end};

/// The first member of that name, where it is a string and neither its name nor its value has an escape in it. Of an object
/// that is good when it is read, it is the one that it has; of others it may be anything.
///
/// `None` says nothing.
pub(super) fn text<'j>(json: &'j str, name: &str) -> Option<&'j str> {
    let bytes = json.as_bytes();
    let mut depth = 0_usize;
    let mut at = 0;
    loop {
        match bytes.get(at)? {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.checked_sub(1)?,
            b'"' => {
                let end = string_end(bytes, at + 1)?;
                // Only a name has a colon behind it.
                if depth == 1
                    && bytes.get(at + 1..end)? == name.as_bytes()
                    && let colon = skip_blank(bytes, end + 1)
                    && *bytes.get(colon)? == b':'
                {
                    return value(json, skip_blank(bytes, colon + 1));
                }
                at = end;
            }
            _ => {}
        }
        at += 1;
    }
}

/// The string that begins there, if it is one and has no escape.
fn value(json: &str, quote: usize) -> Option<&str> {
    let inner = json.get(quote..)?.strip_prefix('"')?;
    let end = memchr::memchr2(b'"', b'\\', inner.as_bytes())?;
    let (text, after) = inner.split_at_checked(end)?;
    after.starts_with('"').then_some(text)
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use proptest::prelude::*;

    use super::*;
    use crate::claims::{self, Noted, Registered};
    use crate::verify::claimed;

    fn issuer(json: &str) -> Option<&str> {
        text(json, "iss")
    }

    /// The registered claims of claims that hold up when they are read.
    fn read(json: &str) -> Option<Registered<Cow<'_, str>>> {
        let mut noted = Noted::default();
        claims::read::<()>(json, &mut noted).ok()?;
        Some(noted.registered)
    }

    #[test]
    fn it_is_found_among_whatever_else_there_is() {
        for json in [
            r#"{"iss":"me"}"#,
            "{\r\n\t \"iss\" \t:\r\n \"me\" }",
            r#"{"sub":"iss","iss":"me","x":1}"#,
            r#"{"a":{"iss":"x","b":[{"iss":"y"}]},"iss":"me"}"#,
            r#"{"a":["iss",["iss"]],"b":"\"iss\":\"x\"","iss":"me"}"#,
            r#"{"a":"}]{[\\","b":-1.5e3,"c":null,"d":true,"":"","iss":"me"}"#,
            r#"{"a":"\\\"","is":1,"isss":2,"ISS":3,"iss":"me"}"#,
        ] {
            assert_eq!(issuer(json), Some("me"), "{json}");
            assert_eq!(read(json).unwrap().issuer.as_deref(), Some("me"), "{json}");
        }
    }

    #[test]
    fn what_is_not_plain_is_left_to_those_who_read() {
        for json in [
            "",
            "{}",
            r#"{"sub":"iss"}"#,
            r#"{"a":{"iss":"x"}}"#,
            r#"{"\u0069ss":"me"}"#,
            r#"{"iss":"m\u0065"}"#,
            r#"{"iss":"https:\/\/login.example.com"}"#,
            r#"{"iss":1,"x":"me"}"#,
            r#"{"iss":["me"]}"#,
            r#"{"iss":null}"#,
            r#"{"iss":"me"#,
            r#"{"iss"#,
            r#"{"iss":"#,
            r#"{"a":"\"#,
            r#"}{"iss":"me"}"#,
        ] {
            assert_eq!(issuer(json), None, "{json}");
        }
    }

    /// Pieces of claims, so that many of the texts are well-formed and the others nearly so.
    fn any_claims() -> impl Strategy<Value = String> {
        let name = prop_oneof![
            4 => Just(r#""iss""#.to_owned()),
            2 => r#""(i|s|\\u0069|\\u0073){0,4}""#,
            3 => r#""[a-z\\":,\{\}]{0,4}""#,
            2 => r#""[a-z]{1,5}""#,
        ];
        let text = prop_oneof![
            9 => r#""(me|you|é|\\/|\\\\|\\"|\\u006d|iss|[:,\{\}\[\]]){0,3}""#,
            1 => r#"[a-z0-9"]{0,4}"#,
            2 => prop_oneof![Just("-1.5e3".to_owned()), Just("true".to_owned()), Just("null".to_owned())],
        ];
        let blank = || "[ \t\n\r]{0,1}";
        let member = |value| {
            (blank(), name.clone(), blank(), blank(), value, blank())
                .prop_map(|(a, name, b, c, value, d)| format!("{a}{name}{b}:{c}{value}{d}"))
        };
        let value = text.prop_recursive(2, 8, 3, {
            let name = name.clone();
            move |inner| {
                let members = prop::collection::vec((name.clone(), inner.clone()), 0..3);
                prop_oneof![
                    prop::collection::vec(inner, 0..3).prop_map(|items| format!("[{}]", items.join(","))),
                    members.prop_map(|members| {
                        let members: Vec<_> =
                            members.into_iter().map(|(name, value)| format!("{name}:{value}")).collect();
                        format!("{{{}}}", members.join(","))
                    }),
                ]
            }
        });
        prop::collection::vec(member(value.boxed()), 0..5).prop_map(|members| format!("{{{}}}", members.join(",")))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1024))]

        #[test]
        fn claims_that_hold_up_have_the_issuer_that_is_found(json in any_claims()) {
            if let Some(read) = read(&json) {
                let found = issuer(&json);
                prop_assert!(found.is_none() || found == read.issuer.as_deref(), "{}", json);
                prop_assert_eq!(claimed::issuer(&json).ok(), read.issuer, "{}", json);
            }
        }

        #[test]
        fn no_text_makes_it_panic(text in r#"[\{\}\[\]"\\:, isé]{0,40}"#) {
            let _ = issuer(&text);
        }
    }
}
