//! Random lives of sign-ins and revocations, on every store, agree with a model that is simple enough to be believed.

#![expect(clippy::unwrap_used, reason = "all of this file is tests")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use jwt_core::clock::{Clock, NumericDate};
use jwt_core::session::{NewSignIn, OpaqueToken, RefreshError, SignIn};
use jwt_core::{RefreshTokens, Revocations, Sessions};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use serde_json::json;
use stores_tests::{Stores, TestClock, Unannounced, proved};
use tokio::runtime::Runtime;

/// Runs the property on many random inputs, in memory, on Redis, behind sentinels and in a cluster.
fn on_every_store<T: std::fmt::Debug>(
    strategy: &impl Strategy<Value = T>,
    holds: &impl AsyncFn(&Stores, &str, T) -> Result<(), TestCaseError>,
) {
    let runtime = Runtime::new().unwrap();
    let check = |stores: &Stores, cases: u32| {
        // Each input on names of its own, so that all can share a store.
        let case = AtomicU32::new(0);
        let config = Config { cases, failure_persistence: None, ..Config::default() };
        let holds = |input| {
            let case = case.fetch_add(1, Ordering::Relaxed).to_string();
            runtime.block_on(holds(stores, &case, input))
        };
        TestRunner::new(config).run(strategy, holds).unwrap_or_else(|error| panic!("{error}"));
    };
    check(&Stores::memory(), 512);
    check(&runtime.block_on(Stores::sqlite()), 256);
    for (stores, cases) in [
        (runtime.block_on(Stores::postgres()), 128),
        (runtime.block_on(Stores::pgbouncer()), 32),
        (runtime.block_on(Stores::redis()), 128),
        (runtime.block_on(Stores::sentinels()), 64),
        (runtime.block_on(Stores::cluster()), 64),
    ] {
        if let Some(stores) = stores {
            check(&stores, cases);
        }
    }
}

const IDLE: u64 = 100_000;
const ABSOLUTE: u64 = 150_000;
const GRACE: u64 = 10_000;
const PER_SUBJECT: usize = 3;
/// A use that is noted only where the last one is older: a twentieth of the idle time.
const NOTED: u64 = IDLE / 20;
const SUBJECTS: usize = 2;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Family,
    Session,
}

/// Which sign-in, of those that there ever were, and which of its tokens: 0 is the latest.
#[derive(Debug, Clone, Copy)]
struct Pick {
    sign_in: usize,
    back: usize,
}

#[derive(Debug, Clone)]
enum Step {
    Start(Kind, usize),
    /// A refresh of a family, a look-up of a session.
    Use(Pick),
    /// A renewal of a session.
    Renew(Pick),
    End(Pick),
    EndOne(Pick, usize),
    EndAll(Kind, usize),
    Wait(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let kind = prop_oneof![3 => Just(Kind::Family), 2 => Just(Kind::Session)];
    let subject = 0..SUBJECTS;
    let pick = (0usize..8, prop_oneof![6 => Just(0usize), 3 => Just(1), 1 => 2usize..4])
        .prop_map(|(sign_in, back)| Pick { sign_in, back });
    let wait = prop_oneof![
        3 => 0..=GRACE,
        3 => Just(IDLE * 3 / 5),
        1 => Just(1),
        1 => Just(NOTED - 1),
        1 => Just(GRACE - 1),
        1 => Just(GRACE),
        1 => Just(IDLE - 1),
        1 => Just(IDLE),
    ];
    let step = prop_oneof![
        4 => (kind.clone(), subject.clone()).prop_map(|(kind, subject)| Step::Start(kind, subject)),
        12 => pick.clone().prop_map(Step::Use),
        3 => pick.clone().prop_map(Step::Renew),
        1 => pick.clone().prop_map(Step::End),
        1 => (pick, subject.clone()).prop_map(|(pick, subject)| Step::EndOne(pick, subject)),
        1 => (kind, subject).prop_map(|(kind, subject)| Step::EndAll(kind, subject)),
        6 => wait.prop_map(Step::Wait),
    ];
    prop::collection::vec(step, 1..40)
}

/// What there is to know of a sign-in.
struct Modelled {
    kind: Kind,
    subject: usize,
    started: SignIn,
    tokens: Vec<OpaqueToken>,
    rotated_at: u64,
    used_at: u64,
    expires_at: u64,
    ended: bool,
}

impl Modelled {
    fn is_live(&self, now: u64) -> bool {
        !self.ended && now < self.expires_at
    }

