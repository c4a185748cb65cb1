//! What can be seen of each request beside the log: the fields of the application's span, and counters.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use acceptance::{Log, NOW, SECRET, Stopped, User, builder, compact, good_claims, hs256};
use axum::Router;
use axum::body::Body;
use axum::routing::get;
use http::Request;
use jwt_core::login::logout::{LogoutProvider, LogoutReceiver};
use jwt_core::{Authenticator, AuthenticatorBuilder, KeySet, MemoryStore, Revocations};
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use tower::ServiceExt;
use tower_http::trace::TraceLayer;
use tracing::field::{Empty, Field, Visit};
use tracing::instrument::Instrument;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

/// What was recorded into spans after they were made.
#[derive(Clone, Default)]
struct Fields(Arc<Mutex<BTreeMap<&'static str, String>>>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.lock().unwrap().insert(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.lock().unwrap().insert(field.name(), value.to_owned());
    }
}

impl<S: tracing::Subscriber> Layer<S> for Fields {
    fn on_record(&self, _: &tracing::span::Id, values: &tracing::span::Record<'_>, _: Context<'_, S>) {
        values.record(&mut self.clone());
    }
}

/// Counters by their labels.
#[derive(Clone, Default)]
struct Counters(Arc<Mutex<BTreeMap<String, Arc<AtomicU64>>>>);

impl Recorder for Counters {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        let labels: Vec<&str> = key.labels().map(metrics::Label::value).collect();
        let name = format!("{} {}", key.name(), labels.join(" "));
        Counter::from_arc(self.0.lock().unwrap().entry(name).or_default().clone())
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

const ISSUER: (&str, &str) = ("auth.issuer", "https://issuer.example.com");

/// The span of an application that wants to know.
fn span() -> tracing::Span {
    tracing::info_span!("request", auth.outcome = Empty, auth.issuer = Empty, auth.reason = Empty, auth.subject = Empty)
}

async fn name(user: Option<jwt_tower::Claims<User>>) -> String {
    user.map(|jwt_tower::Claims(user)| user.name.clone()).unwrap_or_default()
}

async fn on_axum(auth: Authenticator<User>, path: &'static str, authorization: Option<String>) -> u16 {
    let guard = jwt_tower::Require::policy(|user: &User| user.name == "Bob");
    let app = Router::new()
        .route("/me", get(name))
        .route("/bob", get(name).route_layer(guard))
        .layer(jwt_tower::JwtAuth::new(auth))
        .layer(TraceLayer::new_for_http().make_span_with(|_: &Request<Body>| span()));
    let request =
        authorization.into_iter().fold(Request::get(path), |request, value| request.header("authorization", value));
    app.oneshot(request.body(Body::empty()).unwrap()).await.unwrap().status().as_u16()
}

async fn on_actix(auth: Authenticator<User>, path: &'static str, authorization: Option<String>) -> u16 {
    use actix_web::dev::Service;
    use actix_web::test::{TestRequest, call_service, init_service};
    use actix_web::{App, web};

    async fn name(user: Option<jwt_actix::Claims<User>>) -> String {
        user.map(|jwt_actix::Claims(user)| user.name.clone()).unwrap_or_default()
    }
    let guard = jwt_actix::Require::policy(|user: &User| user.name == "Bob");
    let app = App::new()
        .route("/me", web::get().to(name))
        .service(web::resource("/bob").wrap(guard).to(name))
        .wrap(jwt_actix::JwtAuth::new(auth))
        .wrap_fn(|request, service| {
            let span = span();
            let response = span.in_scope(|| service.call(request));
            response.instrument(span)
        });
    let app = init_service(app).await;
    let request = authorization
        .into_iter()
        .fold(TestRequest::with_uri(path), |request, value| request.insert_header(("authorization", value)));
    call_service(&app, request.to_request()).await.status().as_u16()
}

struct Case {
    builder: AuthenticatorBuilder<User>,
    path: &'static str,
    token: Option<String>,
    status: u16,
    fields: &'static [(&'static str, &'static str)],
    counted: &'static [(&'static str, u64)],
}

