//! What a token may look like: the clauses and the attack classes, against every stack.

use acceptance::{
    AUDIENCE, ISSUER, NOW, SECRET, STACKS, Server, User, base64url, builder, builder_with, compact, good_claims, hs256,
    key_bytes, key_file, named_key, sign,
};
use jwt_core::{Algorithm, AuthenticatorBuilder, KeySet, SigningKey, VerifyingKey};
use serde_json::{Value, json};
use std::time::Duration;

const HS256: &str = r#"{"alg":"HS256","typ":"JWT"}"#;

/// Starts a server of every stack.
fn servers(build: impl Fn() -> AuthenticatorBuilder<User>) -> Vec<Server> {
    STACKS.map(|stack| stack.start(build().build().unwrap())).into()
}

#[track_caller]
fn assert_served(servers: &[Server], token: &str, case: &str) {
    for server in servers {
        // Twice, since the second time it may come out of the cache.
        for _ in 0..2 {
            let reply = server.get_with_bearer(token);
            assert_eq!(reply.status, 200, "{} {case}: {reply:?}", server.stack);
        }
    }
}

#[track_caller]
fn assert_refused(servers: &[Server], token: &str, case: &str) {
    for server in servers {
        let reply = server.get_with_bearer(token);
        let answer = (reply.status, reply.challenge());
        assert_eq!(answer, (401, Some("Bearer error=\"invalid_token\"")), "{} {case}: {reply:?}", server.stack);
        assert!(!reply.body.contains(token) && !reply.body.contains("alice"), "{case}: {}", reply.body);
    }
}

/// Good claims with some of them replaced, or removed where the new value is null.
fn claims_with(changes: Value) -> Value {
    let mut claims = good_claims();
    let (Value::Object(claims_map), Value::Object(changes)) = (&mut claims, changes) else { panic!("objects") };
    for (name, value) in changes {
        match value {
            Value::Null => claims_map.remove(&name),
            value => claims_map.insert(name, value),
        };
    }
    claims
}

