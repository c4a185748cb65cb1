//! Several issuers behind one authenticator.

use std::time::Duration;

use acceptance::{NOW, Stopped, User, good_claims};
use jwt_core::error::{AuthenticatorBuildError, TokenError};
use jwt_core::{
    Algorithm, AuthError, Authenticator, AuthenticatorBuilder, KeySet, LiveKeys, SigningKey, TrustedIssuer, Verifier,
};
use serde_json::Value;

const OURS: &str = "https://login.example.com";
const THEIRS: &str = "https://partner.example.net";

fn builder() -> AuthenticatorBuilder<User> {
    Authenticator::builder().clock(Stopped).audience("api")
}

fn keys(secret: u8) -> KeySet {
    KeySet::hs256([secret; 32]).unwrap()
}

fn token(secret: u8, issuer: &str, audience: &str) -> String {
    let mut claims = good_claims();
    claims["iss"] = issuer.into();
    claims["aud"] = audience.into();
    signed(secret, &claims)
}

fn signed(secret: u8, claims: &Value) -> String {
    written(secret, &claims.to_string())
}

fn both() -> Verifier<User> {
    builder()
        .trust(TrustedIssuer::new(OURS, keys(1)))
        .trust(TrustedIssuer::new(THEIRS, keys(2)).audience("https://api.example.com"))
        .build_verifier()
        .unwrap()
}

fn refused(verifier: &Verifier<User>, token: &str) -> TokenError {
    match verifier.verify(token) {
        Err(AuthError::InvalidToken(error)) => error,
        other => panic!("expected it to be refused: {other:?}"),
    }
}

#[test]
fn a_token_of_each_is_good_and_says_whose_it_is() {
    let verifier = both();
    // The header of all of these is the same, so that what was learned from one is tried on the next.
    for _ in 0..3 {
        assert_eq!(verifier.verify(token(1, OURS, "api")).unwrap().issuer(), Some(OURS));
        assert_eq!(verifier.verify(token(2, THEIRS, "https://api.example.com")).unwrap().issuer(), Some(THEIRS));
    }
}

#[test]
fn the_keys_of_one_prove_nothing_in_the_name_of_another() {
    let verifier = both();
    for _ in 0..2 {
        assert!(matches!(refused(&verifier, &token(2, OURS, "api")), TokenError::Signature));
        assert!(matches!(refused(&verifier, &token(1, THEIRS, "https://api.example.com")), TokenError::Signature));
        verifier.verify(token(1, OURS, "api")).unwrap();
        verifier.verify(token(2, THEIRS, "https://api.example.com")).unwrap();
    }
}

#[test]
fn each_has_its_own_audience_and_the_builder_speaks_for_those_that_have_none() {
    let verifier = both();
    assert!(matches!(refused(&verifier, &token(2, THEIRS, "api")), TokenError::Audience(_)));
    assert!(matches!(refused(&verifier, &token(1, OURS, "https://api.example.com")), TokenError::Audience(_)));
}

#[test]
fn one_may_do_without_an_audience_where_the_others_may_not() {
    let any = TrustedIssuer::new(THEIRS, keys(2)).any_audience();
    let verifier = builder().trust(TrustedIssuer::new(OURS, keys(1))).trust(any).build_verifier().unwrap();
    let mut claims = good_claims();
    claims.as_object_mut().unwrap().remove("aud");
    for (secret, issuer, good) in [(1, OURS, false), (2, THEIRS, true)] {
        claims["iss"] = issuer.into();
        assert_eq!(verifier.verify(signed(secret, &claims)).is_ok(), good, "{issuer}");
    }
}

