use actix_web::error::ErrorInternalServerError;
use actix_web::http::header::CONTENT_DISPOSITION;
use actix_web::{HttpRequest, HttpResponse, rt, web};
use actix_ws::{Message, MessageStream, Session};
use jwt_actix::{Claims, JwtAuth, VerifiedToken};

use crate::doors::{Doors, Link, User, time_left};

/// For `App::configure`.
pub(crate) fn routes(app: &mut web::ServiceConfig, doors: &Doors) {
    let protected = |path: &str, route, auth| web::resource(path).route(route).wrap(JwtAuth::new(auth));
    app.app_data(web::Data::new(doors.clone()))
        .service(protected("/chat", web::get().to(chat), doors.by_subprotocol.clone()))
        .service(protected("/feed", web::get().to(feed), doors.by_cookie.clone()))
        .service(protected("/events", web::get().to(events), doors.by_cookie.clone()))
        .service(protected("/links/{file}", web::post().to(link), doors.by_cookie.clone()))
        .service(
            web::resource("/files/{file}").route(web::get().to(download)).wrap(JwtAuth::new(doors.by_link.clone())),
        );
}

/// `new WebSocket(url, ["chat", "bearer." + token])`
async fn chat(
    Claims(user): Claims<User>,
    request: HttpRequest,
    body: web::Payload,
) -> Result<HttpResponse, actix_web::Error> {
    // The answer must name one of the subprotocols, and never the one with the token in it.
    let (response, session, messages) = actix_ws::handle_with_protocols(&request, body, &["chat"])?;
    rt::spawn(greet(session, messages, user));
    Ok(response)
}

/// `new WebSocket(url)`, with a cookie. A page of another origin does not get here.
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
    // Nobody looks at the token again, so the connection ends when it does.
    let _ = tokio::time::timeout(time_left(&user), talk).await;
    // A client that is gone needs no goodbye.
    let _ = session.close(None).await;
}

/// `new EventSource(url)`, with a cookie. A page of another site can open it, and without CORS not read it.
async fn events(Claims(user): Claims<User>) -> HttpResponse {
    let event = web::Bytes::from(format!("data: Hello, {}!\n\n", user.name));
    let stream = tokio_stream::iter([Ok::<_, actix_web::Error>(event)]);
    HttpResponse::Ok().content_type("text/event-stream").insert_header(("cache-control", "no-cache")).streaming(stream)
}

/// The address that a page puts into a link a moment before it is followed.
async fn link(
    Claims(user): Claims<User>,
    doors: web::Data<Doors>,
    file: web::Path<String>,
) -> Result<String, actix_web::Error> {
    doors.link(&user, &file).map_err(ErrorInternalServerError)
}

async fn download(Claims(link): Claims<Link>, file: web::Path<String>) -> HttpResponse {
    if link.file != *file {
        return HttpResponse::Forbidden().finish();
    }
    HttpResponse::Ok().insert_header((CONTENT_DISPOSITION, "attachment")).body(format!("The contents of {file}.\n"))
}
