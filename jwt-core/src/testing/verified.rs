//! Verified tokens that no key has signed, for the tests of applications (feature `testing`).

use std::sync::Arc;

use crate::answer::{Challenges, Scheme};
use crate::base64url;
use crate::claims::Registered;
use crate::claims::scope_hierarchy::ScopeHierarchy;
use crate::clock::SystemClock;
use crate::key::LiveKeys;
use crate::verify::{Application, Authority, Common, Evidence, Facts, Header, Trust, Validation, VerifiedToken};

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
        let challenges =
            Challenges::new(None, &[Scheme::BEARER], None).expect("without a realm there is nothing wrong");
        let header = Header::read(base64url::encode(r#"{"alg":"EdDSA"}"#).as_bytes()).expect("it is a header");
        let trust = Trust::new(LiveKeys::starting_with(None), Validation::default());
        let authority = Authority { hierarchy: ScopeHierarchy::default(), challenges, clock: Arc::new(SystemClock) };
        let evidence = Evidence { header: Some(Arc::new(header)), trust: Arc::new(trust), generation: 0 };
        let facts = Facts { registered: Registered::default(), confirmation: None, evidence: Some(evidence) };
        let common = Common::new(facts, json.to_owned(), b"e30.e30.e30").expect("it is text");
        Self::new(claims, common, Arc::new(Application::new(authority)))
    }
}
