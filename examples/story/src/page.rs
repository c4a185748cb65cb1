//! The page, and the gateway behind it: what the browser asks for goes to the cluster and comes back with the tale of
//! its journey.

use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::{Path, Request, State};
use axum::middleware::{self, Next};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, any, get, post};
use axum::{Json, Router};
use http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, COOKIE, HOST, REFERRER_POLICY, SET_COOKIE,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

use crate::client::{self, Http};
use crate::cluster::Cluster;
use crate::provider::Happens;
use crate::source;
use crate::theft;
use crate::user::User;
use crate::witness::Hop;

/// Nothing but what comes from here: no inline script, no foreign font, no frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

struct Gateway {
    cluster: Arc<Cluster>,
    http: Http,
    port: u16,
    requests: AtomicU64,
}

/// The journey of one request, for the page.
#[derive(Serialize)]
struct Journey {
    /// The header field that held the token when the request came in.
    sent: Option<String>,
    /// The cookies that the answer sets.
    set_cookies: Vec<String>,
    /// Who did what with it, in the order in which they were asked.
    hops: Vec<Hop>,
}

/// Serves the page on that listener, for as long as it is polled.
///
/// # Errors
/// If the listener fails.
pub async fn serve(cluster: Arc<Cluster>, listener: TcpListener) -> io::Result<()> {
    let port = listener.local_addr()?.port();
    let gateway = Arc::new(Gateway { cluster, http: Http::default(), port, requests: AtomicU64::new(0) });
    let app = Router::new()
        .route("/", asset("text/html; charset=utf-8", include_str!("../page/index.html")))
        .route("/icon.svg", asset("image/svg+xml", include_str!("../page/icon.svg")))
        .route("/story.css", asset("text/css; charset=utf-8", include_str!("../page/story.css")))
        .route("/story.js", asset("text/javascript; charset=utf-8", include_str!("../page/story.js")))
        .route("/source/{file}", get(code))
        .route("/events", get(events))
        .route("/switch", post(switch))
        .route("/sent", get(sent))
        .route("/steal", post(steal))
        .route("/login", any(to_login))
        .route("/revoke", any(to_login))
        .route("/shop/{*path}", any(to_front))
        .layer(middleware::from_fn_with_state(gateway.clone(), guard))
        .with_state(gateway);
    axum::serve(listener, app).await
}

fn asset(kind: &'static str, text: &'static str) -> MethodRouter<Arc<Gateway>> {
    get(([(CONTENT_TYPE, kind)], text))
}