fn cases() -> [Case; 6] {
    let mut expired = good_claims();
    expired["exp"] = 1.into();
    [
        Case {
            builder: builder(),
            path: "/me",
            token: Some(hs256(&good_claims())),
            status: 200,
            fields: &[("auth.outcome", "verified"), ISSUER],
            counted: &[("jwt_requests_total verified", 1)],
        },
        Case {
            builder: builder().subject_in_spans(),
            path: "/me",
            token: Some(hs256(&good_claims())),
            status: 200,
            fields: &[("auth.outcome", "verified"), ISSUER, ("auth.subject", "alice")],
            counted: &[("jwt_requests_total verified", 1)],
        },
        Case {
            builder: builder(),
            path: "/me",
            token: Some(hs256(&expired)),
            status: 401,
            fields: &[
                ("auth.outcome", "invalid_token"),
                ("auth.reason", "invalid token: expired 1789999999 s ago, by `exp`"),
            ],
            counted: &[("jwt_requests_total invalid_token", 1)],
        },
        Case {
            builder: builder(),
            path: "/me",
            token: None,
            status: 401,
            fields: &[("auth.outcome", "missing"), ("auth.reason", "no token in the request")],
            counted: &[("jwt_requests_total missing", 1)],
        },
        Case {
            builder: builder().optional(),
            path: "/me",
            token: None,
            status: 200,
            fields: &[("auth.outcome", "anonymous")],
            counted: &[("jwt_requests_total anonymous", 1)],
        },
        Case {
            builder: builder(),
            path: "/bob",
            token: Some(hs256(&good_claims())),
            status: 403,
            fields: &[("auth.outcome", "forbidden"), ISSUER, ("auth.reason", "not allowed: refused by a policy")],
            counted: &[("jwt_denials_total forbidden", 1), ("jwt_requests_total verified", 1)],
        },
    ]
}

fn checked<F: Future<Output = u16>>(
    stack: &str,
    serve: impl Fn(Authenticator<User>, &'static str, Option<String>) -> F,
    run: impl Fn(F) -> u16,
) {
    // Without a subscriber for the whole process, that of one thread misses what another thread has logged first.
    let _log = Log::here();
    for case in cases() {
        let (fields, counters) = (Fields::default(), Counters::default());
        let subscriber = tracing_subscriber::registry().with(fields.clone());
        let status = tracing::subscriber::with_default(subscriber, || {
            metrics::with_local_recorder(&counters, || {
                run(serve(case.builder.build().unwrap(), case.path, case.token.map(|token| format!("Bearer {token}"))))
            })
        });
        assert_eq!(status, case.status, "{stack} {}", case.path);
        let expected: BTreeMap<_, _> = case.fields.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        assert_eq!(*fields.0.lock().unwrap(), expected, "{stack}");
        let counted = counters.0.lock().unwrap();
        let counted: Vec<_> = counted.iter().map(|(name, count)| (&**name, count.load(Ordering::Relaxed))).collect();
        assert_eq!(counted, case.counted, "{stack}");
    }
}

#[test]
fn the_span_around_a_request_says_what_came_of_it_and_every_outcome_is_counted() {
    let runtime = || tokio::runtime::Builder::new_current_thread().build().unwrap();
    checked("axum", on_axum, |future| runtime().block_on(future));
    checked("actix", on_actix, |future| actix_web::rt::System::new().block_on(future));
}

#[test]
fn logouts_of_a_provider_are_counted_by_what_became_of_them() {
    let counters = Counters::default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let statuses = metrics::with_local_recorder(&counters, || {
        runtime.block_on(async {
            let list = Revocations::builder(Arc::new(MemoryStore::new())).clock(Stopped).open().await.unwrap();
            let provider = LogoutProvider::new(acceptance::ISSUER, KeySet::hs256(SECRET).unwrap(), "client");
            let receiver = LogoutReceiver::builder(&list).provider(provider).build().unwrap();
            let claims = serde_json::json!({
                "iss": acceptance::ISSUER, "aud": "client", "sub": "alice", "iat": NOW, "exp": NOW + 60, "jti": "1",
                "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
            });
            let token = compact(r#"{"alg":"HS256","typ":"logout+jwt"}"#, claims.to_string().as_bytes());
            let mut statuses = Vec::new();
            for (media, body) in [
                ("application/x-www-form-urlencoded", format!("logout_token={token}")),
                ("application/x-www-form-urlencoded", format!("logout_token={token}")),
                ("application/secevent+jwt", token.clone()),
                ("text/plain", token),
            ] {
                let head = Request::post(receiver.path()).header("content-type", media).body(()).unwrap();
                statuses.push(receiver.respond(&head, Ok(body.as_bytes())).await.status().as_u16());
            }
            statuses
        })
    });
    assert_eq!(statuses, [200, 200, 400, 415]);
    let counted = counters.0.lock().unwrap();
    let counted: Vec<(&str, u64)> =
        counted.iter().map(|(name, count)| (name.as_str(), count.load(Ordering::Relaxed))).collect();
    assert_eq!(
        counted,
        [
            ("jwt_logouts_total logout_token ended", 1),
            ("jwt_logouts_total logout_token repeated", 1),
            ("jwt_logouts_total security_event refused", 1),
            ("jwt_logouts_total unknown refused", 1),
        ]
    );
}
