//! How the issuer is asked: authentication, metadata, and settings that make no sense.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use acceptance::{AUDIENCE, User};
use jwt_core::introspection::Introspection;
use jwt_core::{Algorithm, Authenticator, KeySet, SigningKey};
use oidc_tests::builder;
use serde_json::{Value, json};

use super::{Asked, ISSUER, SECOND, alice, asking, auth, status};

#[tokio::test]
async fn this_service_authenticates_in_each_of_the_ways() {
    let key = SigningKey::generate(Algorithm::ES256).unwrap();
    let verifier =
        Authenticator::<Value>::builder().keys(key.verifying_key()).audience(ISSUER).build_verifier().unwrap();
    let (sent, last) = (Arc::new(Mutex::new(None)), alice(ISSUER).to_string());
    let provider = Asked::new({
        let sent = sent.clone();
        let metadata = json!({
            "issuer": ISSUER, "introspection_endpoint": format!("{ISSUER}/ask"),
            "mtls_endpoint_aliases": {"introspection_endpoint": "https://mtls.example.com/ask"},
        });
        move |request| {
            if request.method() == "GET" {
                return (200, "application/json", metadata.to_string());
            }
            let form = String::from_utf8(request.body().clone()).unwrap();
            let authorization = request.headers().get("authorization").cloned();
            *sent.lock().unwrap() = Some((request.uri().to_string(), form, authorization));
            (200, "application/json", last.clone())
        }
    });
    let ask_by = async |introspection: Introspection| {
        assert_eq!(status(&auth(&introspection), "t").await, 200);
        sent.lock().unwrap().take().unwrap()
    };
    let new = || Introspection::discover(ISSUER).client(provider.clone());
    let (at, form, authorization) = ask_by(new().client_secret_post("api", "s&t")).await;
    assert_eq!((&*at, authorization), ("https://login.example.com/ask", None));
    assert_eq!(form, "token=t&token_type_hint=access_token&client_id=api&client_secret=s%26t");
    let (at, form, authorization) = ask_by(new().mutual_tls("api")).await;
    assert_eq!((&*at, authorization), ("https://mtls.example.com/ask", None));
    assert_eq!(form, "token=t&token_type_hint=access_token&client_id=api");
    let mut seen = Vec::new();
    for _ in 0..2 {
        let (_, form, authorization) = ask_by(new().private_key_jwt("api", &key)).await;
        let (form, assertion) = form.split_once("&client_assertion=").unwrap();
        let kind = "urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer";
        assert_eq!(form, format!("token=t&token_type_hint=access_token&client_id=api&client_assertion_type={kind}"));
        let claims = verifier.verify(assertion).unwrap();
        assert_eq!((claims.issuer(), claims.subject(), authorization), (Some("api"), Some("api"), None));
        assert_eq!(claims.expires_at().unwrap().as_secs() - claims.issued_at().unwrap().as_secs(), 60);
        seen.push(claims.token_id().unwrap().to_owned());
    }
    assert_ne!(seen[0], seen[1], "each is good once");
    let (_, form, _) = ask_by(new().private_key_jwt("api", &key).assertion_audience("https://other.example.com")).await;
    assert!(verifier.verify(form.split_once("&client_assertion=").unwrap().1).is_err());
}

#[tokio::test]
async fn metadata_of_somebody_else_or_with_an_unsafe_endpoint_leads_nowhere() {
    let good = alice(ISSUER).to_string();
    for (metadata, said) in [
        (
            json!({"issuer": "https://evil.example.com", "introspection_endpoint": format!("{ISSUER}/ask")}),
            "another issuer",
        ),
        (json!({"issuer": ISSUER, "introspection_endpoint": "http://login.example.com/ask"}), "https"),
        (json!({"issuer": ISSUER, "introspection_endpoint": "http://127.0.0.1/ask"}), "https"),
        (json!({"issuer": ISSUER}), "no `introspection_endpoint`"),
        (json!([]), "no metadata of the issuer"),
    ] {
        let good = good.clone();
        let asked = Asked::new(move |request| {
            let body = if request.method() == "POST" { good.clone() } else { metadata.to_string() };
            (200, "application/json", body)
        });
        let introspection = Introspection::discover(ISSUER).client(asked.clone()).client_secret("api", "secret");
        assert_eq!(status(&auth(&introspection), "token").await, 503, "{said}");
        let error = introspection.status().error.unwrap().to_string();
        assert!(error.contains(said), "{error}");
    }
}

