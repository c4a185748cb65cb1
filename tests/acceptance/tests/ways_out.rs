//! Named ways out of safe defaults: what is refused without one, accepted with it, and what stays refused beside it.

use acceptance::{
    AUDIENCE, Connection, GUARDED, ISSUER, NOW, Reply, SECRET, STACKS, Stopped, User, base64url, builder, compact,
    good_claims, hs256, key_file, member_builder, request_to, sign,
};
use jwt_core::error::{AuthenticatorBuildError, Malformed, RegisteredClaim, TokenError};
use jwt_core::key::{KeyError, KeySource};
use jwt_core::{
    Algorithm, AuthError, Authenticator, AuthenticatorBuilder, KeySet, LiveKeys, SigningKey, TokenSource,
    TrustedIssuer, VerifiedToken, Verifier, VerifyingKey,
};
use serde::Deserialize;
use serde_json::{Value, json};

const ALIAS: &str = "issuer.example.com";
const OTHER: &str = "https://partner.example.net";

type Build = fn(AuthenticatorBuilder<User>) -> AuthenticatorBuilder<User>;

fn with(claim: &str, value: Value) -> Value {
    let mut claims = good_claims();
    claims[claim] = value;
    claims
}

/// Verifies three times, since what was learned from the first time must not change the verdict.
#[track_caller]
fn verdict<C: jwt_core::verify::ClaimsType>(
    verifier: &Verifier<C>,
    token: &str,
) -> Result<VerifiedToken<C>, TokenError> {
    let mut verdicts = (0..3).map(|_| match verifier.verify(token) {
        Ok(token) => Ok(token),
        Err(AuthError::InvalidToken(error)) => Err(error),
        Err(other) => panic!("expected another error: {other:?}"),
    });
    let first = verdicts.next().unwrap();
    let said = |verdict: &Result<VerifiedToken<C>, TokenError>| format!("{:?}", verdict.as_ref().map(|_| ()));
    for again in verdicts {
        assert_eq!(said(&again), said(&first), "the same token, the same verdict");
    }
    first
}

fn verifier(build: Build) -> Verifier<User> {
    build(builder()).build_verifier().unwrap()
}

/// One that trusts this issuer as `ours` says, and another one by the defaults, with the same secret.
fn one_of_two(ours: fn(TrustedIssuer) -> TrustedIssuer) -> Verifier<User> {
    let keys = || KeySet::hs256(SECRET).unwrap();
    let builder = Authenticator::<User>::builder().clock(Stopped).audience(AUDIENCE);
    let builder = builder.trust(ours(TrustedIssuer::new(ISSUER, keys()))).trust(TrustedIssuer::new(OTHER, keys()));
    #[cfg(feature = "cache")]
    let builder = builder.cache(jwt_core::TokenCache::new());
    builder.build_verifier().unwrap()
}

fn of_other(mut claims: Value) -> Value {
    claims["iss"] = OTHER.into();
    claims
}

