//! Whatever an issuer signs, its verifiers accept, at the same moment and with the same configuration.

use std::time::Duration;

use acceptance::{AUDIENCE, ISSUER, NOW, SECRET, Stopped};
use jwt_core::{Algorithm, Issuer, SigningKey};
use proptest::prelude::*;
use serde_json::value::RawValue;

fn issuer() -> Issuer {
    let key = SigningKey::secret(Algorithm::HS256, SECRET).unwrap();
    Issuer::builder(ISSUER).audience(AUDIENCE).signing_key(key).clock(Stopped).build().unwrap()
}

/// Signs this JSON text as it is. `Err` is the error of the signer.
fn sign(json: &str) -> Result<String, String> {
    let claims: &RawValue = serde_json::from_str(json).map_err(|error| error.to_string())?;
    issuer().sign(claims).map(|token| token.as_str().to_owned()).map_err(|error| error.to_string())
}

/// What the verifiers of this issuer say: with the defaults, and without any leeway.
fn refusal(token: &str) -> Option<String> {
    let issuer = issuer();
    let with_leeway = issuer.authenticator::<()>().build_verifier().unwrap().verify(token);
    let without = issuer.authenticator::<()>().leeway(Duration::ZERO).build_verifier().unwrap().verify(token);
    [with_leeway, without].into_iter().find_map(|verified| verified.err().map(|error| error.to_string()))
}

#[test]
fn white_space_in_the_claims_changes_nothing() {
    for json in ["{}", "{ }", " {\n\t} ", "{ \"sub\" : \"alice\" }", "\r\n{\"sub\":\"alice\"\n}\n"] {
        let token = sign(json).unwrap_or_else(|error| panic!("{json:?}: {error}"));
        assert_eq!(refusal(&token), None, "{json:?}");
    }
}

