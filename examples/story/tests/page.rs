//! The example as it is started, without anything but itself: what the page's server gives to whom.

use std::process::Command;
use std::time::Duration;

use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use story::{Cluster, Kind, Load, Setup};
use tokio::net::TcpListener;

/// The page, served on a free port: its address.
async fn page() -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    // Nobody else sends anything, so that the turns of the instances are known.
    let load = Load { clients: 0, ..Load::default() };
    let cluster = Cluster::start(&Setup { load, ..Setup::default() }).await.expect("the cluster starts");
    tokio::spawn(story::serve(cluster, listener));
    format!("http://{address}")
}

async fn send(request: http::request::Builder, body: &Value) -> (Response<()>, String) {
    let body = if body.is_null() { Bytes::new() } else { Bytes::from(body.to_string()) };
    let client = Client::builder(TokioExecutor::new()).build_http();
    let response = client.request(request.body(Full::new(body)).expect("a request")).await.expect("an answer");
    let (head, body) = response.into_parts();
    let body = body.collect().await.expect("a body").to_bytes();
    (Response::from_parts(head, ()), String::from_utf8_lossy(&body).into_owned())
}

async fn post(url: String, body: Value) -> (Response<()>, String) {
    send(Request::post(url).header(CONTENT_TYPE, "application/json"), &body).await
}

