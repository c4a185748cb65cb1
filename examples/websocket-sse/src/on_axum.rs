use std::convert::Infallible;

use axum::Router;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_DISPOSITION;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use jwt_tower::{Claims, JwtAuth, VerifiedToken};

use crate::state::{AppState, Link, User, time_left};

pub(crate) fn app(state: AppState) -> Router {
    let by_subprotocol =
        Router::new().route("/chat", get(chat)).route_layer(JwtAuth::new(state.by_subprotocol.clone()));
    let by_cookie = Router::new()
        .route("/feed", get(feed))
        .route("/events", get(events))
        .route("/links/{file}", post(link))
        .route_layer(JwtAuth::new(state.by_cookie.clone()));
    let by_link = Router::new().route("/files/{file}", get(download)).route_layer(JwtAuth::new(state.by_link.clone()));
    by_subprotocol.merge(by_cookie).merge(by_link).with_state(state)
}

/// `new WebSocket(url, ["chat", "bearer." + token])`
async fn chat(Claims(user): Claims<User>, upgrade: WebSocketUpgrade) -> Response {
    // The response must select one of the subprotocols, and never the one that holds the token.
    upgrade.protocols(["chat"]).on_upgrade(move |socket| greet(socket, user))
}

/// `new WebSocket(url)`, with a cookie. A page of another origin is refused before.
async fn feed(Claims(user): Claims<User>, upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(move |socket| greet(socket, user))
}

async fn greet(mut socket: WebSocket, user: VerifiedToken<User>) {
    let talk = async {
        let greeting = format!("Hello, {}!", user.name);
        if socket.send(Message::text(greeting)).await.is_ok() {
            while let Some(Ok(_)) = socket.recv().await {}
        }
    };
    // The token is not verified again, so the connection ends when the token expires.
    if tokio::time::timeout(time_left(&user), talk).await.is_err() {
        // The client may be gone already.
        let _ = socket.send(Message::Close(None)).await;
    }
}

/// `new EventSource(url)`, with a cookie. A page of another site can open it, but without CORS it cannot read it.
async fn events(Claims(user): Claims<User>) -> impl IntoResponse {
    let event = Event::default().data(format!("Hello, {}!", user.name));
    Sse::new(tokio_stream::iter([Ok::<_, Infallible>(event)]))
}

/// A page asks for this address just before it follows the link.
async fn link(
    Claims(user): Claims<User>,
    State(state): State<AppState>,
    Path(file): Path<String>,
) -> Result<String, StatusCode> {
    state.link(&user, &file).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
}

async fn download(Claims(link): Claims<Link>, Path(file): Path<String>) -> Response {
    if link.file != file {
        return StatusCode::FORBIDDEN.into_response();
    }
    ([(CONTENT_DISPOSITION, "attachment")], format!("The contents of {file}.\n")).into_response()
}
