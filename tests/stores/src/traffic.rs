use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jwt_core::clock::NumericDate;
use jwt_core::revocation::Revoked;
use jwt_core::session::{NewSignIn, OpaqueToken, RefreshError};
use jwt_core::store::{RevocationStore, SignInStore, StoreError};
use jwt_core::{RefreshTokens, Revocations, Sessions};
use serde_json::json;
use tokio::sync::{RwLock, RwLockWriteGuard};
use tokio::task::JoinHandle;

use crate::{TestClock, proved};

const ISSUER: &str = "https://issuer.example.com";
const FAR: NumericDate = NumericDate::from_secs(4_000_000_000);
const USERS: usize = 8;

/// Waits until it holds, for as long as that may take on a busy machine.
pub async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(120), waiting).await.unwrap_or_else(|_| panic!("never: {what}"));
}

/// Users who refresh as fast as they can, requests with their sessions, and an instance that revokes one token after the
/// other. Each goes on when the store is unavailable, and none takes any other error.
#[derive(Debug)]
pub struct Traffic {
    shared: Arc<Shared>,
    refresh_tokens: Arc<RefreshTokens>,
    refreshing: Vec<JoinHandle<OpaqueToken>>,
    others: Vec<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    stop: AtomicBool,
    /// Held by every refresh that is under way.
    gate: RwLock<()>,
    workers: Mutex<Vec<Arc<Worker>>>,
    revoked: Mutex<Vec<usize>>,
}

#[derive(Debug, Default)]
struct Worker {
    served: AtomicUsize,
    refused: AtomicUsize,
}

impl Shared {
    fn worker(&self) -> Arc<Worker> {
        let worker = Arc::new(Worker::default());
        self.workers.lock().expect("nobody panicked").push(worker.clone());
        worker
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn counts(&self, count: impl Fn(&Worker) -> &AtomicUsize) -> Vec<usize> {
        self.workers.lock().expect("nobody panicked").iter().map(|one| count(one).load(Ordering::Relaxed)).collect()
    }
}

impl Worker {
    fn served(&self) {
        self.served.fetch_add(1, Ordering::Relaxed);
    }

    /// Panics for whatever else it is.
    fn unavailable(&self, error: &StoreError) {
        assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
        self.refused.fetch_add(1, Ordering::Relaxed);
    }
}

impl Traffic {
    /// Begins.
    pub async fn start<S: SignInStore + RevocationStore + 'static>(store: &Arc<S>) -> Self {
        let shared = Arc::new(Shared::default());
        // The clock stands still, so the grace lasts however long the store is away.
        let clock = TestClock::new();
        let refresh_tokens = RefreshTokens::builder(store.clone()).clock(clock.clone()).build().expect("as it is");
        let refresh_tokens = Arc::new(refresh_tokens);
        let sessions = Arc::new(Sessions::builder(store.clone()).clock(clock).build().expect("as it is"));
        let (mut refreshing, mut others) = (Vec::new(), Vec::new());
        for user in 0..USERS {
            let new = || NewSignIn::new(name(user), &()).expect("it serializes");
            let (token, _) = refresh_tokens.start(new()).await.expect("the store is there");
            refreshing.push(tokio::spawn(refresh(refresh_tokens.clone(), token, shared.clone(), shared.worker())));
            let (session, _) = sessions.start(new()).await.expect("the store is there");
            others.push(tokio::spawn(look_up(sessions.clone(), session, shared.clone(), shared.worker())));
        }
        let revocations = Revocations::builder(store.clone()).open().await.expect("the store is there");
        others.push(tokio::spawn(revoke(revocations, shared.clone(), shared.worker())));
        Self { shared, refresh_tokens, refreshing, others }
    }

    /// Waits until everybody has been served again, several times.
    pub async fn goes_on(&self) {
        let before = self.shared.counts(|worker| &worker.served);
        until("traffic goes on", || {
            assert!(!self.refreshing.iter().any(JoinHandle::is_finished), "a user was refused for another reason");
            assert!(!self.others.iter().any(JoinHandle::is_finished), "somebody was refused for another reason");
            let now = self.shared.counts(|worker| &worker.served);
            now.iter().zip(&before).all(|(now, before)| *now >= before + 10)
        })
        .await;
    }

    /// Waits until somebody has been refused again.
    pub async fn is_refused(&self) {
        let before: usize = self.shared.counts(|worker| &worker.refused).into_iter().sum();
        until("traffic is refused", || {
            self.shared.counts(|worker| &worker.refused).into_iter().sum::<usize>() > before
        })
        .await;
    }

    /// Lets no refresh begin, and waits for those that are under way.
    pub async fn hold_refreshes(&self) -> RwLockWriteGuard<'_, ()> {
        self.shared.gate.write().await
    }

    /// Which tokens are revoked, as far as that has been acknowledged.
    pub fn revoked(&self) -> Vec<usize> {
        self.shared.revoked.lock().expect("nobody panicked").clone()
    }

    /// Ends, and looks whether the last token that each user was given is good.
    pub async fn stop(self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        for (user, refreshing) in self.refreshing.into_iter().enumerate() {
            let token = refreshing.await.expect("nobody was refused for another reason");
            let (_, family) = self.refresh_tokens.refresh(&token).await.expect("the last token is good");
            assert_eq!(&*family.subject, name(user), "whose it is");
            assert_eq!(self.refresh_tokens.list(&family.subject).await.expect("the store is there").len(), 1);
        }
        for other in self.others {
            other.await.expect("nobody was refused for another reason");
        }
    }
}

fn name(user: usize) -> String {
    format!("user {user}")
}

/// Whether a list knows that this token is revoked.
pub fn is_revoked(list: &Revocations, number: usize) -> bool {
    list.check(&proved(json!({"iss": ISSUER, "jti": number.to_string()}))) == Err(Revoked::Revoked)
}

/// Remembers the last token that it was given.
async fn refresh(
    tokens: Arc<RefreshTokens>,
    mut token: OpaqueToken,
    shared: Arc<Shared>,
    worker: Arc<Worker>,
) -> OpaqueToken {
    while !shared.stopped() {
        let _under_way = shared.gate.read().await;
        match tokens.refresh(&token).await {
            Ok((next, _)) => {
                token = next;
                worker.served();
            }
            // Tries again with the same token.
            Err(RefreshError::Store(error)) => worker.unavailable(&error),
            Err(error) => panic!("{error}"),
        }
    }
    token
}

async fn look_up(sessions: Arc<Sessions>, session: OpaqueToken, shared: Arc<Shared>, worker: Arc<Worker>) {
    while !shared.stopped() {
        match sessions.look_up(&session).await {
            Ok(found) => {
                assert!(found.is_some(), "a session is forgotten");
                worker.served();
            }
            Err(error) => worker.unavailable(&error),
        }
    }
}

async fn revoke(revocations: Revocations, shared: Arc<Shared>, worker: Arc<Worker>) {
    for number in 0.. {
        if shared.stopped() {
            return;
        }
        match revocations.revoke(ISSUER, &number.to_string(), FAR).await {
            Ok(()) => {
                shared.revoked.lock().expect("nobody panicked").push(number);
                worker.served();
            }
            Err(error) => worker.unavailable(&error),
        }
    }
}
