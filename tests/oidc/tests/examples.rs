//! Both examples, run against the real provider.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use acceptance::{Connection, Reply, request};
use oidc_tests::{LoginProvider, Provider, eventually};
use outside::Process;

const EXAMPLES: [&str; 2] = ["oidc-axum", "oidc-actix"];

/// An example with these variables set, and no others of its own. Built by Cargo beside the tests.
pub(crate) fn example(name: &str, variables: &[(&str, &str)]) -> Command {
    // With a test among what is built, nothing is built again that the tests have.
    let arguments = ["build", "--quiet", "--locked", "--workspace", "--test", "oidc", "--bin", name];
    let built = Command::new(env!("CARGO")).args(arguments).status();
    assert!(built.unwrap().success());
    // target/debug/deps/examples-… is this test.
    let directory: PathBuf = std::env::current_exe().unwrap().ancestors().nth(2).unwrap().into();
    let mut command = outside::command(directory.join(name));
    for variable in [
        "OIDC_ISSUER",
        "OIDC_AUDIENCE",
        "OIDC_ALGORITHMS",
        "OIDC_INTROSPECT",
        "OIDC_LOGOUT_CLIENT",
        "OIDC_START_ANYWAY",
    ] {
        command.env_remove(variable);
    }
    command.env("PORT", "0").envs(variables.iter().copied());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

struct Served {
    _process: Process,
    address: SocketAddr,
}

impl Served {
    fn start(mut example: Command) -> Self {
        let mut process = Process(example.spawn().unwrap());
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let address = lines.map_while(Result::ok).find_map(|line| line.strip_prefix("http://")?.parse().ok());
        let Some(address) = address else {
            let mut text = String::new();
            process.stderr.take().unwrap().read_to_string(&mut text).unwrap();
            panic!("it does not serve: {text}");
        };
        Self { _process: process, address }
    }

    fn get(&self, path: &str, fields: &[(&str, &str)]) -> Reply {
        Connection::open(self.address).send(&request(path, fields))
    }
}

#[test]
fn the_examples_serve_real_tokens_and_say_how_it_stands() {
    let Some(provider) = Provider::start() else { return };
    for name in EXAMPLES {
        let served = Served::start(example(name, &[("OIDC_ISSUER", &provider.issuer()), ("OIDC_AUDIENCE", "api")]));
        let bearer = format!("Bearer {}", provider.token("RS256"));
        let reply = served.get("/me", &[("Authorization", &bearer)]);
        assert_eq!((reply.status, &*reply.body), (200, "Hello, robot!\n"), "{name}");
        assert_eq!(served.get("/me", &[]).status, 401, "{name}");
        let reply = served.get("/health", &[]);
        assert_eq!(reply.status, 200, "{name}");
        // Strangers learn nothing of the provider and its keys.
        assert_eq!(reply.body, r#"{"status":"ok"}"#, "{name}");
    }
}

#[test]
fn the_examples_take_opaque_tokens_where_they_are_told_who_may_ask_about_them() {
    let Some(provider) = Provider::start() else { return };
    let (issuer, client) = (provider.issuer(), format!("api:{}", Provider::SECRET));
    for name in EXAMPLES {
        let told = [("OIDC_ISSUER", &*issuer), ("OIDC_AUDIENCE", "api"), ("OIDC_INTROSPECT", &*client)];
        for (variables, opaque) in [(&told[..], 200), (&told[..2], 401)] {
            let served = Served::start(example(name, variables));
            for (token, status) in [(provider.opaque_token(), opaque), (provider.token("ES256"), 200)] {
                let reply = served.get("/me", &[("Authorization", &format!("Bearer {token}"))]);
                assert_eq!(reply.status, status, "{name}: {reply:?}");
                assert!(status != 200 || reply.body == "Hello, robot!\n", "{name}: {reply:?}");
            }
        }
    }
}

#[test]
fn the_examples_take_logouts_where_they_are_told_the_name_of_the_client() {
    let Some(provider) = LoginProvider::start() else { return };
    let (issuer, client) = (provider.issuer(), LoginProvider::CLIENT);
    for name in EXAMPLES {
        let variables = [("OIDC_ISSUER", &*issuer), ("OIDC_AUDIENCE", "api"), ("OIDC_LOGOUT_CLIENT", client)];
        let served = Served::start(example(name, &variables));
        provider.tell_logouts_to(&format!("http://{}/auth/provider-events", served.address));
        let mut browsers = [provider.browser(), provider.browser()];
        let bearers = browsers.each_mut().map(|browser| format!("Bearer {}", browser.log_in("alice").access_token));
        let status = |which: usize| served.get("/me", &[("Authorization", &bearers[which])]).status;
        assert_eq!([status(0), status(1)], [200, 200], "{name}");
        browsers[0].log_out();
        assert_eq!(provider.delivered().last().map(String::as_str), Some("delivered"), "{name}");
        assert_eq!([status(0), status(1)], [401, 200], "{name}");
    }
    let served = Served::start(example(EXAMPLES[0], &[("OIDC_ISSUER", &issuer), ("OIDC_AUDIENCE", "api")]));
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    assert_eq!(served.get("/auth/provider-events", &form).status, 401, "there is no such route without that");
}

#[test]
fn the_examples_say_what_is_missing_or_wrong_and_do_not_start() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = format!("http://{}", taken.local_addr().unwrap());
    drop(taken);
    let unknown = "\"RS265\" is not a supported signature algorithm: use one of HS256";
    let cases: [(&[(&str, &str)], &str); 8] = [
        (&[("OIDC_AUDIENCE", "api")], "OIDC_ISSUER is not set"),
        (&[("OIDC_ISSUER", "https://login.example.com")], "OIDC_AUDIENCE is not set"),
        (&[("OIDC_ISSUER", "login.example.com"), ("OIDC_AUDIENCE", "api")], "absolute https address"),
        (&[("OIDC_ISSUER", "http://login.example.com"), ("OIDC_AUDIENCE", "api")], "use https"),
        (&[("OIDC_ISSUER", &nobody), ("OIDC_AUDIENCE", "api")], "no keys from OIDC_ISSUER"),
        (
            &[("OIDC_ISSUER", &nobody), ("OIDC_AUDIENCE", "api"), ("OIDC_ALGORITHMS", "ES256, RS265")],
            &format!("OIDC_ALGORITHMS: {unknown}"),
        ),
        (
            &[("OIDC_ISSUER", &nobody), ("OIDC_AUDIENCE", "api"), ("OIDC_ALGORITHMS", "ES256,")],
            "OIDC_ALGORITHMS: \"\" is not a supported signature algorithm",
        ),
        (
            &[("OIDC_ISSUER", &nobody), ("OIDC_AUDIENCE", "api"), ("OIDC_INTROSPECT", "api")],
            "OIDC_INTROSPECT is not an identifier, a colon and a secret",
        ),
    ];
    for name in EXAMPLES {
        for (variables, expected) in cases {
            let ended = example(name, variables).output().unwrap();
            let text = String::from_utf8_lossy(&ended.stderr).into_owned();
            assert!(!ended.status.success() && text.contains(expected), "{name} {expected}: {text}");
        }
    }
}

#[test]
fn the_examples_use_the_algorithms_that_they_are_told_and_no_others() {
    let Some(provider) = Provider::start() else { return };
    for name in EXAMPLES {
        let issuer = provider.issuer();
        let told = [("OIDC_ISSUER", &*issuer), ("OIDC_AUDIENCE", "api"), ("OIDC_ALGORITHMS", "ES256, EdDSA")];
        let served = Served::start(example(name, &told));
        for (algorithm, status) in [("ES256", 200), ("EdDSA", 200), ("RS256", 401)] {
            let bearer = format!("Bearer {}", provider.token(algorithm));
            assert_eq!(served.get("/me", &[("Authorization", &bearer)]).status, status, "{name} {algorithm}");
        }
    }
}

#[test]
fn the_examples_name_the_issuer_that_is_meant_where_a_slash_is_too_much() {
    let Some(provider) = Provider::start() else { return };
    let (right, wrong) = (provider.issuer(), format!("{}/", provider.issuer()));
    for name in EXAMPLES {
        let ended = example(name, &[("OIDC_ISSUER", &wrong), ("OIDC_AUDIENCE", "api")]).output().unwrap();
        let text = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(!ended.status.success() && text.contains(&format!("another issuer, \"{right}\"")), "{name}: {text}");
    }
}

#[test]
fn the_examples_start_without_keys_when_told_to_and_get_them_later() {
    let Some(mut provider) = Provider::start() else { return };
    let token = provider.token("ES256");
    provider.stop();
    for name in EXAMPLES {
        let variables = [("OIDC_ISSUER", &*provider.issuer()), ("OIDC_AUDIENCE", "api"), ("OIDC_START_ANYWAY", "1")];
        let served = Served::start(example(name, &variables));
        let bearer = format!("Bearer {token}");
        assert_eq!(served.get("/me", &[("Authorization", &bearer)]).status, 503, "{name}");
        let reply = served.get("/health", &[]);
        assert_eq!((reply.status, &*reply.body), (503, r#"{"status":"unavailable"}"#), "{name}");
        provider.start_again();
        eventually("health", || served.get("/health", &[]).status == 200);
        assert_eq!(served.get("/me", &[("Authorization", &bearer)]).status, 200, "{name}");
        provider.stop();
    }
}
