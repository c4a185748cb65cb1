//! Access tokens of RFC 9068 and ID tokens of OpenID Connect Core 1.0: a test for every MUST.

use std::time::Duration;

use acceptance::{
    AUDIENCE, ISSUER, NOW, SECRET, STACKS, Stopped, base64url, compact, good_claims, key_file, named_key,
};
use jwt_core::error::{AuthenticatorBuildError, Malformed, ProfileClaim, RegisteredClaim, TokenError};
use jwt_core::verify::{AuthenticationRequest, IdTokenVerifier, OriginalLogin};
use jwt_core::{
    Algorithm, AuthError, Authenticator, AuthenticatorBuilder, KeySet, SigningKey, TrustedIssuer, VerifyingKey,
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
        assert!(matches!(access(typ, &access_claims()), Err(TokenError::Type(_))), "{typ:?}");
    }
}

#[test]
fn a_type_that_is_expected_beside_the_profile_does_not_widen_it() {
    let verifier =
        builder().audience(AUDIENCE).typ("JWT").typ("at+jwt").access_token_profile().build_verifier().unwrap();
    assert!(matches!(refusal(verifier.verify(token(Some("JWT"), &access_claims()))), Err(TokenError::Type(_))));
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
    assert!(matches!(changed("iss", json!("https://issuer.example.com/")), Err(TokenError::Issuer(_))));
    assert!(matches!(changed("aud", json!("other")), Err(TokenError::Audience(_))));
    assert!(matches!(changed("exp", json!(NOW - 31)), Err(TokenError::Expired { .. })));
    changed("aud", json!(["other", AUDIENCE])).unwrap();
}

