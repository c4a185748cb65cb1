use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use acceptance::{Connection, Reply};
use jwt_core::binding::DpopKey;
use serde_json::{Value, json};

/// The npm package oidc-provider, as a process of its own. It ends with this.
#[derive(Debug)]
pub struct Provider {
    process: Option<Child>,
    address: SocketAddr,
    key_file: PathBuf,
}

/// The secret of its clients, as it stands in a form.
const SECRET: &str = "a+secret+that+everybody+knows";
/// The resource whose tokens are no JWTs, as it stands in a form.
const OPAQUE: &str = "urn%3Aopaque";

/// A resource server that the provider knows, by the algorithm of its access tokens.
pub type ResourceServer = &'static str;

fn directory() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

impl Provider {
    /// The secret of its clients.
    pub const SECRET: &str = "a secret that everybody knows";

    /// The resource servers.
    pub const RESOURCE_SERVERS: [ResourceServer; 4] = ["RS256", "PS256", "ES256", "EdDSA"];

    /// Starts it, if `setup` has installed the pinned version; otherwise says so.
    ///
    /// # Panics
    /// Where it is not installed although it is demanded, or does not start.
    pub fn start() -> Option<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let installed = outside::is_pinned(directory(), "package.json", "node_modules/stamp");
        if !outside::is_there(installed, "oidc-provider", "tests/setup oidc") {
            return None;
        }
        let name = format!("oidc-provider-{}-{}.json", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let mut provider = Self {
            process: None,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            key_file: std::env::temp_dir().join(name),
        };
        provider.start_again();
        Some(provider)
    }

    /// Starts it at the same address, with the keys that it had.
    ///
    /// # Panics
    /// Where it does not start.
    pub fn start_again(&mut self) {
        let mut process = Command::new(outside::node())
            .arg("provider.js")
            .arg(self.address.port().to_string())
            .arg(&self.key_file)
            .current_dir(directory())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("node can be run");
        let mut lines = BufReader::new(process.stdout.take().expect("its output is a pipe")).lines();
        let port = lines.find_map(|line| line.ok()?.trim().parse().ok()).expect("it says where it listens");
        self.address.set_port(port);
        self.process = Some(process);
    }

    /// Ends it.
    ///
    /// # Panics
    /// Where it cannot be ended.
    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().expect("a process of ours can be ended");
            process.wait().expect("it ends");
        }
    }

    /// Its name.
    pub fn issuer(&self) -> String {
        format!("http://{}", self.address)
    }

    /// An access token of its, by client credentials.
    ///
    /// # Panics
    /// Where it gives none.
    pub fn token(&self, of: ResourceServer) -> String {
        token_of(&self.ask("robot", of, &[]))
    }

    /// An access token of its that is no JWT.
    ///
    /// # Panics
    /// Where it gives none.
    pub fn opaque_token(&self) -> String {
        token_of(&self.ask_for("robot", OPAQUE, &[]))
    }

    /// The same, bound to this key.
    ///
    /// # Panics
    /// Where it gives none, or one without a nonce.
    pub fn opaque_token_bound_to(&self, key: &DpopKey) -> String {
        self.bound_to(key, OPAQUE)
    }

    /// Has it revoke a token (RFC 7009).
    ///
    /// # Panics
    /// Where it does not.
    pub fn revoke(&self, token: &str) {
        let form = format!("token={token}&client_id=robot&client_secret={SECRET}");
        let reply = self.post("/token/revocation", "application/x-www-form-urlencoded", &[], &form);
        assert_eq!(reply.status, 200, "{reply:?}");
    }

    /// An access token of its that is bound to this key (RFC 9449 §5). The provider demands a nonce (§8), so that takes two
    /// requests.
    ///
    /// # Panics
    /// Where it gives none, or one without a nonce.
    pub fn token_bound_to(&self, key: &DpopKey, of: ResourceServer) -> String {
        self.bound_to(key, &format!("urn%3Aalg%3A{of}"))
    }

    fn bound_to(&self, key: &DpopKey, resource: &str) -> String {
        let url = format!("{}/token", self.issuer());
        let proof = key.proof("POST", &url).sign().expect("there is randomness");
        let refused = self.ask_for("robot", resource, &[("DPoP", &proof)]);
        assert!(refused.status == 400 && refused.body.contains("use_dpop_nonce"), "{refused:?}");
        let nonce = refused.header("dpop-nonce").expect("the refusal brings a nonce");
        let proof = key.proof("POST", &url).nonce(nonce).sign().expect("there is randomness");
        token_of(&self.ask_for("robot", resource, &[("DPoP", &proof)]))
    }

    /// An access token of its that is bound to this certificate in PEM (RFC 8705 §3).
    ///
    /// # Panics
    /// Where it gives none.
    pub fn token_bound_to_certificate(&self, pem: &str, of: ResourceServer) -> String {
        let certificate = base64_simd::STANDARD.encode_to_string(pem);
        token_of(&self.ask("machine", of, &[("X-Certificate", &certificate)]))
    }

    fn ask(&self, client: &str, of: ResourceServer, fields: &[(&str, &str)]) -> Reply {
        self.ask_for(client, &format!("urn%3Aalg%3A{of}"), fields)
    }

    fn ask_for(&self, client: &str, resource: &str, fields: &[(&str, &str)]) -> Reply {
        let form = format!(
            "grant_type=client_credentials&scope=read&resource={resource}&client_id={client}&client_secret={SECRET}"
        );
        self.post("/token", "application/x-www-form-urlencoded", fields, &form)
    }

    /// Publishes a new key of that name and signs with it from now on. The others stay published.
    pub fn rotate(&self, alg: &str, kid: &str) {
        self.control(&json!({"generate": [{"alg": alg, "kid": kid}], "sign": {alg: kid}}));
    }

    /// Takes a key out of the set.
    pub fn withdraw(&self, kid: &str) {
        self.control(&json!({"withdraw": [kid]}));
    }

    /// Tells it the public key by which the client `api-jwt` authenticates.
    pub fn know_client_key(&self, jwk: &Value) {
        self.control(&json!({"ofClient": [jwk]}));
    }

    fn control(&self, wish: &Value) {
        let reply = self.post("/control", "application/json", &[], &wish.to_string());
        assert_eq!((reply.status, &*reply.body), (200, "ok"), "{reply:?}");
    }

    fn post(&self, path: &str, media_type: &str, fields: &[(&str, &str)], body: &str) -> Reply {
        let mut request = String::new();
        let _ = write!(request, "POST {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: {media_type}\r\n", self.address);
        for (name, value) in fields {
            let _ = write!(request, "{name}: {value}\r\n");
        }
        let _ = write!(request, "Content-Length: {}\r\n\r\n{body}", body.len());
        Connection::open(self.address).send(request.as_bytes())
    }
}

fn token_of(reply: &Reply) -> String {
    let answer: Value = serde_json::from_str(&reply.body).expect("the answer is JSON");
    answer["access_token"].as_str().unwrap_or_else(|| panic!("no token: {reply:?}")).to_owned()
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.stop();
        let _ = std::fs::remove_file(&self.key_file);
    }
}
