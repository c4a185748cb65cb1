//! What a token may look like, beside what `published` has: the clauses and the attack classes, against every stack.

use acceptance::{
    AUDIENCE, ISSUER, SECRET, STACKS, Server, User, base64url, builder, builder_with, compact, good_claims, hs256,
    key_bytes, key_file, named_key,
};
use jwt_core::{Algorithm, AuthenticatorBuilder, KeySet, SigningKey, VerifyingKey};
use serde_json::{Value, json};

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
    for algorithm in Algorithm::ALL.iter().copied() {
        // What the backend lacks, it says when the key is loaded.
        let Ok(key) = public(algorithm) else {
            assert!(!acceptance::is_built_in(algorithm), "{algorithm}");
            continue;
        };
        let servers = servers(|| builder_with(key.clone()));
        assert_served(&servers, &private(algorithm).unwrap().sign(&good_claims()).unwrap(), algorithm.as_str());
        for other in Algorithm::ALL.iter().copied().filter(|other| *other != algorithm) {
            let Ok(other_key) = private(other) else { continue };
            assert_refused(&servers, &other_key.sign(&good_claims()).unwrap(), &format!("{other} for {algorithm}"));
        }
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
