use std::net::TcpListener;

use jwt_core::Authenticator;
use jwt_core::login::logout::LogoutReceiver;

use crate::stacks::{runtime, tokio_listener};
use crate::{Server, User, log};

/// A framework with its adapter, and the route for logouts of identity providers.
#[derive(Debug, Clone, Copy)]
pub struct LogoutStack {
    /// What to call it in the message of a failed test.
    pub name: &'static str,
    serve: fn(TcpListener, Authenticator<User>, LogoutReceiver),
}

/// Every stack that logouts of identity providers are tried on.
pub const LOGOUT_STACKS: [LogoutStack; 3] = [
    LogoutStack { name: "axum", serve: on_axum },
    LogoutStack { name: "hyper", serve: on_hyper },
    LogoutStack { name: "actix", serve: on_actix },
];

impl LogoutStack {
    /// Starts a server with the path of the receiver, and with `/me`, which has the claims.
    ///
    /// # Panics
    /// Where no port is free.
    pub fn start(self, authenticator: Authenticator<User>, receiver: LogoutReceiver) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("a bound listener has an address");
        log::spawn(move || (self.serve)(listener, authenticator, receiver));
        Server { stack: self.name, address }
    }
}

fn on_axum(listener: TcpListener, authenticator: Authenticator<User>, receiver: LogoutReceiver) {
    use axum::routing::any;
    use axum::{Json, Router};
    use jwt_tower::{Claims, JwtAuth, LogoutRoute, VerifiedToken};

    async fn me(Claims(user): Claims<User>) -> Json<VerifiedToken<User>> {
        Json(user)
    }

    let app = Router::new().route("/me", any(me)).layer(JwtAuth::new(authenticator)).layer(LogoutRoute::new(receiver));
    runtime().block_on(async { axum::serve(tokio_listener(listener), app).await.expect("axum serves") });
}

fn on_hyper(listener: TcpListener, authenticator: Authenticator<User>, receiver: LogoutReceiver) {
    use http::{Request, Response};
    use hyper::body::Incoming;
    use hyper_util::rt::TokioIo;
    use hyper_util::service::TowerToHyperService;
    use jwt_tower::{JwtAuth, LogoutRoute};
    use tower::{Layer, service_fn};

    async fn me(request: Request<Incoming>) -> Result<Response<String>, std::convert::Infallible> {
        let user = jwt_tower::claims::<User>(request.extensions()).expect("there is a layer");
        Ok(Response::new(serde_json::to_string(&user).expect("claims serialize")))
    }

    let app = LogoutRoute::new(receiver).layer(JwtAuth::new(authenticator).layer(service_fn(me)));
    runtime().block_on(async move {
        let listener = tokio_listener(listener);
        while let Ok((stream, _)) = listener.accept().await {
            let service = TowerToHyperService::new(app.clone());
            tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
}

fn on_actix(listener: TcpListener, authenticator: Authenticator<User>, receiver: LogoutReceiver) {
    use actix_web::{App, HttpServer, web};
    use jwt_actix::{Claims, JwtAuth, LogoutRoute, VerifiedToken};

    async fn me(Claims(user): Claims<User>) -> web::Json<VerifiedToken<User>> {
        web::Json(user)
    }

    let log = log::inherited();
    let server = HttpServer::new(move || {
        // A thread of actix starts here.
        log::inherit(log.clone());
        App::new()
            .route("/me", web::route().to(me))
            .wrap(JwtAuth::new(authenticator.clone()))
            .wrap(LogoutRoute::new(receiver.clone()))
    });
    let server = server.workers(1).disable_signals().listen(listener).expect("actix listens").run();
    actix_web::rt::System::new().block_on(server).expect("actix serves");
}
