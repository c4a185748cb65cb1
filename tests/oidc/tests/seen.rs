//! What can be seen from outside: metrics, events and a status.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use acceptance::Log;
use jwt_core::{RemoteKeySet, Tenants, TrustedIssuer};
use metrics::{Counter, Gauge, Histogram, Key as Name, KeyName, Metadata, Recorder, SharedString, Unit};
use oidc_tests::{Key, Scripted, builder, jwks, status};

/// Counters and gauges by name and labels. Gauges are kept as bits.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<BTreeMap<String, Arc<AtomicU64>>>>);

impl Seen {
    fn at(&self, name: &Name) -> Arc<AtomicU64> {
        let labels: Vec<String> = name.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
        self.0.lock().unwrap().entry(format!("{}{{{}}}", name.name(), labels.join(","))).or_default().clone()
    }

    fn counter(&self, name: &str) -> u64 {
        self.0.lock().unwrap().get(name).map_or(0, |value| value.load(Ordering::Relaxed))
    }

    fn gauge(&self, name: &str) -> f64 {
        f64::from_bits(self.counter(name))
    }
}

impl Recorder for Seen {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, name: &Name, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.at(name))
    }

    fn register_gauge(&self, name: &Name, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.at(name))
    }

    fn register_histogram(&self, _: &Name, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

#[tokio::test(start_paused = true)]
async fn metrics_events_and_status_tell_what_goes_on_and_never_a_token() {
    // The runtime of this test has no thread but this one.
    let (seen, log) = (Seen::default(), Log::here());
    let _recorder = metrics::set_default_local_recorder(&seen);

    let (key, stranger) = (Key::new("k"), Key::new("stranger"));
    let client = Scripted::default();
    let address = "https://login.example.com/jwks";
    let ok = format!("jwt_key_fetches_total{{origin={address},result=ok}}");
    let failed = format!("jwt_key_fetches_total{{origin={address},result=failed}}");
    let cool_downs = format!("jwt_key_cool_downs_total{{origin={address}}}");
    let present = format!("jwt_keys{{origin={address}}}");
    let fetched_at = format!("jwt_keys_fetched_seconds{{origin={address}}}");

    let keys = RemoteKeySet::jwks(address).client(client.clone());
    let idle = keys.status();
    assert_eq!((&*idle.origin, idle.keys, idle.age, idle.fetches), (address, 0, None, 0));
    assert!(keys.ready().await.is_err(), "no authenticator has been built");
    let auth = builder().keys(&keys).build().unwrap();
    keys.ready().await.unwrap_err();
    assert_eq!((seen.counter(&failed), seen.counter(&ok)), (1, 0));
    assert!(log.take().contains("keys could not be fetched"));

    let mut odd = key.jwk.clone();
    odd["kid"] = "odd\nkey".into();
    odd["use"] = "enc".into();
    client.answer(200, serde_json::json!({"keys": [key.jwk, odd]}).to_string());
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!((seen.counter(&ok), seen.gauge(&present)), (1, 1.0));
    assert!(seen.gauge(&fetched_at) > 1.7e9);
    let text = log.take();
    assert!(text.contains("keys changed") && text.contains("key skipped") && text.contains("odd\\nkey"), "{text}");

    let (good, junk) = (key.token("https://login.example.com"), stranger.token("https://login.example.com"));
    assert_eq!(status(&auth, &good).await, 200);
    for _ in 0..3 {
        assert_eq!(status(&auth, &junk).await, 401);
    }
    assert_eq!(seen.counter(&cool_downs), keys.status().cool_downs);
    assert!(seen.counter(&cool_downs) > 0);

    client.answer(500, "");
    tokio::time::sleep(Duration::from_secs(2 * 3600)).await;
    let known = keys.status();
    assert_eq!((known.keys, known.is_usable(), known.trusted_for), (0, false, None));
    assert_eq!((seen.counter(&failed), seen.gauge(&present)), (known.failures, 0.0));
    assert_eq!(status(&auth, &good).await, 503);
    let text = log.take();
    assert!(text.contains("too old to be trusted") && text.contains("status 500"), "{text}");
    for token in [&good, &junk] {
        for part in token.split('.').skip(1) {
            assert!(!text.contains(part));
        }
    }

    // Whatever names strangers make up, there are no more names of metrics for it.
    let theirs = client.clone();
    let tenants = Tenants::matching(move |issuer| {
        Some(TrustedIssuer::new(issuer, RemoteKeySet::jwks(format!("{issuer}/jwks")).client(theirs.clone())))
    });
    let auth = builder().trust_tenants(tenants).build().unwrap();
    let names = seen.0.lock().unwrap().len();
    for tenant in 0..20 {
        assert_eq!(status(&auth, &key.token(&format!("https://{tenant}.example"))).await, 503);
    }
    let more = seen.0.lock().unwrap().len() - names;
    assert!(more <= 1, "{more} new metrics");
    client.answer(200, jwks([&key]));
    assert_eq!(status(&auth, &key.token("https://real.example")).await, 200);
    assert!(seen.gauge("jwt_keys{origin=https://real.example/jwks}") > 0.5);

    // Nor is there anything of a query, where a key of the service's own may be.
    for code in [200, 500] {
        let client = Scripted::default();
        client.answer(code, jwks([&key]));
        let keys = RemoteKeySet::jwks("https://login.example.com/jwks?key=hunter2").client(client);
        let auth = builder().keys(&keys).build().unwrap();
        let _ = keys.ready().await;
        assert_eq!(keys.status().origin, "https://login.example.com/jwks");
        assert!(!format!("{:?} {keys:?} {auth:?}", keys.status()).contains("hunter2"));
    }
    // Nothing listens there.
    let keys = RemoteKeySet::jwks("http://127.0.0.1:9/jwks?key=hunter2");
    let _auth = builder().keys(&keys).build().unwrap();
    let error = keys.ready().await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
    let text = log.take();
    assert!(text.contains("https://login.example.com/jwks") && !text.contains("hunter2"), "{text}");
    assert!(seen.0.lock().unwrap().keys().all(|name| !name.contains("hunter2")));
}
