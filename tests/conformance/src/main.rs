//! The conformance server: see its README.

mod config;

use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::process::ExitCode;

use config::{Config, Refusal};
use jwt_core::Authenticator;
use tokio::runtime::Runtime;

const USAGE: &str =
    "usage: conformance --framework tower|actix --config FILE.json --listen ADDRESS:PORT [--cache on|off]";

fn main() -> ExitCode {
    let arguments = match Arguments::read(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(Stop::Help) => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(Stop::Wrong(why)) => return fail(2, &format!("{why}\n{USAGE}")),
    };
    let json = match std::fs::read_to_string(&arguments.config) {
        Ok(json) => json,
        Err(error) => return fail(2, &format!("{}: {error}", arguments.config)),
    };
    let runtime = match Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return fail(1, &error.to_string()),
    };
    // Keys that have an address are fetched in there, whichever framework serves.
    let inside = runtime.enter();
    let authenticator = match Config::read(&json).and_then(|config| config.authenticator(arguments.cache)) {
        Ok(authenticator) => authenticator,
        Err(Refusal::Unsupported(what)) => return fail(3, &format!("not supported: {what}")),
        Err(Refusal::Unsafe(why)) => return fail(4, &format!("refused: {why}")),
    };
    drop(inside);
    let served = TcpListener::bind(arguments.listen).and_then(|listener| {
        println!("listening on http://{}", listener.local_addr()?);
        std::io::stdout().flush()?;
        match arguments.framework {
            Framework::Tower => serve_tower(listener, authenticator, &runtime),
            Framework::Actix => serve_actix(listener, authenticator),
        }
    });
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(1, &error.to_string()),
    }
}

fn fail(status: u8, why: &str) -> ExitCode {
    eprintln!("conformance: {why}");
    ExitCode::from(status)
}

enum Framework {
    Tower,
    Actix,
}

struct Arguments {
    framework: Framework,
    config: String,
    listen: SocketAddr,
    cache: bool,
}

enum Stop {
    Help,
    Wrong(String),
}

impl Arguments {
    fn read(mut arguments: impl Iterator<Item = String>) -> Result<Self, Stop> {
        let (mut framework, mut config, mut listen, mut cache) = (None, None, None, false);
        while let Some(name) = arguments.next() {
            if name == "--help" || name == "-h" {
                return Err(Stop::Help);
            }
            let value = arguments.next().ok_or_else(|| Stop::Wrong(format!("{name} wants a value")))?;
            match (&*name, &*value) {
                ("--framework", "tower") => framework = Some(Framework::Tower),
                ("--framework", "actix") => framework = Some(Framework::Actix),
                ("--config", _) => config = Some(value),
                ("--listen", address) => {
                    listen = Some(address.parse().map_err(|_| Stop::Wrong(format!("{address} is no address")))?);
                }
                ("--cache", "on") => cache = true,
                ("--cache", "off") => cache = false,
                _ => return Err(Stop::Wrong(format!("{name} {value} is not understood"))),
            }
        }
        let missing = |name: &str| Stop::Wrong(format!("{name} is missing"));
        Ok(Self {
            framework: framework.ok_or_else(|| missing("--framework"))?,
            config: config.ok_or_else(|| missing("--config"))?,
            listen: listen.ok_or_else(|| missing("--listen"))?,
            cache,
        })
    }
}

fn serve_tower(listener: TcpListener, authenticator: Authenticator<()>, runtime: &Runtime) -> std::io::Result<()> {
    use axum::http::header::CONTENT_TYPE;
    use axum::routing::any;
    use jwt_tower::{Claims, JwtAuth};

    async fn protected(Claims(claims): Claims<()>) -> ([(axum::http::HeaderName, &'static str); 1], String) {
        ([(CONTENT_TYPE, "application/json")], claims.claims_json().to_owned())
    }

    let app = axum::Router::new().route("/protected", any(protected).layer(JwtAuth::new(authenticator)));
    runtime.block_on(async {
        listener.set_nonblocking(true)?;
        axum::serve(tokio::net::TcpListener::from_std(listener)?, app).await
    })
}

fn serve_actix(listener: TcpListener, authenticator: Authenticator<()>) -> std::io::Result<()> {
    use actix_web::{App, HttpResponse, HttpServer, web};
    use jwt_actix::{Claims, JwtAuth};

    async fn protected(Claims(claims): Claims<()>) -> HttpResponse {
        HttpResponse::Ok().content_type("application/json").body(claims.claims_json().to_owned())
    }

    let server = HttpServer::new(move || {
        let auth = JwtAuth::new(authenticator.clone());
        App::new().service(web::resource("/protected").wrap(auth).to(protected))
    });
    actix_web::rt::System::new().block_on(server.workers(2).listen(listener)?.run())
}
