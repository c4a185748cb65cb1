//! Parts of the claims that grant something by name: scopes and roles, in the forms in which issuers write them.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};
use serde::ser::{Serialize, Serializer};

/// A part of the claims that grants something by name: scopes, permissions, roles.
///
/// Where that part is, the authenticator is told once, by [`scopes`](crate::AuthenticatorBuilder::scopes) and
/// [`roles`](crate::AuthenticatorBuilder::roles). For the usual claims there are types to take as fields: [`Scopes`]
/// (`scope`, `scp`, `permissions`), [`Roles`] (`roles`), [`RealmAccess`] and [`ResourceAccess`]. Lists and sets of
/// strings do as well, and so does a string, which is read as names separated by spaces. Another form is one line:
///
/// ```
/// use jwt_core::guard::Grants;
///
/// #[derive(serde::Deserialize)]
/// struct Rights {
///     admin: bool,
/// }
///
/// impl Grants for Rights {
///     fn grants(&self, name: &str) -> bool { self.admin && name.starts_with("admin:") }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no list of scopes or roles",
    note = "point at a field of the type `Scopes`, `Roles`, `String` or `Vec<String>`, or implement `Grants` for its type"
)]
pub trait Grants {
    /// Whether something of exactly that name is granted.
    fn grants(&self, name: &str) -> bool;
}

impl Grants for str {
    /// Names separated by single spaces (RFC 6749 §3.3).
    fn grants(&self, name: &str) -> bool {
        let (mut rest, name) = (self.as_bytes(), name.as_bytes());
        if name.is_empty() {
            return false;
        }
        while let Some(space) = first_space(rest) {
            if rest[..space] == *name {
                return true;
            }
            rest = &rest[space + 1..];
        }
        rest == name
    }
}

/// Eight bytes at a time: texts of this kind are too short for a search that has to be set up.
fn first_space(text: &[u8]) -> Option<usize> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let (words, rest) = text.as_chunks::<8>();
    for (number, word) in words.iter().enumerate() {
        // Zero where a space stands. Taking one away borrows into the highest bit of the first zero, and of no byte
        // before it.
        let word = u64::from_le_bytes(*word) ^ (ONES * u64::from(b' '));
        let spaces = word.wrapping_sub(ONES) & !word & (ONES << 7);
        if spaces != 0 {
            return Some(number * 8 + spaces.trailing_zeros() as usize / 8);
        }
    }
    let in_rest = rest.iter().position(|byte| *byte == b' ')?;
    Some(words.len() * 8 + in_rest)
}

impl Grants for String {
    fn grants(&self, name: &str) -> bool {
        self.as_str().grants(name)
    }
}

impl<T: AsRef<str>> Grants for [T] {
    fn grants(&self, name: &str) -> bool {
        self.iter().any(|one| one.as_ref() == name)
    }
}

impl<T: AsRef<str>> Grants for Vec<T> {
    fn grants(&self, name: &str) -> bool {
        self.as_slice().grants(name)
    }
}

impl Grants for BTreeSet<String> {
    fn grants(&self, name: &str) -> bool {
        self.contains(name)
    }
}

impl<S: std::hash::BuildHasher> Grants for HashSet<String, S> {
    fn grants(&self, name: &str) -> bool {
        self.contains(name)
    }
}

impl<T: Grants> Grants for Option<T> {
    /// Without a value, nothing is granted.
    fn grants(&self, name: &str) -> bool {
        self.as_ref().is_some_and(|some| some.grants(name))
    }
}

/// Scopes: a string of names separated by spaces (`scope` of RFC 8693 §4.2 and RFC 9068 §2.2.3), or an array of names, as
/// `scp` and `permissions` are with some issuers.
///
/// Take it as a field with `#[serde(default)]`, so that a token without the claim is one that grants nothing.
///
/// ```
/// use jwt_core::{Scopes, guard::Grants};
///
/// #[derive(serde::Deserialize)]
/// struct User {
///     #[serde(default)]
///     scope: Scopes,
/// }
///
/// let user: User = serde_json::from_str(r#"{"scope": "read:things write:things"}"#)?;
/// assert!(user.scope.grants("read:things") && !user.scope.grants("read"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scopes(Names);

impl Scopes {
    /// The names, in their order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        let (text, list) = self.0.parts();
        text.unwrap_or_default().split(' ').filter(|name| !name.is_empty()).chain(list.iter().map(|name| &**name))
    }
}

impl Grants for Scopes {
    fn grants(&self, name: &str) -> bool {
        match &self.0 {
            Names::Text(text) => text.grants(name),
            Names::List(list) => list.grants(name),
        }
    }
}

/// Roles: an array of names, or one name. A name may hold spaces.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Roles(Names);

impl Roles {
    /// The names, in their order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        let (text, list) = self.0.parts();
        text.into_iter().filter(|name| !name.is_empty()).chain(list.iter().map(|name| &**name))
    }
}

impl Grants for Roles {
    fn grants(&self, name: &str) -> bool {
        match &self.0 {
            Names::Text(text) => **text == *name && !name.is_empty(),
            Names::List(list) => list.grants(name),
        }
    }
}

