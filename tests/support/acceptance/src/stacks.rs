use std::net::{SocketAddr, TcpListener};

use client::{Connection, Reply, request};
use jwt_core::Authenticator;
use serde::{Deserialize, Serialize};

use crate::{User, log, metadata};

/// A framework with its adapter.
#[derive(Debug, Clone, Copy)]
pub struct Stack {
    /// What to call it in the message of a failed test.
    pub name: &'static str,
    serve: fn(TcpListener, Authenticator<User>),
}

/// Every stack that the suite is run against.
pub const STACKS: [Stack; 3] = [
    Stack { name: "axum", serve: on_axum },
    Stack { name: "hyper", serve: on_hyper },
    Stack { name: "actix", serve: on_actix },
];

/// A server that listens on loopback until the process ends.
///
/// | path | protected | answer |
/// |---|---|---|
/// | `/me` | yes | the claims, by any method |
/// | `/maybe` | yes | the claims or `null` |
/// | `/token` | yes | the compact token |
/// | `/cached` | yes | something with `Cache-Control: max-age=60` and `Vary: Accept` |
/// | `/elsewhere` | yes | asks for claims of another type |
/// | `/unprotected` | no | asks for claims all the same |
/// | `/.well-known/oauth-protected-resource/me` | no | the metadata |
#[derive(Debug)]
pub struct Server {
    /// The stack that it runs on.
    pub stack: &'static str,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Stack {
    /// Starts a server.
    ///
    /// # Panics
    /// Where no port is free.
    pub fn start(self, authenticator: Authenticator<User>) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("a bound listener has an address");
        log::spawn(move || (self.serve)(listener, authenticator));
        Server { stack: self.name, address }
    }
}

impl Server {
    /// One GET request with these header fields, over a connection of its own.
    pub fn get(&self, target: &str, fields: &[(&str, &str)]) -> Reply {
        Connection::open(self.address).send(&request(target, fields))
    }

    /// One GET request for `/me` with a bearer token.
    pub fn get_with_bearer(&self, token: &str) -> Reply {
        self.get("/me", &[("Authorization", &format!("Bearer {token}"))])
    }
}

/// Claims that no layer here yields.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Other {
    sub: String,
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime can be built")
}

pub(crate) fn tokio_listener(listener: TcpListener) -> tokio::net::TcpListener {
    listener.set_nonblocking(true).expect("a listener can be made non-blocking");
    tokio::net::TcpListener::from_std(listener).expect("a listener can be handed to tokio")
}

fn on_axum(listener: TcpListener, authenticator: Authenticator<User>) {
    use axum::extract::ConnectInfo;
    use axum::routing::{any, get};
    use axum::{Json, Router};
    use jwt_tower::{Claims, JwtAuth, MetadataRoute, Token, VerifiedToken};

    async fn me(Claims(user): Claims<User>) -> Json<VerifiedToken<User>> {
        Json(user)
    }
    async fn cached(Claims(_): Claims<User>) -> ([(&'static str, &'static str); 2], &'static str) {
        ([("Cache-Control", "max-age=60"), ("Vary", "Accept")], "cached")
    }
    async fn maybe(user: Option<Claims<User>>) -> Json<Option<VerifiedToken<User>>> {
        Json(user.map(|Claims(user)| user))
    }
    async fn token(Token(token): Token) -> String {
        token.as_str().to_owned()
    }
    async fn elsewhere(Claims(other): Claims<Other>) -> String {
        other.sub.clone()
    }

    let app = Router::new()
        .route("/me", any(me))
        .route("/maybe", get(maybe))
        .route("/cached", get(cached))
        .route("/token", get(token))
        .route("/elsewhere", get(elsewhere))
        .layer(JwtAuth::new(authenticator).peer_from::<ConnectInfo<SocketAddr>>())
        .route("/unprotected", get(me))
        .layer(MetadataRoute::new(metadata()));
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    runtime().block_on(async { axum::serve(tokio_listener(listener), app).await.expect("axum serves") });
}

