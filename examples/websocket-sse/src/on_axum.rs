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

use crate::doors::{Doors, Link, User, time_left};

pub(crate) fn app(doors: Doors) -> Router {
    let by_subprotocol =
        Router::new().route("/chat", get(chat)).route_layer(JwtAuth::new(doors.by_subprotocol.clone()));
    let by_cookie = Router::new()
        .route("/feed", get(feed))
        .route("/events", get(events))
        .route("/links/{file}", post(link))
        .route_layer(JwtAuth::new(doors.by_cookie.clone()));
    let by_link = Router::new().route("/files/{file}", get(download)).route_layer(JwtAuth::new(doors.by_link.clone()));
    by_subprotocol.merge(by_cookie).merge(by_link).with_state(doors)
}

/// `new WebSocket(url, ["chat", "bearer." + token])`
async fn chat(Claims(user): Claims<User>, upgrade: WebSocketUpgrade) -> Response {
    // The answer must name one of the subprotocols, and never the one with the token in it.
    upgrade.protocols(["chat"]).on_upgrade(move |socket| greet(socket, user))
}

/// `new WebSocket(url)`, with a cookie. A page of another origin does not get here.
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
    // Nobody looks at the token again, so the connection ends when it does.
    if tokio::time::timeout(time_left(&user), talk).await.is_err() {
        // A client that is gone needs no goodbye.
        let _ = socket.send(Message::Close(None)).await;
    }
}

/// `new EventSource(url)`, with a cookie. A page of another site can open it, and without CORS not read it.
async fn events(Claims(user): Claims<User>) -> impl IntoResponse {
    let event = Event::default().data(format!("Hello, {}!", user.name));
    Sse::new(tokio_stream::iter([Ok::<_, Infallible>(event)]))
}

/// The address that a page puts into a link a moment before it is followed.
async fn link(
    Claims(user): Claims<User>,
    State(doors): State<Doors>,
    Path(file): Path<String>,
) -> Result<String, StatusCode> {
    doors.link(&user, &file).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
}

async fn download(Claims(link): Claims<Link>, Path(file): Path<String>) -> Response {
    if link.file != file {
        return StatusCode::FORBIDDEN.into_response();
    }
    ([(CONTENT_DISPOSITION, "attachment")], format!("The contents of {file}.\n")).into_response()
}