/// `realm_access`, where Keycloak puts the roles of a realm: `{"roles": […]}`.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct RealmAccess {
    /// The roles.
    #[serde(default)]
    pub roles: Roles,
}

impl Grants for RealmAccess {
    fn grants(&self, name: &str) -> bool {
        self.roles.grants(name)
    }
}

/// `resource_access`, where Keycloak puts the roles of each client: `{"CLIENT": {"roles": […]}}`.
///
/// ```
/// use jwt_core::guard::{Grants, ResourceAccess};
///
/// let access: ResourceAccess = serde_json::from_str(r#"{"shop": {"roles": ["seller"]}}"#)?;
/// assert!(access.of("shop").grants("seller") && !access.of("bank").grants("seller"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct ResourceAccess(HashMap<Box<str>, RealmAccess>);

impl ResourceAccess {
    /// The roles of one client: none, where the token does not name it.
    pub fn of(&self, client: &str) -> &Roles {
        const NONE: &Roles = &Roles(Names::List(Vec::new()));
        self.0.get(client).map_or(NONE, |access| &access.roles)
    }
}

/// One string or an array of strings.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Names {
    Text(Box<str>),
    List(Vec<Box<str>>),
}

impl Names {
    fn parts(&self) -> (Option<&str>, &[Box<str>]) {
        match self {
            Self::Text(text) => (Some(text), &[]),
            Self::List(list) => (None, list),
        }
    }
}

impl Default for Names {
    fn default() -> Self {
        Self::List(Vec::new())
    }
}

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NamesVisitor;

        impl<'de> Visitor<'de> for NamesVisitor {
            type Value = Names;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or an array of strings")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Names, E> {
                Ok(Names::Text(text.into()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Names, A::Error> {
                let mut list = Vec::new();
                while let Some(name) = seq.next_element()? {
                    list.push(name);
                }
                Ok(Names::List(list))
            }
        }

        deserializer.deserialize_any(NamesVisitor)
    }
}

impl Serialize for Names {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(list) => serializer.collect_seq(list),
        }
    }
}

impl<'de> Deserialize<'de> for Scopes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Names::deserialize(deserializer).map(Self)
    }
}

impl Serialize for Scopes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Roles {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Names::deserialize(deserializer).map(Self)
    }
}

impl Serialize for Roles {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_text_grants_each_of_its_words_and_nothing_else(text in "[ !a\u{a0}\u{120}]{0,30}", name in "[ !a\u{a0}]{0,9}") {
            prop_assert_eq!(text.grants(&name), !name.is_empty() && text.split(' ').any(|word| word == name));
            for word in text.split(' ').filter(|word| !word.is_empty()) {
                prop_assert!(text.grants(word));
            }
        }
    }

    fn read<T: for<'de> Deserialize<'de>>(json: &str) -> T {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn scopes_are_a_text_separated_by_spaces_or_a_list() {
        for json in [r#""a b:c""#, r#"["a","b:c"]"#, r#"" a  b:c ""#] {
            let scopes: Scopes = read(json);
            assert!(scopes.grants("a") && scopes.grants("b:c"), "{json}");
            assert!(!scopes.grants("b") && !scopes.grants("") && !scopes.grants("a b:c"), "{json}");
            assert_eq!(scopes.iter().collect::<Vec<_>>(), ["a", "b:c"], "{json}");
        }
        for json in ["7", "null", "{}", "[1]", "[[\"a\"]]", "true"] {
            assert!(serde_json::from_str::<Scopes>(json).is_err(), "{json}");
        }
        assert!(!Scopes::default().grants("a"));
    }

    #[test]
    fn a_role_may_hold_spaces() {
        for json in [r#""shift lead""#, r#"["x","shift lead"]"#] {
            let roles: Roles = read(json);
            assert!(roles.grants("shift lead") && !roles.grants("shift") && !roles.grants(""), "{json}");
        }
        assert!(!Roles::default().grants("a"));
    }

    #[test]
    fn lists_sets_texts_and_options_grant() {
        assert!("a b".grants("b") && "a b".to_owned().grants("a"));
        assert!(vec!["a"].grants("a") && !vec!["a b"].grants("a"));
        assert!(BTreeSet::from(["a".to_owned()]).grants("a") && HashSet::from(["a".to_owned()]).grants("a"));
        assert!(Some("a".to_owned()).grants("a") && !None::<String>.grants("a"));
    }

    #[test]
    fn the_claims_are_written_as_they_were_read() {
        for json in [r#""a b""#, r#"["a","b"]"#] {
            assert_eq!(serde_json::to_string(&read::<Scopes>(json)).unwrap(), json);
            assert_eq!(serde_json::to_string(&read::<Roles>(json)).unwrap(), json);
        }
        let json = r#"{"shop":{"roles":["seller"]}}"#;
        assert_eq!(serde_json::to_string(&read::<ResourceAccess>(json)).unwrap(), json);
    }
}
