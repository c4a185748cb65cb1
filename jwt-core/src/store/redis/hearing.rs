//! Hears of revocations as they are made, on a connection of its own. What is missed, a poll finds.

use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::StreamExt;
use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use tokio::task::JoinSet;

use super::link::Link;

/// How long a subscription may take.
const SUBSCRIBE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long to wait before a subscription that was lost, or is not allowed, is tried again.
const PAUSE: Duration = Duration::from_secs(1);

/// A subscription to a channel.
pub(super) struct Hearing {
    heard: Arc<Notify>,
    /// The task ends when this is dropped.
    _task: JoinSet<()>,
}

impl Hearing {
    /// Subscribes, in a task of the Tokio runtime that calls this.
    pub(super) fn start(link: Link, channel: String) -> Self {
        let heard = Arc::new(Notify::new());
        let mut task = JoinSet::new();
        task.spawn(hear(link, channel, Arc::downgrade(&heard)));
        Self { heard, _task: task }
    }

    /// The next message, from now on.
    pub(super) fn next(&self) -> Notified<'_> {
        self.heard.notified()
    }
}

async fn hear(link: Link, channel: String, heard: Weak<Notify>) {
    loop {
        if let Ok(Ok(mut messages)) = tokio::time::timeout(SUBSCRIBE_TIMEOUT, link.messages(&channel)).await {
            // Some may have been missed.
            loop {
                let Some(heard) = heard.upgrade() else { return };
                heard.notify_waiters();
                drop(heard);
                if messages.next().await.is_none() {
                    break;
                }
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}
