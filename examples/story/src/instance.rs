//! One instance of the orders service: a thread with a runtime of its own, so that killing it is what it says. Its
//! listener and its connections close, and whatever it had in memory is gone.

use std::error::Error;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use actix_web::HttpServer;
use jwt_core::forward::Forwarder;
use tokio::sync::oneshot;

use crate::access::{self, Access};
use crate::client::Http;
use crate::orders::{self, Shop};
use crate::orders_actix;
use crate::world::World;

type Fault = Box<dyn Error + Send + Sync>;

/// One of three, dead or alive.
#[derive(Debug)]
pub(crate) struct Instance {
    number: usize,
    address: SocketAddr,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    kill: oneshot::Sender<()>,
    ended: oneshot::Receiver<()>,
}

impl Instance {
    /// On a port of its own, which it keeps.
    pub(crate) fn new(number: usize, address: SocketAddr) -> Self {
        Self { number, address, running: None }
    }

    pub(crate) fn is_alive(&self) -> bool {
        self.running.is_some()
    }

    /// Starts it, and waits until it serves.
    ///
    /// # Errors
    /// Why it does not: without the shared cache, nobody knows which tokens were revoked.
    pub(crate) async fn start(&mut self, world: &Arc<World>) -> Result<(), Fault> {
        if self.is_alive() {
            return Ok(());
        }
        let listener = listen(self.address).await?;
        let ((kill, killed), (ready, served), (end, ended)) =
            (oneshot::channel(), oneshot::channel(), oneshot::channel());
        let (world, name) = (world.clone(), format!("orders-{}", self.number));
        let serve = if self.number == 3 { on_actix } else { on_axum };
        thread::Builder::new().name(name.clone()).spawn(move || {
            serve(name, listener, &world, ready, killed);
            let _ = end.send(());
        })?;
        served.await??;
        self.running = Some(Running { kill, ended });
        Ok(())
    }

    // #kill
    /// Kills it, and waits until it is dead.
    pub(crate) async fn kill(&mut self) {
        if let Some(Running { kill, ended }) = self.running.take() {
            let _ = kill.send(());
            let _ = ended.await;
        }
    }
}

/// On the port that it had: what it left open there may take a moment to close.
async fn listen(address: SocketAddr) -> Result<TcpListener, Fault> {
    let mut tries = 0;
    loop {
        match tokio::net::TcpListener::bind(address).await {
            Ok(listener) => return Ok(listener.into_std()?),
            Err(error) if tries == 50 => return Err(error.into()),
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
        tries += 1;
    }
}

type Ready = oneshot::Sender<Result<(), Fault>>;

async fn shop(world: &Arc<World>) -> Result<Arc<Shop>, Fault> {
    let (access, cookies) = (Access::open("orders", world).await?, access::cookies()?);
    // #forwarder
    // The token of whoever asks goes to this one service. It must not end on the way there.
    let invoices = format!("http://127.0.0.1:{}", world.invoices_port);
    let forwarder = Forwarder::builder().target(invoices).margin(Duration::from_secs(1)).build()?;
    Ok(Arc::new(Shop { access, http: Http::default(), forwarder, cookies, world: world.clone() }))
}

fn on_axum(name: String, listener: TcpListener, world: &Arc<World>, ready: Ready, killed: oneshot::Receiver<()>) {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return drop(ready.send(Err(error.into()))),
    };
    runtime.block_on(async {
        let app = async {
            let router = orders::router(name, shop(world).await?);
            Ok::<_, Fault>((tokio::net::TcpListener::from_std(listener)?, router))
        };
        match app.await {
            Err(error) => drop(ready.send(Err(error))),
            Ok((listener, router)) => {
                let _ = ready.send(Ok(()));
                tokio::select! {
                    _ = axum::serve(listener, router).into_future() => {}
                    _ = killed => {}
                }
            }
        }
    });
    // With the runtime go the connections that it served.
}

fn on_actix(name: String, listener: TcpListener, world: &Arc<World>, ready: Ready, killed: oneshot::Receiver<()>) {
    actix_web::rt::System::new().block_on(async {
        let server = async {
            let shop = shop(world).await?;
            let app = move || orders_actix::app(name.clone(), shop.clone());
            Ok::<_, Fault>(HttpServer::new(app).workers(1).disable_signals().listen(listener)?.run())
        };
        match server.await {
            Err(error) => drop(ready.send(Err(error))),
            Ok(server) => {
                let handle = server.handle();
                actix_web::rt::spawn(server);
                let _ = ready.send(Ok(()));
                let _ = killed.await;
                handle.stop(false).await;
            }
        }
    });
}
