use std::net::TcpListener;
use std::thread;

use jwt_core::{Authenticator, CsrfTokens, Issuer, Login, LoginCookies, RefreshToken, TokenSource};

use crate::stacks::{runtime, tokio_listener};
use crate::{Server, User};

/// What a server needs that people can log in at.
#[derive(Debug, Clone)]
pub struct LoginApp {
    /// Who signs.
    pub issuer: Issuer,
    /// How a browser keeps it.
    pub cookies: LoginCookies,
    /// Whether unsafe requests need a token of that kind.
    pub csrf: Option<CsrfTokens>,
}

/// A framework with its adapter, for logins.
#[derive(Debug, Clone, Copy)]
pub struct LoginStack {
    /// What to call it in the message of a failed test.
    pub name: &'static str,
    serve: fn(TcpListener, LoginApp),
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
    /// | `/auth/logout` | no cookies any more |
    /// | `/me` | the claims by any method, from the header or the cookie |
    ///
    /// # Panics
    /// Where no port is free.
    pub fn start(self, app: LoginApp) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("a bound listener has an address");
        thread::spawn(move || (self.serve)(listener, app));
        Server { stack: self.name, address }
    }
}

impl LoginApp {
    fn authenticator(&self) -> Authenticator<User> {
        let builder = self.issuer.authenticator().source(TokenSource::bearer()).source(self.cookies.source());
        let builder = match &self.csrf {
            Some(csrf) => builder.csrf(csrf),
            None => builder,
        };
        builder.build().expect("an issuer knows what to expect")
    }

    fn login(&self) -> Login {
        let user = User { sub: "alice".to_owned(), name: "Alice".to_owned() };
        let access = self.issuer.sign(&user).expect("claims without registered ones are signed");
        let refresh = RefreshToken::new("of-no-use-here", std::time::Duration::from_secs(86_400));
        Login::new(access).with_refresh(refresh.expect("it holds letters only"))
    }
}

fn on_axum(listener: TcpListener, app: LoginApp) {
    use axum::extract::State;
    use axum::response::{IntoResponse, Redirect};
    use axum::routing::{any, post};
    use axum::{Json, Router};
    use jwt_tower::{Claims, Jwks, JwtAuth, VerifiedToken};

    async fn token(State(app): State<LoginApp>) -> impl IntoResponse {
        app.login().json()
    }
    async fn login(State(app): State<LoginApp>) -> impl IntoResponse {
        (app.login().set_cookies(&app.cookies), Redirect::to("/me"))
    }
    async fn logout(State(app): State<LoginApp>) -> impl IntoResponse {
        app.cookies.clear()
    }
    async fn me(Claims(user): Claims<User>) -> Json<VerifiedToken<User>> {
        Json(user)
    }

    let routes = Router::new()
        .route("/me", any(me))
        .layer(JwtAuth::new(app.authenticator()))
        .route("/auth/token", post(token))
        .route("/auth/login", post(login))
        .route("/auth/logout", post(logout))
        .route_service("/.well-known/jwks.json", Jwks::new(app.issuer.clone()))
        .with_state(app);
    runtime().block_on(async { axum::serve(tokio_listener(listener), routes).await.expect("axum serves") });
}

fn on_hyper(listener: TcpListener, app: LoginApp) {
    use http::{HeaderMap, Request, Response, StatusCode};
    use hyper::body::Incoming;
    use hyper_util::rt::TokioIo;
    use hyper_util::service::TowerToHyperService;
    use jwt_tower::{Jwks, JwtAuth};
    use tower::{Layer, ServiceExt, service_fn};

    fn with(status: StatusCode, headers: HeaderMap) -> Response<String> {
        let mut response = Response::default();
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        response
    }

    async fn me(request: Request<Incoming>) -> Result<Response<String>, std::convert::Infallible> {
        let user = jwt_tower::claims::<User>(request.extensions()).expect("there is a layer");
        Ok(Response::new(serde_json::to_string(&user).expect("claims serialize")))
    }

    let protected = JwtAuth::new(app.authenticator()).layer(service_fn(me));
    let jwks = Jwks::new(app.issuer.clone());
    let routes = service_fn(move |request: Request<Incoming>| {
        let (app, protected, jwks) = (app.clone(), protected.clone(), jwks.clone());
        async move {
            match request.uri().path() {
                "/.well-known/jwks.json" => jwks.oneshot(request).await,
                "/auth/token" => Ok(app.login().json()),
                "/auth/login" => {
                    let mut headers = app.login().set_cookies(&app.cookies);
                    headers.insert(http::header::LOCATION, http::HeaderValue::from_static("/me"));
                    Ok(with(StatusCode::SEE_OTHER, headers))
                }
                "/auth/logout" => Ok(with(StatusCode::OK, app.cookies.clear())),
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

fn on_actix(listener: TcpListener, app: LoginApp) {
    use actix_web::{App, HttpResponse, HttpServer, web};
    use jwt_actix::{Claims, Jwks, JwtAuth, VerifiedToken, response, with_headers};

    async fn token(app: web::Data<LoginApp>) -> HttpResponse {
        response(app.login().json())
    }
    async fn login(app: web::Data<LoginApp>) -> HttpResponse {
        let mut response = HttpResponse::SeeOther();
        with_headers(response.insert_header(("location", "/me")), &app.login().set_cookies(&app.cookies)).finish()
    }
    async fn logout(app: web::Data<LoginApp>) -> HttpResponse {
        with_headers(&mut HttpResponse::Ok(), &app.cookies.clear()).finish()
    }
    async fn me(Claims(user): Claims<User>) -> web::Json<VerifiedToken<User>> {
        web::Json(user)
    }

    let server = HttpServer::new(move || {
        App::new()
            .app_data(web::Data::new(app.clone()))
            .route("/.well-known/jwks.json", web::to(Jwks::new(app.issuer.clone())))
            .route("/auth/token", web::post().to(token))
            .route("/auth/login", web::post().to(login))
            .route("/auth/logout", web::post().to(logout))
            .service(web::resource("/me").wrap(JwtAuth::new(app.authenticator())).to(me))
    });
    let server = server.workers(1).disable_signals().listen(listener).expect("actix listens").run();
    actix_web::rt::System::new().block_on(server).expect("actix serves");
}
