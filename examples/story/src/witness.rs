//! What happened to a request on its way, for the page to tell: who answered, what was looked up, how long it took, and
//! what the log says. A real service has a tracing system for it.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use serde::Serialize;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

tokio::task_local! {
    static NOTE: Arc<Mutex<Note>>;
}

#[derive(Default)]
struct Note {
    look_ups: Vec<LookUp>,
    log: Option<String>,
    proved: Option<Instant>,
}

/// One question to a store.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct LookUp {
    /// Whom it was put to.
    pub store: &'static str,
    /// How long the answer took, in microseconds.
    pub micros: u64,
    /// Whether there was one.
    pub answered: bool,
}

/// What one service did with a request.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Hop {
    /// Which one it was, such as `orders-2`.
    pub service: String,
    /// What it is built with.
    pub framework: &'static str,
    /// What it answered.
    pub status: u16,
    /// How long it took to find out who is asking, in microseconds.
    pub micros: u64,
    /// What it had to ask for that.
    pub look_ups: Vec<LookUp>,
    /// What it wrote to its log.
    pub log: Option<String>,
}

/// The notes of all services, by the number of the request.
#[derive(Debug, Default)]
pub(crate) struct Witness(Mutex<HashMap<String, Vec<Hop>>>);

impl Witness {
    /// Watches one service serve one request. Without a number it is only served.
    pub(crate) async fn watch<T>(
        &self,
        id: Option<String>,
        (service, framework): (&str, &'static str),
        serve: impl Future<Output = T>,
        status: impl FnOnce(&T) -> u16,
    ) -> T {
        let Some(id) = id else { return serve.await };
        let note = Arc::new(Mutex::new(Note::default()));
        let start = Instant::now();
        let response = NOTE.scope(note.clone(), serve).await;
        let Note { look_ups, log, proved } = std::mem::take(&mut *locked(&note));
        let micros = micros(start, proved.unwrap_or_else(Instant::now));
        let hop = Hop { service: service.to_owned(), framework, status: status(&response), micros, look_ups, log };
        locked(&self.0).entry(id).or_default().push(hop);
        response
    }

    /// What is known of that request, which is forgotten with this.
    pub(crate) fn take(&self, id: &str) -> Vec<Hop> {
        locked(&self.0).remove(id).unwrap_or_default()
    }
}

/// From here on it is known who is asking.
pub(crate) fn proved() {
    let _ = NOTE.try_with(|note| locked(note).proved = Some(Instant::now()));
}

/// A store was asked.
pub(crate) fn looked_up(store: &'static str, start: Instant, answered: bool) {
    let micros = micros(start, Instant::now());
    let _ = NOTE.try_with(|note| locked(note).look_ups.push(LookUp { store, micros, answered }));
}

/// Something for the log, in the words of this example.
pub(crate) fn logged(text: impl fmt::Display) {
    let _ = NOTE.try_with(|note| locked(note).log = Some(text.to_string()));
}

fn micros(from: Instant, to: Instant) -> u64 {
    u64::try_from(to.saturating_duration_since(from).as_micros()).unwrap_or(u64::MAX)
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Listens to the log: what the library writes there about a request goes to the note of that request.
#[derive(Debug)]
pub struct Listener;

impl<S: Subscriber> Layer<S> for Listener {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() == "jwt" {
            let mut line = Line::default();
            event.record(&mut line);
            logged(line.reason.or(line.message).unwrap_or_default());
        }
    }
}

#[derive(Default)]
struct Line {
    reason: Option<String>,
    message: Option<String>,
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "reason" => self.reason = Some(format!("{value:?}")),
            "message" => self.message = Some(format!("{value:?}")),
            _ => {}
        }
    }
}
