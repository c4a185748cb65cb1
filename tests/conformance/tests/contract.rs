//! The contract of the server, in both frameworks.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};

use base64_simd::URL_SAFE_NO_PAD;
use jwt_core::binding::DpopKey;
use jwt_core::clock::NumericDate;
use jwt_core::{Algorithm, SigningKey};
use outside::Process;
use serde_json::{Value, json};

const SECRET: &[u8] = b"the contract's secret, known to everybody";

fn config(changes: Value) -> Value {
    let secret = URL_SAFE_NO_PAD.encode_to_string(SECRET);
    let mut config = json!({
        "keys": {"secret_b64url": secret}, "algorithms": ["HS256"], "issuer": null, "audience": ["api"], "leeway": 30,
        "required": ["exp"], "sources": {"bearer": true, "cookie": "t"}, "typ": null, "now": 1000, "layer": "jwt",
    });
    if let (Value::Object(config), Value::Object(changes)) = (&mut config, changes) {
        config.extend(changes);
    }
    config
}

struct Server {
    _process: Process,
    address: String,
}

impl Server {
    fn start(command: &mut Command) -> Self {
        let mut child = Process(command.stdout(Stdio::piped()).spawn().unwrap());
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on http://").unwrap_or_else(|| panic!("{line:?}")).to_owned();
        Self { _process: child, address }
    }

    /// Status, head and body of the answer.
    fn send(&self, head: &str) -> (u16, String, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.write_all(head.replace('\n', "\r\n").as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), names_in_lower_case(head), body.to_owned())
    }
}

fn names_in_lower_case(head: &str) -> String {
    let line = |line: &str| match line.split_once(": ") {
        Some((name, value)) => format!("{}: {value}\n", name.to_ascii_lowercase()),
        None => format!("{line}\n"),
    };
    head.lines().map(line).collect()
}

fn command(framework: &str, config: &Value) -> Command {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static FILES: AtomicUsize = AtomicUsize::new(0);
    let name = format!("conformance-{}-{}.json", std::process::id(), FILES.fetch_add(1, Ordering::Relaxed));
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, config.to_string()).unwrap();
    let mut command = outside::command(env!("CARGO_BIN_EXE_conformance"));
    command.args(["--framework", framework, "--listen", "127.0.0.1:0", "--config"]).arg(path).stderr(Stdio::null());
    command
}

#[test]
fn a_good_token_gets_its_claims_and_the_rest_a_challenge_or_a_404() {
    let claims = r#"{"exp":1000.5,"aud":"api","big":123456789012345678901234567890,"x":1.0,"ä":[{}]}"#;
    let claims: Box<serde_json::value::RawValue> = serde_json::from_str(claims).unwrap();
    let token = SigningKey::secret(Algorithm::HS256, SECRET).unwrap().sign(&claims).unwrap();
    for (framework, cache) in [("tower", "off"), ("actix", "off"), ("tower", "on"), ("actix", "on")] {
        let server = Server::start(command(framework, &config(json!({}))).args(["--cache", cache]));
        for method in ["GET", "POST", "DELETE"] {
            for field in [format!("Authorization: Bearer {token}"), format!("Cookie: t={token}")] {
                let (status, head, body) =
                    server.send(&format!("{method} /protected HTTP/1.1\nHost: x\nConnection: close\n{field}\n\n"));
                assert_eq!((status, &*body), (200, claims.get()), "{framework} {method}");
                assert!(head.contains("content-type: application/json"), "{head}");
            }
            let (status, head, _) =
                server.send(&format!("{method} /protected HTTP/1.1\nHost: x\nConnection: close\n\n"));
            assert_eq!(status, 401);
            assert!(head.contains("www-authenticate: Bearer"), "{head}");
        }
        let padding = "x".repeat(15 * 1024);
        let (status, ..) =
            server.send(&format!("GET /protected HTTP/1.1\nHost: x\nConnection: close\nX: {padding}\n\n"));
        assert_eq!(status, 401, "{framework}: a head of nearly 16 KiB is served");
        assert_eq!(server.send("GET / HTTP/1.1\nHost: x\nConnection: close\n\n").0, 404, "{framework}");
    }
}

#[test]
fn what_is_not_supported_exits_with_3_and_what_is_unsafe_with_4() {
    for (status, changes) in [
        (3, json!({"algorithms": ["HS256", "none"]})),
        (3, json!({"algorithms": ["ES256K"]})),
        (3, json!({"layer": "jws"})),
        (4, json!({"keys": {"jwks_url": "http://keys.example/"}})),
        (4, json!({"keys": {"keys": []}})),
        (4, json!({"keys": {"secret_b64url": "c2hvcnQ"}})),
        (4, json!({"keys": {"keys": [{"kty": "oct", "k": "c2hvcnQ"}]}})),
        (4, json!({"algorithms": ["RS256"]})),
        (4, json!({"audience": []})),
        (4, json!({"typ": []})),
        (4, json!({"sources": {"bearer": false, "cookie": null}})),
    ] {
        for framework in ["tower", "actix"] {
            let exit = command(framework, &config(changes.clone())).status().unwrap();
            assert_eq!(exit.code(), Some(status), "{framework} {changes}");
        }
    }
}

