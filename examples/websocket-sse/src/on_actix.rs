use actix_web::error::ErrorInternalServerError;
use actix_web::http::header::CONTENT_DISPOSITION;
use actix_web::{HttpRequest, HttpResponse, rt, web};
use actix_ws::{Message, MessageStream, Session};
use jwt_actix::{Claims, JwtAuth, VerifiedToken};

use crate::state::{AppState, Link, User, time_left};

/// For `App::configure`.
pub(crate) fn routes(app: &mut web::ServiceConfig, state: &AppState) {
    let protected = |path: &str, route, auth| web::resource(path).route(route).wrap(JwtAuth::new(auth));
    app.app_data(web::Data::new(state.clone()))
        .service(protected("/chat", web::get().to(chat), state.by_subprotocol.clone()))
        .service(protected("/feed", web::get().to(feed), state.by_cookie.clone()))
        .service(protected("/events", web::get().to(events), state.by_cookie.clone()))
        .service(protected("/links/{file}", web::post().to(link), state.by_cookie.clone()))
        .service(
            web::resource("/files/{file}").route(web::get().to(download)).wrap(JwtAuth::new(state.by_link.clone())),
        );
}

/// `new WebSocket(url, ["chat", "bearer." + token])`
async fn chat(
    Claims(user): Claims<User>,
    request: HttpRequest,
    body: web::Payload,
) -> Result<HttpResponse, actix_web::Error> {
    // The response must select one of the subprotocols, and never the one that holds the token.
    let (response, session, messages) = actix_ws::handle_with_protocols(&request, body, &["chat"])?;
    rt::spawn(greet(session, messages, user));
    Ok(response)
}

/// `new WebSocket(url)`, with a cookie. A page of another origin is refused before.
async fn feed(
    Claims(user): Claims<User>,
    request: HttpRequest,
    body: web::Payload,
) -> Result<HttpResponse, actix_web::Error> {
    let (response, session, messages) = actix_ws::handle(&request, body)?;
    rt::spawn(greet(session, messages, user));
    Ok(response)
}

async fn greet(mut session: Session, mut messages: MessageStream, user: VerifiedToken<User>) {
    let talk = async {
        if session.text(format!("Hello, {}!", user.name)).await.is_ok() {
            while let Some(Ok(message)) = messages.recv().await {
                if matches!(message, Message::Close(_)) {
                    break;
                }
            }
        }
    };
    // The token is not verified again, so the connection ends when the token expires.
    let _ = tokio::time::timeout(time_left(&user), talk).await;
    // The client may be gone already.
    let _ = session.close(None).await;
}

/// `new EventSource(url)`, with a cookie. A page of another site can open it, but without CORS it cannot read it.
async fn events(Claims(user): Claims<User>) -> HttpResponse {
    let event = web::Bytes::from(format!("data: Hello, {}!\n\n", user.name));
    let stream = tokio_stream::iter([Ok::<_, actix_web::Error>(event)]);
    HttpResponse::Ok().content_type("text/event-stream").insert_header(("cache-control", "no-cache")).streaming(stream)
}

/// A page asks for this address just before it follows the link.
async fn link(
    Claims(user): Claims<User>,
    state: web::Data<AppState>,
    file: web::Path<String>,
) -> Result<String, actix_web::Error> {
    state.link(&user, &file).map_err(ErrorInternalServerError)
}

async fn download(Claims(link): Claims<Link>, file: web::Path<String>) -> HttpResponse {
    if link.file != *file {
        return HttpResponse::Forbidden().finish();
    }
    HttpResponse::Ok().insert_header((CONTENT_DISPOSITION, "attachment")).body(format!("The contents of {file}.\n"))
}