/// Good claims as text, with one member spelled out.
fn claims_spelled(member: &str) -> String {
    format!(r#"{{"iss":"{ISSUER}","aud":"{AUDIENCE}","sub":"alice","name":"Alice",{member}}}"#)
}

#[test]
fn alg_none_and_stripped_signatures_are_refused() {
    let servers = servers(builder);
    let payload = base64url(good_claims().to_string());
    for name in ["none", "None", "NONE", "nOnE", ""] {
        let header = base64url(format!(r#"{{"alg":"{name}"}}"#));
        assert_refused(&servers, &sign(&format!("{header}.{payload}")), name);
        for signature in ["", "AA", "e30"] {
            assert_refused(&servers, &format!("{header}.{payload}.{signature}"), name);
        }
        assert_refused(&servers, &format!("{header}.{payload}"), name);
    }
    let good = hs256(&good_claims());
    let stripped = &good[..=good.rfind('.').unwrap()];
    assert_refused(&servers, stripped, "stripped");
    assert_refused(&servers, stripped.trim_end_matches('.'), "stripped with its dot");
}

#[test]
fn any_change_to_any_part_is_refused() {
    let servers = servers(builder);
    let good = hs256(&good_claims());
    assert_served(&servers, &good, "unchanged");
    let parts: Vec<&str> = good.split('.').collect();
    let other = hs256(&claims_with(json!({"sub": "mallory"})));
    let foreign: Vec<&str> = other.split('.').collect();
    for (case, token) in [
        ("payload of another token", [parts[0], foreign[1], parts[2]].join(".")),
        ("signature of another token", [parts[0], parts[1], foreign[2]].join(".")),
        ("signature cut short", good[..good.len() - 4].to_owned()),
        ("signature made longer", format!("{good}AAAA")),
        ("header changed", [&base64url(r#"{"alg":"HS256","typ":"JWT"}"#), parts[1], parts[2]].join(".")),
    ] {
        assert_refused(&servers, &token, case);
    }
}

#[test]
fn a_public_key_is_never_taken_for_a_secret() {
    let pem = key_file("rsa.pub.pem");
    let jwks = key_file("jwks.json");
    let build = || builder_with(KeySet::jwks_allowing(key_file("jwks.json"), Algorithm::ALL).unwrap());
    let servers = servers(build);
    let rsa: Value = serde_json::from_str::<Value>(&jwks).unwrap()["keys"][0].clone();
    let der = key_bytes("rsa.spki.der");
    for secret in [
        pem.as_bytes(),
        pem.trim_end().as_bytes(),
        &der,
        rsa.to_string().as_bytes(),
        rsa["n"].as_str().unwrap().as_bytes(),
    ] {
        for (algorithm, hmac) in [
            ("HS256", aws_lc_rs::hmac::HMAC_SHA256),
            ("HS384", aws_lc_rs::hmac::HMAC_SHA384),
            ("HS512", aws_lc_rs::hmac::HMAC_SHA512),
        ] {
            // By hand, since a signing key refuses most of these as secrets.
            let key = aws_lc_rs::hmac::Key::new(hmac, secret);
            for kid in ["", r#","kid":"rsa""#] {
                let header = base64url(format!(r#"{{"alg":"{algorithm}"{kid}}}"#));
                let message = format!("{header}.{}", base64url(good_claims().to_string()));
                let token = format!("{message}.{}", base64url(aws_lc_rs::hmac::sign(&key, message.as_bytes())));
                assert_refused(&servers, &token, kid);
            }
        }
    }
}

#[test]
fn keys_in_the_header_are_never_used() {
    let servers = servers(builder);
    let key = r#"{"kty":"oct","k":"YXR0YWNrZXItY2hvc2VuLXNlY3JldC1vZi0zMi1ieXRlcyEh"}"#;
    let attacker = SigningKey::secret(Algorithm::HS256, b"attacker-chosen-secret-of-32-bytes!!").unwrap();
    let claims = attacker.sign(&good_claims()).unwrap();
    let payload = claims.split('.').nth(1).unwrap();
    for member in [
        format!(r#""jwk":{key}"#),
        r#""jku":"http://127.0.0.1:1/jwks""#.to_owned(),
        r#""x5u":"http://127.0.0.1:1/cert""#.to_owned(),
        r#""x5c":["MIIB"]"#.to_owned(),
    ] {
        let header = base64url(format!(r#"{{"alg":"HS256",{member}}}"#));
        let message = format!("{header}.{payload}");
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, b"attacker-chosen-secret-of-32-bytes!!");
        let tag = base64url(aws_lc_rs::hmac::sign(&key, message.as_bytes()));
        assert_refused(&servers, &format!("{message}.{tag}"), &member);
        // Ignored, and so no harm where a trusted key signed it.
        assert_served(&servers, &sign(&message), &member);
    }
}

#[test]
fn odd_kids_are_no_more_than_unknown_names() {
    let servers = servers(|| {
        let key = VerifyingKey::secret(Algorithm::HS256, SECRET).unwrap().with_kid("k1");
        builder_with(KeySet::new([key]).unwrap())
    });
    let header = |kid: &str| format!(r#"{{"alg":"HS256","kid":{kid}}}"#);
    assert_served(&servers, &compact(&header("\"k1\""), good_claims().to_string().as_bytes()), "k1");
    let long = format!("\"{}\"", "k".repeat(5000));
    for kid in [
        "\"k2\"",
        "\"K1\"",
        "\"\"",
        "\"k1 \"",
        "\"../../../../etc/passwd\"",
        "\"' OR 1=1 --\"",
        "\"k1\\u0000\"",
        "1",
        "null",
        "[\"k1\"]",
        "{}",
        "true",
        &long,
    ] {
        assert_refused(&servers, &compact(&header(kid), good_claims().to_string().as_bytes()), kid);
    }
}

#[test]
fn critical_headers_are_refused() {
    let servers = servers(builder);
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
    ] {
        let header = format!(r#"{{"alg":"HS256",{member}}}"#);
        assert_refused(&servers, &compact(&header, good_claims().to_string().as_bytes()), member);
    }
}

#[test]
fn tokens_of_another_shape_are_refused() {
    let servers = servers(builder);
    let good = hs256(&good_claims());
    let (message, signature) = good.rsplit_once('.').unwrap();
    for (case, token) in [
        ("five parts", format!("{good}.{signature}.{signature}")),
        ("four parts", format!("{good}.")),
        ("leading dot", format!(".{good}")),
        ("two parts", message.to_owned()),
        ("dots", ".".repeat(4000)),
        ("one word", "opaque".to_owned()),
        ("JSON serialization", json!({"payload": "e30", "signatures": []}).to_string().replace([' ', ','], "")),
    ] {
        assert_refused(&servers, &token, case);
    }
}

#[test]
fn base64url_other_than_canonical_is_refused() {
    let servers = servers(builder);
    let good = hs256(&good_claims());
    let parts: Vec<&str> = good.split('.').collect();
    // 32 bytes of signature leave two bits of the last character unused.
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let last = alphabet.find(good.chars().last().unwrap()).unwrap();
    for bits in 1..4 {
        let tampered = format!("{}{}", &good[..good.len() - 1], &alphabet[last + bits..=last + bits]);
        assert_refused(&servers, &tampered, "trailing bits");
    }
    for (case, token) in [
        ("padded signature", format!("{good}=")),
        ("padded payload", format!("{}.{}=.{}", parts[0], parts[1], parts[2])),
        ("NUL escaped", format!("{good}%00")),
        ("other alphabet", sign(&format!("{}.{}", parts[0], parts[1].replace('-', "+").replace('_', "/") + "+/"))),
        ("umlaut", format!("{good}ä")),
    ] {
        assert_refused(&servers, &token, case);
    }
    let padded = sign(&format!("{}.{}", parts[0], base64url(format!("{} ", good_claims())) + "="));
    assert_refused(&servers, &padded, "padding that is signed");
}

#[test]
fn json_that_two_readers_might_read_differently_is_refused() {
    let servers = servers(builder);
    let exp = format!(r#""exp":{}"#, NOW + 60);
    let good = claims_spelled(&exp);
    assert_served(&servers, &compact(HS256, good.as_bytes()), "good");
    for (case, payload) in [
        ("duplicate claim", claims_spelled(&format!(r#"{exp},"sub":"mallory""#))),
        ("duplicate claim, escaped", claims_spelled(&format!(r#"{exp},"\u0073ub":"mallory""#))),
        ("duplicate unknown claim", claims_spelled(&format!(r#"{exp},"x":1,"x":1"#))),
        ("duplicate in depth", claims_spelled(&format!(r#"{exp},"x":{{"y":1,"y":2}}"#))),
        ("trailing garbage", format!("{good}x")),
        ("trailing object", format!("{good}{{}}")),
        ("trailing NUL", format!("{good}\0")),
        ("byte order mark", format!("\u{feff}{good}")),
        ("array", format!("[{good}]")),
        ("string", "\"claims\"".to_owned()),
        ("null", "null".to_owned()),
        ("single quotes", good.replace('"', "'")),
        ("comment", good.replacen('{', "{/**/", 1)),
        ("trailing comma", good.replace('}', ",}")),
        ("deep", claims_spelled(&format!(r#"{exp},"x":{}{}"#, "[".repeat(4000), "]".repeat(4000)))),
    ] {
        assert_refused(&servers, &compact(HS256, payload.as_bytes()), case);
    }
    let mut invalid = good.clone().into_bytes();
    let position = good.find("Alice").unwrap();
    invalid[position] = 0xff;
    assert_refused(&servers, &compact(HS256, &invalid), "not UTF-8");
    for (case, header) in [
        ("duplicate alg", r#"{"alg":"HS256","alg":"HS256"}"#.to_owned()),
        ("duplicate kid", r#"{"alg":"HS256","kid":"a","kid":"b"}"#.to_owned()),
        ("trailing garbage", format!("{HS256}x")),
        ("byte order mark", format!("\u{feff}{HS256}")),
        ("array", r#"["HS256"]"#.to_owned()),
        ("alg of a wrong type", r#"{"alg":["HS256"]}"#.to_owned()),
        ("no alg", r#"{"typ":"JWT"}"#.to_owned()),
        ("alg in another case", r#"{"alg":"hs256"}"#.to_owned()),
        ("deep", format!(r#"{{"alg":"HS256","x":{}{}}}"#, "[".repeat(3000), "]".repeat(3000))),
    ] {
        assert_refused(&servers, &compact(&header, good.as_bytes()), case);
    }
}

#[test]
fn times_are_checked_to_the_second_with_the_leeway() {
    let servers = servers(|| builder().leeway(Duration::from_secs(30)));
    for (case, served, changes) in [
        ("at exp + leeway", false, json!({"exp": NOW - 30})),
        ("a second before exp + leeway", true, json!({"exp": NOW - 29})),
        ("a fraction before exp + leeway", true, json!({"exp": 1_789_999_970.5})),
        ("long past", false, json!({"exp": 0})),
        ("at nbf - leeway", true, json!({"nbf": NOW + 30})),
        ("a second before nbf - leeway", false, json!({"nbf": NOW + 31})),
        ("nbf long past", true, json!({"nbf": 0})),
        ("issued in the future, which nobody asked about", true, json!({"iat": NOW + 10_000})),
        ("exponent", true, json!({"exp": 1.8e9})),
        ("far future", true, json!({"exp": 253_402_300_799_u64})),
    ] {
        let token = hs256(&claims_with(changes));
        if served { assert_served(&servers, &token, case) } else { assert_refused(&servers, &token, case) }
    }
}

#[test]
fn times_that_are_none_are_refused_wherever_they_stand() {
    let servers = servers(|| builder().dangerous_allow_tokens_without_expiry());
    for claim in ["exp", "nbf", "iat"] {
        for value in [
            "\"never\"",
            "\"1900000000\"",
            "null",
            "true",
            "[]",
            "{}",
            "-1",
            "-1.5",
            "1e400",
            "1e30",
            "18446744073709551616",
            "18446744073709551615",
            "NaN",
            "Infinity",
            "0x10",
            "01",
        ] {
            let payload = claims_spelled(&format!(r#""{claim}":{value}"#));
            assert_refused(&servers, &compact(HS256, payload.as_bytes()), &payload);
        }
    }
}

#[test]
fn registered_claims_of_the_wrong_type_are_refused_even_when_nothing_is_expected_of_them() {
    let servers = servers(|| builder().dangerous_allow_tokens_without_expiry());
    for member in [r#""jti":1"#, r#""jti":null"#, r#""jti":["a"]"#, r#""jti":{}"#] {
        assert_refused(&servers, &compact(HS256, claims_spelled(member).as_bytes()), member);
    }
    assert_served(&servers, &compact(HS256, claims_spelled(r#""jti":"1""#).as_bytes()), "a jti");
}

#[test]
fn exp_is_required_unless_it_is_given_up_by_name() {
    let token = hs256(&claims_with(json!({"exp": null})));
    assert_refused(&servers(builder), &token, "default");
    assert_served(&servers(|| builder().dangerous_allow_tokens_without_expiry()), &token, "given up");
    let expired = hs256(&claims_with(json!({"exp": 1})));
    assert_refused(&servers(|| builder().dangerous_allow_tokens_without_expiry()), &expired, "expired all the same");
}

#[test]
fn an_expected_issuer_is_required_and_compared_exactly() {
    let servers = servers(|| builder().issuer("https://second.example.com"));
    assert_served(&servers, &hs256(&claims_with(json!({"iss": "https://second.example.com"}))), "the second");
    for iss in [
        json!(null),
        json!(""),
        json!("https://issuer.example.com/"),
        json!("HTTPS://issuer.example.com"),
        json!([ISSUER]),
        json!({"iss": ISSUER}),
        json!(1),
        json!(format!("{ISSUER} ")),
    ] {
        assert_refused(&servers, &hs256(&claims_with(json!({"iss": iss}))), "iss");
    }
}

#[test]
fn an_expected_audience_is_required_and_one_of_them_suffices() {
    let servers = servers(|| builder().audience("second"));
    for aud in [json!("api"), json!("second"), json!(["api"]), json!(["other", "second"])] {
        assert_served(&servers, &hs256(&claims_with(json!({"aud": aud}))), "aud");
    }
    for aud in [
        json!(null),
        json!(""),
        json!([]),
        json!("API"),
        json!("api2"),
        json!(["other"]),
        json!(1),
        json!([1, "api"]),
        json!({"api": 1}),
        json!([["api"]]),
    ] {
        assert_refused(&servers, &hs256(&claims_with(json!({"aud": aud}))), "aud");
    }
}

#[test]
fn any_audience_accepts_tokens_made_for_others() {
    let servers = servers(|| {
        jwt_core::Authenticator::builder()
            .keys(KeySet::hs256(SECRET).unwrap())
            .any_audience()
            .clock(acceptance::Stopped)
    });
    for aud in [json!(null), json!("other"), json!([])] {
        assert_served(&servers, &hs256(&claims_with(json!({"aud": aud}))), "aud");
    }
    assert_refused(&servers, &hs256(&claims_with(json!({"aud": 1}))), "of the wrong type");
}

#[test]
fn required_claims_types_ages_and_checks_are_enforced() {
    let only = servers(|| builder().required_claim("tenant"));
    assert_refused(&only, &hs256(&good_claims()), "tenant is missing");
    assert_served(&only, &hs256(&claims_with(json!({"tenant": 1}))), "tenant is there");

    let typed = servers(|| builder().typ("at+jwt"));
    let key = SigningKey::secret(Algorithm::HS256, SECRET).unwrap();
    for typ in ["at+jwt", "AT+JWT", "application/at+jwt"] {
        assert_served(&typed, &key.clone().with_typ(typ).sign(&good_claims()).unwrap(), typ);
    }
    for typ in ["JWT", "refresh+jwt", "", "at+jwt "] {
        assert_refused(&typed, &key.clone().with_typ(typ).sign(&good_claims()).unwrap(), typ);
    }
    assert_refused(&typed, &compact(r#"{"alg":"HS256"}"#, good_claims().to_string().as_bytes()), "no typ");

    let young = servers(|| builder().max_age(Duration::from_secs(300)));
    assert_served(&young, &hs256(&claims_with(json!({"iat": NOW - 329}))), "young enough with the leeway");
    for iat in [json!(null), json!(NOW - 330), json!(NOW + 31)] {
        assert_refused(&young, &hs256(&claims_with(json!({"iat": iat}))), "iat");
    }

    #[derive(Debug, thiserror::Error)]
    #[error("locked")]
    struct Locked;
    let checked = servers(|| builder().check(|token| if token.name == "Mallory" { Err(Locked) } else { Ok(()) }));
    assert_served(&checked, &hs256(&good_claims()), "Alice");
    assert_refused(&checked, &hs256(&claims_with(json!({"name": "Mallory"}))), "Mallory");
}

#[test]
fn claims_that_do_not_fit_the_type_are_refused() {
    let servers = servers(builder);
    for changes in [json!({"name": null}), json!({"name": 1}), json!({"name": ["Alice"]})] {
        assert_refused(&servers, &hs256(&claims_with(changes)), "name");
    }
}

#[test]
fn every_algorithm_is_served_with_its_key_and_refused_with_the_key_of_another() {
    let secret = [SECRET, SECRET].concat();
    let public = |algorithm: Algorithm| match named_key(algorithm) {
        Some(name) => VerifyingKey::pem(algorithm, key_file(&format!("{name}.pub.pem"))),
        None => VerifyingKey::secret(algorithm, &secret),
    };
    let private = |algorithm: Algorithm| match named_key(algorithm) {
        Some(name) => SigningKey::pem(algorithm, key_file(&format!("{name}.pem"))),
        None => SigningKey::secret(algorithm, &secret),
    };
    let mut tried = 0;
    for algorithm in Algorithm::ALL.iter().copied() {
        // The pure-Rust backend lacks ES512 and says so when the key is loaded.
        let Ok(key) = public(algorithm) else {
            assert!(cfg!(not(feature = "aws-lc-rs")) && algorithm == Algorithm::ES512, "{algorithm}");
            continue;
        };
        let servers = servers(|| builder_with(key.clone()));
        assert_served(&servers, &private(algorithm).unwrap().sign(&good_claims()).unwrap(), algorithm.as_str());
        for other in Algorithm::ALL.iter().copied().filter(|other| *other != algorithm) {
            let Ok(other_key) = private(other) else { continue };
            assert_refused(&servers, &other_key.sign(&good_claims()).unwrap(), &format!("{other} for {algorithm}"));
        }
        tried += 1;
    }
    assert!(tried >= Algorithm::ALL.len() - 1);
}

#[test]
fn ecdsa_signatures_other_than_two_numbers_of_fixed_length_are_refused() {
    let servers = servers(|| builder_with(KeySet::es256_pem(key_file("p256.pub.pem")).unwrap()));
    let good = SigningKey::pem(Algorithm::ES256, key_file("p256.pem")).unwrap().sign(&good_claims()).unwrap();
    assert_served(&servers, &good, "good");
    let (message, signature) = good.rsplit_once('.').unwrap();
    let raw = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(signature).unwrap();
    let order: Vec<u8> = (0..64)
        .step_by(2)
        .map(|i| {
            u8::from_str_radix(&"ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"[i..i + 2], 16)
                .unwrap()
        })
        .collect();
    let mut der = vec![0x30, 68, 0x02, 32];
    der.extend_from_slice(&raw[..32]);
    der.extend_from_slice(&[0x02, 32]);
    der.extend_from_slice(&raw[32..]);
    for (case, bytes) in [
        ("zeros", vec![0; 64]),
        ("r = 0", [&[0; 32], &raw[32..]].concat()),
        ("s = 0", [&raw[..32], &[0; 32]].concat()),
        ("r = n", [order.as_slice(), &raw[32..]].concat()),
        ("s = n", [&raw[..32], order.as_slice()].concat()),
        ("all ones", vec![0xff; 64]),
        ("DER", der),
        ("short", raw[..63].to_vec()),
        ("long", [&raw[..], &[0]].concat()),
        ("leading zero", [&[0], &raw[..]].concat()),
        ("swapped", [&raw[32..], &raw[..32]].concat()),
    ] {
        assert_refused(&servers, &format!("{message}.{}", base64url(bytes)), case);
    }
}

#[test]
fn rsa_signatures_with_another_padding_or_length_are_refused() {
    let servers = servers(|| builder_with(KeySet::rs256_pem(key_file("rsa.pub.pem")).unwrap()));
    let good = SigningKey::pem(Algorithm::RS256, key_file("rsa.pem")).unwrap().sign(&good_claims()).unwrap();
    assert_served(&servers, &good, "good");
    let (message, signature) = good.rsplit_once('.').unwrap();
    let raw = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(signature).unwrap();
    for (case, bytes) in [
        ("zeros", vec![0; 256]),
        ("ones", vec![0xff; 256]),
        ("short", raw[..255].to_vec()),
        ("long", [&[0], &raw[..]].concat()),
        ("far too long", vec![1; 2000]),
    ] {
        assert_refused(&servers, &format!("{message}.{}", base64url(bytes)), case);
    }
}

#[test]
fn keys_are_chosen_by_kid_and_a_nameless_key_stands_in_for_unknown_ones() {
    let key = |text: &str| VerifyingKey::secret(Algorithm::HS256, text.repeat(8)).unwrap();
    let token = |text: &str, kid: Option<&str>| {
        let key = SigningKey::secret(Algorithm::HS256, text.repeat(8)).unwrap();
        match kid {
            Some(kid) => key.with_kid(kid),
            None => key,
        }
        .sign(&good_claims())
        .unwrap()
    };
    let named = servers(|| builder_with(KeySet::new([key("aaaa").with_kid("a"), key("bbbb").with_kid("b")]).unwrap()));
    assert_served(&named, &token("aaaa", Some("a")), "a");
    assert_served(&named, &token("bbbb", Some("b")), "b");
    assert_served(&named, &token("bbbb", None), "no kid: every key is tried");
    assert_served(&named, &token("aaaa", None), "no kid, the same header, another key");
    assert_refused(&named, &token("aaaa", Some("b")), "the key of another name");
    assert_refused(&named, &token("aaaa", Some("c")), "unknown kid");

    let mixed = servers(|| builder_with(KeySet::new([key("aaaa").with_kid("a"), key("bbbb")]).unwrap()));
    assert_served(&mixed, &token("bbbb", Some("c")), "unknown kid, the nameless key fits");
    assert_refused(&mixed, &token("aaaa", Some("c")), "unknown kid, the nameless key does not fit");
    assert_refused(&mixed, &token("bbbb", Some("a")), "a known kid binds");
}

#[test]
fn a_token_that_is_bound_to_a_key_of_its_client_is_no_bearer_token() {
    let bound = servers(builder);
    let allowed = servers(|| builder().dangerous_allow_bound_tokens());
    for confirmation in [
        json!({"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}),
        json!({"x5t#S256": "bwcK0esc3ACC3DB2Y5"}),
        json!(1),
    ] {
        let token = hs256(&claims_with(json!({"cnf": confirmation})));
        assert_refused(&bound, &token, "bound");
        assert_served(&allowed, &token, "bound, and the proof is checked elsewhere");
    }
    let mut inside = good_claims();
    inside["act"] = json!({"cnf": {"jkt": "x"}});
    assert_served(&bound, &hs256(&inside), "somebody else's");
}
