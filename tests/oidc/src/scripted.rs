use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jwt_core::key::{Fetch, FetchError, Fetching};
use tokio::time::{Instant, sleep};

/// A client that answers out of memory: what is published now, after so much time, on the clock of Tokio, which a test
/// can pause. Clones share everything.
#[derive(Clone, Default)]
pub struct Scripted(Arc<Mutex<Script>>);

#[derive(Default)]
struct Script {
    documents: HashMap<String, (u16, String)>,
    everywhere: Option<(u16, String)>,
    delay: Duration,
    delay_after: Duration,
    begun: Vec<Instant>,
    asked: Vec<String>,
    under_way: usize,
    most_under_way: usize,
    panics: bool,
}

impl Scripted {
    fn with<T>(&self, change: impl FnOnce(&mut Script) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Answers everything with this.
    pub fn answer(&self, status: u16, body: impl Into<String>) {
        self.with(|script| script.everywhere = Some((status, body.into())));
    }

    /// Answers this address with this, whatever the others get.
    pub fn answer_at(&self, address: impl Into<String>, status: u16, body: impl Into<String>) {
        self.with(|script| script.documents.insert(address.into(), (status, body.into())));
    }

    /// Takes that long before it looks at what is published, and that long after it has.
    pub fn take(&self, before: Duration, after: Duration) {
        self.with(|script| (script.delay, script.delay_after) = (before, after));
    }

    /// Panics from now on, or no more.
    pub fn panic(&self, panics: bool) {
        self.with(|script| script.panics = panics);
    }

    /// When the requests began.
    pub fn begun(&self) -> Vec<Instant> {
        self.with(|script| script.begun.clone())
    }

    /// The addresses that were asked for.
    pub fn asked(&self) -> Vec<String> {
        self.with(|script| script.asked.clone())
    }

    /// How many requests there were.
    pub fn count(&self) -> usize {
        self.with(|script| script.begun.len())
    }

    /// How many requests there were at the same time, at most.
    pub fn most_at_once(&self) -> usize {
        self.with(|script| script.most_under_way)
    }
}

struct UnderWay(Scripted);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.with(|script| script.under_way -= 1);
    }
}

/// Even a sleep of no time takes a while.
async fn pause(time: Duration) {
    if !time.is_zero() {
        sleep(time).await;
    }
}

impl Fetch for Scripted {
    fn fetch(&self, request: http::Request<Vec<u8>>, _max_bytes: usize) -> Fetching<'_> {
        let address = request.uri().to_string();
        Box::pin(async move {
            let (before, after, panics) = self.with(|script| {
                script.begun.push(Instant::now());
                script.asked.push(address.clone());
                script.under_way += 1;
                script.most_under_way = script.most_under_way.max(script.under_way);
                (script.delay, script.delay_after, script.panics)
            });
            let _under_way = UnderWay(self.clone());
            assert!(!panics, "the client was told to panic");
            pause(before).await;
            let found =
                self.with(|script| script.documents.get(&address).cloned().or_else(|| script.everywhere.clone()));
            pause(after).await;
            let (status, body) = found.ok_or_else(|| FetchError::transport(std::io::Error::other("nobody there")))?;
            let mut response = http::Response::new(body.into_bytes());
            *response.status_mut() = http::StatusCode::from_u16(status).map_err(FetchError::transport)?;
            Ok(response)
        })
    }
}

impl fmt::Debug for Scripted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scripted").finish_non_exhaustive()
    }
}
