//! Access tokens of RFC 9068 and ID tokens of OpenID Connect Core 1.0: a test for every MUST.

use std::time::Duration;

use acceptance::{
    AUDIENCE, ISSUER, NOW, SECRET, STACKS, Stopped, base64url, compact, good_claims, key_file, named_key,
};
use jwt_core::{
    Algorithm, AuthError, AuthenticationRequest, Authenticator, AuthenticatorBuilder, ConfigError, IdTokenVerifier,
    KeySet, ProfileClaim, RegisteredClaim, SigningKey, TokenError, VerifyingKey,
};
use serde_json::{Value, json};

const CLIENT: &str = "client-1";
const NONCE: &str = "n-0S6_WzA2Mj";
const ACCESS_TOKEN: &str = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y";

fn builder() -> AuthenticatorBuilder<()> {
    Authenticator::builder().keys(KeySet::hs256(SECRET).unwrap()).issuer(ISSUER).clock(Stopped)
}

fn token(typ: Option<&str>, claims: &Value) -> String {
    let header = match typ {
        Some(typ) => json!({"alg": "HS256", "typ": typ}),
        None => json!({"alg": "HS256"}),
    };
    compact(&header.to_string(), claims.to_string().as_bytes())
}

/// The claims, with this one changed or, by `null`, taken away.
fn with(claims: &Value, name: &str, value: Value) -> Value {
    let mut claims = claims.clone();
    if value.is_null() {
        claims.as_object_mut().unwrap().remove(name);
    } else {
        claims[name] = value;
    }
    claims
}

// Access tokens.

fn access_claims() -> Value {
    json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "client_id": CLIENT, "exp": NOW + 600, "iat": NOW,
        "jti": "t-1", "scope": "read:things",
    })
}

fn access(typ: Option<&str>, claims: &Value) -> Result<(), TokenError> {
    let verifier = builder().audience(AUDIENCE).access_token_profile().build_verifier().unwrap();
    refusal(verifier.verify(token(typ, claims)))
}

