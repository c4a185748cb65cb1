//! The law: for every sequence of requests of strangers, every valid token of every tenant and issuer gets the same answer
//! as without them, or 503 with `Retry-After` inside of the stated bound.
//!
//! Each sequence is played twice on the paused clock, with the strangers and without.

use proptest::prelude::*;
use tokio::runtime::Builder;

use super::restart::Names;
use super::*;
use crate::tenants::TenantMemory;

/// No `Retry-After` is longer, in seconds.
const BOUND: u64 = 300;
/// Another host, whose metadata is elsewhere.
const OTHER_HOST: &str = "https://other.example";
const FIXED: &str = "https://fixed.example";
const FETCHED: &str = "https://fetched.example";
/// Tenants with tokens, the first two of which were known before.
const TENANTS: usize = 6;

#[derive(Debug, Clone)]
enum Event {
    /// A good token of that tenant, or of one of the two issuers behind them.
    Good(usize, Option<u8>),
    Stranger(Kind, Name, Option<u8>),
    /// The same from so many names at once.
    Flood(Kind, u16, Option<u8>),
    Pass(u64),
    /// What the provider does from now on.
    Provider(Option<u16>, u64),
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    OtherKey,
    NoSignature,
    Expired,
    OtherAudience,
    NotAToken,
}

#[derive(Debug, Clone, Copy)]
enum Name {
    Tenant(usize),
    /// It exists, and is nobody's customer.
    Foreign(u16),
    MadeUp(u16),
}

fn name_of(tenant: usize) -> String {
    match tenant {
        TENANTS => FIXED.to_owned(),
        tenant if tenant > TENANTS => FETCHED.to_owned(),
        tenant if tenant % 3 == 2 => format!("{OTHER_HOST}/t{tenant}"),
        tenant => issuer(&format!("t{tenant}")),
    }
}

fn stranger(kind: Kind, name: Name) -> String {
    let name = match name {
        Name::Tenant(tenant) => name_of(tenant),
        Name::Foreign(number) => issuer(&format!("foreign-{number}")),
        Name::MadeUp(number) if number % 4 == 3 => format!("{OTHER_HOST}/made-up-{number}"),
        Name::MadeUp(number) => issuer(&format!("made-up-{number}")),
    };
    let sign = |exp: u64, aud: &str| keys().good.sign(&json!({"iss": name, "aud": aud, "exp": exp})).unwrap();
    match kind {
        Kind::OtherKey => junk(&name),
        Kind::NoSignature => unsigned(&name),
        Kind::Expired => sign(1_000_000_000, "api"),
        Kind::OtherAudience => sign(4_000_000_000, "another"),
        Kind::NotAToken => junk(&name).replace("eyJ", "e30"),
    }
}

fn client_of(number: Option<u8>) -> Option<IpAddr> {
    number.and_then(client)
}

fn event(fails: bool) -> impl Strategy<Value = Event> {
    let kind = prop_oneof![
        Just(Kind::OtherKey),
        Just(Kind::NoSignature),
        Just(Kind::Expired),
        Just(Kind::OtherAudience),
        Just(Kind::NotAToken)
    ];
    let name = prop_oneof![
        (0..TENANTS + 2).prop_map(Name::Tenant),
        (0..100_u16).prop_map(Name::Foreign),
        any::<u16>().prop_map(Name::MadeUp)
    ];
    let from = || prop_oneof![Just(None), (1..4_u8).prop_map(Some)];
    let status =
        if fails { prop_oneof![Just(None), Just(Some(500)), Just(Some(429))].boxed() } else { Just(None).boxed() };
    prop_oneof![
        6 => (0..TENANTS + 2, from()).prop_map(|(tenant, from)| Event::Good(tenant, from)),
        6 => (kind.clone(), name, from()).prop_map(|(kind, name, from)| Event::Stranger(kind, name, from)),
        2 => (kind, 1..100_u16, from()).prop_map(|(kind, number, from)| Event::Flood(kind, number, from)),
        4 => prop_oneof![0..2_000_u64, 0..70_000_u64, 0..700_000_u64].prop_map(Event::Pass),
        1 => (status, 0..4_000_u64).prop_map(|(status, delay)| Event::Provider(status, delay)),
    ]
}

/// What is trusted, and how much of it.
struct World {
    provider: Provider,
    auth: Authenticator<()>,
}