#[test]
fn a_number_is_a_subject_only_where_that_is_said_and_then_its_digits() {
    let allowed = verifier(|builder| builder.dangerous_allow_mistyped_claim(RegisteredClaim::Subject));
    for (number, text) in [("42", "42"), ("-7", "-7"), ("0", "0"), ("18446744073709551616", "18446744073709551616")] {
        let claims = good_claims().to_string().replace(r#""alice""#, number);
        let token = compact(r#"{"alg":"HS256"}"#, claims.as_bytes());
        let verified = verdict(&allowed, &token).unwrap();
        assert_eq!((verified.subject(), &*verified.sub), (Some(text), text));
        let error = verdict(&verifier(|builder| builder), &token).unwrap_err();
        assert!(matches!(error, TokenError::ClaimType(RegisteredClaim::Subject)), "{error}");
    }
    assert_eq!(verdict(&allowed, &hs256(&good_claims())).unwrap().subject(), Some("alice"));
    for other in ["1.0", "1e3", "-0", "true", "[1]", "{}", r#"{"a":1,"a":1}"#, r#"["alice"]"#] {
        let claims = good_claims().to_string().replace(r#""alice""#, other);
        let error = verdict(&allowed, &compact(r#"{"alg":"HS256"}"#, claims.as_bytes())).unwrap_err();
        assert!(matches!(error, TokenError::ClaimType(RegisteredClaim::Subject)), "{other}: {error}");
    }
    let error = verdict(&allowed, &hs256(&with("jti", 5.into()))).unwrap_err();
    assert!(matches!(error, TokenError::ClaimType(RegisteredClaim::JwtId)), "another claim: {error}");
    let twice = good_claims().to_string().replace(r#""alice""#, r#"1,"sub":2"#);
    let error = verdict(&allowed, &compact(r#"{"alg":"HS256"}"#, twice.as_bytes())).unwrap_err();
    assert!(matches!(error, TokenError::Malformed(Malformed::Duplicate)), "{error}");
}

#[test]
fn the_type_of_the_claims_takes_the_number_as_a_number_or_as_a_text() {
    #[derive(Deserialize)]
    struct ByNumber {
        sub: u64,
        nbf: Option<u64>,
    }
    let keys = || KeySet::hs256(SECRET).unwrap();
    let all = [RegisteredClaim::Subject, RegisteredClaim::NotBefore];
    let token = hs256(&json!({"sub": 42, "aud": AUDIENCE, "exp": NOW + 60, "nbf": null}));
    let typed = Authenticator::<ByNumber>::builder().keys(keys()).audience(AUDIENCE).clock(Stopped);
    let typed = all.into_iter().fold(typed, AuthenticatorBuilder::dangerous_allow_mistyped_claim);
    let typed = verdict(&typed.build_verifier().unwrap(), &token).unwrap();
    assert_eq!((typed.sub, typed.nbf, typed.subject(), typed.not_before()), (42, None, Some("42"), None));
    let value = Authenticator::<Value>::builder().keys(keys()).audience(AUDIENCE).clock(Stopped);
    let value = all.into_iter().fold(value, AuthenticatorBuilder::dangerous_allow_mistyped_claim);
    let value = verdict(&value.build_verifier().unwrap(), &token).unwrap();
    assert_eq!((&value["sub"], &value["nbf"]), (&json!(42), &Value::Null));
}

#[test]
fn a_claim_that_may_have_another_type_is_not_called_what_is_wrong() {
    let allowed = verifier(|builder| builder.dangerous_allow_mistyped_claim(RegisteredClaim::Subject));
    let mut claims = with("sub", 42.into());
    claims["name"] = json!({"first": "Alice"});
    let error = verdict(&allowed, &hs256(&claims)).unwrap_err();
    assert!(matches!(&error, TokenError::Shape(shape) if shape.path() == Some("name")), "{error}");
}

#[test]
fn null_is_an_absent_claim_and_still_missing_where_one_is_required() {
    for (claim, name) in
        [(RegisteredClaim::NotBefore, "nbf"), (RegisteredClaim::IssuedAt, "iat"), (RegisteredClaim::JwtId, "jti")]
    {
        let token = hs256(&with(name, Value::Null));
        let error = verdict(&verifier(|builder| builder), &token).unwrap_err();
        assert!(matches!(error, TokenError::ClaimType(found) if found == claim), "{error}");
        let allowed = builder().dangerous_allow_mistyped_claim(claim).build_verifier().unwrap();
        assert_eq!(verdict(&allowed, &token).unwrap().subject(), Some("alice"));
        let required = builder().dangerous_allow_mistyped_claim(claim).required_claim(name).build_verifier().unwrap();
        let error = verdict(&required, &token).unwrap_err();
        assert!(matches!(&error, TokenError::MissingClaim(missing) if **missing == *name), "{error}");
    }
    for (claim, name) in
        [(RegisteredClaim::Audience, "aud"), (RegisteredClaim::ExpirationTime, "exp"), (RegisteredClaim::Issuer, "iss")]
    {
        let allowed = builder().dangerous_allow_mistyped_claim(claim).build_verifier().unwrap();
        let error = verdict(&allowed, &hs256(&with(name, Value::Null))).unwrap_err();
        assert!(matches!(&error, TokenError::MissingClaim(missing) if **missing == *name), "{error}");
    }
    let keys = KeySet::hs256(SECRET).unwrap();
    let any = Authenticator::<User>::builder().keys(keys).any_audience().clock(Stopped);
    let any = any.dangerous_allow_mistyped_claim(RegisteredClaim::Audience).build_verifier().unwrap();
    assert_eq!(verdict(&any, &hs256(&with("aud", Value::Null))).unwrap().audience().count(), 0);
    let error = verdict(&any, &hs256(&with("aud", 5.into()))).unwrap_err();
    assert!(matches!(error, TokenError::ClaimType(RegisteredClaim::Audience)), "{error}");
}

#[test]
fn a_time_that_may_be_null_is_checked_where_it_is_not() {
    let allowed = verifier(|builder| {
        [RegisteredClaim::NotBefore, RegisteredClaim::ExpirationTime]
            .into_iter()
            .fold(builder, AuthenticatorBuilder::dangerous_allow_mistyped_claim)
    });
    let early = verdict(&allowed, &hs256(&with("nbf", (NOW + 600).into()))).unwrap_err();
    let late = verdict(&allowed, &hs256(&with("exp", (NOW - 600).into()))).unwrap_err();
    assert!(matches!((&early, &late), (TokenError::NotYetValid { .. }, TokenError::Expired { .. })), "{early} {late}");
    let text = verdict(&allowed, &hs256(&with("nbf", "1".into()))).unwrap_err();
    assert!(matches!(text, TokenError::ClaimType(RegisteredClaim::NotBefore)), "{text}");
}

#[test]
fn what_is_allowed_to_one_issuer_is_not_allowed_to_another() {
    let numbers = one_of_two(|issuer| issuer.dangerous_allow_mistyped_claim(RegisteredClaim::Subject));
    let padded = one_of_two(TrustedIssuer::dangerous_allow_padded_tokens);
    for _ in 0..2 {
        assert_eq!(verdict(&numbers, &hs256(&with("sub", 5.into()))).unwrap().subject(), Some("5"));
        let error = verdict(&numbers, &hs256(&of_other(with("sub", 5.into())))).unwrap_err();
        assert!(matches!(error, TokenError::ClaimType(RegisteredClaim::Subject)), "{error}");
        assert_eq!(verdict(&padded, &padded_token(&good_claims())).unwrap().subject(), Some("alice"));
        let error = verdict(&padded, &padded_token(&of_other(good_claims()))).unwrap_err();
        assert!(matches!(error, TokenError::Malformed(Malformed::Padded)), "{error}");
        assert!(verdict(&padded, &hs256(&of_other(good_claims()))).is_ok());
    }
}

/// Base64url with padding.
fn padded(bytes: impl AsRef<[u8]>) -> String {
    let text = base64url(bytes);
    let padding = (4 - text.len() % 4) % 4;
    text + &"=".repeat(padding)
}

/// As load balancers of AWS write it: the signature is that of the padded text.
fn padded_token(claims: &Value) -> String {
    let signed = sign(&format!("{}.{}", padded(r#"{"alg":"HS256","typ":"JWT" }"#), padded(claims.to_string())));
    signed + "="
}

#[test]
fn a_padded_token_is_refused_by_default_and_says_why() {
    let token = padded_token(&good_claims());
    assert_eq!(token.split('.').filter(|part| part.len() % 4 == 0).count(), 3, "{token}");
    let error = verdict(&verifier(|builder| builder), &token).unwrap_err();
    assert!(matches!(error, TokenError::Malformed(Malformed::Padded)), "{error}");
    assert!(error.to_string().contains("`.dangerous_allow_padded_tokens()`"), "{error}");
    let allowed = verifier(AuthenticatorBuilder::dangerous_allow_padded_tokens);
    // With a header that was seen before in the other spelling, too.
    for token in [token, hs256(&good_claims()), padded_token(&with("name", "Bob".into()))] {
        assert_eq!(verdict(&allowed, &token).unwrap().subject(), Some("alice"));
    }
}

#[test]
fn padding_makes_nothing_else_good() {
    let allowed = verifier(AuthenticatorBuilder::dangerous_allow_padded_tokens);
    let good = padded_token(&good_claims());
    assert!(verdict(&allowed, &good).is_ok());
    let parts: Vec<&str> = good.split('.').collect();
    let (header, payload, signature) = (parts[0], parts[1], parts[2]);
    let bare = |part: &str| part.trim_end_matches('=').to_owned();
    // The bits that a part of this length has left over are not zero.
    let mut last = bare(signature);
    let end = last.pop().unwrap();
    last.push(char::from(end as u8 + 1));
    // One whose claims would have padding. Where nothing that is signed would, both spellings of the signature are good.
    let unpadded = ["A", "Al", "Ali"].map(|name| hs256(&with("name", name.into())));
    let unpadded = unpadded.into_iter().find(|token| token.split('.').any(|part| part.len() % 4 == 2)).unwrap();
    for (what, token) in [
        ("too much", format!("{header}.{payload}.{signature}=")),
        ("far too much", format!("{header}.{payload}.{signature}====")),
        ("none at the signature", format!("{header}.{payload}.{}", bare(signature))),
        ("bits left over", format!("{header}.{payload}.{last}=")),
        ("none at the header", format!("{}.{payload}.{signature}", bare(header))),
        ("in the middle", format!("{header}.=={}.{signature}", &payload[2..])),
        ("nothing but padding", format!("{header}.{payload}.====")),
        ("signed without", unpadded + "="),
        ("of somebody else", format!("{header}.{}.{signature}", padded(with("name", "Eve".into()).to_string()))),
        ("another alphabet", good.replace(['-', '_'], "+").replace(signature, "++++")),
    ] {
        assert!(verdict(&allowed, &token).is_err(), "{what}: {token}");
    }
    let unsigned = format!("{}.{}.", padded(r#"{"alg":"none"}"#), padded(good_claims().to_string()));
    assert!(matches!(verdict(&allowed, &unsigned).unwrap_err(), TokenError::Unsecured));
}

#[test]
fn an_issuer_may_have_two_names_and_no_third_one() {
    let of = |name: &str| hs256(&with("iss", name.into()));
    let error = verdict(&verifier(|builder| builder), &of(ALIAS)).unwrap_err();
    assert!(matches!(error, TokenError::Issuer(_)), "{error}");
    for both in [verifier(|builder| builder.issuer_alias(ALIAS)), one_of_two(|issuer| issuer.issuer_alias(ALIAS))] {
        for name in [ISSUER, ALIAS, ISSUER] {
            assert_eq!(verdict(&both, &of(name)).unwrap().issuer(), Some(name));
        }
        for name in ["", "issuer.example.com.evil.example", "https://issuer.example.com/", "ISSUER.example.com"] {
            let error = verdict(&both, &of(name)).unwrap_err();
            assert!(matches!(error, TokenError::Issuer(_)), "{name}: {error}");
        }
    }
}

#[test]
fn a_second_name_needs_a_first_one_and_is_nobody_elses() {
    let keys = || KeySet::hs256(SECRET).unwrap();
    let new = || Authenticator::<User>::builder().audience(AUDIENCE);
    let alias = || ALIAS.into();
    for (builder, expected) in [
        (new().keys(keys()).issuer_alias(ALIAS), AuthenticatorBuildError::AliasWithoutIssuer { alias: alias() }),
        (
            new().trust(TrustedIssuer::new(ISSUER, keys())).issuer_alias(ALIAS),
            AuthenticatorBuildError::AliasWithoutIssuer { alias: alias() },
        ),
        (
            new()
                .trust(TrustedIssuer::new(ISSUER, keys()).issuer_alias(OTHER))
                .trust(TrustedIssuer::new(OTHER, keys())),
            AuthenticatorBuildError::DuplicateIssuer { issuer: OTHER.into() },
        ),
        (
            new().keys(keys()).issuer(ISSUER).issuer_alias(OTHER).trust(TrustedIssuer::new(OTHER, keys())),
            AuthenticatorBuildError::DuplicateIssuer { issuer: OTHER.into() },
        ),
        (
            new().keys(keys()).issuer(ISSUER).issuer_alias(""),
            AuthenticatorBuildError::EmptyExpectation { setting: "issuer_alias" },
        ),
        (
            new().keys(keys()).issuer(ISSUER).issuer_alias(ALIAS).issuer_alias(""),
            AuthenticatorBuildError::EmptyExpectation { setting: "issuer_alias" },
        ),
    ] {
        assert_eq!(builder.build().unwrap_err(), expected);
    }
}

#[test]
fn several_sources_of_keys_are_those_of_one_issuer_and_are_replaced_one_by_one() {
    let secret = VerifyingKey::secret(Algorithm::HS256, SECRET).unwrap();
    let [one, two] = ["one", "two"].map(|kid| SigningKey::generate(Algorithm::ES256).unwrap().with_kid(kid));
    let published = LiveKeys::new(one.verifying_key());
    let both = KeySource::from(secret).and(&published);
    let builder = Authenticator::<User>::builder().keys(both).issuer(ISSUER).audience(AUDIENCE).clock(Stopped);
    #[cfg(feature = "cache")]
    let builder = builder.cache(jwt_core::TokenCache::new());
    let verifier = builder.build_verifier().unwrap();
    let [old, by_one, by_two] =
        [hs256(&good_claims()), one.sign(&good_claims()).unwrap(), two.sign(&good_claims()).unwrap()];
    assert!(verdict(&verifier, &old).is_ok() && verdict(&verifier, &by_one).is_ok());
    assert!(matches!(verdict(&verifier, &by_two).unwrap_err(), TokenError::UnknownKey));
    published.replace(two.verifying_key());
    assert!(verdict(&verifier, &old).is_ok() && verdict(&verifier, &by_two).is_ok());
    assert!(verdict(&verifier, &by_one).is_err(), "a key that was withdrawn, cached or not");
    // The secret does not sign in the name of a published key.
    let forged = SigningKey::secret(Algorithm::HS256, SECRET).unwrap().with_kid("two").sign(&good_claims()).unwrap();
    assert!(matches!(verdict(&verifier, &forged).unwrap_err(), TokenError::AlgorithmNotAllowed(Algorithm::HS256)));
    assert!(verdict(&verifier, &old.replace("eyJ", "eyI")).is_err());
}

fn in_order() -> AuthenticatorBuilder<User> {
    builder().source(TokenSource::bearer()).source(TokenSource::cookie("t")).dangerous_allow_several_tokens()
}

fn send(address: std::net::SocketAddr, method: &str, fields: &[(&str, &str)]) -> Reply {
    Connection::open(address).send(&request_to("api.example.com", method, "/me", fields))
}

#[test]
fn with_an_order_of_sources_the_first_one_that_has_a_token_counts() {
    let bearer = |name: &str| format!("Bearer {}", hs256(&with("name", name.into())));
    let cookie = |name: &str| format!("t={}", hs256(&with("name", name.into())));
    let (bearer, cookie) = (&*bearer("Bea"), &*cookie("Cook"));
    for stack in STACKS {
        let strict = builder().source(TokenSource::bearer()).source(TokenSource::cookie("t")).build().unwrap();
        let refused = send(stack.start(strict).address, "GET", &[("Authorization", bearer), ("Cookie", cookie)]);
        assert_eq!(refused.status, 400, "{}", stack.name);
        let server = stack.start(in_order().build().unwrap());
        let get = |fields: &[(&str, &str)]| send(server.address, "GET", fields);
        for (fields, name) in [
            (&[("Authorization", bearer), ("Cookie", cookie)][..], "Bea"),
            (&[("Cookie", cookie), ("Authorization", bearer)], "Bea"),
            (&[("Cookie", cookie)], "Cook"),
            (&[("Cookie", cookie), ("Authorization", "Basic dXNlcjpwYXNz")], "Cook"),
        ] {
            let reply = get(fields);
            assert!(reply.status == 200 && reply.body.contains(name), "{} {fields:?}: {reply:?}", stack.name);
        }
        for (fields, status) in [
            (&[("Authorization", bearer), ("Authorization", bearer)][..], 400),
            (&[("Cookie", cookie), ("Cookie", cookie)], 400),
            (&[("Authorization", "Bearer "), ("Cookie", cookie)], 400),
            (&[("Authorization", "Bearer a.b.c"), ("Cookie", cookie)], 401),
            (&[], 401),
        ] {
            assert_eq!(get(fields).status, status, "{} {fields:?}", stack.name);
        }
    }
}

#[test]
fn a_cookie_that_comes_second_is_checked_against_cross_site_requests() {
    let cookie = &*format!("t={}", hs256(&good_claims()));
    let bearer = &*format!("Bearer {}", hs256(&good_claims()));
    for stack in STACKS {
        let server = stack.start(in_order().build().unwrap());
        let post = |fields: &[(&str, &str)]| {
            send(server.address, "POST", &[&[("Sec-Fetch-Site", "cross-site")], fields].concat()).status
        };
        assert_eq!(post(&[("Cookie", cookie)]), 403, "{}", stack.name);
        // What a page of another site can send by itself does not stand in for the token.
        assert_eq!(post(&[("Cookie", cookie), ("Authorization", "Basic eDp5")]), 403, "{}", stack.name);
        assert_eq!(post(&[("Cookie", cookie), ("Authorization", bearer)]), 200, "{}", stack.name);
    }
}

#[test]
fn an_expired_token_is_anonymous_only_where_that_is_said_and_nobody_else_is() {
    let expired = hs256(&with("exp", (NOW - 600).into()));
    let forged = expired.replace("eyJ", "eyI");
    let mut other = with("exp", (NOW - 600).into());
    other["iss"] = OTHER.into();
    for stack in STACKS {
        let optional = || builder().source(TokenSource::bearer()).source(TokenSource::cookie("t")).optional();
        let strict = stack.start(optional().build().unwrap());
        let allowed = stack.start(optional().dangerous_allow_expired_as_anonymous().build().unwrap());
        let maybe = |server: &acceptance::Server, token: &str| {
            server.get("/maybe", &[("Authorization", &*format!("Bearer {token}"))])
        };
        assert_eq!(maybe(&strict, &expired).status, 401, "{}", stack.name);
        let reply = maybe(&allowed, &expired);
        assert_eq!((reply.status, &*reply.body), (200, "null"), "{}", stack.name);
        let reply = allowed.get("/maybe", &[("Cookie", &*format!("t={expired}"))]);
        assert_eq!((reply.status, &*reply.body), (200, "null"), "{}", stack.name);
        assert!(maybe(&allowed, &hs256(&good_claims())).body.contains("alice"), "{}", stack.name);
        let me = allowed.get("/me", &[("Authorization", &*format!("Bearer {expired}"))]);
        assert!(!me.body.contains("alice"), "{}: {me:?}", stack.name);
        let last = expired.len() - 9;
        let signed_by_nobody = format!("{}AAAAAAAAA", &expired[..last]);
        for token in [&*forged, &signed_by_nobody, &hs256(&other), &hs256(&with("nbf", (NOW + 600).into())), "a.b.c"] {
            assert_eq!(maybe(&allowed, token).status, 401, "{} {token}", stack.name);
        }
        let cross_site = [("Cookie", &*format!("t={expired}")), ("Sec-Fetch-Site", "cross-site")];
        assert_eq!(send(allowed.address, "POST", &cross_site).status, 403, "{}", stack.name);
    }
    let error = builder().dangerous_allow_expired_as_anonymous().build().unwrap_err();
    assert_eq!(error, AuthenticatorBuildError::ExpiredWithoutOptional);
}

#[test]
fn a_cookie_may_be_quoted_or_have_a_scheme_only_where_that_is_said() {
    let token = hs256(&good_claims());
    let decorated = [
        format!("\"{token}\""),
        format!("Bearer {token}"),
        format!("bearer  {token}"),
        format!("Bearer%20{token}"),
        format!("\"Bearer {token}\""),
    ];
    for stack in STACKS {
        let strict = stack.start(builder().source(TokenSource::cookie("t")).build().unwrap());
        let lenient = stack.start(builder().source(TokenSource::lenient_cookie("t")).build().unwrap());
        let status = |server: &acceptance::Server, cookie: &str| server.get("/me", &[("Cookie", cookie)]).status;
        for value in &decorated {
            assert!([400, 401].contains(&status(&strict, &format!("t={value}"))), "{} {value}", stack.name);
            assert_eq!(status(&lenient, &format!("a=b; t={value}; c=d")), 200, "{} {value}", stack.name);
        }
        assert_eq!(status(&lenient, &format!("t={token}")), 200, "{}", stack.name);
        for cookies in [
            format!("t=\"{token}\"; t={token}"),
            format!("t=\"{token}"),
            format!("t={token}\""),
            format!("t=\"\"{token}\"\""),
            format!("t=Basic {token}"),
            format!("t=Bearer{token}"),
            format!("t=Bearer Bearer {token}"),
            format!("t=Bearer \"{token}\""),
            format!("t=Bearer {token} {token}"),
            format!("T=\"{token}\""),
            "t=\"\"".to_owned(),
            "t=Bearer ".to_owned(),
            "t=\"".to_owned(),
        ] {
            assert!([400, 401].contains(&status(&lenient, &cookies)), "{} {cookies}", stack.name);
        }
        let cookie = format!("t=\"Bearer {token}\"");
        let cross_site = [("Cookie", &*cookie), ("Sec-Fetch-Site", "cross-site")];
        assert_eq!(send(lenient.address, "POST", &cross_site).status, 403, "{}", stack.name);
    }
    let twice = builder().source(TokenSource::cookie("t")).source(TokenSource::lenient_cookie("t"));
    assert!(matches!(twice.build().unwrap_err(), AuthenticatorBuildError::DuplicateSource { .. }));
}

#[test]
fn a_careless_jwk_is_read_only_where_that_is_said() {
    let set: Value = serde_json::from_str(&key_file("jwks.json")).unwrap();
    let mut jwk = set["keys"].as_array().unwrap().iter().find(|key| key["kty"] == "RSA").unwrap().clone();
    let plain = jwk["n"].as_str().unwrap().to_owned();
    jwk["n"] = padded(decoded(&plain)).into();
    jwk["e"] = "AQAB".into();
    let with_one = |jwk: &Value| json!({ "keys": [jwk] }).to_string();
    let assert_refused = |jwk: &Value| {
        let error = KeySet::jwks(with_one(jwk)).unwrap_err();
        assert!(matches!(&error, KeyError::Empty { skipped } if skipped[0].reason == KeyError::Misspelled), "{error}");
        let text = error.to_string();
        assert!(text.contains("`lenient_jwk(…)`") && text.contains("`lenient_jwks(…)`"), "{text}");
    };
    assert_ne!(jwk["n"], plain);
    assert_refused(&jwk);
    let verifier = |keys: KeySet| {
        Authenticator::<User>::builder().keys(keys).any_audience().clock(Stopped).build_verifier().unwrap()
    };
    let algorithm: Algorithm = jwk["alg"].as_str().unwrap_or("RS256").parse().unwrap();
    let token = SigningKey::pem(algorithm, key_file("rsa.pem")).unwrap().sign(&good_claims()).unwrap();
    assert!(verdict(&verifier(KeySet::lenient_jwks(with_one(&jwk)).unwrap()), &token).is_ok());
    let zeros = |text: &str, count| text_of(&[&vec![0; count], &*decoded(text)].concat());
    for (n, e, what) in [
        (padded([&[0], &*decoded(&plain)].concat()), "AQAB".to_owned(), "padding and a sign byte of the modulus"),
        (zeros(&plain, 1), "AQAB".into(), "a sign byte of the modulus"),
        (plain.clone(), zeros("AQAB", 1), "a zero before the exponent"),
        (zeros(&plain, 2), zeros("AQAB", 5), "zeros before both"),
    ] {
        (jwk["n"], jwk["e"]) = (n.into(), e.into());
        assert_refused(&jwk);
        assert!(verdict(&verifier(KeySet::lenient_jwks(with_one(&jwk)).unwrap()), &token).is_ok(), "{what}");
        let alone = VerifyingKey::lenient_jwk(algorithm, &jwk.to_string()).unwrap();
        assert!(verdict(&verifier(alone.into()), &token).is_ok(), "{what}");
    }
    jwk["e"] = "AQAB".into();
    for wrong in [format!("{plain}===="), format!("{plain}="), format!("={plain}"), format!("{plain} "), "====".into()]
    {
        jwk["n"] = wrong.clone().into();
        assert!(KeySet::lenient_jwks(with_one(&jwk)).is_err(), "{wrong}");
    }
}

#[test]
fn coordinates_with_a_sign_byte_are_read_only_where_that_is_said() {
    let set: Value = serde_json::from_str(&key_file("jwks.json")).unwrap();
    for (name, algorithm) in [("p256", Algorithm::ES256), ("p384", Algorithm::ES384)] {
        let plain = set["keys"].as_array().unwrap().iter().find(|key| key["kid"] == name).unwrap();
        let token = SigningKey::pem(algorithm, key_file(&format!("{name}.pem"))).unwrap().sign(&good_claims()).unwrap();
        for members in [&["x"][..], &["y"], &["x", "y"]] {
            let mut jwk = plain.clone();
            for member in members {
                jwk[member] = text_of(&[&[0], &*decoded(plain[member].as_str().unwrap())].concat()).into();
            }
            let error = VerifyingKey::jwk(algorithm, &jwk.to_string()).unwrap_err();
            assert_eq!(error, KeyError::Misspelled, "{name} {members:?}");
            let key = VerifyingKey::lenient_jwk(algorithm, &jwk.to_string()).unwrap();
            let builder = Authenticator::<User>::builder().keys(key).any_audience().clock(Stopped);
            assert!(verdict(&builder.build_verifier().unwrap(), &token).is_ok(), "{name} {members:?}");
        }
    }
}

fn text_of(bytes: &[u8]) -> String {
    base64_simd::URL_SAFE_NO_PAD.encode_to_string(bytes)
}

fn decoded(text: &str) -> Vec<u8> {
    base64_simd::URL_SAFE_NO_PAD.decode_to_vec(text).unwrap()
}

#[test]
fn scopes_imply_others_only_where_that_is_said_and_the_challenge_names_what_was_asked_for() {
    let token =
        |scope: &str| hs256(&json!({"iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "scope": scope, "exp": NOW + 60}));
    let get = |server: &acceptance::Server, path: &str, token: &str| {
        server.get(path, &[("Authorization", &*format!("Bearer {token}"))])
    };
    let hierarchy = || {
        member_builder()
            .scope_implies("admin", "write:things")
            .scope_implies("write:things", "read:things")
            .scope_implies("read:things", "write:things/") // no circle, however alike
            .scope_implies("loop", "pool")
            .scope_implies("pool", "loop")
    };
    for stack in GUARDED {
        let (strict, implied) =
            (stack.start(member_builder().build().unwrap()), stack.start(hierarchy().build().unwrap()));
        for scope in ["admin", "write:things", "openid admin"] {
            let token = token(scope);
            assert_eq!(get(&strict, "/read", &token).status, 403, "{} {scope}", stack.name);
            for path in ["/read", "/any", "/all"] {
                assert_eq!(get(&implied, path, &token).status, 200, "{} {scope} {path}", stack.name);
            }
        }
        for scope in ["loop", "", "adminx", "write:things/", "read:thingsx"] {
            let reply = get(&implied, "/read", &token(scope));
            assert_eq!(reply.status, 403, "{} {scope}", stack.name);
            let challenge = reply.challenge().unwrap();
            assert!(challenge.contains(r#"scope="read:things""#), "{} {challenge}", stack.name);
        }
        let only_read = get(&implied, "/all", &token("read:things"));
        assert_eq!(only_read.status, 403, "{}: what implies is not implied", stack.name);
        // A role of the same name is no scope.
        assert_eq!(get(&implied, "/admin", &token("admin")).status, 403, "{}", stack.name);
    }
    for empty in [member_builder().scope_implies("", "read"), member_builder().scope_implies("admin", "")] {
        let expected = AuthenticatorBuildError::EmptyExpectation { setting: "scope_implies" };
        assert_eq!(empty.build().unwrap_err(), expected);
    }
}