async fn code(Path(file): Path<String>) -> Response {
    match source::page(&file) {
        Some(html) => ([(CONTENT_TYPE, "text/html; charset=utf-8")], html).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// Only for pages of this very host, whatever name the browser was led here by; and with the policy on everything.
async fn guard(State(gateway): State<Arc<Gateway>>, request: Request, next: Next) -> Response {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let ours = ["127.0.0.1", "localhost"].iter().any(|name| host == format!("{name}:{}", gateway.port));
    if !ours {
        return StatusCode::MISDIRECTED_REQUEST.into_response();
    }
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// A tick of the cluster every half second.
async fn events(State(gateway): State<Arc<Gateway>>) -> impl IntoResponse {
    let ticks = gateway.cluster.ticks();
    let events = futures_util::stream::unfold(ticks, |mut ticks| async move {
        ticks.changed().await.ok()?;
        let event = Event::default().json_data(&*ticks.borrow_and_update()).ok()?;
        Some((Ok::<_, Infallible>(event), ticks))
    });
    Sse::new(events).keep_alive(KeepAlive::default())
}

/// What the page can change.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Switch {
    Instances(usize),
    Sticky(bool),
    Shared(bool),
    Cache(bool),
    Alive(usize, bool),
    Rotate,
    MlDsa(bool),
    /// The provider says of the user of that name that the user has logged out.
    LogOut(String),
    /// The provider says of the user of that name that the account is disabled.
    Disable(String),
}

/// Turns a switch, and says which tick is the first that knows of it. JSON only, which no page of another site can send
/// without asking first.
async fn switch(State(gateway): State<Arc<Gateway>>, Json(switch): Json<Switch>) -> Response {
    let done = turn(&gateway.cluster, switch).await;
    match done {
        // A tick that was on its way may still say how it was before; the next but one cannot.
        Ok(()) => Json(gateway.cluster.ticks().borrow().number + 2).into_response(),
        Err(error) => (StatusCode::CONFLICT, error.to_string()).into_response(),
    }
}

async fn turn(cluster: &Cluster, switch: Switch) -> Result<(), Box<dyn Error + Send + Sync>> {
    match switch {
        Switch::Instances(instances) => cluster.set_instances(instances),
        Switch::Sticky(sticky) => cluster.set_sticky(sticky),
        Switch::Shared(shared) => cluster.set_shared(shared),
        Switch::Cache(up) => cluster.set_cache(up),
        Switch::Alive(instance, alive) => cluster.set_alive(instance, alive).await.map_err(|error| {
            format!("orders-{} does not start: {error}. The list of revoked tokens is in there.", instance + 1)
        })?,
        Switch::Rotate => drop(cluster.rotate()?),
        Switch::MlDsa(ml_dsa) => drop(cluster.set_ml_dsa(ml_dsa)?),
        Switch::LogOut(user) => told(cluster, Happens::LogOut, &user).await?,
        Switch::Disable(user) => told(cluster, Happens::Disable, &user).await?,
    }
    Ok(())
}

/// Has the provider tell the login service once. A real one tells it again where the answer is 503.
async fn told(cluster: &Cluster, happens: Happens, name: &str) -> Result<(), Box<dyn Error + Send + Sync>> {
    let user = &User::named(name).ok_or("Nobody has that name.")?.sub;
    match cluster.deliver(&cluster.event(happens, user)?).await? {
        200 | 202 => Ok(()),
        503 => Err("The login service answered 503, since the list of revoked tokens cannot be reached. The provider would tell it again.".into()),
        status => Err(format!("The login service answered {status}.").into()),
    }
}

/// The header field that the browser sends along. The page shows it, and no script could read the cookie.
async fn sent(headers: HeaderMap) -> Json<Option<String>> {
    Json(credentials(&headers))
}

/// Steals the cookies of a login that is bound to its browser, or is not. JSON only, as a switch.
async fn steal(Json(bound): Json<bool>) -> Response {
    match theft::steal(bound).await {
        Ok(lines) => Json(lines).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn to_login(State(gateway): State<Arc<Gateway>>, request: Request) -> Response {
    gateway.pass(request, gateway.cluster.login_port(), "").await
}

async fn to_front(State(gateway): State<Arc<Gateway>>, request: Request) -> Response {
    gateway.pass(request, gateway.cluster.front_port(), "/shop").await
}

impl Gateway {
    async fn pass(&self, request: Request, port: u16, prefix: &str) -> Response {
        let Ok(mut request) = client::whole(request).await else {
            return StatusCode::PAYLOAD_TOO_LARGE.into_response();
        };
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        let Ok(path) = path.strip_prefix(prefix).unwrap_or(path).parse::<Uri>() else {
            return StatusCode::BAD_REQUEST.into_response();
        };
        *request.uri_mut() = path;
        let headers = request.headers_mut();
        if headers.remove("x-tamper").is_some() {
            tamper(headers);
        }
        let outlives = headers.remove("x-outlive").is_some();
        let sent = credentials(headers);
        let id = self.requests.fetch_add(1, Ordering::Relaxed).to_string();
        headers.extend(HeaderValue::from_str(&id).ok().map(|id| (HeaderName::from_static("x-request-id"), id)));
        let response = self.http.send(request, port).await;
        let mut response = response.map_or_else(|_| StatusCode::BAD_GATEWAY.into_response(), client::answer);
        if outlives {
            outlive(response.headers_mut());
        }
        let set_cookies = response.headers().get_all(SET_COOKIE).into_iter().filter_map(|value| value.to_str().ok());
        let set_cookies = set_cookies.map(str::to_owned).collect();
        let mut hops = self.cluster.world.witness.take(&id);
        // Whoever is asked by somebody is done before him.
        hops.reverse();
        let journey = serde_json::to_string(&Journey { sent, set_cookies, hops }).unwrap_or_default();
        let journey = HeaderValue::from_str(&journey).ok();
        response.headers_mut().extend(journey.map(|value| (HeaderName::from_static("x-journey"), value)));
        response
    }
}

/// The header field that says who is asking, without what else is in it.
fn credentials(headers: &HeaderMap) -> Option<String> {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    if let Some(value) = text(AUTHORIZATION) {
        return Some(format!("Authorization: {value}"));
    }
    let mut pairs = text(COOKIE)?.split(';').map(str::trim);
    pairs.find(|pair| is_credential(pair)).map(|pair| format!("Cookie: {pair}"))
}

fn is_credential(cookie: &str) -> bool {
    cookie.split_once('=').is_some_and(|(name, _)| name == "access_token")
}

// #tamper
/// What somebody between the browser and the cluster might do: a JWT gets another name into its claims, the number of
/// a session gets another digit at its end.
fn tamper(headers: &mut HeaderMap) {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok()).map(str::to_owned);
    if let Some(token) = text(AUTHORIZATION).as_deref().and_then(|value| value.strip_prefix("Bearer ")) {
        replace(headers, AUTHORIZATION, &format!("Bearer {}", forged(token)));
    } else if let Some(cookies) = text(COOKIE) {
        let pairs = cookies.split(';').map(str::trim).map(|pair| match pair.split_once('=') {
            Some((name, token)) if is_credential(pair) => format!("{name}={}", forged(token)),
            _ => pair.to_owned(),
        });
        replace(headers, COOKIE, &pairs.collect::<Vec<_>>().join("; "));
    }
}

/// Lets a cookie stay when its token has expired: the browser would forget it with the token, and there would be nothing
/// to see.
fn outlive(headers: &mut HeaderMap) {
    for value in headers.iter_mut().filter(|(name, _)| *name == SET_COOKIE).map(|(_, value)| value) {
        let longer = |part: &str| match part.strip_prefix("Max-Age=") {
            Some(seconds) if seconds != "0" => "Max-Age=300".to_owned(),
            _ => part.to_owned(),
        };
        let cookie = value.to_str().unwrap_or_default().split("; ").map(longer).collect::<Vec<_>>().join("; ");
        if let Ok(cookie) = HeaderValue::try_from(cookie) {
            *value = cookie;
        }
    }
}

fn replace(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// The same token for Mallory, with the signature that it had.
fn forged(token: &str) -> String {
    let parts: Vec<&str> = token.split('.').collect();
    if let [header, payload, signature] = parts[..]
        && let Ok(claims) = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(payload)
        && let Ok(mut claims) = serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(&claims)
    {
        claims.insert("name".into(), "Mallory".into());
        let claims = serde_json::Value::Object(claims).to_string();
        return format!("{header}.{}.{signature}", base64_simd::URL_SAFE_NO_PAD.encode_to_string(claims));
    }
    let (rest, last) = token.split_at(token.len().saturating_sub(1));
    format!("{rest}{}", if last == "A" { "B" } else { "A" })
}
