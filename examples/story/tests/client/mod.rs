//! One client of the cluster, with one token.

use http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, SET_COOKIE};
use http::{HeaderMap, Request};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use story::Cluster;

/// A client that holds one token, and the cookie of the balancer.
pub(crate) struct Probe {
    http: Client<HttpConnector, Full<Bytes>>,
    token: String,
    balancer: Option<String>,
}

impl Probe {
    /// Signs in by a session.
    pub(crate) async fn with_session(cluster: &Cluster) -> Self {
        Self::with_session_of(cluster, "Ada").await
    }

    /// The same as somebody else.
    pub(crate) async fn with_session_of(cluster: &Cluster, name: &str) -> Self {
        Self::sign_in(cluster.front_port(), "/session", "session", name).await
    }

    /// Signs in by a JWT.
    pub(crate) async fn with_jwt(cluster: &Cluster) -> Self {
        Self::with_jwt_of(cluster, "Ada").await
    }

    /// The same as somebody else.
    pub(crate) async fn with_jwt_of(cluster: &Cluster, name: &str) -> Self {
        Self::sign_in(cluster.login_port(), "/login", "access_token", name).await
    }

    async fn sign_in(port: u16, at: &str, member: &str, name: &str) -> Self {
        let http = Client::builder(TokioExecutor::new()).build_http();
        let mut probe = Self { http, token: String::new(), balancer: None };
        let request = Request::post(format!("http://127.0.0.1:{port}{at}"))
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(format!(r#"{{"name":"{name}","place":"storage"}}"#))))
            .expect("a request");
        let response = probe.http.request(request).await.expect("somebody answers");
        assert_eq!(response.status(), 200);
        probe.balancer = balancer(response.headers());
        let body = response.into_body().collect().await.expect("a body").to_bytes();
        let body: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
        body[member].as_str().expect("a token").clone_into(&mut probe.token);
        probe
    }

    /// Asks once: the status, and which instance it came from, 0 to 2.
    pub(crate) async fn ask(&self, cluster: &Cluster) -> (u16, Option<usize>) {
        let mut request = Request::get(format!("http://127.0.0.1:{}/orders", cluster.front_port()))
            .header(AUTHORIZATION, format!("Bearer {}", self.token));
        if let Some(cookie) = &self.balancer {
            request = request.header(COOKIE, cookie);
        }
        let response = self.http.request(request.body(Full::default()).expect("a request")).await;
        let response = response.expect("somebody answers");
        let number = response.headers().get("x-instance").and_then(|name| name.to_str().ok()?.strip_prefix("orders-"));
        let instance = number.map(|number| number.parse::<usize>().expect("a number") - 1);
        (response.status().as_u16(), instance)
    }

    /// Asks until every instance has answered, and yields the last status of each.
    pub(crate) async fn ask_all(&self, cluster: &Cluster) -> [u16; 3] {
        let mut answers = [0; 3];
        for _ in 0..300 {
            if let (status, Some(instance)) = self.ask(cluster).await {
                answers[instance] = status;
            }
            if !answers.contains(&0) {
                return answers;
            }
        }
        panic!("not every instance answers: {answers:?}")
    }

    /// The same with other claims under the same signature.
    pub(crate) fn for_somebody_else(mut self) -> Self {
        let [header, claims, signature] = self.token.split('.').collect::<Vec<_>>()[..] else { panic!("no JWT") };
        let claims = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(claims).expect("base64url");
        let claims = String::from_utf8(claims).expect("text").replace("Ada", "Eve");
        assert!(claims.contains("Eve"));
        self.token = format!("{header}.{}.{signature}", base64_simd::URL_SAFE_NO_PAD.encode_to_string(claims));
        self
    }

    /// What stands in the header of the token.
    pub(crate) fn header(&self) -> String {
        let header = self.token.split('.').next().expect("a JWT");
        let header = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(header).expect("base64url");
        String::from_utf8(header).expect("text")
    }

    /// Has the token revoked.
    pub(crate) async fn revoke(&self, cluster: &Cluster) {
        let request = Request::post(format!("http://127.0.0.1:{}/revoke", cluster.login_port()))
            .header(AUTHORIZATION, format!("Bearer {}", self.token));
        let response = self.http.request(request.body(Full::default()).expect("a request")).await;
        assert_eq!(response.expect("somebody answers").status(), 204);
    }
}

/// The cookie by which HAProxy knows its clients.
fn balancer(headers: &HeaderMap) -> Option<String> {
    let values = headers.get_all(SET_COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    values
        .filter(|value| value.starts_with("instance="))
        .map(|value| value.split(';').next().unwrap_or_default().to_owned())
        .next()
}