#[test]
fn each_has_its_own_type_required_claims_and_age() {
    let strict = TrustedIssuer::new(THEIRS, keys(2)).typ("at+jwt").required_claim("client_id");
    let aged = TrustedIssuer::new("https://aged.example.com", keys(3)).max_age(Duration::from_secs(60));
    let verifier =
        builder().trust(TrustedIssuer::new(OURS, keys(1))).trust(strict).trust(aged).build_verifier().unwrap();
    assert!(verifier.verify(token(1, OURS, "api")).is_ok());
    assert!(matches!(refused(&verifier, &token(2, THEIRS, "api")), TokenError::Type(_)));
    let mut claims = good_claims();
    claims["iss"] = THEIRS.into();
    let key = SigningKey::secret(Algorithm::HS256, [2; 32]).unwrap().with_typ("at+jwt");
    let typed = |claims: &Value| key.sign(claims).unwrap();
    assert!(matches!(refused(&verifier, &typed(&claims)), TokenError::MissingClaim(name) if &*name == "client_id"));
    claims["client_id"] = "robot".into();
    assert_eq!(verifier.verify(typed(&claims)).unwrap().issuer(), Some(THEIRS));
    let mut claims = good_claims();
    claims["iss"] = "https://aged.example.com".into();
    assert!(verifier.verify(signed(3, &claims)).is_ok());
    claims["iat"] = (NOW - 100).into();
    assert!(matches!(refused(&verifier, &signed(3, &claims)), TokenError::TooOld { .. }));
}

#[test]
fn nobody_else_is_trusted_whatever_signed_the_token() {
    let verifier = both();
    assert!(matches!(refused(&verifier, &token(1, "https://login.example.com/", "api")), TokenError::Issuer(_)));
    assert!(matches!(refused(&verifier, &token(1, "", "api")), TokenError::Issuer(_)));
    let mut claims = good_claims();
    claims.as_object_mut().unwrap().remove("iss");
    assert!(matches!(refused(&verifier, &signed(1, &claims)), TokenError::MissingClaim(name) if &*name == "iss"));
    claims["iss"] = 1.into();
    assert!(matches!(refused(&verifier, &signed(1, &claims)), TokenError::ClaimType(_)));
}

