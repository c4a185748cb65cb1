//! What cannot be built, and what the error says to do; what an application learns of a rejection.

use std::sync::atomic::{AtomicUsize, Ordering};

use acceptance::{AUDIENCE, SECRET, Stopped, User, builder, good_claims, hs256};
use jwt_core::adapter::Verdict;
use jwt_core::error::{AuthenticatorBuildError, CrossSiteError, Denial, Misuse, RequestError, TokenError, Unavailable};
use jwt_core::{AuthError, Authenticator, AuthenticatorBuilder, CsrfTokens, KeySet, TokenSource};
use serde_json::json;

fn empty() -> AuthenticatorBuilder<User> {
    Authenticator::builder()
}

fn keyed() -> AuthenticatorBuilder<User> {
    empty().keys(KeySet::hs256(SECRET).unwrap())
}

#[test]
#[expect(clippy::large_stack_arrays, reason = "a builder is large, and a table of them is read easily")]
fn what_is_missing_or_contradictory_is_named_with_its_fix() {
    for (builder, expected, fix) in [
        (empty().audience("api"), AuthenticatorBuildError::NoKeys, ".keys("),
        (keyed(), AuthenticatorBuildError::NoAudience, ".any_audience()"),
        (
            keyed().audience("api").any_audience(),
            AuthenticatorBuildError::AudienceContradiction { audience: "api".into() },
            "keep one",
        ),
        (keyed().audience(""), AuthenticatorBuildError::EmptyExpectation { setting: "audience" }, ".audience("),
        (
            keyed().audience("api").issuer(""),
            AuthenticatorBuildError::EmptyExpectation { setting: "issuer" },
            ".issuer(",
        ),
        (keyed().audience("api").typ(""), AuthenticatorBuildError::EmptyExpectation { setting: "typ" }, ".typ("),
        (
            keyed().audience("api").required_claim(""),
            AuthenticatorBuildError::EmptyExpectation { setting: "required_claim" },
            ".required_claim(",
        ),
        (
            keyed().audience("api").trusted_origin("https://app.example.com/"),
            AuthenticatorBuildError::TrustedOrigin { origin: "https://app.example.com/".into() },
            "without `/`",
        ),
        (
            keyed().audience("api").trusted_origin("null"),
            AuthenticatorBuildError::TrustedOrigin { origin: "null".into() },
            "https://app.example.com",
        ),
        (
            keyed().audience("api").trusted_origin("https://a.example").dangerous_allow_cross_site_requests(),
            AuthenticatorBuildError::CrossSiteContradiction,
            "leave it out",
        ),
        (
            keyed().audience("api").origin_required().dangerous_allow_cross_site_requests(),
            AuthenticatorBuildError::CrossSiteContradiction,
            "leave it out",
        ),
        (
            keyed().audience("api").csrf(&CsrfTokens::new(SECRET).unwrap()).dangerous_allow_cross_site_requests(),
            AuthenticatorBuildError::CrossSiteContradiction,
            "leave it out",
        ),
        (keyed().audience("api").realm("a\"b"), AuthenticatorBuildError::Realm { realm: "a\"b".into() }, "printable"),
        (keyed().audience("api").max_token_len(10), AuthenticatorBuildError::TokenLimit { bytes: 10 }, "64 bytes"),
        (
            keyed().audience("api").source(TokenSource::cookie("a b")),
            AuthenticatorBuildError::SourceName { token_source: r#"the cookie "a b""#.into() },
            "letters",
        ),
        (
            keyed().audience("api").source(TokenSource::bearer()).source(TokenSource::bearer()),
            AuthenticatorBuildError::DuplicateSource { token_source: TokenSource::bearer().to_string().into() },
            "keep one",
        ),
    ] {
        let error = builder.build().unwrap_err();
        assert_eq!(error, expected);
        assert!(error.to_string().contains(fix), "{error}");
    }
}

#[test]
fn the_issuer_may_be_left_open() {
    let verifier = keyed().audience("api").clock(Stopped).build_verifier().unwrap();
    let mut claims = good_claims();
    claims["iss"] = "https://whoever.example.com".into();
    assert_eq!(verifier.verify(hs256(&claims)).unwrap().issuer(), Some("https://whoever.example.com"));
}

#[test]
fn a_verifier_yields_the_claims_the_registered_ones_and_the_text_that_was_signed() {
    let verifier = builder().build_verifier().unwrap();
    let mut claims = good_claims();
    claims["jti"] = "t\"1".into();
    claims["aud"] = json!(["api", "other"]);
    claims["nbf"] = json!(5.5);
    let token = hs256(&claims);
    let user = verifier.verify(&token).unwrap();
    assert_eq!(*user, User { sub: "alice".into(), name: "Alice".into() });
    assert_eq!(user.subject(), Some("alice"));
    assert_eq!(user.token_id(), Some("t\"1"));
    assert_eq!(user.audience().collect::<Vec<_>>(), ["api", "other"]);
    assert_eq!(user.expires_at().unwrap().as_secs(), claims["exp"]);
    assert_eq!(user.issued_at().unwrap().as_secs(), claims["iat"]);
    assert_eq!(user.not_before().unwrap().since_epoch().as_millis(), 5500);
    assert_eq!(user.header().unwrap().typ(), Some("JWT"));
    assert_eq!(user.claims_json(), claims.to_string());
    assert_eq!(user.token().as_str(), token);
}

#[test]
fn the_reason_of_a_check_comes_back_typed() {
    #[derive(Debug, thiserror::Error, PartialEq)]
    #[error("tenant {0} is locked")]
    struct Locked(u32);

    let verifier = builder().check(|_| Err(Locked(7))).build_verifier().unwrap();
    let Err(AuthError::InvalidToken(TokenError::Check(error))) = verifier.verify(hs256(&good_claims())) else {
        panic!("it is refused")
    };
    assert_eq!(error.downcast_ref::<Locked>(), Some(&Locked(7)));
    assert_eq!(error.downcast_ref::<std::fmt::Error>(), None);
    assert_eq!(error.to_string(), "tenant 7 is locked");
}

#[test]
fn an_application_can_tell_the_reasons_apart() {
    let auth = builder().build().unwrap();
    let verdict = |fields: &[&str]| {
        let mut request = http::Request::builder();
        for value in fields {
            request = request.header("authorization", *value);
        }
        auth.authenticate(&request.body(()).unwrap())
    };
    assert!(matches!(verdict(&[]), Verdict::Rejected(AuthError::MissingToken)));
    assert!(matches!(
        verdict(&["Bearer a", "Bearer b"]),
        Verdict::Rejected(AuthError::InvalidRequest(RequestError::Repeated))
    ));
    let mut claims = good_claims();
    claims["exp"] = 1.into();
    let expired = format!("Bearer {}", hs256(&claims));
    assert!(matches!(verdict(&[&expired]), Verdict::Rejected(AuthError::InvalidToken(TokenError::Expired { .. }))));
    claims = good_claims();
    claims["aud"] = "other".into();
    let stray = format!("Bearer {}", hs256(&claims));
    assert!(matches!(verdict(&[&stray]), Verdict::Rejected(AuthError::InvalidToken(TokenError::Audience(_)))));
}

#[test]
fn what_a_client_may_be_told_is_what_the_problem_document_says() {
    let auth = keyed().audience("api").build().unwrap();
    for error in [
        AuthError::MissingToken,
        AuthError::InvalidToken(TokenError::Signature),
        AuthError::InvalidRequest(RequestError::Repeated),
        AuthError::Unavailable(Unavailable::Store),
        AuthError::CrossSite(CrossSiteError::OriginMissing),
        AuthError::Forbidden(Denial::Role("admin".into())),
        AuthError::NotConfigured(Misuse::MissingLayer),
    ] {
        let document: serde_json::Value = serde_json::from_str(auth.answer(&error).body).unwrap();
        let told = document.get("detail").unwrap_or(&document["title"]);
        assert_eq!(told, error.public_message());
        assert_ne!(error.public_message(), error.to_string());
    }
}

#[test]
fn a_check_returns_a_bool_an_option_or_a_result() {
    #[derive(Debug, thiserror::Error)]
    #[error("{0} is locked")]
    struct Locked(String);
    let refused = |builder: AuthenticatorBuilder<User>| {
        let verifier = builder.build_verifier().unwrap();
        match verifier.verify(hs256(&good_claims())) {
            Ok(_) => None,
            Err(AuthError::InvalidToken(TokenError::Check(reason))) => Some(reason.to_string()),
            Err(other) => panic!("{other}"),
        }
    };
    assert_eq!(refused(builder().check(|user| user.name == "Alice")), None);
    assert_eq!(refused(builder().check(|user| user.subject().map(drop))), None);
    assert_eq!(refused(builder().check(|_| Ok::<(), Locked>(()))), None);
    let fixed = Some("it gives no reason".to_owned());
    assert_eq!(refused(builder().check(|user| user.name != "Alice")), fixed);
    assert_eq!(refused(builder().check(|user| user.header()?.kid().map(drop))), fixed);
    assert_eq!(refused(builder().check(|user| Err(Locked(user.name.clone())))).as_deref(), Some("Alice is locked"));
    // Each of them is asked.
    assert_eq!(refused(builder().check(|_| true).check(|_| None)), fixed);
}

#[test]
fn claims_are_moved_out_of_a_token_that_nobody_else_holds_and_cloned_otherwise() {
    static CLONES: AtomicUsize = AtomicUsize::new(0);
    #[derive(serde::Deserialize)]
    struct Counted {
        name: String,
    }
    impl Clone for Counted {
        fn clone(&self) -> Self {
            CLONES.fetch_add(1, Ordering::Relaxed);
            Self { name: self.name.clone() }
        }
    }
    let keys = KeySet::hs256(SECRET).unwrap();
    let verifier =
        Authenticator::<Counted>::builder().keys(keys).audience(AUDIENCE).clock(Stopped).build_verifier().unwrap();
    let token = verifier.verify(hs256(&good_claims())).unwrap();
    let other = token.clone();
    assert_eq!((token.into_claims().name.as_str(), CLONES.load(Ordering::Relaxed)), ("Alice", 1));
    assert_eq!((other.into_claims().name.as_str(), CLONES.load(Ordering::Relaxed)), ("Alice", 1));
}
