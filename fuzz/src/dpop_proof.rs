use std::sync::LazyLock;

use jwt_core::Authenticator;

use crate::proof::{ATH, X, authenticator, good_header, is_good, open_proof, sign_proof, with_proof};
use crate::reference::Json;
use crate::token::NOW;

const TARGET: &str = "/me";

static AUTH: LazyLock<Authenticator<()>> = LazyLock::new(|| {
    authenticator().public_origin("https://api.example.com").build().expect("it is configured completely")
});

/// Sends the input as a proof and, where it has two lines, the proof whose header is the first line and whose claims are the
/// rest, validly signed. An empty first line stands for the header that clients send.
pub fn dpop_proof(data: &[u8]) -> bool {
    let mut accepted = false;
    if let Some(request) = with_proof(TARGET, data)
        && is_good(&AUTH, &request)
    {
        // As a server hands it over: without white space at its ends (RFC 9110 §5.5).
        let (header, claims) = open_proof(data).expect("nobody else has the private key");
        assert!(header_is_good(&header) && claims_are_good(&claims), "accepted against the model");
        assert_unchangeable(data);
        accepted = true;
    }
    if let Some(end) = data.iter().position(|byte| *byte == b'\n') {
        let (header, claims) = (&data[..end], &data[end + 1..]);
        let usual = good_header();
        let is_usual = header.is_empty() || header == usual.as_bytes();
        let header = if is_usual { usual.as_bytes() } else { header };
        let proof = sign_proof(header, claims);
        let request = with_proof(TARGET, proof.as_bytes()).expect("base64url can stand in a header field");
        let good = is_good(&AUTH, &request);
        // The second time, the key is a known one.
        assert_eq!(is_good(&AUTH, &request), good, "a proof is judged otherwise the second time");
        let fits = proof.len() <= 16 * 1024;
        let model = header_is_good(header) && claims_are_good(claims) && fits;
        assert!(model || !good || has_private_names(header, claims), "accepted against the model");
        if is_usual && !has_private_names(header, claims) {
            assert_eq!(good, model, "a proof under the usual header is judged otherwise than by the model");
        }
        accepted |= good;
    }
    accepted
}

/// Of such members serde_json may make something else, so the model does not say.
fn has_private_names(header: &[u8], claims: &[u8]) -> bool {
    [header, claims].into_iter().filter_map(Json::object).any(|json| json.has_private_names())
}

/// What a header has to be at least (RFC 9449 §4.2, §4.3).
fn header_is_good(header: &[u8]) -> bool {
    let Some(header) = Json::object(header).filter(|header| !header.has_duplicates()) else { return false };
    let typ = header.get("typ").and_then(Json::text).map(str::to_ascii_lowercase);
    let alg = header.get("alg").and_then(Json::text);
    let Some(jwk @ Json::Object(members)) = header.get("jwk") else { return false };
    let of_key = |name: &str| jwk.get(name).and_then(Json::text);
    let private = ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"];
    ["dpop+jwt", "application/dpop+jwt"].map(Some).contains(&typ.as_deref())
        && ["Ed25519", "EdDSA"].map(Some).contains(&alg)
        && (of_key("kty"), of_key("crv"), of_key("x")) == (Some("OKP"), Some("Ed25519"), Some(X.as_str()))
        && !members.iter().any(|(name, _)| private.contains(&name.as_str()))
        && header.get("crit").is_none()
        && header.get("b64").is_none_or(|value| *value == Json::Bool(true))
}

fn claims_are_good(claims: &[u8]) -> bool {
    let Some(claims) = Json::object(claims).filter(|claims| !claims.has_duplicates()) else { return false };
    let text = |name: &str| claims.get(name).and_then(Json::text);
    let number = |name: &str| match claims.get(name) {
        Some(Json::Unsigned(seconds)) => Some(*seconds as f64),
        Some(Json::Float(seconds)) if *seconds >= 0.0 => Some(*seconds),
        _ => None,
    };
    let absent = |name: &str| matches!(claims.get(name), None | Some(Json::Null));
    let now = NOW as f64;
    text("jti").is_some_and(|jti| (1..=512).contains(&jti.len()))
        && text("htm") == Some("GET")
        && text("htu").and_then(crate::htu::normal) == crate::htu::normal("https://api.example.com/me")
        && text("ath") == Some(ATH.as_str())
        && number("iat").is_some_and(|iat| (now - 60.0..=now + 30.0).contains(&iat))
        && (absent("exp") || number("exp").is_some_and(|exp| now < exp + 30.0))
        && (absent("nbf") || number("nbf").is_some_and(|nbf| nbf <= now + 30.0))
        && claims.get("nonce").is_none_or(|nonce| *nonce == Json::Null || nonce.text().is_some())
}

/// No other bytes stand for the same proof: none changed, none left out.
fn assert_unchangeable(proof: &[u8]) {
    let is_bad = |proof: &[u8]| with_proof(TARGET, proof).is_none_or(|request| !is_good(&AUTH, &request));
    for at in 0..proof.len() {
        let mut changed = proof.to_vec();
        changed[at] ^= 1;
        assert!(is_bad(&changed), "byte {at} can be changed");
    }
    assert!(is_bad(&proof[..proof.len() - 1]), "the last byte can be left out");
    for added in [&b"="[..], b".", b"A", b",", b" "] {
        assert!(is_bad(&[proof, added].concat()), "{added:?} can be added at the end");
        assert!(is_bad(&[added, proof].concat()), "{added:?} can be added at the front");
    }
}
