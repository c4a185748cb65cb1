//! Rich authorization (RFC 9396): what an element of the claim `authorization_details` must allow.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::error::{Denial, Misuse};
use crate::verify::{CompactToken, VerifiedToken};

/// What one element of the claim `authorization_details` must allow (RFC 9396 §2): for `Require::authorization_detail`, and in
/// a handler where it depends on the request.
///
/// All of it must be in one element of the claim; what two elements allow is never added up. A name counts byte for byte.
/// What is asked for and not there is not allowed: an element without `actions` allows none.
///
/// ```
/// use jwt_core::VerifiedToken;
/// use jwt_core::guard::AuthorizationDetail;
///
/// let read = AuthorizationDetail::of_type("account_information").action("read_balances").location("https://api.example.com");
///
/// # struct User;
/// fn may_see(token: &VerifiedToken<User>, account: &str) -> bool {
///     let needed = AuthorizationDetail::of_type("account_information").action("read_balances").identifier(account);
///     needed.is_granted_by(token)
/// }
/// # let _ = read;
/// ```
#[derive(Clone, PartialEq, Eq, Serialize)]
#[must_use]
pub struct AuthorizationDetail {
    #[serde(rename = "type")]
    kind: Box<str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    actions: Vec<Box<str>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    locations: Vec<Box<str>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    datatypes: Vec<Box<str>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    privileges: Vec<Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    identifier: Option<Box<str>>,
    /// Two identifiers were asked for.
    #[serde(skip)]
    contradicts_itself: bool,
}

impl AuthorizationDetail {
    /// Of that `type` (RFC 9396 §2.1), which an element always has.
    pub fn of_type(kind: impl Into<String>) -> Self {
        Self {
            kind: kind.into().into(),
            actions: Vec::new(),
            locations: Vec::new(),
            datatypes: Vec::new(),
            privileges: Vec::new(),
            identifier: None,
            contradicts_itself: false,
        }
    }

    /// Needs this among the `actions` (RFC 9396 §2.2). Called again, all of them. None.
    pub fn action(mut self, action: impl Into<String>) -> Self {
        self.actions.push(action.into().into());
        self
    }

    /// Needs this among the `locations`, which are addresses of resources or of their servers (RFC 9396 §2.2). Called again, all
    /// of them. None.
    pub fn location(mut self, location: impl Into<String>) -> Self {
        self.locations.push(location.into().into());
        self
    }

    /// Needs this among the `datatypes` (RFC 9396 §2.2). Called again, all of them. None.
    pub fn datatype(mut self, datatype: impl Into<String>) -> Self {
        self.datatypes.push(datatype.into().into());
        self
    }

    /// Needs this among the `privileges` (RFC 9396 §2.2). Called again, all of them. None.
    pub fn privilege(mut self, privilege: impl Into<String>) -> Self {
        self.privileges.push(privilege.into().into());
        self
    }

    /// Needs this as the `identifier` of a resource (RFC 9396 §2.2). An element has one: a guard that asks for two cannot work.
    /// None.
    pub fn identifier(mut self, identifier: impl Into<String>) -> Self {
        self.contradicts_itself |= self.identifier.is_some();
        self.identifier = Some(identifier.into().into());
        self
    }

    /// Whether an element of the claim of this token allows it. For handlers, where what is needed depends on
    /// the request, such as the account in its path.
    #[must_use]
    pub fn is_granted_by<C>(&self, token: &VerifiedToken<C>) -> bool {
        !self.contradicts_itself && self.is_granted_in(token.claims_json()).is_ok_and(|granted| granted)
    }

    /// `Err` where the claim is not what its standard says.
    fn is_granted_in(&self, claims: &str) -> Result<bool, serde_json::Error> {
        let Claims { authorization_details: granted } = serde_json::from_str(claims)?;
        Ok(granted.iter().any(|element| element.grants(self)))
    }
}

/// A guard over the claim.
pub(super) struct DetailGuard {
    needed: AuthorizationDetail,
    /// For the log.
    text: Arc<str>,
}

impl DetailGuard {
    pub(super) fn new(needed: AuthorizationDetail) -> Result<Self, Misuse> {
        if needed.kind.is_empty() || needed.contradicts_itself {
            return Err(Misuse::AuthorizationDetail);
        }
        let text = format!("{needed:?}").into();
        Ok(Self { needed, text })
    }