    fn used(&mut self, now: u64) {
        self.used_at = now;
        self.expires_at = (now + IDLE).min(self.started.ends_at.as_millis());
    }

    fn token(&self, back: usize) -> (usize, OpaqueToken) {
        let back = back.min(self.tokens.len() - 1);
        (back, self.tokens[self.tokens.len() - 1 - back].clone())
    }
}

struct World {
    clock: TestClock,
    names: Vec<String>,
    families: RefreshTokens,
    sessions: Sessions,
    model: Vec<Modelled>,
}

impl World {
    fn new(stores: &Stores, case: &str) -> Self {
        let clock = TestClock::new();
        let (idle, absolute) = (Duration::from_millis(IDLE), Duration::from_millis(ABSOLUTE));
        let families = RefreshTokens::builder(stores.sign_ins.clone()).clock(clock.clone()).per_subject(PER_SUBJECT);
        let sessions = Sessions::builder(stores.sign_ins.clone()).clock(clock.clone()).per_subject(PER_SUBJECT);
        Self {
            clock,
            names: (0..SUBJECTS).map(|subject| format!("{case}/{subject}")).collect(),
            families: families
                .idle_timeout(idle)
                .absolute_timeout(absolute)
                .grace(Duration::from_millis(GRACE))
                .build()
                .unwrap(),
            sessions: sessions.idle_timeout(idle).absolute_timeout(absolute).build().unwrap(),
            model: Vec::new(),
        }
    }

    async fn step(&mut self, step: Step) -> Result<(), TestCaseError> {
        let now = self.clock.now().as_millis();
        match step {
            Step::Wait(millis) => self.clock.advance(Duration::from_millis(millis)),
            Step::Start(kind, subject) => {
                self.start(kind, subject, now).await;
                // Of two that begin at once, either can be the older one.
                self.clock.advance(Duration::from_millis(1));
            }
            Step::EndAll(kind, subject) => {
                let name = &self.names[subject];
                match kind {
                    Kind::Family => self.families.end_all(name).await.unwrap(),
                    Kind::Session => self.sessions.end_all(name).await.unwrap(),
                }
                let all = self.model.iter_mut().filter(|one| (one.kind, one.subject) == (kind, subject));
                all.for_each(|one| one.ended = true);
            }
            Step::Use(pick) | Step::Renew(pick) | Step::End(pick) | Step::EndOne(pick, _) => {
                if self.model.is_empty() {
                    return Ok(());
                }
                let index = pick.sign_in % self.model.len();
                let one = &mut self.model[index];
                let (back, token) = one.token(pick.back);
                let live = one.is_live(now);
                match (step, one.kind) {
                    (Step::Use(_), Kind::Family) => {
                        let answer = self.families.refresh(&token).await;
                        match answer {
                            Ok((next, _)) if back == 0 => {
                                prop_assert!(live && !one.tokens.contains(&next));
                                one.tokens.push(next);
                                one.rotated_at = now;
                                one.used(now);
                            }
                            Ok((next, _)) => {
                                prop_assert!(live && back == 1 && now < one.rotated_at + GRACE);
                                prop_assert_eq!(Some(&next), one.tokens.last());
                            }
                            Err(RefreshError::Reused(family)) => {
                                prop_assert!(live && (back > 1 || back == 1 && now >= one.rotated_at + GRACE));
                                prop_assert_eq!(family.id, one.started.id);
                                one.ended = true;
                            }
                            Err(RefreshError::Ended) => prop_assert!(!live),
                            Err(error) => prop_assert!(false, "{error}"),
                        }
                    }
                    (Step::Use(_), Kind::Session) => {
                        let found = self.sessions.look_up(&token).await.unwrap();
                        prop_assert_eq!(found.is_some(), live && back == 0);
                        if found.is_some() && now - one.used_at >= NOTED {
                            one.used(now);
                        }
                    }
                    (Step::Renew(_), Kind::Session) => {
                        let renewed = self.sessions.renew(&token, &now).await.unwrap();
                        prop_assert_eq!(renewed.is_some(), live && back == 0);
                        if let Some((token, session)) = renewed {
                            prop_assert_eq!(session.data::<u64>().unwrap(), now);
                            one.tokens.push(token);
                            one.used(now);
                        }
                    }
                    (Step::End(_), Kind::Family) => {
                        self.families.end(&token).await.unwrap();
                        one.ended = true;
                    }
                    (Step::End(_), Kind::Session) => {
                        self.sessions.end(&token).await.unwrap();
                        one.ended = true;
                    }
                    (Step::EndOne(_, subject), kind) => {
                        let (name, id) = (&self.names[subject], one.started.id);
                        match kind {
                            Kind::Family => self.families.end_one(name, id).await.unwrap(),
                            Kind::Session => self.sessions.end_one(name, id).await.unwrap(),
                        }
                        one.ended |= subject == one.subject;
                    }
                    // Families are not renewed: their tokens are no session's.
                    _ => prop_assert!(self.sessions.renew(&token, &now).await.unwrap().is_none()),
                }
            }
        }
        Ok(())
    }

