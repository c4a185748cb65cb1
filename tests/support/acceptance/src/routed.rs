use std::net::TcpListener;

use jwt_core::Logins;

use crate::stacks::{runtime, tokio_listener};
use crate::{Server, User, log};

/// A framework with its adapter, and the ready routes of logins.
#[derive(Debug, Clone, Copy)]
pub struct RoutedStack {
    /// What to call it in the message of a failed test.
    pub name: &'static str,
    serve: fn(TcpListener, Logins),
}

/// Every stack that the ready routes are tried on.
pub const ROUTED: [RoutedStack; 3] = [
    RoutedStack { name: "axum", serve: on_axum },
    RoutedStack { name: "hyper", serve: on_hyper },
    RoutedStack { name: "actix", serve: on_actix },
];

impl RoutedStack {
    /// Starts a server with the ready routes, and beside them:
    ///
    /// | path | answer |
    /// |---|---|
    /// | `/me` | the claims by any method, from the header or the cookie |
    /// | `/bound` | `bound`, to whoever has shown a key |
    /// | `/auth/login` | a login in cookies, by any method |
    /// | `/auth/login/briefly` | a login in cookies that are not kept |
    /// | `/api/login` | a login in JSON, bound to the key of the proof in the request if it has one |
    /// | `/auth/other` | `of the application` |
    /// | `/outside` | asks for a login attempt outside of the ready routes |
    ///
    /// # Panics
    /// Where no port is free.
    pub fn start(self, logins: Logins) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("a bound listener has an address");
        log::spawn(move || (self.serve)(listener, logins));
        Server { stack: self.name, address }
    }
}

fn alice() -> User {
    User { sub: "alice".to_owned(), name: "Alice".to_owned() }
}

fn on_axum(listener: TcpListener, logins: Logins) {
    use axum::response::IntoResponse;
    use axum::routing::any;
    use axum::{Json, Router};
    use http::request::Parts;
    use jwt_tower::{Claims, JwtAuth, LoginRejection, LoginRoutes, Require, SameOrigin, VerifiedToken};

    async fn me(Claims(user): Claims<User>) -> Json<VerifiedToken<User>> {
        Json(user)
    }
    async fn log_in(attempt: SameOrigin) -> Result<impl IntoResponse, LoginRejection> {
        Ok(attempt.log_in(&alice()).await?.response())
    }
    async fn briefly(attempt: SameOrigin) -> Result<impl IntoResponse, LoginRejection> {
        Ok(attempt.log_in(&alice()).remember(false).await?.response())
    }

    let auth = logins.authenticator::<User>().build().expect("an issuer knows what to expect");
    let of_clients = logins.clone();
    let api_log_in = move |head: Parts| {
        let logins = of_clients.clone();
        async move { Ok::<_, LoginRejection>(logins.log_in(&alice(), "phone").proof_from(&head).await?.json()) }
    };
    let app = Router::new()
        .route("/bound", axum::routing::get(|| async { "bound" }).route_layer(Require::bound()))
        .route("/me", any(me))
        .route_layer(JwtAuth::new(auth.clone()))
        .route("/auth/login", any(log_in))
        .route("/auth/login/briefly", any(briefly))
        .route("/api/login", any(api_log_in))
        .route("/auth/other", any(|| async { "of the application" }))
        .layer(LoginRoutes::new(logins, auth))
        .route("/outside", any(log_in));
    runtime().block_on(async { axum::serve(tokio_listener(listener), app).await.expect("axum serves") });
}