impl World {
    fn new(max_tenants: usize) -> Self {
        let provider = Provider::default();
        for tenant in 0..TENANTS {
            provider.publish(&name_of(tenant), if tenant % 3 == 2 { RFC_8414 } else { APPENDED });
        }
        for number in 0..100 {
            provider.publish(&issuer(&format!("foreign-{number}")), APPENDED);
        }
        provider.publish(FETCHED, APPENDED);
        let names = Names::default();
        (0..2).for_each(|tenant| names.add(&name_of(tenant)));
        let client = provider.clone();
        let tenants = Tenants::matching(move |issuer| {
            let keys = RemoteKeySet::discover(issuer).client(client.clone());
            let is_covered = [HOST, OTHER_HOST].iter().any(|host| issuer.starts_with(host));
            is_covered.then(|| TrustedIssuer::new(issuer, keys))
        });
        let fixed = crate::KeySet::jwks(jwks(&keys().good)).unwrap();
        let fetched = RemoteKeySet::discover(FETCHED).client(provider.clone());
        let auth = builder()
            .trust(TrustedIssuer::new(FIXED, fixed))
            .trust(TrustedIssuer::new(FETCHED, fetched))
            .trust_tenants(tenants.remember(names).max_tenants(max_tenants));
        #[cfg(feature = "cache")]
        let auth = auth.cache(crate::TokenCache::new());
        Self { provider, auth: auth.build().unwrap() }
    }

    /// The answers to the good tokens, in their order, and whether they are accepted after the end.
    async fn play(&self, events: &[Event], with_strangers: bool) -> Vec<Said> {
        let good: Vec<String> = (0..TENANTS + 2).map(|tenant| token(&name_of(tenant))).collect();
        let mut answers = Vec::new();
        let mut strangers = Vec::new();
        for event in events {
            match event {
                Event::Good(tenant, from) => {
                    answers.push(send(&self.auth, good[*tenant].clone(), client_of(*from)));
                }
                Event::Stranger(kind, name, from) if with_strangers => {
                    strangers.push(send(&self.auth, stranger(*kind, *name), client_of(*from)));
                }
                Event::Flood(kind, number, from) if with_strangers => {
                    for number in 0..*number {
                        let name = if number % 3 == 0 { Name::Foreign(number) } else { Name::MadeUp(number) };
                        strangers.push(send(&self.auth, stranger(*kind, name), client_of(*from)));
                    }
                }
                Event::Stranger(..) | Event::Flood(..) => {}
                Event::Pass(time) => sleep(Duration::from_millis(*time)).await,
                Event::Provider(status, delay) => {
                    self.provider.fail(*status);
                    self.provider.delay(Duration::from_millis(*delay));
                }
            }
            // Each goes as far as it can without time passing.
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
        }
        let mut said = Vec::new();
        for answer in answers {
            said.push(answer.await.unwrap());
        }
        for stranger in strangers {
            let (status, retry_after) = stranger.await.unwrap();
            assert!(
                status == 401 || (status == 503 && retry_after.is_some_and(|seconds| seconds <= BOUND)),
                "{status}"
            );
        }
        // Once the provider is well and the strangers are gone, everybody comes in when told to.
        self.provider.fail(None);
        self.provider.delay(Duration::ZERO);
        for good in &good {
            let mut waited = 0;
            loop {
                match ask_from(&self.auth, good, None).await {
                    (200, _) => break,
                    (503, Some(seconds)) => {
                        sleep(Duration::from_secs(seconds)).await;
                        waited += seconds;
                    }
                    other => panic!("{other:?}"),
                }
                assert!(waited <= BOUND, "it came in after more than {BOUND} seconds");
            }
        }
        said
    }
}

fn played(events: &[Event], with_strangers: bool, max_tenants: usize) -> Vec<Said> {
    let runtime = Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async { World::new(max_tenants).play(events, with_strangers).await })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn strangers_change_no_answer_but_to_503_within_the_bound(
        events in prop::collection::vec(event(true), 1..60),
        max_tenants in 1..8_usize,
    ) {
        let (with, without) = (played(&events, true, max_tenants), played(&events, false, max_tenants));
        for (with, without) in with.into_iter().zip(without) {
            let is_within_bound = with.0 == 503 && with.1.is_some_and(|seconds| seconds <= BOUND);
            // That of a stranger may have brought the keys before the provider failed.
            prop_assert!(with.0 == without.0 || is_within_bound || with.0 == 200, "{with:?}, and {without:?} without");
        }
    }

    /// While the provider is well, whoever is known is served, and so are the issuers that are no tenants.
    #[test]
    fn strangers_change_nothing_for_whoever_is_known(events in prop::collection::vec(event(false), 1..60)) {
        let with = played(&events, true, TENANTS);
        let good = events.iter().filter_map(|event| match event {
            Event::Good(tenant, _) => Some(*tenant),
            _ => None,
        });
        for (tenant, with) in good.zip(with) {
            prop_assert!(with.0 == 200 || with.0 == 503, "{with:?}");
            if tenant < 2 || tenant == TENANTS {
                prop_assert_eq!(with, (200, None), "{}", name_of(tenant));
            }
        }
    }
}
