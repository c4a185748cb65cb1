//! Hears of revocations as they are made, on a connection of its own.

use std::pin::Pin;
use std::sync::Weak;
use std::time::Duration;

use futures_util::stream::{self, BoxStream, StreamExt};
use tokio::sync::Notify;
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::{AsyncMessage, Client, Config, Error, Socket};

/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long to wait before a connection that was lost is made again.
const PAUSE: Duration = Duration::from_secs(1);
/// How long a connection may be silent before it is probed.
const KEEPALIVE: Duration = Duration::from_secs(30);

type Messages = BoxStream<'static, Result<AsyncMessage, Error>>;
type Connecting = Pin<Box<dyn Future<Output = Result<(Client, Messages), Error>> + Send>>;

/// Makes the connection that listens.
pub(super) struct Connect(Box<dyn Fn() -> Connecting + Send + Sync>);

impl Connect {
    pub(super) fn new<T>(mut config: Config, tls: T) -> Self
    where
        T: MakeTlsConnect<Socket> + Clone + Send + Sync + 'static,
        T::Stream: Send,
        T::TlsConnect: Send,
        <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
    {
        config.keepalives_idle(KEEPALIVE);
        Self(Box::new(move || {
            let (config, tls) = (config.clone(), tls.clone());
            Box::pin(async move {
                let (client, mut connection) = config.connect(tls).await?;
                let messages = stream::poll_fn(move |context| connection.poll_message(context));
                Ok((client, messages.boxed()))
            })
        }))
    }
}

/// Wakes those who wait for `heard` whenever somebody adds an entry, and where some may have been missed. What is missed
/// while there is no connection, a poll finds.
pub(super) async fn listen(connect: Connect, heard: Weak<Notify>, schema: Box<str>) {
    let listen = format!("LISTEN \"{schema}.revocations\"");
    let wake = || heard.upgrade().as_deref().map(Notify::notify_waiters);
    loop {
        if let Ok(Ok((client, messages))) = tokio::time::timeout(CONNECT_TIMEOUT, (connect.0)()).await {
            let mut messages = messages;
            let hear = async {
                while let Some(Ok(message)) = messages.next().await {
                    if matches!(message, AsyncMessage::Notification(_)) && wake().is_none() {
                        break;
                    }
                }
            };
            let mut hear = std::pin::pin!(hear);
            tokio::select! {
                () = &mut hear => {}
                begun = client.batch_execute(&listen) => {
                    if begun.is_ok() && wake().is_some() {
                        hear.await;
                    }
                }
            }
        }
        if heard.strong_count() == 0 {
            return;
        }
        tokio::time::sleep(PAUSE).await;
    }
}
