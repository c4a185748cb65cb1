use std::net::TcpListener;

use jwt_core::Logins;

use crate::stacks::{runtime, tokio_listener};
use crate::{Server, User, log};

/// A framework with its adapter, for logins.
#[derive(Debug, Clone, Copy)]
pub struct LoginStack {
    /// What to call it in the message of a failed test.
    pub name: &'static str,
    serve: fn(TcpListener, Logins),
}

/// Every stack that logins are tried on.
pub const LOGIN_STACKS: [LoginStack; 3] = [
    LoginStack { name: "axum", serve: on_axum },
    LoginStack { name: "hyper", serve: on_hyper },
    LoginStack { name: "actix", serve: on_actix },
];

impl LoginStack {
    /// Starts a server.
    ///
    /// | path | answer |
    /// |---|---|
    /// | `/.well-known/jwks.json` | the JWK Set |
    /// | `/auth/token` | a login as JSON |
    /// | `/auth/login` | a login as cookies, and a redirect |
    /// | `/auth/refresh` | the next login as cookies |
    /// | `/auth/logout` | no login any more |
    /// | `/auth/everywhere` | no login of this user any more, on any device |
    /// | `/leave` | no login any more, by GET and behind the layer |
    /// | `/me` | the claims by any method, from the header or the cookie |
    ///
    /// # Panics
    /// Where no port is free.
    pub fn start(self, tokens: Logins) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("a bound listener has an address");
        log::spawn(move || (self.serve)(listener, tokens));
        Server { stack: self.name, address }
    }
}

fn alice() -> User {
    User { sub: "alice".to_owned(), name: "Alice".to_owned() }
}

fn on_axum(listener: TcpListener, tokens: Logins) {
    use axum::extract::State;
    use axum::response::{IntoResponse, Redirect};
    use axum::routing::{any, post};
    use axum::{Json, Router};
    use http::HeaderMap;
    use http::request::Parts;
    use jwt_tower::{Claims, Jwks, JwtAuth, LoginRejection, VerifiedToken};

    async fn token(State(tokens): State<Logins>) -> impl IntoResponse {
        tokens.log_in(&alice(), "").await.expect("a login works").json()
    }
    async fn login(State(tokens): State<Logins>, head: Parts) -> Result<impl IntoResponse, LoginRejection> {
        let login = tokens.attempt(&head)?.log_in_as(&alice(), "").await?;
        Ok((login.headers().clone(), Redirect::to("/me")))
    }
    async fn refresh(State(tokens): State<Logins>, head: Parts) -> Result<HeaderMap, LoginRejection> {
        Ok(tokens.refresh_from_request(&head).await?.headers().clone())
    }
    async fn logout(State(tokens): State<Logins>, head: Parts) -> Result<HeaderMap, LoginRejection> {
        Ok(tokens.log_out_from_request(&head).await?)
    }
    async fn everywhere(State(tokens): State<Logins>, Claims(user): Claims<User>) -> Result<HeaderMap, LoginRejection> {
        tokens.log_out_everywhere(&user.sub).await?;
        Ok(tokens.clear_cookies())
    }
    async fn me(Claims(user): Claims<User>) -> Json<VerifiedToken<User>> {
        Json(user)
    }

    let routes = Router::new()
        .route("/me", any(me))
        .route("/auth/everywhere", post(everywhere))
        .route("/leave", any(logout))
        .layer(JwtAuth::new(tokens.authenticator::<User>().build().expect("an issuer knows what to expect")))
        .route("/auth/token", post(token))
        .route("/auth/login", post(login))
        .route("/auth/refresh", post(refresh))
        .route("/auth/logout", post(logout))
        .route_service("/.well-known/jwks.json", Jwks::new(tokens.issuer().clone()))
        .with_state(tokens);
    runtime().block_on(async { axum::serve(tokio_listener(listener), routes).await.expect("axum serves") });
}