    async fn start(&mut self, kind: Kind, subject: usize, now: u64) {
        let new = NewSignIn::new(&*self.names[subject], &now).unwrap();
        let (token, started) = match kind {
            Kind::Family => self.families.start(new).await.unwrap(),
            Kind::Session => self.sessions.start(new).await.unwrap(),
        };
        let mut live: Vec<&mut Modelled> = self
            .model
            .iter_mut()
            .filter(|one| (one.kind, one.subject) == (kind, subject) && one.is_live(now))
            .collect();
        live.sort_by_key(|one| one.started.created_at);
        if live.len() == PER_SUBJECT {
            live[0].ended = true;
        }
        let tokens = vec![token];
        let (used_at, expires_at) = (now, now + IDLE);
        self.model.push(Modelled { kind, subject, started, tokens, rotated_at: 0, used_at, expires_at, ended: false });
    }

    /// Whatever can be listed is what the model takes for living.
    async fn compare(&self) -> Result<(), TestCaseError> {
        let now = self.clock.now().as_millis();
        for (subject, name) in self.names.iter().enumerate() {
            for kind in [Kind::Family, Kind::Session] {
                let listed = match kind {
                    Kind::Family => self.families.list(name).await.unwrap(),
                    Kind::Session => self.sessions.list(name).await.unwrap(),
                };
                let living = self.model.iter().filter(|one| (one.kind, one.subject) == (kind, subject));
                let mut expected: Vec<_> = living
                    .filter(|one| one.is_live(now))
                    .map(|one| (one.started.id, one.used_at, one.expires_at))
                    .collect();
                let mut listed: Vec<_> =
                    listed.iter().map(|one| (one.id, one.used_at.as_millis(), one.expires_at.as_millis())).collect();
                expected.sort_unstable();
                listed.sort_unstable();
                prop_assert_eq!(listed, expected);
            }
        }
        Ok(())
    }
}

#[test]
fn sign_ins_live_as_the_model_does() {
    on_every_store(&steps(), &async |stores, case, steps| {
        let mut world = World::new(stores, case);
        for step in steps {
            world.step(step).await?;
            world.compare().await?;
        }
        Ok(())
    });
}

const LEEWAY: u64 = 10_000;
const LONGEST: u64 = 60_000;
/// How much the clock of an issuer may be ahead.
const SKEW: u64 = 1_500;

#[derive(Debug, Clone)]
enum Move {
    /// At one of two instances.
    Revoke {
        at: usize,
        token: usize,
        lives: u64,
    },
    RevokeAll {
        at: usize,
        subject: usize,
    },
    CatchUp(usize),
    Check {
        at: usize,
        token: usize,
        subject: usize,
        issued: Option<u64>,
    },
    Wait(u64),
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let (at, token, subject) = (0usize..2, 0usize..4, 0usize..2);
    let one_move = prop_oneof![
        3 => (at.clone(), token.clone(), 1..=LONGEST)
            .prop_map(|(at, token, lives)| Move::Revoke { at, token, lives }),
        1 => (at.clone(), subject.clone()).prop_map(|(at, subject)| Move::RevokeAll { at, subject }),
        3 => at.clone().prop_map(Move::CatchUp),
        8 => (at, token, subject, prop::option::weighted(0.9, 0u64..100))
            .prop_map(|(at, token, subject, issued)| Move::Check { at, token, subject, issued }),
        3 => prop_oneof![0..=LEEWAY, Just(LONGEST), Just(LONGEST + LEEWAY)].prop_map(Move::Wait),
    ];
    prop::collection::vec(one_move, 1..40)
}

#[derive(Clone, Copy)]
struct Known {
    token: Option<usize>,
    subject: Option<(usize, u64)>,
    forget_at: u64,
}

#[test]
fn revocations_are_known_as_the_model_knows_them() {
    on_every_store(&moves(), &async |stores, case, moves| {
        let clock = TestClock::new();
        let start = clock.now().as_secs();
        let mut instances = Vec::new();
        for _ in 0..2 {
            let log = Arc::new(Unannounced(stores.revocations.clone()));
            let builder = Revocations::builder(log).clock(clock.clone());
            // Looks at the store when it is told to.
            let builder = builder
                .leeway(Duration::from_millis(LEEWAY))
                .clock_skew(Duration::from_millis(SKEW))
                .poll_interval(Duration::from_secs(3600));
            instances.push(builder.open().await.unwrap());
        }
        let mut log: Vec<Known> = Vec::new();
        let mut known: [Vec<Known>; 2] = [Vec::new(), Vec::new()];
        for one_move in moves {
            let now = clock.now().as_millis();
            match one_move {
                Move::Wait(millis) => clock.advance(Duration::from_millis(millis)),
                Move::CatchUp(at) => {
                    instances[at].catch_up().await.unwrap();
                    known[at] = log.clone();
                }
                Move::Revoke { at, token, lives } => {
                    let expires_at = NumericDate::from_millis(now + lives);
                    instances[at].revoke(case, &token.to_string(), expires_at).await.unwrap();
                    let entry = Known { token: Some(token), subject: None, forget_at: now + lives + LEEWAY };
                    log.push(entry);
                    known[at].push(entry);
                }
                Move::RevokeAll { at, subject } => {
                    let longest = Duration::from_millis(LONGEST);
                    instances[at].revoke_all(case, &subject.to_string(), longest).await.unwrap();
                    // An entry goes on from the one before, of which logins may have an `iat` in the future.
                    let of_subject = |entry: &Known| {
                        Some((entry.subject.filter(|(whose, _)| *whose == subject)?.1, entry.forget_at))
                    };
                    let before = known[at].iter().filter_map(of_subject);
                    let (before, end) = before.fold((0, 0), |(a, b), (c, d)| (a.max(c), b.max(d)));
                    let after = if before > now { before.next_multiple_of(1000) + 1 } else { 0 };
                    let forget_at = end.max(now + SKEW + LONGEST + LEEWAY);
                    let entry = Known { token: None, subject: Some((subject, after.max(now + SKEW))), forget_at };
                    log.push(entry);
                    known[at].push(entry);
                }
                Move::Check { at, token, subject, issued } => {
                    let mut claims = json!({"iss": case, "jti": token.to_string(), "sub": subject.to_string()});
                    if let Some(issued) = issued {
                        claims["iat"] = (start + issued).into();
                    }
                    let hits = |entry: &&Known| {
                        let issued = issued.map_or(0, |issued| (start + issued) * 1000);
                        entry.token == Some(token)
                            || entry.subject.is_some_and(|(whose, before)| whose == subject && issued < before)
                    };
                    let hits: Vec<&Known> = known[at].iter().filter(hits).collect();
                    let refused = instances[at].check(&proved(claims)).is_err();
                    if hits.iter().any(|entry| now < entry.forget_at) {
                        prop_assert!(refused);
                    } else if hits.is_empty() {
                        prop_assert!(!refused);
                    }
                    // What may be forgotten may be remembered too: such a token has expired.
                }
            }
        }
        Ok(())
    });
}
