//! Which sign-ins a logout reaches: those of a session, of a user, and those that are just starting.

use std::collections::BTreeSet;

use acceptance::{NOW, STACKS, Stopped, User};
use jwt_core::adapter::Verdict;
use jwt_core::session::ProviderSession;
use jwt_core::{Authenticator, Revocations, TokenSource};
use serde_json::{Value, json};

use super::{CLIENT, PROVIDER, Place, access, at, keys, logout_token, provider, token, user};

#[test]
fn sign_ins_of_which_no_session_is_known_end_with_any_of_their_user() {
    let place = Place::new();
    let receiver = place.receiver();
    let unnamed = place.start("a", ProviderSession::new(PROVIDER, "alice"));
    let other = place.start("a", at("alice", "s-2"));
    assert_eq!(place.log_out(&receiver, &logout_token(&json!({"sid": "s-1"}))).status(), 200);
    assert!(place.session_lives(&unnamed) && place.session_lives(&other), "nobody knows whose session that is");
    assert_eq!(place.log_out(&receiver, &logout_token(&json!({"sid": "s-1", "sub": "alice"}))).status(), 200);
    assert!(!place.session_lives(&unnamed) && place.session_lives(&other));
    assert_eq!(place.log_out(&receiver, &logout_token(&json!({"sub": "alice"}))).status(), 200);
    assert!(!place.session_lives(&other));
}

#[test]
fn access_tokens_without_sid_end_with_their_user_where_that_is_said() {
    for (without, lives) in [(false, true), (true, false)] {
        let place = Place::new();
        let provider = if without { provider().access_tokens_without_sid() } else { provider() };
        let receiver = place.builder().provider(provider).build().unwrap();
        let (alice, session) = (access("alice", None), place.start("a", at("alice", "s-2")));
        assert_eq!(place.log_out(&receiver, &logout_token(&json!({"sid": "s-1", "sub": "alice"}))).status(), 200);
        assert_eq!((place.accepts(&alice), place.session_lives(&session)), (lives, true));
    }
}

#[test]
fn a_sign_in_whose_session_ends_while_it_starts_has_ended() {
    let place = Place::new();
    let receiver = place.receiver();
    assert_eq!(place.log_out(&receiver, &logout_token(&json!({"sid": "s-1"}))).status(), 200);
    // The provider has ended it before the application records it.
    let session = place.start("a", at("alice", "s-1"));
    assert!(!place.session_lives(&session));
    let login = place.logins.log_in(&user("a"), "").provider_session(at("alice", "s-1"));
    let refused = place.runtime.block_on(login).unwrap_err();
    assert_eq!((refused.status().as_u16(), refused.to_string().as_str()), (400, "the sign-in has ended"));
    assert!(place.runtime.block_on(place.logins.refresh_tokens().list("a")).unwrap().is_empty());
    assert!(place.session_lives(&place.start("a", at("alice", "s-2"))));
}

#[test]
fn a_list_of_logins_says_what_they_belong_to() {
    let place = Place::new();
    let login = place.log_in("a", at("alice", "s-1"));
    place.log_in("a", None);
    let logins = place.runtime.block_on(place.logins.refresh_tokens().list("a")).unwrap();
    let known: BTreeSet<_> =
        logins.iter().map(|login| login.provider_session.as_ref().map(|at| at.subject.clone())).collect();
    assert_eq!(known, BTreeSet::from([None, Some("alice".to_owned())]));
    // The `sid` of an access token is the name of its login in the list.
    let token = place.logins.authenticator::<User>().build().unwrap().verifier().verify(&login.0).unwrap();
    let listed = logins.iter().find(|login| login.provider_session == Some(at("alice", "s-1"))).unwrap();
    assert_eq!(token.session_id(), Some(&*listed.id.to_string()));
    // A refresh keeps to it.
    let next = place.runtime.block_on(place.logins.refresh(&login.1)).unwrap();
    let found = place.runtime.block_on(place.logins.refresh_tokens().look_up(next.refresh_token().unwrap().as_str()));
    assert_eq!(found.unwrap().provider_session, Some(at("alice", "s-1")));
}

#[test]
fn a_logout_everywhere_reaches_services_that_share_the_list_alone() {
    let place = Place::new();
    // Another service, of another framework, with its own list on the same store, and nothing of the logins.
    let list = place.runtime.block_on(Revocations::builder(place.log.clone()).clock(Stopped).open()).unwrap();
    let servers = STACKS.map(|stack| {
        let auth = place.logins.issuer().authenticator::<User>().revocations(&list).source(TokenSource::bearer());
        stack.start(auth.build().unwrap())
    });
    let logins = [place.log_in("alice", None), place.log_in("alice", at("x", "s-1"))];
    let other = place.log_in("bob", None);
    place.runtime.block_on(place.logins.log_out_everywhere("alice")).unwrap();
    place.runtime.block_on(list.catch_up()).unwrap();
    for server in servers {
        for (access, _) in &logins {
            assert_eq!(server.get_with_bearer(access).status, 401, "{}", server.stack);
        }
        assert_eq!(server.get_with_bearer(&other.0).status, 200, "{}", server.stack);
    }
}

#[test]
fn id_tokens_name_the_session_that_a_sign_in_began_with() {
    let id_token = token(
        None,
        &json!({"iss": PROVIDER, "aud": CLIENT, "sub": "alice", "sid": "s-1", "iat": NOW, "exp": NOW + 60}),
    );
    let builder = Authenticator::<Value>::builder().keys(keys()).issuer(PROVIDER).clock(Stopped);
    let verifier = builder.build_id_token_verifier(CLIENT).unwrap();
    let request = jwt_core::verify::AuthenticationRequest::without_nonce();
    let alice = verifier.verify(&id_token, &request).unwrap();
    assert_eq!(ProviderSession::of(&alice).ok(), Some(at("alice", "s-1")));
}

#[test]
fn sessions_and_tokens_of_the_same_place_are_checked_by_one_authenticator() {
    let place = Place::new();
    let auth = Authenticator::<User>::builder().sessions(&place.sessions).clock(Stopped).build().unwrap();
    let token = place.start("a", at("alice", "s-1"));
    let request = || http::Request::get("/me").header("authorization", format!("Bearer {token}")).body(()).unwrap();
    let status = || {
        let request = request();
        let Verdict::Pending(pending) = auth.authenticate(&request) else { panic!("a session is looked up") };
        let outcome = place.runtime.block_on(pending);
        outcome.result().map_or_else(|error| auth.answer(&error).status.as_u16(), |_| 200)
    };
    assert_eq!(status(), 200);
    assert_eq!(place.log_out(&place.receiver(), &logout_token(&json!({"sid": "s-1"}))).status(), 200);
    assert_eq!(status(), 401);
}