/// A token of claims as they are written.
fn written(secret: u8, json: &str) -> String {
    let (header, claims) = (acceptance::base64url(r#"{"alg":"HS256"}"#), acceptance::base64url(json));
    let message = format!("{header}.{claims}");
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &[secret; 32]);
    let signature = aws_lc_rs::hmac::sign(&key, message.as_bytes());
    format!("{message}.{}", acceptance::base64url(signature))
}

const REST: &str = r#""aud":"api","sub":"alice","name":"Alice","exp":4000000000"#;

#[test]
fn an_issuer_is_found_however_it_is_spelled() {
    let verifier = both();
    // Of both, so that the header tells nobody apart.
    verifier.verify(written(1, &format!(r#"{{"iss":"{OURS}",{REST}}}"#))).unwrap();
    let theirs = REST.replace("api", "https://api.example.com");
    verifier.verify(written(2, &format!(r#"{{"iss":"{THEIRS}",{theirs}}}"#))).unwrap();
    for json in [
        format!(r#"{{"iss":"{OURS}",{REST}}}"#),
        format!(r#"{{{REST},"iss":"{OURS}"}}"#),
        format!(r#" {{"iss":"{OURS}",{REST}}} "#),
        format!("{{ {REST} ,\n\t\"iss\"\r\n : \"{OURS}\"\n}}"),
        format!(r#"{{"\u0069ss":"{OURS}",{REST}}}"#),
        format!(r#"{{"iss":"{}",{REST}}}"#, OURS.replace('/', r"\/")),
        format!(r#"{{"iss":"{}",{REST}}}"#, OURS.replace('.', r"\u002e")),
        format!(r#"{{"act":{{"iss":"{THEIRS}","act":[{{"iss":"{THEIRS}"}}]}},{REST},"iss":"{OURS}"}}"#),
        format!(r#"{{"note":"\"iss\":\"{THEIRS}\",","x":["iss","{THEIRS}"],{REST},"iss":"{OURS}"}}"#),
        format!(r#"{{"iss ":"{THEIRS}","ISS":"{THEIRS}",{REST},"iss":"{OURS}"}}"#),
    ] {
        assert_eq!(verifier.verify(written(1, &json)).unwrap().issuer(), Some(OURS), "{json}");
        assert!(matches!(refused(&verifier, &written(2, &json)), TokenError::Signature), "{json}");
    }
}

#[test]
fn claims_that_name_two_issuers_or_none_are_nobodys() {
    let verifier = both();
    let theirs = REST.replace("api", "https://api.example.com");
    for _ in 0..2 {
        for json in [
            format!(r#"{{"iss":"{OURS}","iss":"{THEIRS}",{REST}}}"#),
            format!(r#"{{"iss":"{THEIRS}","iss":"{OURS}",{REST}}}"#),
            format!(r#"{{"iss":"{OURS}","\u0069ss":"{THEIRS}",{REST}}}"#),
            format!(r#"{{"\u0069ss":"{THEIRS}","iss":"{OURS}",{REST}}}"#),
            format!(r#"{{"iss":"{OURS}","iss":"{OURS}",{REST}}}"#),
            format!(r#"{{"iss":["{OURS}"],{REST}}}"#),
            format!(r#"{{"act":{{"iss":"{OURS}"}},{REST}}}"#),
            format!(r#"{{"iss":"{OURS}"x,{REST}}}"#),
            format!(r#"{{"iss":"{OURS}" "iss":"{THEIRS}",{REST}}}"#),
            format!(r#"[{{"iss":"{OURS}",{REST}}}]"#),
            format!(r#"["iss":"{OURS}",{REST}]"#),
        ] {
            for json in [json.replace(REST, &theirs), json] {
                for secret in [1, 2] {
                    assert!(verifier.verify(written(secret, &json)).is_err(), "{secret}: {json}");
                }
            }
        }
        verifier.verify(written(1, &format!(r#"{{"iss":"{OURS}",{REST}}}"#))).unwrap();
        verifier.verify(written(2, &format!(r#"{{"iss":"{THEIRS}",{theirs}}}"#))).unwrap();
    }
}

#[test]
fn the_keys_of_one_are_replaced_and_the_others_stay() {
    let theirs = LiveKeys::new(keys(2));
    let verifier = builder()
        .trust(TrustedIssuer::new(OURS, keys(1)))
        .trust(TrustedIssuer::new(THEIRS, &theirs))
        .build_verifier()
        .unwrap();
    let (old, new) = (token(2, THEIRS, "api"), token(3, THEIRS, "api"));
    verifier.verify(&old).unwrap();
    theirs.replace(keys(3));
    assert!(matches!(refused(&verifier, &old), TokenError::Signature));
    verifier.verify(&new).unwrap();
    verifier.verify(token(1, OURS, "api")).unwrap();
}

#[test]
fn what_would_be_ambiguous_is_not_built() {
    let error = |builder: AuthenticatorBuilder<User>| builder.build_verifier().err();
    let trusted = || TrustedIssuer::new(OURS, keys(1));
    assert_eq!(
        error(builder().trust(trusted()).trust(trusted())),
        Some(AuthenticatorBuildError::DuplicateIssuer { issuer: OURS.into() })
    );
    assert_eq!(
        error(builder().trust(trusted()).keys(keys(2)).issuer(OURS)),
        Some(AuthenticatorBuildError::DuplicateIssuer { issuer: OURS.into() })
    );
    assert_eq!(error(builder().trust(trusted()).keys(keys(2))), Some(AuthenticatorBuildError::NamelessIssuer));
    assert_eq!(
        error(builder().trust(trusted()).issuer(THEIRS)),
        Some(AuthenticatorBuildError::IssuerWithoutKeys { issuer: THEIRS.into() })
    );
    assert_eq!(
        error(builder().trust(TrustedIssuer::new("", keys(1)))),
        Some(AuthenticatorBuildError::EmptyExpectation { setting: "issuer" })
    );
    assert_eq!(error(Authenticator::builder().trust(trusted())), Some(AuthenticatorBuildError::NoAudience));
    let beside = builder().trust(trusted()).keys(keys(2)).issuer(THEIRS).build_verifier().unwrap();
    assert!(beside.verify(token(1, OURS, "api")).is_ok() && beside.verify(token(2, THEIRS, "api")).is_ok());
}
