//! Where a text and the type that it is read into part.

use std::borrow::Cow;
use std::fmt;

use super::string_end;

/// What serde_json says of a value that does not fit its type, and where it was by then.
pub(crate) struct Misfit {
    /// Quotes values.
    pub(crate) message: String,
    line: usize,
    column: usize,
}

impl Misfit {
    pub(crate) fn of(error: &serde_json::Error) -> Self {
        Self { message: error.to_string(), line: error.line(), column: error.column() }
    }

    /// The member of `text` that does not fit, by the path of its names: `org.role`, `groups[2]`. Where something is missing, of
    /// what. Empty for the whole.
    pub(crate) fn path(&self, text: &str) -> String {
        let line = text.split_inclusive('\n').take(self.line.saturating_sub(1)).map(str::len).sum::<usize>();
        // Right behind a value, or in front of an object or an array.
        path_at(text, line.saturating_add(self.column))
    }
}

impl fmt::Debug for Misfit {
    /// Without the message.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Misfit").field("line", &self.line).field("column", &self.column).finish_non_exhaustive()
    }
}

/// An object or an array that is open, and what in it was read last.
enum Open<'t> {
    Object { name: Option<&'t str>, wants_name: bool },
    Array { index: usize },
}

/// Where one is in a text that is JSON up to there.
fn path_at(text: &str, end: usize) -> String {
    let bytes = text.as_bytes();
    let mut open = Vec::new();
    let mut at = 0;
    while let Some(byte) = bytes.get(at).filter(|_| at < end) {
        match (byte, open.last_mut()) {
            (b'"', innermost) => {
                let Some(close) = string_end(bytes, at + 1) else { break };
                if let Some(Open::Object { name, wants_name: wants_name @ true }) = innermost {
                    (*name, *wants_name) = (text.get(at + 1..close), false);
                }
                at = close;
            }
            (b'{', _) => open.push(Open::Object { name: None, wants_name: true }),
            (b'[', _) => open.push(Open::Array { index: 0 }),
            (b'}' | b']', _) => drop(open.pop()),
            (b',', Some(Open::Object { name, wants_name })) => (*name, *wants_name) = (None, true),
            (b',', Some(Open::Array { index })) => *index += 1,
            _ => {}
        }
        at += 1;
    }
    let mut path = String::new();
    for step in open {
        match step {
            Open::Object { name: Some(name), .. } => {
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(&unescaped(name));
            }
            Open::Object { name: None, .. } => {}
            Open::Array { index } => path.extend(["[", &index.to_string(), "]"]),
        }
    }
    path
}

/// A name as it is meant.
fn unescaped(name: &str) -> Cow<'_, str> {
    let meant = name.contains('\\').then(|| serde_json::from_str(&format!("\"{name}\"")));
    meant.and_then(Result::ok).map_or(Cow::Borrowed(name), Cow::Owned)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde::Deserialize;
    use serde_json::{Value, json};

    use super::*;

    /// Takes objects, arrays, strings and numbers, and no `true`.
    #[derive(Debug, Deserialize)]
    #[serde(transparent)]
    struct NoTrue(#[allow(dead_code)] Inner);

    #[derive(Debug)]
    enum Inner {
        Leaf,
    }

    impl<'de> Deserialize<'de> for Inner {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct Visitor;
            impl<'de> serde::de::Visitor<'de> for Visitor {
                type Value = Inner;

                fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str("anything but true")
                }

                fn visit_i64<E>(self, _: i64) -> Result<Inner, E> {
                    Ok(Inner::Leaf)
                }

                fn visit_u64<E>(self, _: u64) -> Result<Inner, E> {
                    Ok(Inner::Leaf)
                }

                fn visit_str<E>(self, _: &str) -> Result<Inner, E> {
                    Ok(Inner::Leaf)
                }

                fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Inner, A::Error> {
                    while seq.next_element::<NoTrue>()?.is_some() {}
                    Ok(Inner::Leaf)
                }

                fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Inner, A::Error> {
                    while map.next_entry::<String, NoTrue>()?.is_some() {}
                    Ok(Inner::Leaf)
                }
            }
            deserializer.deserialize_any(Visitor)
        }
    }

    fn path(text: &str) -> String {
        Misfit::of(&serde_json::from_str::<NoTrue>(text).unwrap_err()).path(text)
    }

    #[derive(Debug, Clone)]
    enum Step {
        Member(String),
        Element(usize),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let name =
            prop_oneof!["[a-z]{1,4}", Just("a\"b".to_owned()), Just("ü\\n{".to_owned()), Just("x,y[0]".to_owned())];
        prop::collection::vec(prop_oneof![name.prop_map(Step::Member), (0_usize..4).prop_map(Step::Element)], 0..6)
    }

    proptest! {
        #[test]
        fn the_path_leads_to_the_value_that_does_not_fit(steps in steps(), blank in prop_oneof!["", " ", "\n  ", "\n\t\n"], others in 0_usize..3) {
            let mut value = json!(true);
            let mut expected = String::new();
            for step in &steps {
                match step {
                    Step::Member(name) if expected.is_empty() => expected.push_str(name),
                    Step::Member(name) => expected.extend([".", name]),
                    Step::Element(index) => expected.extend(["[", &index.to_string(), "]"]),
                }
            }
            for step in steps.iter().rev() {
                value = match step {
                    Step::Member(name) => {
                        let mut members = BTreeMap::from([(name.clone(), value)]);
                        for other in 0..others {
                            members.insert(format!("A{other}"), json!({"n": [1, "}]\\\"", {}]}));
                        }
                        json!(members)
                    }
                    Step::Element(index) => {
                        let mut elements: Vec<Value> = vec![json!([{"a": "true"}, 2]); *index];
                        elements.push(value);
                        elements.extend(vec![json!(7); others]);
                        json!(elements)
                    }
                };
            }
            // With blanks and lines wherever none is inside of a string.
            let text = serde_json::to_string_pretty(&value).unwrap().replace('\n', &format!("\n{blank}"));
            prop_assert_eq!(path(&text), &*expected, "{}", text);
            let text = value.to_string();
            prop_assert_eq!(path(&text), expected, "{}", text);
        }

        #[test]
        fn no_text_and_no_place_makes_it_panic(text in "[\\[\\]{}\",:a\\\\ \n0ü]{0,40}", end in 0_usize..60) {
            path_at(&text, end);
        }
    }
}
