//! Security events (RFC 8417, CAEP and RISC): what each of them ends.

use std::io;

use acceptance::{AUDIENCE, NOW};
use jwt_core::login::logout::{EventKind, EventSubject, LogoutProvider};
use jwt_core::{Algorithm, SigningKey};
use serde_json::{Value, json};

use super::{
    CAEP, PROVIDER, Place, RISC, access, at, code, event, event_claims, iss_sub, keys, logout_token, provider, token,
    with,
};

#[test]
fn each_event_ends_what_it_names_and_nothing_else() {
    let session = json!({"format": "complex", "user": iss_sub("alice"), "session": {"format": "opaque", "id": "s-1"}});
    let of_draft = json!({"subject_type": "iss-sub", "iss": PROVIDER, "sub": "alice"});
    for (name, kind, event, sub_id, ends) in [
        (format!("{CAEP}/session-revoked"), EventKind::SessionRevoked, json!({}), &session, (true, false)),
        (format!("{CAEP}/session-revoked"), EventKind::SessionRevoked, json!({}), &iss_sub("alice"), (true, true)),
        (
            format!("{CAEP}/credential-change"),
            EventKind::CredentialChange,
            json!({"credential_type": "password", "change_type": "update"}),
            &iss_sub("alice"),
            (true, true),
        ),
        (
            format!("{CAEP}/credential-change"),
            EventKind::CredentialChange,
            json!({"credential_type": "fido2-platform", "change_type": "create"}),
            &iss_sub("alice"),
            (false, false),
        ),
        (
            format!("{CAEP}/token-claims-change"),
            EventKind::TokenClaimsChange,
            json!({"claims": {"role": "guest"}}),
            &iss_sub("alice"),
            (true, true),
        ),
        (format!("{RISC}/account-disabled"), EventKind::AccountDisabled, json!({}), &iss_sub("alice"), (true, true)),
        (format!("{RISC}/account-purged"), EventKind::AccountPurged, json!({}), &of_draft, (true, true)),
        (
            format!("{RISC}/account-purged"),
            EventKind::AccountPurged,
            json!({}),
            &json!({"format": "opaque", "id": "alice"}),
            (true, true),
        ),
        (
            "https://schemas.openid.net/secevent/ssf/event-type/verification".to_owned(),
            EventKind::Other("https://schemas.openid.net/secevent/ssf/event-type/verification".into()),
            json!({"state": "x"}),
            &json!({"format": "opaque", "id": "stream"}),
            (false, false),
        ),
    ] {
        let place = Place::new();
        let receiver = place.receiver();
        let (one, two, bob) = (at("alice", "s-1"), at("alice", "s-2"), at("bob", "s-3"));
        let tokens = [access("alice", Some("s-1")), access("alice", Some("s-2")), access("bob", Some("s-3"))];
        let sessions = [place.start("a", one.clone()), place.start("a", two.clone()), place.start("b", bob.clone())];
        let logins = [place.log_in("a", one), place.log_in("a", two), place.log_in("b", bob)];
        // Not by that provider, and of a user of the same name.
        let own = (place.start("alice", None), place.log_in("alice", None), place.log_in("a", None));
        let claims = event_claims(&name, &event, sub_id);
        let response = place.push(&receiver, &token(Some("secevent+jwt"), &claims));
        assert_eq!((response.status().as_u16(), response.body().as_str()), (202, ""), "{name}");

        let lives = [!ends.0, !ends.1, true];
        assert_eq!(tokens.each_ref().map(|token| place.accepts(token)), lives, "{name}");
        assert_eq!(sessions.each_ref().map(|token| place.session_lives(token)), lives, "{name}");
        assert_eq!(logins.each_ref().map(|login| place.login_lives(login)), lives.map(|one| (one, one)), "{name}");
        assert!(place.session_lives(&own.0), "{name}");
        assert_eq!([place.login_lives(&own.1), place.login_lives(&own.2)], [(true, true); 2], "{name}");
        let told = place.told();
        let [event_told] = &told[..] else { panic!("{name}: {told:?}") };
        let ended = lives.iter().filter(|lives| !**lives).count();
        assert_eq!((&event_told.kind, event_told.ended), (&kind, 2 * ended), "{name}");
        assert_eq!(event_told.details.parse::<Value>().unwrap(), event, "{name}");
    }
}