#[tokio::test]
async fn what_cannot_work_does_not_build_and_says_why() {
    let asked = Asked::saying(&alice(ISSUER));
    let key = KeySet::hs256([1; 32]).unwrap();
    let at = |address: &str| Introspection::at(address).client_secret("api", "secret");
    let good = || at("https://a.example/ask");
    for (introspection, said) in [
        (at("https://a.example/ask#x"), "absolute https address"),
        (at("a.example"), "absolute https address"),
        (at("https://user:hunter2@a.example/ask"), "absolute https address"),
        (Introspection::discover("https://a.example?x").client_secret("a", "b"), "absolute https address"),
        (at("http://a.example/ask"), "dangerous_allow_plain_http"),
        (Introspection::at("https://a.example"), "client_secret"),
        (good().client_secret_post("api", "secret"), "keep one"),
        (Introspection::at("https://a.example").client_secret("", "b"), "is empty"),
        (Introspection::at("https://a.example").client_secret("a", ""), "is empty"),
        (Introspection::at("https://a.example").mutual_tls("a"), ".client(…)"),
        (good().every_token(), "needs the issuer"),
        (good().issuer_optional(), "needs the issuer"),
        (good().require_signed_answers(key), "needs the issuer"),
        (Introspection::discover(ISSUER).issuer("https://b.example").client_secret("a", "b"), "leave it out"),
        (good().max_cached(0), "max_cached"),
        (good().calls_per_minute(0), "calls_per_minute"),
        (good().calls_at_once(0), "calls_at_once"),
        (good().timeout(Duration::ZERO), "timeout"),
        (good().max_bytes(0), "max_bytes"),
        (good().root_certificate("ca.pem"), "readable certificate"),
        (good().cache_for(SECOND).cache_for(SECOND), "called twice"),
    ] {
        let error = builder().introspect(&introspection).build().unwrap_err();
        assert!(error.to_string().contains(said) && format!("{error:?}") == error.to_string(), "{error}");
        assert!(!error.to_string().contains("hunter2"));
    }
    let error = Authenticator::<User>::builder().introspect(asking(&asked)).build().unwrap_err();
    assert!(error.to_string().contains(".audience("), "{error}");
    assert!(Authenticator::<User>::builder().introspect(asking(&asked).any_audience()).build().is_ok());
    assert!(builder().introspect(at("http://a.example/ask").dangerous_allow_plain_http()).build().is_ok());
}

#[tokio::test]
async fn no_setting_replaces_another_in_silence() {
    let provider = Asked::saying(&alice(ISSUER));
    let keys = || KeySet::hs256([1; 32]).unwrap();
    type Change = Box<dyn Fn(Introspection) -> Introspection>;
    let settings: [(&str, Change); 13] = [
        ("issuer", Box::new(|one| one.issuer(ISSUER))),
        ("assertion_audience", Box::new(|one| one.assertion_audience("a"))),
        ("require_signed_answers", Box::new(move |one| one.require_signed_answers(keys()))),
        ("cache_for", Box::new(|one| one.cache_for(SECOND))),
        ("cache_inactive_for", Box::new(|one| one.cache_inactive_for(SECOND))),
        ("stale_if_error", Box::new(|one| one.stale_if_error(SECOND))),
        ("max_cached", Box::new(|one| one.max_cached(1))),
        ("calls_per_minute", Box::new(|one| one.calls_per_minute(1))),
        ("calls_at_once", Box::new(|one| one.calls_at_once(1))),
        ("timeout", Box::new(|one| one.timeout(SECOND))),
        ("connect_timeout", Box::new(|one| one.connect_timeout(SECOND))),
        ("max_bytes", Box::new(|one| one.max_bytes(1))),
        ("client", Box::new(move |one| one.client(provider.clone()))),
    ];
    for (setting, change) in settings {
        let new = || Introspection::discover(ISSUER).client_secret("api", "secret");
        assert!(builder().introspect(change(new())).build().is_ok(), "{setting}");
        let error = builder().introspect(change(change(new()))).build().unwrap_err().to_string();
        assert!(error.contains(&format!(".{setting}(…)` of the introspection is called twice")), "{error}");
    }
    // These add, or say the same again.
    let both = Introspection::discover(ISSUER).client_secret("api", "secret").audience("a").audience(AUDIENCE);
    let both = both.every_token().every_token().issuer_optional().issuer_optional();
    let both = both.token_type_optional().token_type_optional().dangerous_allow_plain_http();
    assert!(builder().introspect(both.dangerous_allow_plain_http()).build().is_ok());
    let contradiction = Introspection::discover(ISSUER).client_secret("api", "secret").audience("a").any_audience();
    assert!(builder().introspect(contradiction).build().is_err());
    let one = || Introspection::discover(ISSUER).client_secret("api", "secret");
    let error = builder().introspect(one()).introspect(one()).build().unwrap_err().to_string();
    assert!(error.contains("`.introspect(…)` is called twice"), "{error}");
}
