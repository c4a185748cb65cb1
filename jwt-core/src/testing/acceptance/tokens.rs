//! What a token may look like: the clauses of the RFCs, and the classes of attack.

use serde_json::{Value, json};

use super::case::Case;
use super::challenge::{INVALID_TOKEN, INVALID_TOKEN_OF_REALM};
use super::make::{
    AUDIENCE, HS256, ISSUER, NOW, claims_spelled, claims_with, compact, good, good_claims, of, sign, sign_by, with,
};
use super::name;
use super::setup::Setup::{self, Bearer, Elliptic, Strict};
use super::setup::elliptic_key;
use crate::base64url;

/// Tokens, each with what it is called and whether it is served.
type Tokens = Vec<(String, String, bool)>;

pub(super) fn cases() -> Vec<Case> {
    let groups = [
        (Bearer, "shape", shapes()),
        (Bearer, "unsigned", unsigned()),
        (Bearer, "changed", changed()),
        (Bearer, "header", headers()),
        (Bearer, "JSON", json_texts()),
        (Bearer, "time", times()),
        (Bearer, "claims", claims()),
        (Strict, "strict", strict()),
        (Elliptic, "ES256", elliptic()),
    ];
    let case = |setup: Setup, group: &str, (what, token, served): (String, String, bool)| {
        let case = Case::get(setup, format!("tokens: {group}, {what}"), "/me").bearer(&token);
        let challenge = if setup == Strict { INVALID_TOKEN_OF_REALM } else { INVALID_TOKEN };
        if served { case } else { case.refused(401, challenge) }
    };
    groups
        .into_iter()
        .flat_map(|(setup, group, tokens)| tokens.into_iter().map(move |token| case(setup, group, token)))
        .collect()
}

fn refused<N: Into<String>>(tokens: impl IntoIterator<Item = (N, String)>) -> Tokens {
    tokens.into_iter().map(|(name, token)| (name.into(), token, false)).collect()
}

fn served<N: Into<String>>(tokens: impl IntoIterator<Item = (N, String)>) -> Tokens {
    tokens.into_iter().map(|(name, token)| (name.into(), token, true)).collect()
}