    pub(super) fn check(&self, token: &CompactToken) -> Result<(), Denial> {
        match self.needed.is_granted_in(token.common().json()) {
            Ok(true) => Ok(()),
            Ok(false) => Err(Denial::AuthorizationDetail(self.text.clone())),
            Err(_) => Err(Denial::AuthorizationDetailsType),
        }
    }
}

/// A claim that is read no further than this, of claims that were read strictly before. Where one element is not what RFC 9396
/// §2 says, none counts.
#[derive(Deserialize)]
struct Claims {
    #[serde(default)]
    authorization_details: Vec<Element>,
}

#[derive(Deserialize)]
struct Element {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    actions: Vec<String>,
    #[serde(default)]
    locations: Vec<String>,
    #[serde(default)]
    datatypes: Vec<String>,
    #[serde(default)]
    privileges: Vec<String>,
    identifier: Option<String>,
}

impl Element {
    fn grants(&self, needed: &AuthorizationDetail) -> bool {
        let all =
            |needed: &[Box<str>], granted: &[String]| needed.iter().all(|one| granted.iter().any(|has| **has == **one));
        *self.kind == *needed.kind
            && all(&needed.actions, &self.actions)
            && all(&needed.locations, &self.locations)
            && all(&needed.datatypes, &self.datatypes)
            && all(&needed.privileges, &self.privileges)
            && needed.identifier.as_deref().is_none_or(|needed| self.identifier.as_deref() == Some(needed))
    }
}

impl fmt::Debug for AuthorizationDetail {
    /// As JSON.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(self).unwrap_or_default())
    }
}

impl fmt::Debug for DetailGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "authorization_detail({})", self.text)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn granted(needed: &AuthorizationDetail, details: &Value) -> Option<bool> {
        needed.is_granted_in(&json!({"sub": "alice", "authorization_details": details}).to_string()).ok()
    }

    #[test]
    fn all_that_is_needed_is_in_one_element() {
        let needed =
            AuthorizationDetail::of_type("a").action("r").action("w").location("https://x.example").identifier("7");
        let element = json!({
            "type": "a", "actions": ["w", "x", "r"], "locations": ["https://x.example"], "identifier": "7", "more": {"y": 1},
        });
        assert_eq!(granted(&needed, &json!([element])), Some(true));
        assert_eq!(granted(&needed, &json!([{"type": "b"}, element])), Some(true));
        let split = json!([
            {"type": "a", "actions": ["r"], "locations": ["https://x.example"], "identifier": "7"},
            {"type": "a", "actions": ["w"], "locations": ["https://x.example"], "identifier": "7"},
        ]);
        assert_eq!(granted(&needed, &split), Some(false));
        for member in ["type", "actions", "locations", "identifier"] {
            let mut other = element.clone();
            other[member] = if other[member].is_array() { json!(["other"]) } else { json!("other") };
            assert_eq!(granted(&needed, &json!([other])), Some(false), "{other}");
            other.as_object_mut().unwrap().remove(member);
            assert_ne!(granted(&needed, &json!([other])), Some(true), "{other}");
        }
        assert_eq!(needed.is_granted_in(r#"{"sub":"alice"}"#).ok(), Some(false));
    }

    #[test]
    fn a_claim_that_is_not_what_its_standard_says_grants_nothing() {
        let good = json!({"type": "a"});
        let needed = AuthorizationDetail::of_type("a");
        for details in [
            json!(null),
            json!("a"),
            good.clone(),
            json!(["a"]),
            json!([good, {"actions": []}]),
            json!([good, {"type": 1}]),
            json!([good, {"type": "a", "actions": "r"}]),
            json!([good, {"type": "a", "actions": null}]),
            json!([good, {"type": "a", "locations": [1]}]),
            json!([good, {"type": "a", "identifier": 7}]),
            json!([good, null]),
        ] {
            assert_eq!(granted(&needed, &details), None, "{details}");
        }
    }

    #[test]
    fn a_guard_that_nobody_can_pass_is_a_misuse() {
        let guard = |needed| DetailGuard::new(needed).err();
        assert_eq!(guard(AuthorizationDetail::of_type("")), Some(Misuse::AuthorizationDetail));
        let twice = AuthorizationDetail::of_type("a").identifier("1").identifier("2");
        assert_eq!(guard(twice), Some(Misuse::AuthorizationDetail));
        assert_eq!(guard(AuthorizationDetail::of_type("a")), None);
    }
}
