//! A cable between the instances and a Redis that belongs to somebody else: it can be cut without harm to anybody.

use std::io;
use std::sync::Arc;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Passes bytes on between a port of this machine and the Redis.
#[derive(Debug)]
pub(crate) struct Cable {
    path: String,
    up: Arc<watch::Sender<bool>>,
}

impl Cable {
    /// To the Redis at that URL, `redis://[:password@]host[:port][/database]`.
    pub(crate) async fn to(url: &str) -> io::Result<Self> {
        let wrong = || io::Error::new(io::ErrorKind::InvalidInput, "expected redis://host:port");
        let rest = url.strip_prefix("redis://").ok_or_else(wrong)?;
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (user, host) = authority.rsplit_once('@').map_or(("", authority), |(user, host)| (user, host));
        let host = if host.contains(':') { host.to_owned() } else { format!("{host}:6379") };
        drop(TcpStream::connect(&host).await?);
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        let user = if user.is_empty() { String::new() } else { format!("{user}@") };
        let up = Arc::new(watch::Sender::new(true));
        tokio::spawn(run(listener, host, up.clone()));
        Ok(Self { path: format!("{user}127.0.0.1:{port}/{path}"), up })
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://{}", self.path)
    }

    pub(crate) fn is_up(&self) -> bool {
        *self.up.borrow()
    }

    pub(crate) fn set_up(&self, up: bool) {
        self.up.send_replace(up);
    }
}

async fn run(listener: TcpListener, redis: String, up: Arc<watch::Sender<bool>>) {
    while let Ok((mut client, _)) = listener.accept().await {
        let (redis, mut up) = (redis.clone(), up.subscribe());
        tokio::spawn(async move {
            let pass = async {
                if let Ok(mut server) = TcpStream::connect(&redis).await {
                    let _ = copy_bidirectional(&mut client, &mut server).await;
                }
            };
            // Cut: whatever was on the way is lost, and both ends are closed.
            tokio::select! {
                () = pass => {}
                _ = up.wait_for(|up| !up) => {}
            }
        });
    }
}