fn on_hyper(listener: TcpListener, tokens: Logins) {
    use http::{HeaderMap, Request, Response, StatusCode};
    use hyper::body::Incoming;
    use hyper_util::rt::TokioIo;
    use hyper_util::service::TowerToHyperService;
    use jwt_tower::{Jwks, JwtAuth, LoginError};
    use tower::{Layer, ServiceExt, service_fn};

    fn with(status: StatusCode, headers: HeaderMap) -> Response<String> {
        let mut response = Response::default();
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        response
    }

    async fn logged_out(tokens: &Logins, head: &http::request::Parts) -> Response<String> {
        match tokens.log_out_from_request(head).await {
            Ok(cleared) => with(StatusCode::OK, cleared),
            Err(error) => error.response(),
        }
    }

    async fn protected(
        tokens: Logins,
        request: Request<Incoming>,
    ) -> Result<Response<String>, std::convert::Infallible> {
        if request.uri().path() == "/leave" {
            let (head, _) = request.into_parts();
            return Ok(logged_out(&tokens, &head).await);
        }
        let user = jwt_tower::claims::<User>(request.extensions()).expect("there is a layer");
        Ok(match request.uri().path() {
            "/auth/everywhere" => match tokens.log_out_everywhere(&user.expect("nobody is anonymous").sub).await {
                Ok(()) => with(StatusCode::OK, tokens.clear_cookies()),
                Err(error) => LoginError::from(error).response(),
            },
            _ => Response::new(serde_json::to_string(&user).expect("claims serialize")),
        })
    }

    let auth = tokens.authenticator::<User>().build().expect("an issuer knows what to expect");
    let of_users = tokens.clone();
    let protected = JwtAuth::new(auth).layer(service_fn(move |request| protected(of_users.clone(), request)));
    let jwks = Jwks::new(tokens.issuer().clone());
    let routes = service_fn(move |request: Request<Incoming>| {
        let (tokens, protected, jwks) = (tokens.clone(), protected.clone(), jwks.clone());
        async move {
            match request.uri().path() {
                "/.well-known/jwks.json" => jwks.oneshot(request).await,
                "/auth/token" => Ok(tokens.log_in(&alice(), "").await.expect("a login works").json()),
                "/auth/login" => {
                    let attempt = tokens.attempt(&request).expect("the request is of this site");
                    let login = attempt.log_in_as(&alice(), "").await.expect("a login works");
                    let mut headers = login.headers().clone();
                    headers.insert(http::header::LOCATION, http::HeaderValue::from_static("/me"));
                    Ok(with(StatusCode::SEE_OTHER, headers))
                }
                "/auth/refresh" => {
                    let (head, _) = request.into_parts();
                    Ok(match tokens.refresh_from_request(&head).await {
                        Ok(login) => with(StatusCode::OK, login.headers().clone()),
                        Err(error) => error.response(),
                    })
                }
                "/auth/logout" => {
                    let (head, _) = request.into_parts();
                    Ok(logged_out(&tokens, &head).await)
                }
                _ => protected.oneshot(request).await,
            }
        }
    });
    runtime().block_on(async move {
        let listener = tokio_listener(listener);
        while let Ok((stream, _)) = listener.accept().await {
            let service = TowerToHyperService::new(routes.clone());
            tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
}

fn on_actix(listener: TcpListener, tokens: Logins) {
    use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
    use jwt_actix::{Claims, Head, Jwks, JwtAuth, LoginRejection, VerifiedToken, response, with_headers};

    async fn token(tokens: web::Data<Logins>) -> HttpResponse {
        response(tokens.log_in(&alice(), "").await.expect("a login works").json())
    }
    async fn login(tokens: web::Data<Logins>, request: HttpRequest) -> Result<HttpResponse, LoginRejection> {
        let login = tokens.attempt(&Head(&request))?.log_in_as(&alice(), "").await?;
        let mut response = HttpResponse::SeeOther();
        Ok(with_headers(response.insert_header(("location", "/me")), login.headers()).finish())
    }
    async fn refresh(tokens: web::Data<Logins>, request: HttpRequest) -> Result<HttpResponse, LoginRejection> {
        let login = tokens.refresh_from_request(&Head(&request)).await?;
        Ok(with_headers(&mut HttpResponse::Ok(), login.headers()).finish())
    }
    async fn logout(tokens: web::Data<Logins>, request: HttpRequest) -> Result<HttpResponse, LoginRejection> {
        let cleared = tokens.log_out_from_request(&Head(&request)).await?;
        Ok(with_headers(&mut HttpResponse::Ok(), &cleared).finish())
    }
    async fn everywhere(tokens: web::Data<Logins>, Claims(user): Claims<User>) -> Result<HttpResponse, LoginRejection> {
        tokens.log_out_everywhere(&user.sub).await?;
        Ok(with_headers(&mut HttpResponse::Ok(), &tokens.clear_cookies()).finish())
    }
    async fn me(Claims(user): Claims<User>) -> web::Json<VerifiedToken<User>> {
        web::Json(user)
    }

    let auth = tokens.authenticator::<User>().build().expect("an issuer knows what to expect");
    let log = log::inherited();
    let server = HttpServer::new(move || {
        // A thread of actix starts here.
        log::inherit(log.clone());
        App::new()
            .app_data(web::Data::new(tokens.clone()))
            .route("/.well-known/jwks.json", web::to(Jwks::new(tokens.issuer().clone())))
            .route("/auth/token", web::post().to(token))
            .route("/auth/login", web::post().to(login))
            .route("/auth/refresh", web::post().to(refresh))
            .route("/auth/logout", web::post().to(logout))
            .service(
                web::resource("/auth/everywhere").wrap(JwtAuth::new(auth.clone())).route(web::post().to(everywhere)),
            )
            .service(web::resource("/leave").wrap(JwtAuth::new(auth.clone())).to(logout))
            .service(web::resource("/me").wrap(JwtAuth::new(auth.clone())).to(me))
    });
    let server = server.workers(1).disable_signals().listen(listener).expect("actix listens").run();
    actix_web::rt::System::new().block_on(server).expect("actix serves");
}
