//! What stands in front of the instances: round-robin, sticky, or one instance alone, each on a port of its own. In this
//! process, or a real HAProxy or nginx.

use std::error::Error;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use std::{env, fs, process};

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderValue, StatusCode};
use hyper_util::client::legacy;
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};

use crate::client::{self, Http};

type Fault = Box<dyn Error + Send + Sync>;

/// Which balancer to put in front.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Balancer {
    /// The small one in this process.
    #[default]
    Here,
    /// HAProxy, from the system.
    HaProxy,
    /// nginx, from the system.
    Nginx,
}

/// The balancer, as its clients see it.
#[derive(Debug)]
pub(crate) struct Front {
    pub(crate) balancer: Balancer,
    ports: Ports,
    /// A process of its own ends with this, and what it wrote is gone.
    _process: Option<(Child, Directory)>,
}

/// Where it listens.
#[derive(Debug, Clone, Copy)]
struct Ports {
    round_robin: u16,
    sticky: u16,
    one: u16,
}

impl Front {
    pub(crate) async fn start(balancer: Balancer, instances: [u16; 3]) -> Result<Self, Fault> {
        let listeners = [free_port().await?, free_port().await?, free_port().await?];
        let port = |n: usize| listeners[n].local_addr().map(|address| address.port());
        let ports = Ports { round_robin: port(0)?, sticky: port(1)?, one: port(2)? };
        let process = match balancer {
            Balancer::Here => {
                for (listener, way) in listeners.into_iter().zip([Way::RoundRobin, Way::Sticky, Way::One]) {
                    let front = Arc::new(Here { way, instances, next: AtomicUsize::new(0), http: Http::default() });
                    let app = Router::new().fallback(pass).with_state(front);
                    tokio::spawn(axum::serve(listener, app).into_future());
                }
                None
            }
            Balancer::HaProxy => {
                drop(listeners);
                let config = include_str!("../balancer/haproxy.cfg");
                Some(launch("haproxy", &["-q", "-db", "-f"], config, ports, instances).await?)
            }
            Balancer::Nginx => {
                drop(listeners);
                let config = include_str!("../balancer/nginx.conf");
                Some(launch("nginx", &["-e", "stderr", "-c"], config, ports, instances).await?)
            }
        };
        Ok(Self { balancer, ports, _process: process })
    }

    /// Where to send requests.
    pub(crate) fn port(&self, instances: usize, sticky: bool) -> u16 {
        match (instances, sticky) {
            (1, _) => self.ports.one,
            (_, true) => self.ports.sticky,
            (_, false) => self.ports.round_robin,
        }
    }
}

async fn free_port() -> std::io::Result<TcpListener> {
    TcpListener::bind(("127.0.0.1", 0)).await
}

/// Starts a balancer with the file that is in this example, and waits until it listens.
async fn launch(
    program: &str,
    args: &[&str],
    config: &str,
    ports: Ports,
    instances: [u16; 3],
) -> Result<(Child, Directory), Fault> {
    let mut config = config.to_owned();
    let values = [("ROUND_ROBIN", ports.round_robin), ("STICKY", ports.sticky), ("ONE", ports.one)];
    let orders = [("ORDERS_1", instances[0]), ("ORDERS_2", instances[1]), ("ORDERS_3", instances[2])];
    for (name, port) in values.into_iter().chain(orders) {
        config = config.replace(&format!("${{{name}}}"), &port.to_string());
    }
    let directory = Directory(env::temp_dir().join(format!("story-{}-{}", process::id(), ports.one)));
    fs::create_dir_all(&directory.0)?;
    let file = directory.0.join(program);
    fs::write(&file, config.replace("${DIRECTORY}", &directory.0.to_string_lossy()))?;
    let installed = find(program);
    let installed = installed.ok_or_else(|| format!("{program} is not installed: try `apt-get install {program}`"))?;
    let mut child = tied(&installed)
        .await
        .args(args)
        .arg(&file)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    for _ in 0..600 {
        if let Some(status) = child.try_wait()? {
            return Err(format!("{program} ended: {status}").into());
        }
        if TcpStream::connect(("127.0.0.1", ports.one)).await.is_ok() {
            return Ok((child, directory));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Err(format!("{program} does not listen").into())
}

/// Where that program is. Debian keeps some where only administrators look.
fn find(program: &str) -> Option<PathBuf> {
    let paths = env::var_os("PATH").unwrap_or_default();
    let paths = env::split_paths(&paths).chain([PathBuf::from("/usr/sbin")]);
    paths.map(|path| path.join(program)).find(|path| path.is_file())
}

/// That program. Linux kills it as soon as this one is gone, even if this one is killed itself.
async fn tied(program: &Path) -> Command {
    let tie = |program: &OsStr| {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]).arg(program);
        command
    };
    let tried = tie(OsStr::new("true")).stdout(Stdio::null()).stderr(Stdio::null()).status().await;
    if tried.is_ok_and(|status| status.success()) { tie(program.as_os_str()) } else { Command::new(program) }
}

/// Removed when it is dropped.
#[derive(Debug)]
struct Directory(PathBuf);

impl Drop for Directory {
    fn drop(&mut self) {
        // There is nobody to tell if not.
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    RoundRobin,
    Sticky,
    One,
}

/// The balancer in this process.
struct Here {
    way: Way,
    instances: [u16; 3],
    next: AtomicUsize,
    http: Http,
}

/// Tries one instance after the other, as HAProxy does with `option redispatch`: the client's own one first if it is
/// to stay with it.
async fn pass(State(front): State<Arc<Here>>, request: Request) -> Response {
    let Ok(request) = client::whole(request).await else { return StatusCode::PAYLOAD_TOO_LARGE.into_response() };
    // #balance
    let own = if front.way == Way::Sticky { own_instance(request.headers()) } else { None };
    let first = match front.way {
        Way::One => 0,
        Way::Sticky | Way::RoundRobin => own.unwrap_or_else(|| front.next.fetch_add(1, Ordering::Relaxed) % 3),
    };
    let tries = if front.way == Way::One { 1 } else { 3 };
    for instance in (first..first + tries).map(|n| n % 3) {
        match front.http.send(request.clone(), front.instances[instance]).await {
            Ok(response) => {
                let mut response = client::answer(response);
                if front.way == Way::Sticky && own != Some(instance) {
                    let cookie = format!("instance=orders-{}; HttpOnly; Path=/", instance + 1);
                    response.headers_mut().extend(HeaderValue::from_str(&cookie).ok().map(|value| (SET_COOKIE, value)));
                }
                return response;
            }
            Err(error) => {
                let error = error.downcast_ref::<legacy::Error>();
                if !request.method().is_safe() && !error.is_some_and(legacy::Error::is_connect) {
                    // It may have been done.
                    return StatusCode::BAD_GATEWAY.into_response();
                }
            }
        }
    }
    StatusCode::SERVICE_UNAVAILABLE.into_response()
}

/// The instance that the cookie of the balancer names.
fn own_instance(headers: &HeaderMap) -> Option<usize> {
    let values = headers.get_all(COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let mut pairs = values.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let (_, instance) = pairs.find(|(name, _)| *name == "instance")?;
    let number: usize = instance.strip_prefix("orders-")?.parse().ok()?;
    (1..=3).contains(&number).then(|| number - 1)
}