#[test]
fn an_access_token_without_a_signature_is_refused() {
    let unsigned =
        format!("{}.{}.", base64url(r#"{"alg":"none","typ":"at+jwt"}"#), base64url(access_claims().to_string()));
    let verifier = builder().audience(AUDIENCE).access_token_profile().build_verifier().unwrap();
    let error = refusal(verifier.verify(unsigned));
    assert!(matches!(error, Err(TokenError::Unsecured)), "{error:?}");
    let header = r#"{"alg":"none","typ":"at+jwt"}"#;
    let error = refusal(verifier.verify(compact(header, access_claims().to_string().as_bytes())));
    assert!(matches!(error, Err(TokenError::Unsecured)), "{error:?}");
}

#[test]
fn a_profile_that_the_builder_undoes_cannot_be_built() {
    let keyed = || Authenticator::<()>::builder().keys(KeySet::hs256(SECRET).unwrap());
    for (builder, expected) in [
        (keyed().audience(AUDIENCE).access_token_profile(), AuthenticatorBuildError::ProfileWithoutIssuer),
        (keyed().issuer(ISSUER).access_token_profile(), AuthenticatorBuildError::NoAudience),
        (keyed().issuer(ISSUER).any_audience().access_token_profile(), AuthenticatorBuildError::ProfileContradiction),
        (
            keyed().issuer(ISSUER).audience(AUDIENCE).dangerous_allow_tokens_without_expiry().access_token_profile(),
            AuthenticatorBuildError::ProfileContradiction,
        ),
    ] {
        assert_eq!(builder.build().unwrap_err(), expected);
    }
    assert_eq!(keyed().build_id_token_verifier(CLIENT).unwrap_err(), AuthenticatorBuildError::ProfileWithoutIssuer);
    assert_eq!(
        keyed().issuer(ISSUER).build_id_token_verifier("").unwrap_err(),
        AuthenticatorBuildError::EmptyExpectation { setting: "build_id_token_verifier" }
    );
    let open = keyed().issuer(ISSUER).any_audience().build_id_token_verifier(CLIENT);
    assert_eq!(open.unwrap_err(), AuthenticatorBuildError::AudienceContradiction { audience: CLIENT.into() });
    let endless = keyed().issuer(ISSUER).dangerous_allow_tokens_without_expiry().build_id_token_verifier(CLIENT);
    assert_eq!(endless.unwrap_err(), AuthenticatorBuildError::ProfileContradiction);
}

#[test]
fn the_profile_of_one_issuer_binds_that_one_alone() {
    const OTHER: &str = "https://partner.example.net";
    let keys = || KeySet::hs256(SECRET).unwrap();
    let trusting = || {
        let strict = TrustedIssuer::new(ISSUER, keys()).access_token_profile();
        Authenticator::<()>::builder().trust(strict).trust(TrustedIssuer::new(OTHER, keys())).clock(Stopped)
    };
    let verifier = trusting().audience(AUDIENCE).build_verifier().unwrap();
    let theirs = with(&access_claims(), "iss", json!(OTHER));
    for _ in 0..2 {
        refusal(verifier.verify(token(Some("at+jwt"), &access_claims()))).unwrap();
        assert!(matches!(refusal(verifier.verify(token(Some("JWT"), &access_claims()))), Err(TokenError::Type(_))));
        let error = refusal(verifier.verify(token(Some("at+jwt"), &with(&access_claims(), "jti", Value::Null))));
        assert!(matches!(error, Err(TokenError::MissingClaim(name)) if &*name == "jti"));
        refusal(verifier.verify(token(Some("JWT"), &with(&theirs, "jti", Value::Null)))).unwrap();
    }
    assert_eq!(trusting().any_audience().build().unwrap_err(), AuthenticatorBuildError::ProfileContradiction);

    // Of two profiles, that of the verifier counts.
    let verifier = trusting().build_id_token_verifier(CLIENT).unwrap();
    let request = AuthenticationRequest::with_nonce(NONCE);
    refusal(verifier.verify(token(Some("JWT"), &id_claims()), &request)).unwrap();
    assert!(matches!(
        refusal(verifier.verify(token(Some("at+jwt"), &id_claims()), &request)),
        Err(TokenError::Type(_))
    ));
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
        assert!(matches!(error, Err(TokenError::Type(_))), "{typ}: {error:?}");
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
    // Exactly, to the letter.
    let upper = ISSUER.replace("issuer", "Issuer");
    for issuer in ["https://other.example.com".to_owned(), format!("{ISSUER}/"), upper, String::new()] {
        assert!(matches!(id(&with(&id_claims(), "iss", json!(issuer))), Err(TokenError::Issuer(_))), "{issuer}");
    }
    assert!(matches!(id(&with(&id_claims(), "exp", json!(NOW - 31))), Err(TokenError::Expired { .. })));
}

#[test]
fn an_id_token_is_signed_by_a_key_of_the_issuer_and_by_its_algorithm() {
    let good = token(Some("JWT"), &id_claims());
    let (message, _) = good.rsplit_once('.').unwrap();
    let claims = id_claims().to_string();
    let other_key = SigningKey::secret(Algorithm::HS256, b"another secret of thirty-two byte").unwrap();
    let other_algorithm = SigningKey::pem(Algorithm::ES256, key_file("p256.pem")).unwrap();
    let verify = |token: &str| refusal(id_verifier().verify(token, &AuthenticationRequest::with_nonce(NONCE)));
    verify(&good).unwrap();
    assert!(matches!(verify(&other_key.sign(&id_claims()).unwrap()), Err(TokenError::Signature)));
    assert!(matches!(
        verify(&other_algorithm.sign(&id_claims()).unwrap()),
        Err(TokenError::AlgorithmNotAllowed(Algorithm::ES256))
    ));
    let none = compact(r#"{"alg":"none"}"#, claims.as_bytes());
    assert!(matches!(verify(&none), Err(TokenError::Unsecured)));
    assert!(matches!(verify(&format!("{message}.")), Err(TokenError::Unsecured)));
    assert!(matches!(verify(message), Err(TokenError::Malformed(Malformed::Parts))), "{message}");
    // Encrypted, which was not agreed upon.
    let encrypted = format!("{}.AAAA.AAAA.AAAA.AAAA", base64url(r#"{"alg":"RSA-OAEP","enc":"A256GCM"}"#));
    assert!(matches!(verify(&encrypted), Err(TokenError::Encrypted)));
}

#[test]
fn claims_of_an_id_token_that_nobody_knows_are_ignored() {
    id(&with(&with(&id_claims(), "https://example.com/odd", json!({"a": [1]})), "amr", json!(["pwd"]))).unwrap();
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
        assert!(matches!(id(&with(&id_claims(), "aud", audience)), Err(TokenError::Audience(_))));
    }
    let shared = with(&with(&id_claims(), "aud", json!([CLIENT, "client-2"])), "azp", json!(CLIENT));
    assert!(matches!(id(&shared), Err(TokenError::Audience(_))));
    let trusting = builder().audience("client-2").build_id_token_verifier(CLIENT).unwrap();
    trusting.verify(token(None, &shared), &AuthenticationRequest::with_nonce(NONCE)).unwrap();
    // Whoever is trusted beside the client does not stand for it.
    let others = with(&id_claims(), "aud", json!("client-2"));
    let error = refusal(trusting.verify(token(None, &others), &AuthenticationRequest::with_nonce(NONCE)));
    assert!(matches!(error, Err(TokenError::Audience(_))), "{error:?}");
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
    let other_case = NONCE.to_lowercase();
    assert!(matches!(verify(&id_claims(), &AuthenticationRequest::with_nonce(&other_case)), Err(TokenError::Nonce)));
    let without = with(&id_claims(), "nonce", Value::Null);
    match verify(&without, &AuthenticationRequest::with_nonce(NONCE)) {
        Err(TokenError::MissingClaim(missing)) => assert_eq!(&*missing, "nonce"),
        other => panic!("{other:?}"),
    }
    verify(&without, &AuthenticationRequest::without_nonce()).unwrap();
    // The answer to another login.
    assert!(matches!(verify(&id_claims(), &AuthenticationRequest::without_nonce()), Err(TokenError::Nonce)));
    // An application that has lost its nonce does not expect an empty one.
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
        assert!(matches!(
            verify(time),
            Err(TokenError::AuthenticationTooOld { .. } | TokenError::AuthenticationInFuture { .. })
        ));
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

const CODE: &str = "Qcb0Orv1zh30vL1MPRsbm-diHiMwcLyZvn1arpZv-Jxf_11jnpEX3Tgfvk";

#[test]
fn the_hash_of_the_code_is_checked_where_it_is_there_and_required_from_the_front_channel() {
    // The example of Core, appendix A.4.
    let hashed = with(&id_claims(), "c_hash", json!("LDktKdoQak3Pk0cnXxCltA"));
    let verify =
        |claims: &Value, login: AuthenticationRequest<'_>| refusal(id_verifier().verify(token(None, claims), &login));
    let login = AuthenticationRequest::with_nonce(NONCE);
    verify(&hashed, login.code(CODE)).unwrap();
    verify(&hashed, login.front_channel_code(CODE)).unwrap();
    for login in [login.code("another"), login.front_channel_code("another"), login.code("")] {
        assert!(matches!(verify(&hashed, login), Err(TokenError::CodeHash)));
    }
    verify(&hashed, login).unwrap();
    verify(&id_claims(), login.code(CODE)).unwrap();
    match verify(&id_claims(), login.front_channel_code(CODE)) {
        Err(TokenError::MissingClaim(missing)) => assert_eq!(&*missing, "c_hash"),
        other => panic!("{other:?}"),
    }
    for login in [login, login.code(CODE)] {
        let error = verify(&with(&id_claims(), "c_hash", json!(7)), login);
        assert!(matches!(error, Err(TokenError::ProfileClaimType(ProfileClaim::CodeHash))), "{error:?}");
    }
    // With both, one does not stand for the other.
    let both = with(&hashed, "at_hash", json!("77QmUPtjPfzWtF2AnpK9RQ"));
    verify(&both, login.front_channel_code(CODE).front_channel_access_token(ACCESS_TOKEN)).unwrap();
    let swapped = verify(&both, login.front_channel_code(CODE).front_channel_access_token(CODE));
    assert!(matches!(swapped, Err(TokenError::AccessTokenHash)), "{swapped:?}");
}

#[test]
fn what_came_through_the_browser_has_a_nonce() {
    let hashed = with(&id_claims(), "c_hash", json!("LDktKdoQak3Pk0cnXxCltA"));
    let hashed = with(&with(&hashed, "at_hash", json!("77QmUPtjPfzWtF2AnpK9RQ")), "nonce", Value::Null);
    let login = AuthenticationRequest::without_nonce();
    let verify = |login| refusal(id_verifier().verify(token(None, &hashed), &login));
    verify(login.code(CODE).access_token(ACCESS_TOKEN)).unwrap();
    for login in [login.front_channel_code(CODE), login.front_channel_access_token(ACCESS_TOKEN)] {
        match verify(login) {
            Err(TokenError::MissingClaim(missing)) => assert_eq!(&*missing, "nonce"),
            other => panic!("{other:?}"),
        }
    }
}

/// What is kept of the login that brought these claims.
fn login(verifier: &IdTokenVerifier<()>, claims: &Value) -> OriginalLogin {
    let nonce = AuthenticationRequest::with_nonce(NONCE);
    let login = OriginalLogin::of(&verifier.verify(token(None, claims), &nonce).unwrap());
    // Over a restart.
    serde_json::from_str(&serde_json::to_string(&login).unwrap()).unwrap()
}

fn refreshed(first: &Value, second: &Value) -> Result<(), TokenError> {
    // With another client whom this one trusts, so that audiences can differ.
    let verifier = builder().audience("client-2").build_id_token_verifier(CLIENT).unwrap();
    let login = login(&verifier, first);
    refusal(verifier.verify(token(None, second), &AuthenticationRequest::refresh_of(&login)))
}

fn other_login(result: Result<(), TokenError>) -> &'static str {
    match result {
        Err(TokenError::OtherLogin(claim)) => claim,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_id_token_from_a_refresh_says_of_the_login_what_the_first_one_said() {
    let first = with(&with(&id_claims(), "auth_time", json!(NOW - 600)), "azp", json!(CLIENT));
    let second = with(&with(&first, "iat", json!(NOW + 20)), "nonce", Value::Null);
    refreshed(&first, &second).unwrap();
    // It need not repeat when the user authenticated.
    refreshed(&first, &with(&second, "auth_time", Value::Null)).unwrap();

    assert_eq!(other_login(refreshed(&first, &with(&second, "sub", json!("bob")))), "sub");
    assert_eq!(other_login(refreshed(&first, &with(&second, "aud", json!([CLIENT, "client-2"])))), "aud");
    assert_eq!(other_login(refreshed(&first, &with(&second, "auth_time", json!(NOW)))), "auth_time");
    assert_eq!(other_login(refreshed(&first, &with(&second, "azp", Value::Null))), "azp");
    let without_party = with(&first, "azp", Value::Null);
    assert_eq!(other_login(refreshed(&without_party, &second)), "azp");
    // Issued before the first, by more than clocks may differ.
    refreshed(&first, &with(&second, "iat", json!(NOW - 30))).unwrap();
    assert_eq!(other_login(refreshed(&first, &with(&second, "iat", json!(NOW - 31)))), "iat");
}

#[test]
fn an_id_token_from_a_refresh_is_of_the_issuer_of_the_login() {
    let other = Authenticator::<()>::builder().keys(KeySet::hs256(SECRET).unwrap()).issuer("https://other.example.com");
    let other = other.clock(Stopped).build_id_token_verifier(CLIENT).unwrap();
    let elsewhere = login(&other, &with(&id_claims(), "iss", json!("https://other.example.com")));
    let result = id_verifier().verify(token(None, &id_claims()), &AuthenticationRequest::refresh_of(&elsewhere));
    assert_eq!(other_login(refusal(result)), "iss");
}

#[test]
fn the_audiences_of_a_refreshed_id_token_are_a_set() {
    let first = with(&with(&id_claims(), "aud", json!([CLIENT, "client-2"])), "azp", json!(CLIENT));
    refreshed(&first, &with(&first, "aud", json!(["client-2", CLIENT]))).unwrap();
    assert_eq!(other_login(refreshed(&first, &with(&first, "aud", json!(CLIENT)))), "aud");
    refreshed(&id_claims(), &with(&id_claims(), "aud", json!([CLIENT]))).unwrap();
}

#[test]
fn a_nonce_in_a_refreshed_id_token_is_that_of_the_login() {
    refreshed(&id_claims(), &with(&id_claims(), "nonce", Value::Null)).unwrap();
    refreshed(&id_claims(), &id_claims()).unwrap();
    assert_eq!(other_login(refreshed(&id_claims(), &with(&id_claims(), "nonce", json!("another")))), "nonce");
    let first = token(None, &with(&id_claims(), "nonce", Value::Null));
    let login = OriginalLogin::of(&id_verifier().verify(first, &AuthenticationRequest::without_nonce()).unwrap());
    let result = id_verifier().verify(token(None, &id_claims()), &AuthenticationRequest::refresh_of(&login));
    assert_eq!(other_login(refusal(result)), "nonce");
}

#[test]
fn a_refresh_is_no_new_authentication_where_the_login_did_not_say_when_it_was() {
    refreshed(&id_claims(), &with(&id_claims(), "auth_time", json!(NOW - 600))).unwrap();
    let later = with(&with(&id_claims(), "iat", json!(NOW + 20)), "auth_time", json!(NOW + 31));
    assert_eq!(other_login(refreshed(&id_claims(), &later)), "auth_time");
    let error = refreshed(&id_claims(), &with(&id_claims(), "auth_time", json!("now")));
    assert!(matches!(error, Err(TokenError::ProfileClaimType(ProfileClaim::AuthenticationTime))), "{error:?}");
}

#[test]
fn all_other_rules_hold_for_a_refreshed_id_token_too() {
    assert!(matches!(
        refreshed(&id_claims(), &with(&id_claims(), "exp", json!(NOW - 31))),
        Err(TokenError::Expired { .. })
    ));
    assert!(matches!(
        refreshed(&id_claims(), &with(&id_claims(), "aud", json!("client-2"))),
        Err(TokenError::Audience(_))
    ));
    for name in ["iss", "sub", "aud", "exp", "iat"] {
        let error = refreshed(&id_claims(), &with(&id_claims(), name, Value::Null));
        assert!(matches!(error, Err(TokenError::MissingClaim(_))), "{name}: {error:?}");
    }
    let login = login(&id_verifier(), &id_claims());
    let hashed = token(None, &with(&id_claims(), "at_hash", json!("77QmUPtjPfzWtF2AnpK9RQ")));
    let refresh = AuthenticationRequest::refresh_of(&login);
    refusal(id_verifier().verify(&hashed, &refresh.access_token(ACCESS_TOKEN))).unwrap();
    let error = refusal(id_verifier().verify(&hashed, &refresh.access_token("another")));
    assert!(matches!(error, Err(TokenError::AccessTokenHash)), "{error:?}");
    let error = refusal(id_verifier().verify(&hashed, &refresh.max_age(Duration::from_secs(300))));
    assert!(matches!(error, Err(TokenError::MissingClaim(_))), "{error:?}");
}

#[test]
fn the_second_id_token_of_a_hybrid_login_is_of_the_same_user() {
    let front = login(&id_verifier(), &id_claims());
    let request = AuthenticationRequest::with_nonce(NONCE).same_login_as(&front);
    let verify = |claims: &Value| refusal(id_verifier().verify(token(None, claims), &request));
    verify(&with(&id_claims(), "exp", json!(NOW + 900))).unwrap();
    assert_eq!(other_login(verify(&with(&id_claims(), "sub", json!("bob")))), "sub");
}

#[test]
fn what_is_kept_of_a_login_prints_neither_user_nor_nonce() {
    let login = login(&id_verifier(), &id_claims());
    let printed = format!("{login:?} {:?}", AuthenticationRequest::refresh_of(&login).code(CODE));
    for part in ["alice", NONCE, CODE] {
        assert!(!printed.contains(part), "{printed}");
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
    assert!(matches!(refusal(id_verifier().verify(&access_token, &login)), Err(TokenError::Type(_))));
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