fn refusal<T>(result: Result<T, AuthError>) -> Result<(), TokenError> {
    match result {
        Ok(_) => Ok(()),
        Err(AuthError::InvalidToken(error)) => Err(error),
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn an_access_token_of_rfc_9068_is_taken_by_either_spelling_of_its_type() {
    for typ in ["at+jwt", "application/at+jwt", "AT+JWT"] {
        access(Some(typ), &access_claims()).unwrap();
    }
}

#[test]
fn an_access_token_of_any_other_type_is_refused() {
    for typ in
        [None, Some("JWT"), Some("jwt"), Some(""), Some("at"), Some("at+jws"), Some("id+jwt"), Some("logout+jwt")]
    {
        assert!(matches!(access(typ, &access_claims()), Err(TokenError::Type)), "{typ:?}");
    }
}

#[test]
fn a_type_that_is_expected_beside_the_profile_does_not_widen_it() {
    let verifier =
        builder().audience(AUDIENCE).typ("JWT").typ("at+jwt").access_token_profile().build_verifier().unwrap();
    assert!(matches!(refusal(verifier.verify(token(Some("JWT"), &access_claims()))), Err(TokenError::Type)));
    refusal(verifier.verify(token(Some("at+jwt"), &access_claims()))).unwrap();
}

#[test]
fn every_required_claim_of_an_access_token_is_required() {
    for name in ["iss", "exp", "aud", "sub", "client_id", "iat", "jti"] {
        match access(Some("at+jwt"), &with(&access_claims(), name, Value::Null)) {
            Err(TokenError::MissingClaim(missing)) => assert_eq!(&*missing, name),
            other => panic!("{name}: {other:?}"),
        }
    }
}

#[test]
fn the_client_of_an_access_token_is_a_text() {
    for value in [json!(7), json!([CLIENT]), json!({}), json!(true)] {
        let error = access(Some("at+jwt"), &with(&access_claims(), "client_id", value.clone()));
        assert!(matches!(error, Err(TokenError::ProfileClaimType(ProfileClaim::ClientId))), "{value}: {error:?}");
    }
    let null = access_claims().to_string().replace(&format!("\"{CLIENT}\""), "null");
    let verifier = builder().audience(AUDIENCE).access_token_profile().build_verifier().unwrap();
    let error = refusal(verifier.verify(compact(r#"{"alg":"HS256","typ":"at+jwt"}"#, null.as_bytes())));
    assert!(matches!(error, Err(TokenError::ProfileClaimType(ProfileClaim::ClientId))), "{error:?}");
}

#[test]
fn issuer_audience_and_expiry_of_an_access_token_are_checked() {
    let changed = |name: &str, value: Value| access(Some("at+jwt"), &with(&access_claims(), name, value));
    assert!(matches!(changed("iss", json!("https://issuer.example.com/")), Err(TokenError::Issuer)));
    assert!(matches!(changed("aud", json!("other")), Err(TokenError::Audience)));
    assert!(matches!(changed("exp", json!(NOW - 31)), Err(TokenError::Expired)));
    changed("aud", json!(["other", AUDIENCE])).unwrap();
}

#[test]
fn an_access_token_without_a_signature_is_refused() {
    let unsigned =
        format!("{}.{}.", base64url(r#"{"alg":"none","typ":"at+jwt"}"#), base64url(access_claims().to_string()));
    let verifier = builder().audience(AUDIENCE).access_token_profile().build_verifier().unwrap();
    assert!(refusal(verifier.verify(unsigned)).is_err());
    let header = r#"{"alg":"none","typ":"at+jwt"}"#;
    let error = refusal(verifier.verify(compact(header, access_claims().to_string().as_bytes())));
    assert!(matches!(error, Err(TokenError::UnknownAlgorithm)), "{error:?}");
}

#[test]
fn a_profile_that_the_builder_undoes_cannot_be_built() {
    let keyed = || Authenticator::<()>::builder().keys(KeySet::hs256(SECRET).unwrap());
    for (builder, expected) in [
        (keyed().audience(AUDIENCE).access_token_profile(), ConfigError::ProfileWithoutIssuer),
        (keyed().issuer(ISSUER).access_token_profile(), ConfigError::NoAudience),
        (keyed().issuer(ISSUER).any_audience().access_token_profile(), ConfigError::ProfileContradiction),
        (
            keyed().issuer(ISSUER).audience(AUDIENCE).dangerous_allow_tokens_without_expiry().access_token_profile(),
            ConfigError::ProfileContradiction,
        ),
    ] {
        assert_eq!(builder.build().unwrap_err(), expected);
    }
    assert_eq!(keyed().build_id_token_verifier(CLIENT).unwrap_err(), ConfigError::ProfileWithoutIssuer);
    assert_eq!(keyed().issuer(ISSUER).build_id_token_verifier("").unwrap_err(), ConfigError::EmptyExpectation);
    let open = keyed().issuer(ISSUER).any_audience().build_id_token_verifier(CLIENT);
    assert_eq!(open.unwrap_err(), ConfigError::AudienceContradiction);
    let endless = keyed().issuer(ISSUER).dangerous_allow_tokens_without_expiry().build_id_token_verifier(CLIENT);
    assert_eq!(endless.unwrap_err(), ConfigError::ProfileContradiction);
}

// ID tokens.

fn id_claims() -> Value {
    json!({"iss": ISSUER, "aud": CLIENT, "sub": "alice", "exp": NOW + 600, "iat": NOW, "nonce": NONCE})
}

fn id_verifier() -> IdTokenVerifier<()> {
    builder().build_id_token_verifier(CLIENT).unwrap()
}

fn id(claims: &Value) -> Result<(), TokenError> {
    refusal(id_verifier().verify(token(Some("JWT"), claims), &AuthenticationRequest::with_nonce(NONCE)))
}

#[test]
fn an_id_token_is_taken_with_and_without_the_plain_type() {
    let verifier = id_verifier();
    for typ in [None, Some("JWT"), Some("jwt")] {
        verifier.verify(token(typ, &id_claims()), &AuthenticationRequest::with_nonce(NONCE)).unwrap();
    }
    for typ in ["at+jwt", "application/at+jwt", "logout+jwt", "secevent+jwt", "dpop+jwt", ""] {
        let error = refusal(verifier.verify(token(Some(typ), &id_claims()), &AuthenticationRequest::with_nonce(NONCE)));
        assert!(matches!(error, Err(TokenError::Type)), "{typ}: {error:?}");
    }
}

#[test]
fn every_required_claim_of_an_id_token_is_required() {
    for name in ["iss", "sub", "aud", "exp", "iat"] {
        match id(&with(&id_claims(), name, Value::Null)) {
            Err(TokenError::MissingClaim(missing)) => assert_eq!(&*missing, name),
            other => panic!("{name}: {other:?}"),
        }
    }
}

#[test]
fn issuer_and_expiry_of_an_id_token_are_checked() {
    assert!(matches!(id(&with(&id_claims(), "iss", json!("https://other.example.com"))), Err(TokenError::Issuer)));
    assert!(matches!(id(&with(&id_claims(), "exp", json!(NOW - 31))), Err(TokenError::Expired)));
}

#[test]
fn the_subject_of_an_id_token_is_of_255_ascii_characters_at_most() {
    id(&with(&id_claims(), "sub", json!("s".repeat(255)))).unwrap();
    for subject in ["s".repeat(256), "ä".to_owned()] {
        let error = id(&with(&id_claims(), "sub", json!(subject)));
        assert!(matches!(error, Err(TokenError::ClaimType(RegisteredClaim::Subject))), "{error:?}");
    }
}

#[test]
fn an_id_token_is_for_this_client_and_for_nobody_who_is_not_trusted() {
    for audience in [json!("client-2"), json!(["client-2"]), json!([])] {
        assert!(matches!(id(&with(&id_claims(), "aud", audience)), Err(TokenError::Audience)));
    }
    let shared = with(&with(&id_claims(), "aud", json!([CLIENT, "client-2"])), "azp", json!(CLIENT));
    assert!(matches!(id(&shared), Err(TokenError::Audience)));
    let trusting = builder().audience("client-2").build_id_token_verifier(CLIENT).unwrap();
    trusting.verify(token(None, &shared), &AuthenticationRequest::with_nonce(NONCE)).unwrap();
    // Whoever is trusted beside the client does not stand for it.
    let others = with(&id_claims(), "aud", json!("client-2"));
    let error = refusal(trusting.verify(token(None, &others), &AuthenticationRequest::with_nonce(NONCE)));
    assert!(matches!(error, Err(TokenError::Audience)), "{error:?}");
}

#[test]
fn the_authorized_party_is_this_client_and_is_there_with_several_audiences() {
    id(&with(&id_claims(), "azp", json!(CLIENT))).unwrap();
    id(&with(&id_claims(), "aud", json!([CLIENT]))).unwrap();
    assert!(matches!(id(&with(&id_claims(), "azp", json!("client-2"))), Err(TokenError::AuthorizedParty)));
    for value in [json!([CLIENT]), json!(1)] {
        let error = id(&with(&id_claims(), "azp", value));
        assert!(matches!(error, Err(TokenError::ProfileClaimType(ProfileClaim::AuthorizedParty))), "{error:?}");
    }
    let trusting = builder().audience("client-2").build_id_token_verifier(CLIENT).unwrap();
    let shared = with(&id_claims(), "aud", json!([CLIENT, "client-2"]));
    match refusal(trusting.verify(token(None, &shared), &AuthenticationRequest::with_nonce(NONCE))) {
        Err(TokenError::MissingClaim(missing)) => assert_eq!(&*missing, "azp"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_nonce_is_that_of_the_login() {
    let verify =
        |claims: &Value, login: &AuthenticationRequest<'_>| refusal(id_verifier().verify(token(None, claims), login));
    verify(&id_claims(), &AuthenticationRequest::with_nonce(NONCE)).unwrap();
    assert!(matches!(verify(&id_claims(), &AuthenticationRequest::with_nonce("another")), Err(TokenError::Nonce)));
    let without = with(&id_claims(), "nonce", Value::Null);
    match verify(&without, &AuthenticationRequest::with_nonce(NONCE)) {
        Err(TokenError::MissingClaim(missing)) => assert_eq!(&*missing, "nonce"),
        other => panic!("{other:?}"),
    }
    verify(&without, &AuthenticationRequest::without_nonce()).unwrap();
    // The answer to another login.
    assert!(matches!(verify(&id_claims(), &AuthenticationRequest::without_nonce()), Err(TokenError::Nonce)));
    // An application that has lost its nonce does not thereby expect an empty one.
    let empty = with(&id_claims(), "nonce", json!(""));
    assert!(matches!(verify(&empty, &AuthenticationRequest::with_nonce("")), Err(TokenError::Nonce)));
    let error = verify(&with(&id_claims(), "nonce", json!(7)), &AuthenticationRequest::with_nonce("7"));
    assert!(matches!(error, Err(TokenError::ProfileClaimType(ProfileClaim::Nonce))), "{error:?}");
}

#[test]
fn with_a_maximum_age_the_time_of_the_authentication_is_there_and_recent() {
    let login = AuthenticationRequest::with_nonce(NONCE).max_age(Duration::from_secs(300));
    let verify =
        |time: Value| refusal(id_verifier().verify(token(None, &with(&id_claims(), "auth_time", time)), &login));
    for time in [json!(NOW), json!(NOW - 329), json!(1_789_999_999.5), json!(NOW + 30)] {
        verify(time).unwrap();
    }
    for time in [json!(NOW - 330), json!(0), json!(NOW + 31)] {
        assert!(matches!(verify(time), Err(TokenError::AuthenticationAge)));
    }
    match verify(Value::Null) {
        Err(TokenError::MissingClaim(missing)) => assert_eq!(&*missing, "auth_time"),
        other => panic!("{other:?}"),
    }
    for time in [json!("now"), json!(-1), json!([NOW])] {
        let error = verify(time);
        assert!(matches!(error, Err(TokenError::ProfileClaimType(ProfileClaim::AuthenticationTime))), "{error:?}");
    }
    // Without one, it need not be there; it must still be a time.
    id(&id_claims()).unwrap();
    assert!(id(&with(&id_claims(), "auth_time", json!("now"))).is_err());
}

#[test]
fn the_hash_of_the_access_token_is_checked_where_it_is_there_and_required_from_the_front_channel() {
    let hashed = with(&id_claims(), "at_hash", json!("77QmUPtjPfzWtF2AnpK9RQ"));
    let verify =
        |claims: &Value, login: AuthenticationRequest<'_>| refusal(id_verifier().verify(token(None, claims), &login));
    let login = AuthenticationRequest::with_nonce(NONCE);
    verify(&hashed, login.access_token(ACCESS_TOKEN)).unwrap();
    verify(&hashed, login.front_channel_access_token(ACCESS_TOKEN)).unwrap();
    for login in [login.access_token("another"), login.front_channel_access_token("another"), login.access_token("")] {
        assert!(matches!(verify(&hashed, login), Err(TokenError::AccessTokenHash)));
    }
    verify(&id_claims(), login.access_token(ACCESS_TOKEN)).unwrap();
    match verify(&id_claims(), login.front_channel_access_token(ACCESS_TOKEN)) {
        Err(TokenError::MissingClaim(missing)) => assert_eq!(&*missing, "at_hash"),
        other => panic!("{other:?}"),
    }
    let error = verify(&with(&id_claims(), "at_hash", json!(7)), login.access_token(ACCESS_TOKEN));
    assert!(matches!(error, Err(TokenError::ProfileClaimType(ProfileClaim::AccessTokenHash))), "{error:?}");
}

#[test]
fn the_hash_is_that_of_the_algorithm_of_the_id_token() {
    use aws_lc_rs::digest::{SHA256, SHA384, SHA512, digest};

    let algorithms: &[_] = if cfg!(feature = "aws-lc-rs") {
        &[("RS256", &SHA256), ("PS384", &SHA384), ("ES384", &SHA384), ("ES512", &SHA512), ("EdDSA", &SHA512)]
    } else {
        &[("RS256", &SHA256), ("PS384", &SHA384), ("ES384", &SHA384), ("EdDSA", &SHA512)]
    };
    for (name, hash) in algorithms {
        let algorithm: Algorithm = name.parse().unwrap();
        let file = named_key(algorithm).unwrap();
        let hash = digest(hash, ACCESS_TOKEN.as_bytes());
        let half = base64url(&hash.as_ref()[..hash.as_ref().len() / 2]);
        let key = SigningKey::pem(algorithm, key_file(&format!("{file}.pem"))).unwrap();
        let token = key.sign(&with(&id_claims(), "at_hash", json!(half))).unwrap();
        let keys = VerifyingKey::pem(algorithm, key_file(&format!("{file}.pub.pem"))).unwrap();
        let verifier = Authenticator::<()>::builder().keys(keys).issuer(ISSUER).clock(Stopped);
        let verifier = verifier.build_id_token_verifier(CLIENT).unwrap();
        verifier
            .verify(&token, &AuthenticationRequest::with_nonce(NONCE).access_token(ACCESS_TOKEN))
            .unwrap_or_else(|e| panic!("{name}: {e}"));
        let error = refusal(verifier.verify(&token, &AuthenticationRequest::with_nonce(NONCE).access_token("another")));
        assert!(matches!(error, Err(TokenError::AccessTokenHash)), "{name}: {error:?}");
    }
}

// One is not the other.

#[test]
fn an_id_token_opens_no_resource_on_any_stack_and_an_access_token_is_no_login() {
    // As like each other as they can be made: one audience, and every claim that either of them needs.
    let mut claims = access_claims();
    for (name, value) in [("nonce", json!(NONCE)), ("name", json!("Alice")), ("aud", json!(CLIENT))] {
        claims[name] = value;
    }
    let (access_token, id_token) = (token(Some("at+jwt"), &claims), token(Some("JWT"), &claims));
    for stack in STACKS {
        let auth = acceptance::builder().audience(CLIENT).access_token_profile().build().unwrap();
        let server = stack.start(auth);
        assert_eq!(server.get_with_bearer(&access_token).status, 200, "{}", stack.name);
        let reply = server.get_with_bearer(&id_token);
        assert_eq!((reply.status, reply.challenge()), (401, Some("Bearer error=\"invalid_token\"")), "{}", stack.name);
    }
    let login = AuthenticationRequest::with_nonce(NONCE);
    id_verifier().verify(&id_token, &login).unwrap();
    assert!(matches!(refusal(id_verifier().verify(&access_token, &login)), Err(TokenError::Type)));
}

#[test]
fn an_application_may_have_a_profile_of_its_own() {
    #[derive(Debug, thiserror::Error)]
    #[error("no tenant")]
    struct NoTenant;

    #[derive(serde::Deserialize)]
    struct Tenant {
        tenant: String,
    }

    fn house(builder: AuthenticatorBuilder<Tenant>) -> AuthenticatorBuilder<Tenant> {
        builder
            .typ("house+jwt")
            .required_claim("jti")
            .check(|token| if token.tenant.is_empty() { Err(NoTenant) } else { Ok(()) })
    }

    let keys = KeySet::hs256(SECRET).unwrap();
    let verifier =
        house(Authenticator::builder().keys(keys).audience(AUDIENCE).clock(Stopped)).build_verifier().unwrap();
    let claims = with(&with(&good_claims(), "jti", json!("1")), "tenant", json!("acme"));
    verifier.verify(token(Some("house+jwt"), &claims)).unwrap();
    assert!(verifier.verify(token(Some("JWT"), &claims)).is_err());
    assert!(verifier.verify(token(Some("house+jwt"), &with(&claims, "jti", Value::Null))).is_err());
    assert!(verifier.verify(token(Some("house+jwt"), &with(&claims, "tenant", json!("")))).is_err());
}
