//! The servers of docs/how-to/mutual-tls.md, and the same behind a proxy. Each says how the token was shown.

use std::net::{SocketAddr, TcpListener};
use std::thread;

use jwt_core::Authenticator;
use jwt_core::binding::Possession;

use crate::Authority;

/// A framework, and how it is served.
#[derive(Debug, Clone, Copy)]
pub struct Server {
    /// For the message of a failed test.
    pub name: &'static str,
    serve: fn(TcpListener, Authenticator<()>),
}

/// Those that end TLS themselves.
pub const TLS: [Server; 2] =
    [Server { name: "axum", serve: on_axum::serve_tls }, Server { name: "actix-web", serve: on_actix::serve_tls }];

/// Those that stand behind a proxy.
pub const BEHIND: [Server; 2] =
    [Server { name: "axum", serve: on_axum::serve_plain }, Server { name: "actix-web", serve: on_actix::serve_plain }];

impl Server {
    /// Serves `/me` on a free port until the process ends.
    ///
    /// # Panics
    /// Where no port is free.
    pub fn start(self, authenticator: Authenticator<()>) -> SocketAddr {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        thread::spawn(move || (self.serve)(listener, authenticator));
        address
    }
}

fn said(possession: Possession) -> String {
    format!("certificate {}, dpop {}", possession.by_certificate(), possession.by_dpop())
}

mod recipe {
    include!(concat!(env!("OUT_DIR"), "/tls.rs"));

    pub(super) fn config() -> ServerConfig {
        let authority = super::Authority::trusted();
        let own = authority.server();
        tls(authority.pem().as_bytes(), own.certificate.as_bytes(), own.key.as_bytes()).expect("all of it is good")
    }
}

mod on_axum {
    include!(concat!(env!("OUT_DIR"), "/axum.rs"));

    use axum::routing::get;
    use jwt_tower::{Claims, JwtAuth};

    async fn me(Claims(user): Claims<()>) -> String {
        super::said(user.possession())
    }

    fn app(layer: JwtAuth) -> Router {
        Router::new().route("/me", get(me)).layer(layer)
    }

    fn run<T>(listener: std::net::TcpListener, served: impl AsyncFnOnce(TcpListener) -> T) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("there are threads");
        listener.set_nonblocking(true).expect("it can be");
        runtime.block_on(async { served(TcpListener::from_std(listener).expect("it does not block")).await })
    }

    pub(super) fn serve_tls(listener: std::net::TcpListener, auth: jwt_core::Authenticator<()>) {
        let app = app(JwtAuth::new(auth));
        run(listener, async |listener| serve(app, listener, super::recipe::config()).await).expect("axum serves");
    }

    pub(super) fn serve_plain(listener: std::net::TcpListener, auth: jwt_core::Authenticator<()>) {
        let app = app(JwtAuth::new(auth).peer_from::<ConnectInfo<SocketAddr>>());
        let app = app.into_make_service_with_connect_info::<SocketAddr>();
        run(listener, async |listener| axum::serve(listener, app).await).expect("axum serves");
    }
}

mod on_actix {
    include!(concat!(env!("OUT_DIR"), "/actix.rs"));

    use std::net::TcpListener;

    use actix_web::{App, HttpServer, web};
    use jwt_actix::{Claims, JwtAuth};

    async fn me(Claims(user): Claims<()>) -> String {
        super::said(user.possession())
    }

    pub(super) fn serve_tls(listener: TcpListener, auth: jwt_core::Authenticator<()>) {
        let app = move || App::new().wrap(JwtAuth::new(auth.clone())).route("/me", web::get().to(me));
        let server = HttpServer::new(app).on_connect(keep_certificate).workers(1).disable_signals();
        let server = server.listen_rustls_0_23(listener, super::recipe::config()).expect("it listens").run();
        actix_web::rt::System::new().block_on(server).expect("actix serves");
    }

    pub(super) fn serve_plain(listener: TcpListener, auth: jwt_core::Authenticator<()>) {
        let app = move || App::new().wrap(JwtAuth::new(auth.clone())).route("/me", web::get().to(me));
        let server = HttpServer::new(app).workers(1).disable_signals().listen(listener).expect("it listens").run();
        actix_web::rt::System::new().block_on(server).expect("actix serves");
    }
}