#[test]
fn an_algorithm_that_no_key_fits_is_no_error() {
    Server::start(&mut command("tower", &config(json!({"algorithms": ["HS256", "HS512", "RS256"]}))));
}

#[test]
fn keys_that_have_an_address_are_waited_for_and_picked_up() {
    for framework in ["tower", "actix"] {
        // A port that was free a moment ago, where nobody listens yet.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let url = format!("http://{address}/keys");
        let server = Server::start(&mut command(framework, &config(json!({"keys": {"jwks_url": url}}))));
        let token = SigningKey::secret(Algorithm::HS256, SECRET).unwrap().with_kid("k");
        let token = token.sign(&json!({"aud": "api", "exp": 2000})).unwrap();
        let request = format!("GET /protected HTTP/1.1\nHost: x\nConnection: close\nAuthorization: Bearer {token}\n\n");
        let (status, head, _) = server.send(&request);
        assert_eq!(status, 503, "{framework}");
        assert!(head.contains("retry-after: "), "{framework}: {head}");
        assert_eq!(server.send("GET /protected HTTP/1.1\nHost: x\nConnection: close\n\n").0, 401, "{framework}");

        let keys = json!({"keys": [{"kty": "oct", "kid": "k", "alg": "HS256", "k": URL_SAFE_NO_PAD.encode_to_string(SECRET)}]}).to_string();
        let listener = TcpListener::bind(address).unwrap();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let _ = stream.read(&mut [0; 4096]);
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", keys.len());
                let _ = stream.write_all(format!("{head}{keys}").as_bytes());
            }
        });
        let arrived = (0..60).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(500));
            server.send(&request).0 == 200
        });
        assert!(arrived, "{framework}");
    }
}

/// What a client of DPoP does, at the stopped clock of the configuration.
#[test]
fn bound_tokens_are_accepted_with_a_proof_as_the_configuration_says() {
    let key = DpopKey::generate(Algorithm::ES256).unwrap();
    let sign = |claims: Value| SigningKey::secret(Algorithm::HS256, SECRET).unwrap().sign(&claims).unwrap();
    let bound = sign(json!({"aud": "api", "exp": 1500, "cnf": {"jkt": key.thumbprint()}}));
    let unbound = sign(json!({"aud": "api", "exp": 1500}));
    let get = |scheme: &str, token: &str, proof: Option<&str>| {
        let proof = proof.map(|proof| format!("DPoP: {proof}\n")).unwrap_or_default();
        format!("GET /protected HTTP/1.1\nHost: x\nConnection: close\nAuthorization: {scheme} {token}\n{proof}\n")
    };
    let proof = |origin: &str, nonce: Option<&str>| {
        let url = format!("{origin}/protected");
        let proof = key.proof("GET", &url).for_token(&bound).issued_at(NumericDate::from_secs(1000));
        match nonce {
            Some(nonce) => proof.nonce(nonce).sign().unwrap(),
            None => proof.sign().unwrap(),
        }
    };
    for framework in ["tower", "actix"] {
        for dpop in [json!(null), json!({"required": false, "public_origin": null, "nonce": false})] {
            let server = Server::start(&mut command(framework, &config(json!({"dpop": dpop}))));
            let good = proof("http://x", None);
            assert_eq!(server.send(&get("DPoP", &bound, Some(&good))).0, 200, "{framework} {dpop}");
            let (status, head, _) = server.send(&get("DPoP", &bound, Some(&good)));
            assert_eq!(status, 401, "{framework}: it was used");
            assert!(head.contains("error=\"invalid_dpop_proof\""), "{head}");
            assert_eq!(server.send(&get("Bearer", &bound, None)).0, 401, "{framework}");
            assert_eq!(server.send(&get("Bearer", &unbound, None)).0, 200, "{framework}");
        }
        let dpop = json!({"required": true, "public_origin": "https://api.example.com", "nonce": true});
        let server = Server::start(&mut command(framework, &config(json!({"dpop": dpop}))));
        assert_eq!(server.send(&get("Bearer", &unbound, None)).0, 401, "{framework}");
        let (status, head, _) = server.send(&get("DPoP", &bound, Some(&proof("https://api.example.com", None))));
        assert!(status == 401 && head.contains("error=\"use_dpop_nonce\""), "{framework}: {head}");
        let nonce = head.lines().find_map(|line| line.strip_prefix("dpop-nonce: ")).unwrap().trim().to_owned();
        let again = proof("https://api.example.com", Some(&nonce));
        assert_eq!(server.send(&get("DPoP", &bound, Some(&again))).0, 200, "{framework}");
        let elsewhere = proof("http://x", Some(&nonce));
        assert_eq!(server.send(&get("DPoP", &bound, Some(&elsewhere))).0, 401, "{framework}");
    }
}