fn journey(response: &Response<()>) -> Value {
    serde_json::from_slice(response.headers()["x-journey"].as_bytes()).expect("JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_takes_nothing_from_elsewhere_and_gives_nothing_to_elsewhere() {
    let _shared = crate::MACHINE.read().await;
    let page = page().await;
    let (response, html) = send(Request::get(&page), &Value::Null).await;
    assert!(html.contains("Who is asking?"));
    let policy = response.headers()["content-security-policy"].to_str().expect("text");
    assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"), "{policy}");
    assert!(!policy.contains("unsafe"));
    // A name of somebody else's that was made to lead here.
    let (response, _) = send(Request::get(&page).header(HOST, "evil.example"), &Value::Null).await;
    assert_eq!(response.status(), 421);
    // What a page of another site can send without asking.
    let simple = Request::post(format!("{page}/switch")).header(CONTENT_TYPE, "text/plain");
    assert_eq!(send(simple, &json!({"cache": false})).await.0.status(), 415);
    assert_eq!(post(format!("{page}/switch"), json!({"cache": "no"})).await.0.status(), 422);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_comes_back_with_its_journey() {
    let _shared = crate::MACHINE.read().await;
    let page = page().await;
    let (response, body) = post(format!("{page}/login"), json!({"name": "Ada", "place": "storage"})).await;
    assert_eq!(response.headers()[CONTENT_TYPE], "application/json");
    let token = serde_json::from_str::<Value>(&body).expect("JSON")["access_token"].as_str().expect("text").to_owned();

    let ask = |path: &str| Request::get(format!("{page}/shop{path}")).header(AUTHORIZATION, format!("Bearer {token}"));
    let mut frameworks = Vec::new();
    for _ in 0..3 {
        let (response, body) = send(ask("/orders/invoices"), &Value::Null).await;
        assert_eq!(response.status(), 200);
        assert!(body.contains(r#""customer":"Ada""#), "{body}");
        let journey = journey(&response);
        assert_eq!(journey["sent"], format!("Authorization: Bearer {token}"));
        assert_eq!(journey["hops"][1]["service"], "invoices");
        assert_eq!(journey["hops"][0]["look_ups"], json!([]), "nobody has to be asked");
        frameworks.push(journey["hops"][0]["framework"].as_str().expect("text").to_owned());
    }
    frameworks.sort();
    assert_eq!(frameworks, ["actix-web", "axum", "axum"]);

    let (response, body) = send(ask("/orders").header("x-tamper", "1"), &Value::Null).await;
    assert_eq!(response.status(), 401);
    assert_eq!(response.headers()["www-authenticate"], r#"Bearer error="invalid_token""#);
    assert!(!body.contains("Mallory"), "{body}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_without_a_shared_cache_is_known_to_one_instance() {
    let _shared = crate::MACHINE.read().await;
    let page = page().await;
    let (response, _) = post(format!("{page}/shop/session"), json!({"name": "Ada", "place": "cookie"})).await;
    assert_eq!(response.status(), 204);
    let cookie = response.headers()["set-cookie"].to_str().expect("text").to_owned();
    assert!(cookie.contains("; HttpOnly; SameSite=Lax; Path=/"), "{cookie}");
    let cookie = cookie.split(';').next().expect("a pair");
    let mut answers = Vec::new();
    for _ in 0..3 {
        let ask = Request::get(format!("{page}/shop/orders")).header("cookie", cookie);
        answers.push(send(ask, &Value::Null).await.0.status().as_u16());
    }
    answers.sort_unstable();
    assert_eq!(answers, [200, 401, 401]);

    assert_eq!(post(format!("{page}/switch"), json!({"shared": true})).await.0.status(), 200);
    let (response, _) = post(format!("{page}/shop/session"), json!({"name": "Ada", "place": "cookie"})).await;
    let cookie = response.headers()["set-cookie"].to_str().expect("text").split(';').next().expect("a pair").to_owned();
    for _ in 0..6 {
        let ask = Request::get(format!("{page}/shop/orders")).header("cookie", &cookie);
        assert_eq!(send(ask, &Value::Null).await.0.status(), 200);
    }
    assert_eq!(post(format!("{page}/switch"), json!({"cache": false})).await.0.status(), 200);
    let ask = Request::get(format!("{page}/shop/orders")).header("cookie", &cookie);
    assert_eq!(send(ask, &Value::Null).await.0.status(), 503);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_dead_cache_was_not_told_of_a_revocation_it_is_told_when_it_is_back() {
    let _shared = crate::MACHINE.read().await;
    let page = page().await;
    let token = async || {
        let (_, body) = post(format!("{page}/login"), json!({"name": "Ada", "place": "storage"})).await;
        serde_json::from_str::<Value>(&body).expect("JSON")["access_token"].as_str().expect("text").to_owned()
    };
    let with = |request: http::request::Builder, token: &str| request.header(AUTHORIZATION, format!("Bearer {token}"));
    let token = token().await;
    assert_eq!(post(format!("{page}/switch"), json!({"cache": false})).await.0.status(), 200);
    let revoke = Request::post(format!("{page}/revoke"));
    assert_eq!(send(with(revoke, &token), &Value::Null).await.0.status(), 503);
    assert_eq!(post(format!("{page}/switch"), json!({"cache": true})).await.0.status(), 200);

    let ask = async || {
        let ask = Request::get(format!("{page}/shop/orders"));
        send(with(ask, &token), &Value::Null).await.0.status().as_u16()
    };
    let mut refused = 0;
    while refused < 3 {
        refused = if ask().await == 401 { refused + 1 } else { 0 };
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_ml_dsa_is_taken_in_the_header_and_is_never_put_into_a_cookie() {
    let _shared = crate::MACHINE.read().await;
    let page = page().await;
    let sign_in = async |place: &str| post(format!("{page}/login"), json!({"name": "Ada", "place": place})).await;
    let token = |body: &str| {
        serde_json::from_str::<Value>(body).expect("JSON")["access_token"].as_str().expect("text").to_owned()
    };
    let old = token(&sign_in("storage").await.1);
    assert_eq!(post(format!("{page}/switch"), json!({"ml_dsa": true})).await.0.status(), 200);
    let (response, body) = sign_in("cookie").await;
    assert_eq!((response.status().as_u16(), response.headers().get("set-cookie"), &*body), (422, None, ""));
    let log = journey(&response)["hops"][0]["log"].as_str().expect("text").to_owned();
    assert!(log.ends_with("characters is no cookie"), "{log}");
    let new = token(&sign_in("storage").await.1);
    assert!(new.len() > 4412, "{}", new.len());
    assert_eq!(post(format!("{page}/switch"), json!({"ml_dsa": false})).await.0.status(), 200);
    let (response, _) = sign_in("cookie").await;
    assert_eq!(response.status(), 204);
    for token in [old, new] {
        for _ in 0..3 {
            let ask = Request::get(format!("{page}/shop/orders/invoices"));
            let (response, _) = send(ask.header(AUTHORIZATION, format!("Bearer {token}")), &Value::Null).await;
            assert_eq!(response.status(), 200);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_signs_in_without_a_name() {
    let _shared = crate::MACHINE.read().await;
    let page = page().await;
    for path in ["login", "shop/session", "shop/session", "shop/session"] {
        let (response, _) = post(format!("{page}/{path}"), json!({"name": " ", "place": "cookie"})).await;
        assert_eq!((response.status().as_u16(), response.headers().get("set-cookie")), (400, None), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clients_rest_while_nobody_watches() {
    let _shared = crate::MACHINE.read().await;
    let load = Load { clients: 1, pause: Duration::from_millis(1), only_watched: true };
    let cluster = Cluster::start(&Setup { load, ..Setup::default() }).await.expect("the cluster starts");
    let asked =
        || [Kind::Jwt, Kind::Session].map(|kind| cluster.counts(kind)).map(|c| c.total_served() + c.total_failed());
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(asked(), [0, 0]);
    let ticks = cluster.ticks();
    while asked().contains(&0) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    drop(ticks);
    let mut before = asked();
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let now = asked();
        if now == before {
            break;
        }
        before = now;
    }
}

#[test]
fn the_command_line_says_what_it_wants() {
    let _shared = crate::MACHINE.blocking_read();
    let story = |args: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_story")).args(args).output().expect("it runs");
        (output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
    };
    let (ok, text) = story(&["--help"]);
    assert!(ok && text.contains("--balancer haproxy"), "{text}");
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
    let port = taken.local_addr().expect("it is bound").port().to_string();
    let (ok, text) = story(&["--port", &port]);
    assert!(!ok && text.contains(&format!("cannot serve on port {port}")) && text.contains("--port 8081"), "{text}");
    let (ok, text) = story(&["--balancer", "magic"]);
    assert!(!ok && text.contains("haproxy or nginx"), "{text}");
}