#[test]
fn what_a_verifier_would_refuse_is_not_signed_and_the_error_says_why() {
    let later = format!(r#"{{"nbf":{}}}"#, NOW + 1);
    let long = format!(r#"{{"text":"{}"}}"#, "x".repeat(13_000));
    let cases = [
        (r#"{"sub":42}"#, "`sub`"),
        (r#"{"sub":null}"#, "`sub`"),
        (r#"{"nbf":null}"#, "`nbf`"),
        (r#"{"nbf":"1"}"#, "`nbf`"),
        (r#"{"cnf":{"jkt":"x"}}"#, "`cnf`"),
        (r#"{"cnf":null}"#, "`cnf`"),
        (r#"{"nonce":"n"}"#, "ID token"),
        (r#"{"at_hash":"h"}"#, "ID token"),
        (r#"{"c_hash":"h"}"#, "ID token"),
        (r#"{"s_hash":"h"}"#, "ID token"),
        (r#"{"auth_time":1,"azp":"app"}"#, "ID token"),
        (r#"{"n\u006fnce":"n"}"#, "ID token"),
        (&later, "`nbf`"),
        (&long, "16384"),
        (r#"{"exp":1}"#, "`exp`"),
        (r#"{"iat":"x"}"#, "`iat`"),
        (r#"{"a":1,"a":2}"#, "once"),
        (r#"{"a":{"b":1,"b":1}}"#, "once"),
        ("[]", "object"),
    ];
    for (json, reason) in cases {
        let error = sign(json).expect_err(json);
        assert!(error.contains(reason), "{json}: {error}");
    }
    // Access tokens of some providers have these two.
    for json in [r#"{"auth_time":1,"azp":"app","scope":"read"}"#, r#"{"azp":"app"}"#, r#"{"auth_time":1}"#] {
        assert_eq!(refusal(&sign(json).unwrap()), None, "{json}");
    }
    let now = format!(r#"{{"nbf":{NOW}}}"#);
    assert_eq!(refusal(&sign(&now).unwrap()), None);
}

#[test]
fn a_token_as_long_as_verifiers_take_is_signed_and_one_byte_more_is_not() {
    let mut longest = 0;
    for length in 11_700..12_400 {
        match sign(&format!(r#"{{"text":"{}"}}"#, "x".repeat(length))) {
            Ok(token) => {
                assert_eq!(refusal(&token), None, "{length}");
                longest = longest.max(token.len());
            }
            Err(error) => assert!(error.contains("16384"), "{error}"),
        }
    }
    assert!((16_382..=16_384).contains(&longest), "{longest}");
}

#[test]
fn whatever_the_type_and_the_name_of_the_key_are_what_is_signed_is_accepted() {
    let mut signed = 0;
    for typ in
        ["JWT", "at+jwt", "application/at+jwt", "AT+JWT", "a b", "\"\u{1}", "ü", &"x".repeat(5_000), &"x".repeat(9_000)]
    {
        for kid in ["k", "\u{1}", &"k".repeat(1024), &"\u{1}".repeat(1024), &"k".repeat(1025)] {
            let key = SigningKey::secret(Algorithm::HS256, SECRET).unwrap().with_kid(kid);
            let issuer = Issuer::builder(ISSUER).audience(AUDIENCE).signing_key(key).typ(typ).clock(Stopped).build();
            let issuer = issuer.unwrap();
            if let Ok(token) = issuer.sign(&()).or_else(|_| issuer.sign(&std::collections::BTreeMap::<&str, u8>::new()))
            {
                signed += 1;
                let verified = issuer.authenticator::<()>().build_verifier().unwrap().verify(token.as_str());
                assert!(verified.is_ok(), "{:?} {:?}: {:?}", typ.get(..9), kid.get(..9), verified.err());
            }
        }
    }
    assert!(signed > 20, "{signed}");
}

/// The text of one JSON value, with white space in it.
fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("-1".to_owned()),
        Just("1.5".to_owned()),
        Just("1e400".to_owned()),
        Just("18446744073709551616".to_owned()),
        Just("{}".to_owned()),
        Just("[ ]".to_owned()),
        (NOW - 2..NOW + 3).prop_map(|number| number.to_string()),
        "[a-z ]{0,8}".prop_map(|text| format!("\"{text}\"")),
        Just(r#""\ud83d\ude00\u0000""#.to_owned()),
        Just(r#""\ud83d""#.to_owned()),
        (0usize..140).prop_map(|depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth))),
        (0usize..14_000).prop_map(|length| format!("\"{}\"", "x".repeat(length))),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|values| format!("[{}]", values.join(" , "))),
            prop::collection::vec(("[ab]", inner), 0..3).prop_map(|members| {
                let members: Vec<String> =
                    members.into_iter().map(|(name, value)| format!("\"{name}\" : {value}")).collect();
                format!("{{{}}}", members.join(",\n"))
            }),
        ]
    })
}

fn name() -> impl Strategy<Value = String> {
    const KNOWN: [&str; 24] = [
        "iss",
        "sub",
        "aud",
        "exp",
        "nbf",
        "iat",
        "jti",
        "cnf",
        "nonce",
        "at_hash",
        "c_hash",
        "s_hash",
        "auth_time",
        "azp",
        "scope",
        "scp",
        "client_id",
        "sid",
        "act",
        "roles",
        "n\\u0062f",
        "$serde_json::private::RawValue",
        "$serde_json::private::Number",
        "",
    ];
    prop_oneof![prop::sample::select(&KNOWN[..]).prop_map(str::to_owned), "[a-z]{1,3}"]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]
    #[test]
    fn whatever_is_signed_is_accepted(
        members in prop::collection::vec((name(), value()), 0..4), space in "[ \n\t\r]{0,2}",
    ) {
        let members: Vec<String> =
            members.into_iter().map(|(name, value)| format!("{space}\"{name}\"{space}:{value}")).collect();
        let json = format!("{space}{{{}{space}}}{space}", members.join(","));
        if let Ok(token) = sign(&json) {
            prop_assert_eq!(refusal(&token), None, "{}", json);
        }
    }

    #[test]
    fn ordinary_claims_are_signed(sub in "[a-zA-Z0-9 ]{1,20}", value in value(), space in "[ \n\t\r]{0,2}") {
        let json = format!("{{{space}\"sub\":\"{sub}\",{space}\"own\":{value}{space}}}");
        // Not if the value is none for serde_json, is nested too deep, or has a member twice.
        if serde_json::from_str::<serde_json::Value>(&json).is_ok_and(|own| own["own"].is_string()) && json.len() < 8_000 {
            prop_assert!(sign(&json).is_ok(), "{}", json);
        }
    }
}