fn shapes() -> Tokens {
    let token = good();
    let (message, signature) = token.rsplit_once('.').expect("a token has dots");
    refused([
        ("five parts", format!("{token}.{signature}.{signature}")),
        ("four parts", format!("{token}.")),
        ("a leading dot", format!(".{token}")),
        ("two parts", message.to_owned()),
        ("dots", ".".repeat(4000)),
        ("one word", "opaque".to_owned()),
        ("the JSON serialization", r#"{"payload":"e30"}"#.to_owned()),
        ("a padded signature", format!("{token}=")),
        ("a padded payload", format!("{message}=.{signature}")),
        ("padding that is signed", sign(&format!("{message}="))),
        ("an escaped NUL", format!("{token}%00")),
        ("the other alphabet", sign(&format!("{message}+/"))),
        ("an umlaut", format!("{token}ä")),
    ])
}

fn unsigned() -> Tokens {
    let payload = base64url::encode(good_claims().to_string());
    let mut tokens = Vec::new();
    for alg in ["none", "None", "NONE", "nOnE", ""] {
        let header = base64url::encode(format!(r#"{{"alg":"{alg}"}}"#));
        let message = format!("{header}.{payload}");
        tokens.push((format!("alg {alg:?} with a good signature"), sign(&message)));
        tokens.push((format!("alg {alg:?} without a third part"), message.clone()));
        for signature in ["", "AA", "e30"] {
            tokens.push((format!("alg {alg:?} with the signature {signature:?}"), format!("{message}.{signature}")));
        }
    }
    let token = good();
    let stripped = &token[..=token.rfind('.').expect("a token has dots")];
    tokens.push(("a signature cut off".to_owned(), stripped.to_owned()));
    refused(tokens)
}

fn changed() -> Tokens {
    let (token, other) = (good(), with(&json!({"sub": "mallory"})));
    let parts: Vec<&str> = token.split('.').collect();
    let foreign: Vec<&str> = other.split('.').collect();
    let header = base64url::encode(r#"{"typ":"JWT","alg":"HS256"}"#);
    let mut tokens = refused([
        ("the payload of another token", [parts[0], foreign[1], parts[2]].join(".")),
        ("the signature of another token", [parts[0], parts[1], foreign[2]].join(".")),
        ("a signature cut short", token[..token.len() - 4].to_owned()),
        ("a longer signature", format!("{token}AAAA")),
        ("another header", [&*header, parts[1], parts[2]].join(".")),
        ("another secret", sign_by(b"another secret of at least 32 bytes", &format!("{}.{}", parts[0], parts[1]))),
    ]);
    // 32 bytes of signature leave two bits of the last character unused.
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let last = alphabet.find(&token[token.len() - 1..]).expect("a character of the alphabet");
    for bits in 1..4 {
        let tampered = format!("{}{}", &token[..token.len() - 1], &alphabet[last + bits..=last + bits]);
        tokens.extend(refused([(format!("unused bits {bits}"), tampered)]));
    }
    tokens
}

fn headers() -> Tokens {
    let payload = good_claims().to_string();
    let mut tokens = Vec::new();
    for member in [
        r#""crit":["exp"],"exp":1"#,
        r#""crit":[]"#,
        r#""crit":["b64"],"b64":true"#,
        r#""crit":["unknown"],"unknown":1"#,
        r#""crit":["alg"]"#,
        r#""crit":["x","x"],"x":1"#,
        r#""crit":{}"#,
        r#""crit":null"#,
        r#""b64":false"#,
        r#""b64":false,"crit":["b64"]"#,
        r#""b64":0"#,
        r#""alg":"HS256""#,
        r#""kid":"a","kid":"b""#,
        r#""kid":1"#,
        r#""kid":null"#,
    ] {
        tokens.push((member.to_owned(), compact(&format!(r#"{{"alg":"HS256",{member}}}"#), &payload)));
    }
    let deep = format!(r#"{{"alg":"HS256","x":{}{}}}"#, "[".repeat(3000), "]".repeat(3000));
    for (what, header) in [
        ("trailing garbage", format!("{HS256}x")),
        ("a byte order mark", format!("\u{feff}{HS256}")),
        ("an array", r#"["HS256"]"#.to_owned()),
        ("alg of a wrong type", r#"{"alg":["HS256"]}"#.to_owned()),
        ("no alg", r#"{"typ":"JWT"}"#.to_owned()),
        ("alg in another case", r#"{"alg":"hs256"}"#.to_owned()),
        ("alg of another key", r#"{"alg":"RS256"}"#.to_owned()),
        ("alg of another length", r#"{"alg":"HS512"}"#.to_owned()),
        ("deep", deep),
    ] {
        tokens.push((what.to_owned(), compact(&header, &payload)));
    }
    let mut tokens = refused(tokens);
    // Keys in the header are never used; where a trusted key signed it, they do no harm.
    let secret = b"attacker-chosen-secret-of-32-bytes!!";
    let key = format!(r#""jwk":{{"kty":"oct","k":"{}"}}"#, base64url::encode(secret));
    for member in
        [&*key, r#""jku":"http://127.0.0.1:1/jwks""#, r#""x5u":"http://127.0.0.1:1/cert""#, r#""x5c":["MIIB"]"#]
    {
        let header = format!(r#"{{"alg":"HS256",{member}}}"#);
        let message = format!("{}.{}", base64url::encode(header), base64url::encode(&payload));
        tokens.extend(refused([(name("signed by the attacker,", member), sign_by(secret, &message))]));
        tokens.extend(served([(name("signed by the issuer,", member), sign(&message))]));
    }
    tokens
}

/// Texts that two readers might read differently.
fn json_texts() -> Tokens {
    let exp = format!(r#""exp":{}"#, NOW + 60);
    let good = claims_spelled(&exp);
    let mut tokens = served([("good", compact(HS256, &good))]);
    for (what, payload) in [
        ("a claim twice", claims_spelled(&format!(r#"{exp},"sub":"mallory""#))),
        ("a claim twice, escaped", claims_spelled(&format!(r#"{exp},"\u0073ub":"mallory""#))),
        ("an unknown claim twice", claims_spelled(&format!(r#"{exp},"x":1,"x":1"#))),
        ("a member twice in depth", claims_spelled(&format!(r#"{exp},"x":{{"y":1,"y":2}}"#))),
        ("trailing garbage", format!("{good}x")),
        ("a trailing object", format!("{good}{{}}")),
        ("a trailing NUL", format!("{good}\0")),
        ("a byte order mark", format!("\u{feff}{good}")),
        ("an array", format!("[{good}]")),
        ("a string", "\"claims\"".to_owned()),
        ("null", "null".to_owned()),
        ("single quotes", good.replace('"', "'")),
        ("a comment", good.replacen('{', "{/**/", 1)),
        ("a trailing comma", good.replace('}', ",}")),
        ("deep", claims_spelled(&format!(r#"{exp},"x":{}{}"#, "[".repeat(4000), "]".repeat(4000)))),
    ] {
        tokens.extend(refused([(what, compact(HS256, payload))]));
    }
    let mut bytes = good.clone().into_bytes();
    bytes[good.find("Alice").expect("the name is in it")] = 0xff;
    tokens.extend(refused([("not UTF-8", compact(HS256, bytes))]));
    tokens
}

fn times() -> Tokens {
    let mut tokens = Vec::new();
    for (what, is_served, changes) in [
        ("exp long past", false, json!({"exp": 0})),
        ("exp an hour ago", false, json!({"exp": NOW - 3600})),
        ("no exp", false, json!({"exp": null})),
        ("exp as an exponent", true, json!({"exp": 1.8e9})),
        ("exp in the far future", true, json!({"exp": 253_402_300_799_u64})),
        ("nbf in an hour", false, json!({"nbf": NOW + 3600})),
        ("nbf long past", true, json!({"nbf": 0})),
        ("iat in the future, about which nobody asked", true, json!({"iat": NOW + 10_000})),
    ] {
        tokens.push((what.to_owned(), with(&changes), is_served));
    }
    let exp = format!(r#""exp":{}"#, NOW + 60);
    for value in
        ["\"1900000000\"", "null", "true", "[]", "{}", "-1", "1e400", "18446744073709551616", "NaN", "0x10", "01"]
    {
        let exp_text = claims_spelled(&format!(r#""exp":{value}"#));
        tokens.extend(refused([(format!("exp {value}"), compact(HS256, exp_text))]));
        for claim in ["nbf", "iat"] {
            let text = claims_spelled(&format!(r#"{exp},"{claim}":{value}"#));
            tokens.extend(refused([(format!("{claim} {value}"), compact(HS256, text))]));
        }
    }
    tokens
}

fn claims() -> Tokens {
    let change = |name: &str, value: &Value| (format!("{name} {value}"), with(&json!({name: value})));
    let mut tokens = Vec::new();
    for iss in [
        json!(null),
        json!(""),
        json!(format!("{ISSUER}/")),
        json!("HTTPS://issuer.example.com"),
        json!([ISSUER]),
        json!({"iss": ISSUER}),
        json!(1),
        json!(format!("{ISSUER} ")),
    ] {
        tokens.push(change("iss", &iss));
    }
    for aud in [
        json!(null),
        json!(""),
        json!([]),
        json!("API"),
        json!("api2"),
        json!(["other"]),
        json!(1),
        json!([1, AUDIENCE]),
        json!({AUDIENCE: 1}),
        json!([[AUDIENCE]]),
    ] {
        tokens.push(change("aud", &aud));
    }
    for name in [json!(null), json!(1), json!(["Alice"])] {
        tokens.push(change("name", &name));
    }
    for jti in [json!(1), json!(["a"]), json!({})] {
        tokens.push(change("jti", &jti));
    }
    // Bound to a key of the client, it is no bearer token (RFC 7800).
    for cnf in [json!({"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}), json!({"x5t#S256": "bwcK0e"}), json!(1)]
    {
        tokens.push(change("cnf", &cnf));
    }
    let mut tokens = refused(tokens);
    tokens.extend(served([
        change("aud", &json!(["other", AUDIENCE])),
        change("jti", &json!("1")),
        change("act", &json!({"cnf": {"jkt": "somebody else's"}})),
    ]));
    tokens
}

/// With a type, a claim, an age and a check that are expected.
fn strict() -> Tokens {
    let token = |typ: &str, changes: Value| {
        let mut claims = claims_with(&json!({"tenant": 1}));
        for (name, value) in changes.as_object().into_iter().flatten() {
            claims[name] = value.clone();
        }
        claims.as_object_mut().expect("claims are an object").retain(|_, value| !value.is_null());
        compact(&format!(r#"{{"alg":"HS256","typ":"{typ}"}}"#), claims.to_string())
    };
    let mut tokens = served([
        ("the type", token("at+jwt", json!({}))),
        ("the type in capitals", token("AT+JWT", json!({}))),
        ("the type in full", token("application/at+jwt", json!({}))),
        ("a second before exp and leeway", token("at+jwt", json!({"exp": NOW - 29, "iat": NOW - 60}))),
        ("a fraction before exp and leeway", token("at+jwt", json!({"exp": 1_789_999_970.5, "iat": NOW - 60}))),
        ("nbf at the leeway", token("at+jwt", json!({"nbf": NOW + 30}))),
        ("young enough with the leeway", token("at+jwt", json!({"iat": NOW - 329}))),
    ]);
    tokens.extend(refused([
        ("another type", token("JWT", json!({}))),
        ("a refresh token", token("refresh+jwt", json!({}))),
        ("an empty type", token("", json!({}))),
        ("no type", compact(r#"{"alg":"HS256"}"#, claims_with(&json!({"tenant": 1})).to_string())),
        ("no tenant", token("at+jwt", json!({"tenant": null}))),
        ("exp and leeway are over", token("at+jwt", json!({"exp": NOW - 30, "iat": NOW - 60}))),
        ("nbf over the leeway", token("at+jwt", json!({"nbf": NOW + 31}))),
        ("of no known age", token("at+jwt", json!({"iat": null}))),
        ("too old", token("at+jwt", json!({"iat": NOW - 330}))),
        ("issued in the future", token("at+jwt", json!({"iat": NOW + 31}))),
        ("refused by a check", token("at+jwt", json!({"name": "Mallory"}))),
        ("of the default kind", of(&good_claims())),
    ]));
    tokens
}

fn elliptic() -> Tokens {
    let claims = good_claims();
    let key = elliptic_key();
    let token = key.sign(&claims).expect("the backend signs");
    let (message, signature) = token.rsplit_once('.').expect("a token has dots");
    let raw = base64url::decode(signature.as_bytes()).expect("a signature is base64url");
    let (r, s) = raw.split_at(32);
    let order = b"\xff\xff\xff\xff\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\xbc\xe6\xfa\xad\xa7\x17\x9e\x84\xf3\xb9\xca\xc2\xfc\x63\x25\x51";
    let mut tokens = refused(
        [
            ("a signature of zeros", vec![0; 64]),
            ("r = 0", [&[0; 32], s].concat()),
            ("s = 0", [r, &[0; 32]].concat()),
            ("r = n", [&order[..], s].concat()),
            ("s = n", [r, order].concat()),
            ("a signature of ones", vec![0xff; 64]),
            ("a signature in DER", [&[0x30, 68, 0x02, 32], r, &[0x02, 32], s].concat()),
            ("a signature that is too short", raw[..63].to_vec()),
            ("a signature that is too long", [&raw[..], &[0]].concat()),
            ("a leading zero", [&[0], &raw[..]].concat()),
            ("r and s swapped", [s, r].concat()),
            ("no signature", Vec::new()),
        ]
        .map(|(what, bytes)| (what, format!("{message}.{}", base64url::encode(bytes)))),
    );
    // A public key is never taken for a secret.
    let jwk = serde_json::to_value(crate::key::public_jwk::PublicJwk::of(key)).expect("a public key serializes");
    let x = jwk["x"].as_str().unwrap_or_default().to_owned();
    let payload = base64url::encode(claims.to_string());
    for (what, secret) in [("the JWK", jwk.to_string()), ("x of the JWK", x)] {
        let message = format!("{}.{payload}", base64url::encode(HS256));
        tokens.extend(refused([(format!("HS256 by {what} as a secret"), sign_by(secret.as_bytes(), &message))]));
    }
    tokens.extend(refused([("HS256 by another key", of(&claims))]));
    tokens.extend(served([("good", token.clone())]));
    tokens
}