#[test]
fn a_security_event_that_is_not_good_is_refused_with_its_code() {
    let place = Place::new();
    let receiver = place.builder().provider(provider().push_authorization("Bearer of the provider")).build().unwrap();
    let authorized = |token: &str, authorization: &[&str]| {
        let mut head = http::Request::post(receiver.path()).header("content-type", "application/secevent+jwt");
        for value in authorization {
            head = head.header("authorization", *value);
        }
        let head = head.body(()).unwrap();
        code(&place.runtime.block_on(receiver.respond(&head, Ok(token.as_bytes()))), "err")
    };
    let good = ["Bearer of the provider"];
    let disabled = format!("{RISC}/account-disabled");
    let claims = |more: &Value| with(event_claims(&disabled, &json!({}), &iss_sub("alice")), more);
    let of = |more: &Value| token(Some("secevent+jwt"), &claims(more));
    let other_key = SigningKey::secret(Algorithm::HS256, [7; 32]).unwrap().with_typ("secevent+jwt");
    for (what, token, expected) in [
        ("another key", other_key.sign(&claims(&json!({}))).unwrap(), "invalid_key"),
        ("another iss", of(&json!({"iss": "https://evil.example"})), "invalid_issuer"),
        ("another aud", of(&json!({"aud": "somebody"})), "invalid_audience"),
        ("no aud", of(&json!({"aud": null})), "invalid_audience"),
        ("no typ", token(None, &claims(&json!({}))), "invalid_request"),
        ("typ of a logout token", token(Some("logout+jwt"), &claims(&json!({}))), "invalid_request"),
        ("no iat", of(&json!({"iat": null})), "invalid_request"),
        ("an old iat", of(&json!({"iat": NOW - 24 * 3600 - 31})), "invalid_request"),
        ("an iat in the future", of(&json!({"iat": NOW + 31})), "invalid_request"),
        ("no jti", of(&json!({"jti": null})), "invalid_request"),
        ("expired", of(&json!({"exp": NOW - 31})), "invalid_request"),
        ("no events", of(&json!({"events": null})), "invalid_request"),
        ("no subject", of(&json!({"sub_id": null})), "invalid_request"),
        ("a subject of another type", of(&json!({"sub_id": "alice"})), "invalid_request"),
        ("a subject without sub", of(&json!({"sub_id": {"format": "iss_sub", "iss": PROVIDER}})), "invalid_request"),
        ("a format", of(&json!({"sub_id": {"format": "did", "url": "did:example:1"}})), "invalid_request"),
        ("an empty complex", of(&json!({"sub_id": {"format": "complex"}})), "invalid_request"),
        ("an email", of(&json!({"sub_id": {"format": "email", "email": "a@example.com"}})), "invalid_request"),
        (
            "a user of another issuer",
            of(&json!({"sub_id": {"format": "iss_sub", "iss": "https://own.example.com", "sub": "alice"}})),
            "access_denied",
        ),
    ] {
        assert_eq!(authorized(&token, &good), (400, expected.into()), "{what}");
    }
    for wrong in [&[][..], &["Bearer of somebody"], &["bearer of the provider"], &[good[0], good[0]]] {
        assert_eq!(authorized(&of(&json!({})), wrong), (400, "authentication_failed".into()), "{wrong:?}");
    }
    assert!(place.list.is_empty() && place.told().is_empty());
    assert_eq!(authorized(&of(&json!({})), &good).0, 202);
    assert_eq!(authorized(&of(&json!({"iat": NOW - 24 * 3600})), &good).0, 202);
}

#[test]
fn a_transmitter_speaks_of_the_users_of_the_issuers_that_it_was_given() {
    let place = Place::new();
    let of_transmitter = LogoutProvider::new("https://signals.example.com", keys(), "stream").users_of(PROVIDER);
    let receiver = place.builder().provider(of_transmitter).build().unwrap();
    let alice = access("alice", None);
    let session = place.start("a", at("alice", "s-1"));
    let mut claims = event_claims(&format!("{RISC}/account-disabled"), &json!({}), &iss_sub("alice"));
    (claims["iss"], claims["aud"]) = ("https://signals.example.com".into(), "stream".into());
    assert_eq!(place.push(&receiver, &token(Some("secevent+jwt"), &claims)).status(), 202);
    assert!(!place.accepts(&alice) && !place.session_lives(&session));
}

#[test]
fn the_application_says_whose_address_that_is() {
    let place = Place::new();
    let resolve = |subject| async move {
        match subject {
            EventSubject::Email(email) if email == "a@example.com" => Ok(vec!["alice".to_owned()]),
            EventSubject::Email(email) if email == "down@example.com" => Err(io::Error::other("no database")),
            _ => Ok(Vec::new()),
        }
    };
    let receiver = place.builder().provider(provider()).resolve(resolve).build().unwrap();
    let alice = access("alice", None);
    let of = |email: &str| event(&format!("{CAEP}/session-revoked"), &json!({"format": "email", "email": email}));
    assert_eq!(place.push(&receiver, &of("stranger@example.com")).status(), 202);
    assert!(place.accepts(&alice));
    let response = place.push(&receiver, &of("down@example.com"));
    assert_eq!((response.status().as_u16(), &response.headers()["retry-after"]), (503, &"1".parse().unwrap()));
    assert_eq!(place.push(&receiver, &of("a@example.com")).status(), 202);
    assert!(!place.accepts(&alice));
}

#[test]
fn what_began_after_an_event_goes_on() {
    let place = Place::new();
    let receiver = place.receiver();
    // It happened an hour ago, and comes now.
    let mut claims = event_claims(&format!("{CAEP}/session-revoked"), &json!({}), &iss_sub("alice"));
    claims["iat"] = (NOW - 3600).into();
    let before = token(
        None,
        &json!({"iss": PROVIDER, "aud": AUDIENCE, "sub": "alice", "name": "", "iat": NOW - 3601, "exp": NOW + 60}),
    );
    let (after, session) = (access("alice", None), place.start("a", at("alice", "s-9")));
    assert_eq!(place.push(&receiver, &token(Some("secevent+jwt"), &claims)).status(), 202);
    assert!(!place.accepts(&before) && place.accepts(&after) && place.session_lives(&session));
}

#[test]
fn an_event_that_is_only_reported_ends_nothing() {
    let place = Place::new();
    let builder = place.builder().provider(provider()).report_only(EventKind::TokenClaimsChange);
    let receiver = builder.report_only(EventKind::LoggedOut).path("/hooks/oidc").build().unwrap();
    assert_eq!(receiver.path(), "/hooks/oidc");
    let alice = (access("alice", None), place.start("a", at("alice", "s-1")));
    assert_eq!(place.push(&receiver, &event(&format!("{CAEP}/token-claims-change"), &iss_sub("alice"))).status(), 202);
    assert_eq!(place.log_out(&receiver, &logout_token(&json!({"sub": "alice"}))).status(), 200);
    assert!(place.accepts(&alice.0) && place.session_lives(&alice.1) && place.told().len() == 2);
}
