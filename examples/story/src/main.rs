//! The whole story of sessions and JWTs, running. `cargo run -p story`, then open <http://127.0.0.1:8080>.

use std::error::Error;
use std::io::ErrorKind;
use std::process::ExitCode;
use std::time::Duration;

use story::{Balancer, Cluster, Listener, Load, Setup};
use tokio::net::TcpListener;
use tracing_subscriber::layer::SubscriberExt;

const USAGE: &str = "\
The whole story of sessions and JWTs, running, with a page that shows it.

usage: cargo run -p story -- [OPTION...]

  --port PORT           where to serve the page (8080; 0: any free port)
  --redis URL           the shared cache is that Redis: redis://[:password@]host[:port][/database]
  --balancer haproxy    HAProxy in front of the instances, from the system
  --balancer nginx      nginx in front of the instances, from the system
  --help                this
";

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("story: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error + Send + Sync>> {
    let Some((port, setup)) = options()? else {
        print!("{USAGE}");
        return Ok(());
    };
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(Listener))?;

    let listener = TcpListener::bind(("127.0.0.1", port)).await;
    let listener = listener.map_err(|error| {
        let why = match error.kind() {
            ErrorKind::AddrInUse => format!("port {port} is in use by another program"),
            _ => error.to_string(),
        };
        format!("cannot serve on port {port}: {why}. For another one: cargo run -p story -- --port 8081")
    })?;
    let address = listener.local_addr()?;
    let end = told_to_end()?;
    let serve = async {
        let cluster = Cluster::start(&setup).await?;
        println!("The story is at http://{address}/ (Ctrl-C ends it)");
        Ok(story::serve(cluster, listener).await?)
    };
    tokio::select! {
        served = serve => served,
        () = end => Ok(()),
    }
}

/// Comes when this is to end, by Ctrl-C, by `kill`, or with its terminal; then the balancer has to be ended too.
#[cfg(unix)]
fn told_to_end() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let mut hang_up = signal(SignalKind::hangup())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hang_up.recv() => {}
        }
    })
}

#[cfg(not(unix))]
fn told_to_end() -> std::io::Result<impl Future<Output = ()>> {
    Ok(async { drop(tokio::signal::ctrl_c().await) })
}

/// The port and the setup, or none where help is wanted.
fn options() -> Result<Option<(u16, Setup)>, String> {
    // Enough to see something, and nothing while nobody looks.
    let load = Load { pause: Duration::from_millis(200), only_watched: true, ..Load::default() };
    let (mut port, mut setup) = (8080, Setup { load, ..Setup::default() });
    let mut args = std::env::args().skip(1);
    while let Some(option) = args.next() {
        if option == "--help" || option == "-h" {
            return Ok(None);
        }
        let mut value = || args.next().ok_or_else(|| format!("{option} needs a value, see --help"));
        match &*option {
            "--port" => port = value()?.parse().map_err(|_| "a port is a number up to 65535".to_owned())?,
            "--redis" => setup.redis = Some(value()?),
            "--balancer" => {
                setup.balancer = match &*value()? {
                    "haproxy" => Balancer::HaProxy,
                    "nginx" => Balancer::Nginx,
                    other => return Err(format!("no balancer {other:?}: haproxy or nginx")),
                }
            }
            _ => return Err(format!("no option {option:?}, see --help")),
        }
    }
    Ok(Some((port, setup)))
}
