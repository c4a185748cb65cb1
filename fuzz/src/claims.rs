use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use jwt_core::clock::NumericDate;
use jwt_core::verify::ClaimsType;
use jwt_core::{Authenticator, AuthenticatorBuilder, KeySet, TrustedIssuer, VerifiedToken, Verifier};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::reference::{Demands, Json, Registered};
use crate::token::{SECRET, Stopped, sign, sign_by};

const HEADER: &[u8] = br#"{"alg":"HS256"}"#;

const LAX: Demands = Demands { issuer: None, audience: "api", required: None, max_age: None };
const STRICT: Demands =
    Demands { issuer: Some("me"), audience: "api", required: Some("sub"), max_age: Some(Duration::from_hours(1)) };

const OF_ME: Demands = Demands { issuer: Some("me"), ..LAX };

fn builder<C: ClaimsType>() -> AuthenticatorBuilder<C> {
    let keys = KeySet::hs256(SECRET).expect("the secret is long enough");
    Authenticator::builder().keys(keys).audience("api").clock(Stopped)
}

fn lax<C: ClaimsType>() -> Verifier<C> {
    builder().build_verifier().expect("it is configured completely")
}

/// Trusts several, of whom only one has the key that signs here. Headers tell nobody apart, so that `iss` has to.
fn several() -> Verifier<()> {
    let (other, keys) = ([7; 32], KeySet::hs256(SECRET).expect("the secret is long enough"));
    let others = KeySet::hs256(other).expect("the secret is long enough");
    let builder = Authenticator::builder().audience("api").clock(Stopped);
    let builder = builder.trust(TrustedIssuer::new("me", keys)).trust(TrustedIssuer::new("you", others));
    let verifier: Verifier<()> = builder.build_verifier().expect("it is configured completely");
    for (secret, issuer) in [(SECRET, "me"), (&other, "you")] {
        let claims = format!(r#"{{"iss":"{issuer}","aud":"api","exp":1790000900}}"#);
        verifier.verify(sign_by(secret, HEADER, claims.as_bytes())).expect("it is good");
    }
    verifier
}

/// Claims of an application: each of the ways in which serde reads a field.
#[derive(Debug, PartialEq, Deserialize)]
struct User {
    sub: Option<String>,
    aud: OneOrMany,
    exp: f64,
    nbf: Option<u64>,
    #[serde(default)]
    roles: Vec<Role>,
    tenant: Option<Box<Tenant>>,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Role {
    Reader,
    Writer { of: u8 },
    Other(Option<char>),
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tenant {
    id: (u32, i8),
    limits: Option<BTreeMap<u16, f32>>,
}

/// The same with other means: borrowed where it can be, nothing kept that is not asked for.
#[derive(Debug, PartialEq, Deserialize)]
struct Plain {
    iss: Option<String>,
    sub: String,
    aud: Value,
    exp: Option<i64>,
    iat: Option<f32>,
    jti: Option<Id>,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Id(String);

/// Signs the input as claims, and compares what is read from the token with what serde_json reads from the input.
pub fn claims(data: &[u8]) -> bool {
    static UNIT: LazyLock<Verifier<()>> = LazyLock::new(lax);
    static ANY: LazyLock<Verifier<IgnoredAny>> = LazyLock::new(lax);
    static VALUE: LazyLock<Verifier<Value>> = LazyLock::new(lax);
    static USER: LazyLock<Verifier<User>> = LazyLock::new(lax);
    static PLAIN: LazyLock<Verifier<Plain>> = LazyLock::new(lax);
    static STRICT_UNIT: LazyLock<Verifier<()>> = LazyLock::new(|| {
        let builder = builder().issuer("me").required_claim("sub").max_age(Duration::from_hours(1));
        builder.build_verifier().expect("it is configured completely")
    });

    static SEVERAL: LazyLock<Verifier<()>> = LazyLock::new(several);

    let token = sign(HEADER, data);
    let results = (UNIT.verify(&token), ANY.verify(&token), VALUE.verify(&token));
    let strict = STRICT_UNIT.verify(&token);
    let one_of_several = SEVERAL.verify(&token);
    let (user, plain) = (USER.verify(&token), PLAIN.verify(&token));

    let json = Json::object(data);
    if json.as_ref().is_some_and(Json::has_private_names) {
        return false;
    }
    let registered = json.as_ref().and_then(|json| Registered::read(json).ok());
    let good = |demands| {
        let fits = token.len() <= 16 * 1024;
        fits && json.as_ref().zip(registered.as_ref()).is_some_and(|(json, read)| read.satisfies(json, demands))
    };
    let accepted = good(&LAX);
    assert_eq!(results.0.is_ok(), accepted, "(): {:?}", results.0);
    assert_eq!(results.1.is_ok(), accepted, "IgnoredAny: {:?}", results.1);
    assert_eq!(results.2.is_ok(), accepted, "Value: {:?}", results.2);
    assert_eq!(strict.is_ok(), good(&STRICT), "strict: {strict:?}");
    assert_eq!(one_of_several.is_ok(), good(&OF_ME), "one of several: {one_of_several:?}");
    assert_same_type(&user, data, accepted);
    assert_same_type(&plain, data, accepted);

    if let (Ok(token), Some(registered)) = (&results.0, &registered) {
        assert_same_registered(token, registered);
        assert_eq!(token.claims_json().as_bytes(), data);
    }
    if let (Ok(token), Some(registered)) = (&results.2, &registered) {
        assert_same_registered(token, registered);
        assert_eq!(serde_json::from_slice::<Value>(data).ok().as_ref(), Some(token.claims()));
    }
    accepted
}

/// A type of claims is filled exactly as serde_json alone would fill it.
fn assert_same_type<C, E>(result: &Result<VerifiedToken<C>, E>, data: &[u8], accepted: bool)
where
    C: ClaimsType + PartialEq + std::fmt::Debug,
    E: std::fmt::Debug,
{
    let expected = serde_json::from_slice::<C>(data).ok().filter(|_| accepted);
    let found = result.as_ref().ok().map(VerifiedToken::claims);
    assert_eq!(found, expected.as_ref(), "{:?}", result.as_ref().err());
}

fn assert_same_registered<C>(token: &VerifiedToken<C>, registered: &Registered<'_>) {
    let found = Registered {
        issuer: token.issuer(),
        subject: token.subject(),
        audience: token.audience().collect(),
        token_id: token.token_id(),
        expires_at: token.expires_at().map(NumericDate::since_epoch),
        not_before: token.not_before().map(NumericDate::since_epoch),
        issued_at: token.issued_at().map(NumericDate::since_epoch),
    };
    assert_eq!(found, *registered);
}
