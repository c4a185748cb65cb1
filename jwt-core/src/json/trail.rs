//! Which member it is that does not fit its type.

use std::cell::{Cell, RefCell};
use std::fmt;

/// What serde_json says of a value that does not fit its type. It quotes values, so that nobody is shown it.
pub(crate) struct DataError(pub(crate) Box<str>);

impl fmt::Debug for DataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataError")
    }
}

/// The way to the member that could not be read, from the inside out: an error leaves one object or array after the other.
#[derive(Default)]
pub(crate) struct Trail {
    steps: RefCell<Vec<Step>>,
    begun: Cell<bool>,
}

enum Step {
    Member(Box<str>),
    Element(usize),
}

impl Trail {
    /// A member of an object was read, or could not be.
    #[inline]
    pub(crate) fn member<'n, T, E>(&self, value: &Result<T, E>, name: impl FnOnce() -> &'n str) {
        if value.is_err() {
            self.push(Step::Member(name().into()));
        } else if self.begun.get() {
            self.forget();
        }
    }

    /// An element of an array was read, or could not be.
    #[inline]
    pub(super) fn element<T, E>(&self, value: &Result<T, E>, index: usize) {
        if value.is_err() {
            self.push(Step::Element(index));
        } else if self.begun.get() {
            self.forget();
        }
    }

    #[cold]
    fn push(&self, step: Step) {
        self.begun.set(true);
        self.steps.borrow_mut().push(step);
    }

    /// Whatever could not be read inside of something that could: its type does without.
    #[cold]
    fn forget(&self) {
        self.begun.set(false);
        self.steps.borrow_mut().clear();
    }

    /// The path of names, such as `org.role` and `groups[2]`. Empty where it is the whole.
    pub(crate) fn path(&self) -> String {
        let mut path = String::new();
        for step in self.steps.borrow().iter().rev() {
            match step {
                Step::Member(name) if path.is_empty() => path.push_str(name),
                Step::Member(name) => path.extend([".", name]),
                Step::Element(index) => path.extend(["[", &index.to_string(), "]"]),
            }
        }
        path
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde::Deserialize;
    use serde::de::{Deserializer, Error};
    use serde_json::{Value, json};

    use super::{Step, Trail};
    use crate::json::read_into;

    /// Takes everything but `true`, of which serde_json says where it is, and `false`, of which it does not.
    struct NoBool;

    impl<'de> Deserialize<'de> for NoBool {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            /// Yields whether it is `false`.
            struct Visitor;

            impl<'de> serde::de::Visitor<'de> for Visitor {
                type Value = bool;

                fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str("anything but true")
                }

                fn visit_bool<E: Error>(self, value: bool) -> Result<bool, E> {
                    if value { Err(E::custom("it is true")) } else { Ok(true) }
                }

                fn visit_u64<E: Error>(self, _: u64) -> Result<bool, E> {
                    Ok(false)
                }

                fn visit_str<E: Error>(self, _: &str) -> Result<bool, E> {
                    Ok(false)
                }

                fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<bool, A::Error> {
                    while seq.next_element::<NoBool>()?.is_some() {}
                    Ok(false)
                }

                fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
                    while map.next_entry::<String, NoBool>()?.is_some() {}
                    Ok(false)
                }
            }

            if deserializer.deserialize_any(Visitor)? { Err(D::Error::custom("it is false")) } else { Ok(Self) }
        }
    }

    fn path<T: serde::de::DeserializeOwned>(text: &str) -> String {
        read_into::<T>(text).err().unwrap().0
    }

    fn steps() -> impl Strategy<Value = Vec<(Option<String>, usize)>> {
        let name =
            prop_oneof!["[a-z]{1,4}", Just("a\"b".to_owned()), Just("ü\n{".to_owned()), Just("x,y[0]".to_owned())];
        prop::collection::vec((prop::option::of(name), 0_usize..4), 0..6)
    }

    proptest! {
        #[test]
        fn the_path_leads_to_the_value_that_does_not_fit(steps in steps(), found: bool, others in prop_oneof![0_usize..3, Just(20)]) {
            let mut value = json!(found);
            let trail = Trail::default();
            for (name, index) in steps.iter().rev() {
                value = if let Some(name) = name {
                    let mut members = BTreeMap::from([(name.clone(), value)]);
                    for other in 0..others {
                        members.insert(format!("A{other}"), json!({"n": [1, "}]\\\"", {}]}));
                    }
                    json!(members)
                } else {
                    let mut elements: Vec<Value> = vec![json!([{"a": "true"}, 2]); *index];
                    elements.push(value);
                    elements.extend(vec![json!(7); others]);
                    json!(elements)
                };
            }
            for (name, index) in steps.into_iter().rev() {
                trail.push(name.map_or(Step::Element(index), |name| Step::Member(name.into())));
            }
            prop_assert_eq!(path::<NoBool>(&value.to_string()), trail.path(), "{}", value);
        }
    }

    #[test]
    fn what_a_type_does_without_is_not_on_the_way() {
        #[expect(clippy::unnecessary_wraps, reason = "what serde takes")]
        fn if_it_fits<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<u8>>, D::Error> {
            Ok(Vec::deserialize(deserializer).ok())
        }
        #[derive(Deserialize)]
        #[allow(dead_code)]
        struct Claims {
            #[serde(default, deserialize_with = "if_it_fits")]
            codes: Option<Vec<u8>>,
            org: BTreeMap<String, u8>,
        }
        assert!(read_into::<Claims>(r#"{"org":{"a":1},"codes":[1,"x"]}"#).is_ok());
        assert_eq!(path::<Claims>(r#"{"codes":[1,"x"],"org":{"a":1,"b":"y"}}"#), "org.b");
        assert_eq!(path::<Claims>(r#"{"codes":[1,"x"]}"#), "");
    }

    #[test]
    fn a_member_that_no_type_takes_is_named() {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        #[allow(dead_code)]
        struct Org {
            role: u8,
        }
        assert_eq!(path::<BTreeMap<String, Org>>(r#"{"org":{"role":1,"more":2}}"#), "org.more");
        assert_eq!(path::<BTreeMap<String, BTreeMap<u8, u8>>>(r#"{"org":{"role":1}}"#), "org.role");
    }
}
