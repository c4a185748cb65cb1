//! What a DPoP proof has to be, and what is said of one that is not (RFC 9449 §4.3).

use std::sync::Arc;
use std::time::Duration;

use acceptance::{Log, NOW, User, base64url, builder, good_claims, hs256};
use aws_lc_rs::digest::{SHA256, digest};
use jwt_core::binding::DpopKey;
use jwt_core::error::{AuthError, ProofError, Unavailable};
use jwt_core::verify::{CredentialKind, LookUp, LookedUp};
use jwt_core::{Algorithm, Authenticator};
use serde_json::{Value, json};

use super::memory::Moving;
use super::{Key, ORIGIN, URL, at, claims, send, told, usual};

/// What one proof of a request with a bound token is changed into, and the reason that the client is told.
#[test]
#[expect(clippy::too_many_lines, reason = "it is a table")]
fn everything_in_a_proof_is_checked() {
    let (key, other) = (Key::new(), Key::new());
    let token = key.token();
    let sign = |header: &Value, claims: &Value| key.sign(&header.to_string(), &claims.to_string());
    let with = |name: &str, value: Value| {
        let mut claims = claims(&token);
        claims[name] = value;
        sign(&key.header(), &claims)
    };
    let without = |name: &str| {
        let mut claims = claims(&token);
        claims.as_object_mut().unwrap().remove(name);
        sign(&key.header(), &claims)
    };
    let under = |name: &str, value: Value| {
        let mut header = key.header();
        header[name] = value;
        sign(&header, &claims(&token))
    };
    let under_jwk = |name: &str, value: Value| {
        let mut jwk = key.jwk();
        jwk[name] = value;
        under("jwk", jwk)
    };
    let mut refused = vec![
        ("empty", String::new()),
        ("no JWS", "proof".to_owned()),
        ("two parts", "a.b".to_owned()),
        ("no signature", key.proof(&token).rsplit_once('.').unwrap().0.to_owned() + "."),
        ("four parts", key.proof(&token) + ".x"),
        ("a list", format!("{}, {}", key.proof(&token), key.proof(&token))),
        ("too long", with("x", "x".repeat(20_000).into())),
        ("a long header", under("x", "x".repeat(9_000).into())),
        ("padding", key.proof(&token) + "="),
        ("the token itself", token.clone()),
        ("duplicate claims", {
            let claims = claims(&token).to_string().replace('{', r#"{"htm":"GET","#);
            key.sign(&key.header().to_string(), &claims)
        }),
        ("duplicate members", {
            let header = key.header().to_string().replacen('{', r#"{"typ":"dpop+jwt","#, 1);
            key.sign(&header, &claims(&token).to_string())
        }),
        ("duplicate members of the key", {
            let header = key.header().to_string().replace(r#""kty":"#, r#""kty":"EC","kty":"#);
            key.sign(&header, &claims(&token).to_string())
        }),
        ("too deep", {
            let claims = claims(&token).to_string().replacen(
                '{',
                &format!("{{\"x\":{}{},", "[".repeat(200), "]".repeat(200)),
                1,
            );
            key.sign(&key.header().to_string(), &claims)
        }),
        ("claims that are no object", key.sign(&key.header().to_string(), "[]")),
        ("something behind the claims", key.sign(&key.header().to_string(), &(claims(&token).to_string() + "x"))),
        ("crit", under("crit", json!(["exp"]))),
        ("b64", under("b64", json!(false))),
        ("another signature", {
            let (good, bad) = (key.proof(&token), other.proof(&token));
            format!("{}.{}", good.rsplit_once('.').unwrap().0, bad.rsplit_once('.').unwrap().1)
        }),
        ("a byte of the claims changed", {
            let claims = claims(&token).to_string().replace("GET", "PUT");
            let good = key.proof(&token);
            let mut parts = good.split('.');
            let (header, signature) = (parts.next().unwrap(), parts.nth(1).unwrap());
            format!("{header}.{}.{signature}", base64url(claims))
        }),
    ];
    for typ in [json!("JWT"), json!("at+jwt"), json!("dpop"), json!(""), json!(null), json!(1), json!("x/dpop+jwt")] {
        refused.push(("typ", under("typ", typ)));
    }
    for alg in ["none", "HS256", "ES384", "RS256", "es256", "", "EdDSA"] {
        refused.push(("alg", under("alg", alg.into())));
    }
    for jwk in [json!(null), json!("x"), json!({}), json!({"kty": "oct", "k": base64url([7; 32])}), json!([])] {
        refused.push(("jwk", under("jwk", jwk)));
    }
    for private in ["d", "p", "q", "dp", "dq", "qi", "oth", "priv", "k"] {
        refused.push(("a private member", under_jwk(private, base64url([7; 32]).into())));
    }
    for (name, value) in
        [("alg", json!("ES384")), ("use", json!("enc")), ("key_ops", json!(["sign"])), ("x", json!("AA"))]
    {
        refused.push(("a key that says something else", under_jwk(name, value)));
    }
    for name in ["jti", "htm", "htu", "iat", "ath"] {
        refused.push(("a missing claim", without(name)));
        refused.push(("null", with(name, Value::Null)));
        refused.push(("another type", with(name, json!([1]))));
        refused.push(("another type", with(name, json!({}))));
    }
    for (name, value) in [
        ("jti", json!("")),
        ("jti", json!("x".repeat(513))),
        ("jti", json!(1)),
        ("htm", json!("get")),
        ("htm", json!("POST")),
        ("htm", json!("")),
        ("htu", json!("http://api.example.com/me")),
        ("htu", json!("https://api.example.com/")),
        ("htu", json!("https://api.example.com/me/")),
        ("htu", json!("https://api.example.com/Me")),
        ("htu", json!("https://api.example.com:8443/me")),
        ("htu", json!("https://evil.example/me")),
        ("htu", json!("https://api.example.com.evil.example/me")),
        ("htu", json!("https://api.example.com@evil.example/me")),
        ("htu", json!("https://user@api.example.com/me")),
        ("htu", json!("/me")),
        ("htu", json!("")),
        ("htu", json!("https://api.example.com/me%00")),
        ("ath", json!("")),
        ("ath", json!(base64url(digest(&SHA256, b"another token")))),
        ("ath", json!(token)),
        ("iat", json!(NOW - 61)),
        ("iat", json!(NOW + 31)),
        ("iat", json!(NOW.to_string())),
        ("iat", json!(-1)),
        ("iat", json!(1e300)),
        ("iat", json!(true)),
        ("iat", json!(0)),
        ("nonce", json!(1)),
        ("exp", json!(NOW - 30)),
        ("exp", json!("soon")),
        ("exp", json!(-1)),
        ("nbf", json!(NOW + 31)),
        ("nbf", json!("soon")),
    ] {
        refused.push((name, with(name, value)));
    }
    let served = [
        ("typ", under("typ", "DPoP+JWT".into())),
        ("typ", under("typ", "application/dpop+jwt".into())),
        ("members that nobody knows", under("x", json!({"a": [1]}))),
        ("kid", under("kid", "k".into())),
        ("claims that nobody knows", with("x", json!({"a": [1]}))),
        ("a nonce that nobody asked for", with("nonce", "n".into())),
        ("query and fragment", with("htu", "https://api.example.com/me?a=b#c".into())),
        ("another spelling", with("htu", "HTTPS://API.example.com:443/%6de".into())),
        ("dots", with("htu", "https://api.example.com/x/../me".into())),
        ("as old as may be", with("iat", json!(NOW - 60))),
        ("as early as may be", with("iat", json!(NOW + 30))),
        ("an end of its own", with("exp", json!(NOW - 29))),
        ("a beginning of its own", with("nbf", json!(NOW + 30))),
        ("a fraction", with("iat", json!(1_789_999_999.5))),
        ("a key that says it is for this", under_jwk("use", "sig".into())),
        ("a key with a name", under_jwk("kid", "k".into())),
    ];
    for server in usual() {
        for (case, proof) in &refused {
            let reply = send(&server, "DPoP", &token, &[proof]);
            assert_eq!(told(&reply, "DPoP"), (401, "invalid_dpop_proof"), "{} {case}: {reply:?}", server.stack);
            assert_eq!(told(&reply, "Bearer").1, "", "{case}: {reply:?}");
            assert!(!reply.body.contains(&token), "{case}");
        }
        for (case, proof) in &served {
            let reply = send(&server, "DPoP", &token, &[proof]);
            assert_eq!(reply.status, 200, "{} {case}: {reply:?}", server.stack);
        }
        // Another key than that of the token: the token is not this client's (RFC 9449 §7.1).
        let reply = send(&server, "DPoP", &token, &[&other.proof(&token)]);
        assert_eq!(told(&reply, "DPoP"), (401, "invalid_token"), "{}: {reply:?}", server.stack);
        let reply = send(&server, "DPoP", &token, &[&key.proof(&token), &key.proof(&token)]);
        assert_eq!(told(&reply, "DPoP"), (401, "invalid_dpop_proof"), "{}: {reply:?}", server.stack);
    }
}

#[test]
fn keys_of_every_algorithm_that_is_offered_make_proofs_that_are_good() {
    let auth = builder().public_origin(ORIGIN).build().unwrap();
    let answer = auth.answer(&AuthError::MissingToken);
    let algs = answer.challenges()[1].to_str().unwrap().split('"').nth(1).unwrap().to_owned();
    let mut tried = 0;
    for algorithm in algs.split(' ').map(|name| name.parse::<Algorithm>().unwrap()) {
        // The pure-Rust backend makes no RSA keys, and RSA keys take their time: one of them is enough.
        if algorithm.as_str().starts_with("RS") || matches!(algorithm, Algorithm::PS384 | Algorithm::PS512) {
            continue;
        }
        let Ok(key) = DpopKey::generate(algorithm) else { continue };
        let mut claims = good_claims();
        claims["cnf"] = json!({"jkt": key.thumbprint()});
        let token = hs256(&claims);
        for _ in 0..2 {
            let proof = key.proof("GET", URL).for_token(&token).issued_at(at(NOW)).sign().unwrap();
            let request = http::Request::get("/me").header("authorization", format!("DPoP {token}"));
            let request = request.header("dpop", &proof).body(()).unwrap();
            let result = auth.outcome(&request).unwrap().result();
            assert!(result.is_ok(), "{algorithm}: {result:?}");
        }
        tried += 1;
    }
    assert!(tried >= 4, "{tried}");
}

#[test]
fn the_log_says_what_is_wrong_with_a_proof() {
    let key = Key::new();
    let token = key.token();
    let log = Log::here();
    for server in usual() {
        let mut claims = claims(&token);
        claims["htu"] = "https://internal/me\n".into();
        let proof = key.sign(&key.header().to_string(), &claims.to_string());
        send(&server, "DPoP", &token, &[&proof]);
        let text = log.take();
        assert_eq!(text.matches("request rejected").count(), 1, "{text}");
        let expected = r#"`htu` of the proof is "https://internal/me\n", which is not the address of the request, "https://api.example.com/me": if clients use another one, say so by `.public_origin"#;
        assert!(text.contains(expected), "{text}");
        assert!(!text.contains(&proof) && !text.contains(&token), "{text}");
    }
}

#[test]
fn errors_of_proofs_keep_what_they_are_about() {
    let auth = builder().public_origin(ORIGIN).build().unwrap();
    let key = Key::new();
    let token = key.token();
    let refused = |scheme: &str, proof: Option<&str>| {
        let mut request = http::Request::get("/me").header("authorization", format!("{scheme} {token}"));
        if let Some(proof) = proof {
            request = request.header("dpop", proof);
        }
        auth.outcome(&request.body(()).unwrap()).unwrap().result().unwrap_err()
    };
    assert!(matches!(refused("DPoP", None), AuthError::InvalidProof(ProofError::Missing)));
    let mut old = claims(&token);
    old["iat"] = (NOW - 100).into();
    let old = key.sign(&key.header().to_string(), &old.to_string());
    let error = refused("DPoP", Some(&old));
    assert!(matches!(error, AuthError::InvalidProof(ProofError::TooOld { by }) if by.as_secs() == 40), "{error}");
    assert_eq!(Unavailable::Proofs.retry_after(), Duration::from_secs(1));
}

/// Looked up elsewhere, as a token of another issuer that is no JWT.
struct LookedUpElsewhere;

impl CredentialKind for LookedUpElsewhere {
    fn recognizes(&self, token: &[u8]) -> bool {
        token.starts_with(b"Kz~")
    }

    fn look_up<'a>(&'a self, _: &'a [u8]) -> LookUp<'a> {
        let claims = r#"{"sub":"alice","name":"Alice","cnf":{"jkt":"0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}}"#;
        Box::pin(async move { Ok(Some(LookedUp::new(claims))) })
    }
}

/// RFC 9449 §7.1: the token, the proof that comes with it, and the thumbprint that §6.1 has in its example of `cnf`.
#[test]
fn the_example_of_the_standard_is_accepted_once_and_at_its_time() {
    const TOKEN: &str = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";
    const PROOF: &str = concat!(
        "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0Rsc",
        "EJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In",
        "19.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN",
        "0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.",
        "2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA",
    );
    for (now, good) in [(1_562_262_618, true), (1_562_262_678, true), (1_562_262_679, false), (1_562_262_587, false)] {
        let auth = Authenticator::<User>::builder()
            .credentials(LookedUpElsewhere)
            .clock(Moving(Arc::new(now.into())))
            .public_origin("https://resource.example.org")
            .build()
            .unwrap();
        let send = || {
            let request = http::Request::get("/protectedresource").header("authorization", format!("DPoP {TOKEN}"));
            let verdict = auth.authenticate(&request.header("dpop", PROOF).body(()).unwrap());
            tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(verdict.settled()).result()
        };
        let first = send();
        assert_eq!(first.is_ok(), good, "{now}: {first:?}");
        assert!(send().is_err(), "{now}: it was used");
    }
}
