//! The suite that is published for those who write an adapter, against our own.

use std::net::{SocketAddr, TcpListener};
use std::thread;

use jwt_core::Authenticator;
use jwt_core::testing::acceptance::{self, User};

const CACHED: [(&str, &str); 2] = [("Cache-Control", "max-age=60"), ("Vary", "Accept")];

fn passes(serve: fn(TcpListener, Authenticator<User>)) {
    let cases = acceptance::run(|authenticator| -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || serve(listener, authenticator));
        address
    });
    assert!(cases.unwrap() > 300);
}

fn run_tokio(future: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future);
}

fn tokio_listener(listener: TcpListener) -> tokio::net::TcpListener {
    listener.set_nonblocking(true).unwrap();
    tokio::net::TcpListener::from_std(listener).unwrap()
}

#[test]
fn axum_passes() {
    use std::convert::Infallible;

    use axum::Router;
    use axum::routing::get;
    use jwt_tower::{Claims, JwtAuth, Require, Token};

    async fn me(Claims(user): Claims<User>) -> String {
        user.sub.clone()
    }
    async fn maybe(user: Option<Claims<User>>) -> String {
        user.map_or_else(|| "nobody".to_owned(), |Claims(user)| user.sub.clone())
    }
    async fn cached(Claims(user): Claims<User>) -> ([(&'static str, &'static str); 2], String) {
        (CACHED, user.sub.clone())
    }

    passes(|listener, authenticator| {
        let (served, require) = (|| async { "served" }, Require::scope);
        let mut app = Router::new()
            .route("/me", get(me).post(me))
            .route("/maybe", get(maybe))
            .route("/token", get(|Token(token): Token| async move { token.as_str().to_owned() }))
            .route("/cached", get(cached))
            .route("/elsewhere", get(|_: Claims<()>| async {}))
            .route(
                "/stacked",
                get(served).layer::<_, Infallible>(require("write:things")).layer(require("read:things")),
            );
        for (path, policy) in acceptance::guarded() {
            app = app.route(path, get(served).layer(Require::from(policy)));
        }
        let app = app
            .layer(JwtAuth::new(authenticator))
            .route("/unprotected", get(me))
            .route("/unprotected-guard", get(served).layer(require("read:things")));
        run_tokio(async { axum::serve(tokio_listener(listener), app).await.unwrap() });
    });
}

#[test]
fn hyper_passes() {
    use std::convert::Infallible;

    use http::{HeaderValue, Request, Response};
    use http_body_util::Full;
    use hyper::body::{Bytes, Incoming};
    use hyper_util::rt::TokioIo;
    use hyper_util::service::TowerToHyperService;
    use jwt_tower::adapter::{Admission, Rejection};
    use jwt_tower::{JwtAuth, Require};
    use tower::{Layer, ServiceExt, service_fn};

    type Answer = Response<Full<Bytes>>;

    fn text(text: impl Into<Bytes>) -> Answer {
        Response::new(Full::new(text.into()))
    }

    fn routed(request: &Request<Incoming>) -> Result<Answer, Rejection> {
        let admission = request.extensions().get();
        let user = || Admission::claims::<User>(admission).map(|user| user.sub.clone());
        Ok(match request.uri().path() {
            "/me" | "/unprotected" => text(user()?),
            "/maybe" => match jwt_tower::claims::<User>(request.extensions())? {
                Some(user) => text(user.sub.clone()),
                None => text("nobody"),
            },
            "/token" => text(Admission::token(admission)?.as_str().to_owned()),
            "/elsewhere" => Admission::claims::<()>(admission).map(|_| text(""))?,
            _ => {
                let mut response = text(user()?);
                for (name, value) in CACHED {
                    response.headers_mut().insert(name, HeaderValue::from_static(value));
                }
                response
            }
        })
    }

    fn handler(request: &Request<Incoming>) -> Answer {
        routed(request).unwrap_or_else(|rejection| rejection.answer.response().map(Full::from))
    }

    async fn guarded(request: Request<Incoming>) -> Result<Answer, Infallible> {
        let (served, require) = (service_fn(|_| async { Ok(text("served")) }), Require::scope);
        let path = request.uri().path();
        if path == "/stacked" {
            return require("read:things").layer(require("write:things").layer(served)).oneshot(request).await;
        }
        if path == "/unprotected-guard" {
            return require("read:things").layer(served).oneshot(request).await;
        }
        match acceptance::guarded().into_iter().find(|(guarded, _)| *guarded == path) {
            Some((_, policy)) => Require::from(policy).layer(served).oneshot(request).await,
            None => Ok(handler(&request)),
        }
    }

    passes(|listener, authenticator| {
        let protected = JwtAuth::new(authenticator).layer(service_fn(guarded));
        let app = service_fn(move |request: Request<Incoming>| {
            let protected = protected.clone();
            async move {
                match request.uri().path() {
                    "/unprotected" | "/unprotected-guard" => guarded(request).await,
                    _ => protected.oneshot(request).await,
                }
            }
        });
        run_tokio(async move {
            let listener = tokio_listener(listener);
            while let Ok((stream, _)) = listener.accept().await {
                let service = TowerToHyperService::new(app.clone());
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service),
                );
            }
        });
    });
}

#[test]
fn actix_passes() {
    use actix_web::{App, HttpResponse, HttpServer, web};
    use jwt_actix::{Claims, JwtAuth, Require, Token};

    async fn me(Claims(user): Claims<User>) -> String {
        user.sub.clone()
    }
    async fn maybe(user: Option<Claims<User>>) -> String {
        user.map_or_else(|| "nobody".to_owned(), |Claims(user)| user.sub.clone())
    }
    async fn token(Token(token): Token) -> String {
        token.as_str().to_owned()
    }
    async fn cached(Claims(user): Claims<User>) -> HttpResponse {
        HttpResponse::Ok().insert_header(CACHED[0]).insert_header(CACHED[1]).body(user.sub.clone())
    }
    async fn elsewhere(_: Claims<()>) -> &'static str {
        ""
    }
    async fn served() -> &'static str {
        "served"
    }

    passes(|listener, authenticator| {
        let server = HttpServer::new(move || {
            let mut protected = web::scope("").wrap(JwtAuth::new(authenticator.clone()));
            for (path, policy) in acceptance::guarded() {
                protected = protected.service(web::resource(path).wrap(Require::from(policy)).to(served));
            }
            let require = || Require::scope("read:things");
            let stacked = web::resource("/stacked").wrap(Require::scope("write:things")).wrap(require()).to(served);
            let protected = protected
                .route("/me", web::get().to(me))
                .route("/me", web::post().to(me))
                .route("/maybe", web::get().to(maybe))
                .route("/token", web::get().to(token))
                .route("/cached", web::get().to(cached))
                .route("/elsewhere", web::get().to(elsewhere))
                .service(stacked);
            App::new()
                .route("/unprotected", web::get().to(me))
                .service(web::resource("/unprotected-guard").wrap(require()).to(served))
                .service(protected)
        });
        let server = server.workers(1).disable_signals().listen(listener).unwrap().run();
        actix_web::rt::System::new().block_on(server).unwrap();
    });
}
