use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jwt_core::session::{NewSignIn, RefreshError};
use jwt_core::{MemoryStore, RefreshTokens, Sessions};

use crate::now;
use crate::token::Stopped;

/// A token that somebody presents where there is one login and one session. The bytes 1 and 2 stand for the two halves
/// of the refresh token, 3 and 4 for those of the session token, each behind its prefix of four characters. True where
/// the input is one of the two.
pub fn opaque_token(data: &[u8]) -> bool {
    let store = Arc::new(MemoryStore::new());
    let refresh_tokens = RefreshTokens::builder(store.clone()).clock(Stopped).build().expect("these are the defaults");
    let sessions = Sessions::builder(store).clock(Stopped).build().expect("these are the defaults");
    let alice = || NewSignIn::new("alice", &()).expect("nothing has a JSON form");
    let (refresh, _) = now(refresh_tokens.start(alice())).expect("there is room");
    let (session, _) = now(sessions.start(alice())).expect("there is room");
    let (refresh, session) = (refresh.as_str().to_owned(), session.as_str().to_owned());

    let halves = [&refresh, &session].map(|token| token[4..].split_at(43));
    let mut presented = Vec::new();
    for byte in data.iter().take(256) {
        match byte {
            1 => presented.extend_from_slice(halves[0].0.as_bytes()),
            2 => presented.extend_from_slice(halves[0].1.as_bytes()),
            3 => presented.extend_from_slice(halves[1].0.as_bytes()),
            4 => presented.extend_from_slice(halves[1].1.as_bytes()),
            other => presented.push(*other),
        }
    }
    let is_refresh = presented == refresh.as_bytes();
    let is_session = presented == session.as_bytes();

    let found = now(sessions.look_up(&presented)).expect("the store is there");
    assert_eq!(found.is_some(), is_session, "only the token of a session is looked up");
    now(refresh_tokens.end(&session)).expect("the store is there");

    let own = read(b"jrt_", refresh.as_bytes()).expect("it is a refresh token");
    let mut ended = false;
    match (read(b"jrt_", &presented), now(refresh_tokens.refresh(&presented))) {
        (Some(_), Ok(_)) => assert!(is_refresh, "another token was traded"),
        (None, Err(RefreshError::Malformed)) => {}
        // Whose and which are in the first half; the secret is the other.
        (Some(bytes), Err(RefreshError::Reused(_))) => {
            assert!(bytes[..32] == own[..32] && !is_refresh, "a stranger ends a login");
            ended = true;
        }
        (Some(bytes), Err(RefreshError::Ended)) => assert!(bytes[..32] != own[..32], "a login is gone"),
        (read, answer) => panic!("{read:?} became {answer:?}"),
    }

    // Nobody else is signed out by it.
    assert_eq!(now(refresh_tokens.refresh(&refresh)).is_ok(), !ended, "what became of the login");
    assert!(now(sessions.look_up(&session)).is_ok_and(|session| session.is_some()), "the session is gone");
    // As a refresh token does, the first half suffices for signing oneself out.
    let own = read(b"jst_", session.as_bytes()).expect("it is a session token");
    let is_ours = read(b"jst_", &presented).is_some_and(|bytes| bytes[..32] == own[..32]);
    now(sessions.end(&presented)).expect("the store is there");
    let left = now(sessions.look_up(&session)).expect("the store is there").is_some();
    assert_eq!(left, !is_ours, "what became of the session");
    is_refresh || is_session
}

/// The 64 bytes behind a prefix.
fn read(prefix: &[u8], token: &[u8]) -> Option<Vec<u8>> {
    let bytes = URL_SAFE_NO_PAD.decode(token.strip_prefix(prefix)?).ok()?;
    (bytes.len() == 64).then_some(bytes)
}
