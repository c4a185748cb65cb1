//! actix-web, with the middleware of jwt-actix.

use std::any::Any;

use actix_tls::accept::rustls_0_23::TlsStream;
use actix_web::dev::Extensions;
use actix_web::http::StatusCode;
use actix_web::http::header::HeaderValue;
use actix_web::rt::net::TcpStream;
use actix_web::{App, HttpResponse, HttpServer, Responder, web};
use jwt_actix::adapter::ClientCertificate;
use jwt_actix::{Claims, JwtAuth, McpAuth, MetadataRoute, Require};

use crate::expected::{ACR, Expected, MAX_AGE, SCOPE, User};

pub(crate) async fn serve(expected: Expected) -> std::io::Result<()> {
    let Expected { port, auth, grpc, metadata, mcp, tls } = expected;
    let server = HttpServer::new(move || {
        let strong = Require::acr(ACR).and(Require::authenticated_within(MAX_AGE));
        // To nginx, any other refusal than 401 and 403 is a failure of the endpoint, which it reports as 500.
        let proxy = JwtAuth::new(auth.clone()).on_rejection(|_error, _request, mut head| {
            let mut answer = head.finish();
            if answer.status() == StatusCode::BAD_REQUEST {
                *answer.status_mut() = StatusCode::FORBIDDEN;
            }
            answer
        });
        App::new()
            .service(web::resource("/mcp").route(web::post().to(message)).wrap(McpAuth::new(mcp.clone())))
            .service(web::resource("/auth").to(let_in).wrap(proxy))
            .service(
                web::scope("/kit.Kit")
                    .route("/Serve", web::post().to(async || call()))
                    .service(web::resource("/Scoped").wrap(Require::scope(SCOPE)).to(async || call()))
                    .wrap(JwtAuth::new(grpc.clone())),
            )
            .service(
                web::scope("")
                    .route("/protected", web::to(async || "served\n"))
                    .service(web::resource("/scope").wrap(Require::scope(SCOPE)).to(async || "served\n"))
                    .service(web::resource("/step-up").wrap(strong).to(async || "served\n"))
                    .wrap(JwtAuth::new(auth.clone())),
            )
            .wrap(MetadataRoute::new(mcp.metadata().clone()))
            .wrap(MetadataRoute::new(metadata.clone()))
    });
    let mut server = server.workers(2).on_connect(keep_certificate).bind_auto_h2c(("127.0.0.1", port))?;
    if let Some((port, config)) = tls {
        server = server.bind_rustls_0_23(("127.0.0.1", port), config)?;
    }
    server.run().await
}

/// The certificate of a connection, as docs/how-to/mutual-tls.md has it.
fn keep_certificate(connection: &dyn Any, kept: &mut Extensions) {
    let Some(stream) = connection.downcast_ref::<TlsStream<TcpStream>>() else { return };
    let (_, tls) = stream.get_ref();
    if let Some(leaf) = tls.peer_certificates().and_then(|chain| chain.first()) {
        kept.insert(ClientCertificate(leaf.as_ref().into()));
    }
}

/// Who the user is, for the proxy to pass on.
async fn let_in(Claims(user): Claims<User>) -> HttpResponse {
    match HeaderValue::from_str(user.subject().unwrap_or_default()) {
        Ok(subject) => HttpResponse::NoContent().insert_header(("x-auth-subject", subject)).finish(),
        Err(_) => HttpResponse::Forbidden().finish(),
    }
}

async fn message(body: web::Bytes) -> HttpResponse {
    match crate::mcp::answer(&body) {
        Some(answer) => HttpResponse::Ok().json(answer),
        None => HttpResponse::BadRequest().finish(),
    }
}

/// actix-web has no trailers: the status is in the head.
fn call() -> impl Responder {
    HttpResponse::Ok().insert_header(("content-type", "application/grpc")).insert_header(("grpc-status", "0")).finish()
}
