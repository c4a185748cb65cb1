//! Verified tokens that no key has signed, for the tests of applications (feature `testing`).

use std::sync::Arc;

use crate::answer::{Challenges, Scheme};
use crate::base64url;
use crate::claims::Registered;
use crate::claims::scope_hierarchy::ScopeHierarchy;
use crate::clock::SystemClock;
use crate::key::LiveKeys;
use crate::verify::{Authority, Evidence, Header, Trust, Validation, VerifiedToken};

impl<C> VerifiedToken<C> {
    /// A token of which nothing was verified, for unit tests of handlers (feature `testing`): those claims and nothing
    /// else. [`TestToken::verified`](crate::testing::TestToken::verified) makes one with a subject and all the rest.
    ///
    /// ```
    /// use jwt_core::VerifiedToken;
    ///
    /// struct User {
    ///     name: &'static str,
    /// }
    ///
    /// fn greet(user: &VerifiedToken<User>) -> String {
    ///     format!("Hello, {}!", user.name)
    /// }
    ///
    /// assert_eq!(greet(&VerifiedToken::for_test(User { name: "Alice" })), "Hello, Alice!");
    /// ```
    ///
    /// A guard finds neither scopes nor roles in it: to test one, send a token through the layer.
    ///
    /// # Panics
    /// Never.
    #[expect(clippy::expect_used, reason = "a test that cannot be set up has failed")]
    pub fn for_test(claims: C) -> Self {
        let json = "{}";
        let text = format!("{json}e30.e30.e30");
        let challenges =
            Challenges::new(None, &[Scheme::BEARER], None).expect("without a realm there is nothing wrong");
        let header = Header::read(base64url::encode(r#"{"alg":"EdDSA"}"#).as_bytes()).expect("it is a header");
        let trust = Trust::new(LiveKeys::starting_with(None), Validation::new());
        let (scopes, hierarchy, roles) = (Vec::new(), ScopeHierarchy::default(), Vec::new());
        let authority = Authority { scopes, hierarchy, roles, challenges, clock: Arc::new(SystemClock) };
        Self::new(
            claims,
            Registered::default(),
            None,
            Some(Evidence { header: Some(Arc::new(header)), trust: Arc::new(trust), generation: 0 }),
            text,
            json.len(),
            Arc::new(authority),
        )
    }
}
