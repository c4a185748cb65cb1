//! The names that the blocks use without defining them: the application around them, on axum and on actix-web.

use actix_ws::{MessageStream, Session};

include!("../../../jwt-tower/guide/at_hand.rs");

pub(crate) async fn greet_session(session: Session, messages: MessageStream, user: VerifiedToken<User>) {}

pub(crate) async fn talk_session(session: Session, messages: MessageStream, user: &User) {}