fn on_hyper(listener: TcpListener, authenticator: Authenticator<User>) {
    use http::{Request, Response, StatusCode};
    use http_body_util::Full;
    use hyper::body::{Bytes, Incoming};
    use hyper_util::rt::TokioIo;
    use hyper_util::service::TowerToHyperService;
    use jwt_tower::adapter::{PeerAddress, Rejection};
    use jwt_tower::{JwtAuth, MetadataRoute};
    use tower::{Layer, ServiceBuilder, ServiceExt, service_fn};

    type Answer = Response<Full<Bytes>>;

    fn json(value: &impl Serialize) -> Answer {
        Response::new(serde_json::to_string(value).expect("claims serialize").into())
    }

    fn routed(request: &Request<Incoming>) -> Result<Answer, Rejection> {
        let user = jwt_tower::claims::<User>(request.extensions());
        Ok(match request.uri().path() {
            "/elsewhere" => json(&jwt_tower::claims::<Other>(request.extensions())?),
            "/token" => match user? {
                Some(user) => Response::new(user.token().as_str().to_owned().into()),
                None => json(&()),
            },
            "/me" | "/maybe" | "/unprotected" => json(&user?),
            "/cached" => {
                let mut response = json(&user?);
                response.headers_mut().insert("cache-control", http::HeaderValue::from_static("max-age=60"));
                response.headers_mut().insert("vary", http::HeaderValue::from_static("Accept"));
                response
            }
            _ => {
                let mut response = Response::default();
                *response.status_mut() = StatusCode::NOT_FOUND;
                response
            }
        })
    }

    async fn handler(request: Request<Incoming>) -> Result<Answer, std::convert::Infallible> {
        Ok(routed(&request).unwrap_or_else(|rejection| {
            rejection.report();
            let mut response = Response::new(rejection.answer.body.into());
            *response.status_mut() = rejection.answer.status;
            response
        }))
    }

    let protected = JwtAuth::new(authenticator).layer(service_fn(handler));
    let app = service_fn(move |request: Request<Incoming>| {
        let protected = protected.clone();
        async move {
            match request.uri().path() {
                "/unprotected" => handler(request).await,
                _ => protected.oneshot(request).await,
            }
        }
    });
    let app = MetadataRoute::new(metadata()).layer(app);
    runtime().block_on(async move {
        let listener = tokio_listener(listener);
        while let Ok((stream, peer)) = listener.accept().await {
            let with_peer = move |mut request: Request<Incoming>| {
                request.extensions_mut().insert(PeerAddress(peer.ip()));
                request
            };
            let app = ServiceBuilder::new().map_request(with_peer).service(app.clone());
            let service = TowerToHyperService::new(app);
            tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
}

fn on_actix(listener: TcpListener, authenticator: Authenticator<User>) {
    use actix_web::{App, HttpServer, web};
    use jwt_actix::{Claims, JwtAuth, MetadataRoute, Token, VerifiedToken};

    async fn me(Claims(user): Claims<User>) -> web::Json<VerifiedToken<User>> {
        web::Json(user)
    }
    async fn cached(Claims(_): Claims<User>) -> actix_web::HttpResponse {
        let fields = [("Cache-Control", "max-age=60"), ("Vary", "Accept")];
        actix_web::HttpResponse::Ok().insert_header(fields[0]).insert_header(fields[1]).body("cached")
    }
    async fn maybe(user: Option<Claims<User>>) -> web::Json<Option<VerifiedToken<User>>> {
        web::Json(user.map(|Claims(user)| user))
    }
    async fn token(Token(token): Token) -> String {
        token.as_str().to_owned()
    }
    async fn elsewhere(Claims(other): Claims<Other>) -> String {
        other.sub.clone()
    }

    let log = log::inherited();
    let server = HttpServer::new(move || {
        // A thread of actix starts here.
        log::inherit(log.clone());
        let protected = web::scope("")
            .wrap(JwtAuth::new(authenticator.clone()))
            .route("/me", web::route().to(me))
            .route("/maybe", web::get().to(maybe))
            .route("/cached", web::get().to(cached))
            .route("/token", web::get().to(token))
            .route("/elsewhere", web::get().to(elsewhere));
        App::new().route("/unprotected", web::get().to(me)).service(protected).wrap(MetadataRoute::new(metadata()))
    });
    let server = server.workers(1).disable_signals().listen(listener).expect("actix listens").run();
    actix_web::rt::System::new().block_on(server).expect("actix serves");
}