fn on_hyper(listener: TcpListener, logins: Logins) {
    use std::convert::Infallible;

    use http::{Request, Response, StatusCode};
    use hyper::body::Incoming;
    use hyper_util::rt::TokioIo;
    use hyper_util::service::TowerToHyperService;
    use jwt_tower::login::{BrowserLogin, LoginAttempt};
    use jwt_tower::{JwtAuth, LoginError, LoginRoutes, Require};
    use tower::{Layer, ServiceExt, service_fn};

    async fn log_in(request: &Request<Incoming>, remember: bool) -> Result<BrowserLogin, LoginError> {
        let attempt = LoginAttempt::of(request.extensions().get(), request)?;
        attempt.log_in(&alice()).remember(remember).await
    }
    async fn me(request: Request<Incoming>) -> Result<Response<String>, Infallible> {
        let user = jwt_tower::claims::<User>(request.extensions()).expect("there is a layer");
        Ok(Response::new(serde_json::to_string(&user).expect("claims serialize")))
    }
    async fn open(logins: Logins, request: Request<Incoming>) -> Result<Response<String>, Infallible> {
        let login = match request.uri().path() {
            "/auth/login" | "/outside" => log_in(&request, true).await,
            "/auth/login/briefly" => log_in(&request, false).await,
            "/api/login" => {
                let login = logins.log_in(&alice(), "phone").proof_from(&request).await;
                return Ok(login.map_or_else(|error| error.response(), |login| login.json()));
            }
            "/auth/other" => return Ok(Response::new("of the application".to_owned())),
            _ => {
                let mut response = Response::default();
                *response.status_mut() = StatusCode::NOT_FOUND;
                return Ok(response);
            }
        };
        Ok(login.map_or_else(|error| error.response(), |login| login.response()))
    }

    let auth = logins.authenticator::<User>().build().expect("an issuer knows what to expect");
    let protected = JwtAuth::new(auth.clone()).layer(service_fn(me));
    let said = service_fn(async |_| Ok::<_, Infallible>(Response::new("bound".to_owned())));
    let bound = JwtAuth::new(auth.clone()).layer(Require::bound().layer(said));
    let of_clients = logins.clone();
    let inner = service_fn(move |request: Request<Incoming>| {
        let (logins, protected, bound) = (of_clients.clone(), protected.clone(), bound.clone());
        async move {
            match request.uri().path() {
                "/me" => protected.oneshot(request).await,
                "/bound" => bound.oneshot(request).await,
                _ => open(logins, request).await,
            }
        }
    });
    let outside = logins.clone();
    let routed = LoginRoutes::new(logins, auth).layer(inner);
    let app = service_fn(move |request: Request<Incoming>| {
        let (logins, routed) = (outside.clone(), routed.clone());
        async move {
            match request.uri().path() {
                "/outside" => open(logins, request).await,
                _ => routed.oneshot(request).await,
            }
        }
    });
    runtime().block_on(async move {
        let listener = tokio_listener(listener);
        while let Ok((stream, _)) = listener.accept().await {
            let service = TowerToHyperService::new(app.clone());
            tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
}

fn on_actix(listener: TcpListener, logins: Logins) {
    use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
    use jwt_actix::{Claims, Head, JwtAuth, LoginRejection, LoginRoutes, Require, SameOrigin, VerifiedToken, response};

    async fn me(Claims(user): Claims<User>) -> web::Json<VerifiedToken<User>> {
        web::Json(user)
    }
    async fn log_in(attempt: SameOrigin) -> Result<HttpResponse, LoginRejection> {
        Ok(response(attempt.log_in(&alice()).await?.response()))
    }
    async fn briefly(attempt: SameOrigin) -> Result<HttpResponse, LoginRejection> {
        Ok(response(attempt.log_in(&alice()).remember(false).await?.response()))
    }

    async fn api_log_in(logins: web::Data<Logins>, request: HttpRequest) -> Result<HttpResponse, LoginRejection> {
        Ok(response(logins.log_in(&alice(), "phone").proof_from(&Head(&request)).await?.json()))
    }

    let auth = logins.authenticator::<User>().build().expect("an issuer knows what to expect");
    let log = log::inherited();
    let server = HttpServer::new(move || {
        // A thread of actix starts here.
        log::inherit(log.clone());
        let routed = web::scope("")
            .wrap(LoginRoutes::new(logins.clone(), auth.clone()))
            .service(web::resource("/me").wrap(JwtAuth::new(auth.clone())).to(me))
            .service(
                web::resource("/bound")
                    .wrap(Require::bound())
                    .wrap(JwtAuth::new(auth.clone()))
                    .to(|| async { "bound" }),
            )
            .route("/auth/login", web::route().to(log_in))
            .route("/auth/login/briefly", web::route().to(briefly))
            .route("/api/login", web::route().to(api_log_in))
            .route("/auth/other", web::route().to(|| async { "of the application" }));
        App::new().app_data(web::Data::new(logins.clone())).route("/outside", web::route().to(log_in)).service(routed)
    });
    let server = server.workers(1).disable_signals().listen(listener).expect("actix listens").run();
    actix_web::rt::System::new().block_on(server).expect("actix serves");
}
