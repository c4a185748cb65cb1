use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{ChildStdout, Command, Stdio};

use acceptance::{Connection, Jar, Reply};
use serde_json::{Value, json};

/// The npm package oidc-provider, where people log in and out. It ends with this.
#[derive(Debug)]
pub struct LoginProvider {
    _process: outside::Process,
    /// It says more there, which nobody reads, and would end if it could not.
    _output: BufReader<ChildStdout>,
    address: SocketAddr,
}

/// What a login at the provider brings.
#[derive(Debug, Clone)]
pub struct Tokens {
    /// The ID token.
    pub id_token: String,
    /// The access token, a JWT.
    pub access_token: String,
}

/// A browser, with the cookies of the provider.
#[derive(Debug)]
pub struct Browser<'p> {
    provider: &'p LoginProvider,
    cookies: Jar,
}

/// RFC 7636 appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const CALLBACK: &str = "http%3A%2F%2F127.0.0.1%2Fcallback";
const FORM: &str = "application/x-www-form-urlencoded";

impl LoginProvider {
    /// What it calls the application.
    pub const CLIENT: &'static str = "shop";

    /// Starts it, if `setup` has installed the pinned version; otherwise says so.
    ///
    /// # Panics
    /// Where it is not installed although it is demanded, or does not start.
    pub fn start() -> Option<Self> {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR"));
        let installed = outside::is_pinned(directory, "package.json", "node_modules/stamp");
        if !outside::is_there(installed, "oidc-provider", "tests/setup oidc") {
            return None;
        }
        let mut process = Command::new(outside::node())
            .args(["logins.js", "0"])
            .current_dir(directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("node can be run");
        let mut output = BufReader::new(process.stdout.take().expect("its output is a pipe"));
        let mut lines = output.by_ref().lines();
        let port = lines.find_map(|line| line.ok()?.trim().parse().ok()).expect("it says where it listens");
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        Some(Self { _process: outside::Process(process), _output: output, address })
    }

    /// Its name.
    pub fn issuer(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Has it tell that address of logouts.
    ///
    /// # Panics
    /// Where it does not.
    pub fn tell_logouts_to(&self, url: &str) {
        let body = json!({ "logout": url }).to_string();
        let reply = self.send("POST", "/control", &[("Content-Type", "application/json")], &body);
        assert_eq!((reply.status, &*reply.body), (200, "ok"), "{reply:?}");
    }

    /// How its calls went: `delivered`, or what was wrong.
    ///
    /// # Panics
    /// Where it does not say.
    pub fn delivered(&self) -> Vec<String> {
        let reply = self.send("GET", "/delivered", &[], "");
        serde_json::from_str(&reply.body).expect("it says so in JSON")
    }

    /// What somebody is called from now on; `None` for somebody who is gone.
    ///
    /// # Panics
    /// Where it does not answer.
    pub fn call(&self, id: &str, name: Option<&str>) {
        let body = json!({ "id": id, "name": name }).to_string();
        let reply = self.send("POST", "/people", &[("Content-Type", "application/json")], &body);
        assert_eq!((reply.status, &*reply.body), (200, "ok"), "{reply:?}");
    }

    /// How many grants have ended, with all of their tokens.
    ///
    /// # Panics
    /// Where it does not say.
    pub fn ended(&self) -> u64 {
        let reply = self.send("GET", "/given-back", &[], "");
        reply.body.parse().expect("it says a number")
    }

    /// A browser of somebody who has not been there.
    pub fn browser(&self) -> Browser<'_> {
        Browser { provider: self, cookies: Jar::default() }
    }

    fn send(&self, method: &str, target: &str, fields: &[(&str, &str)], body: &str) -> Reply {
        let mut request = format!("{method} {target} HTTP/1.1\r\nHost: {}\r\n", self.address);
        for (name, value) in fields {
            let _ = write!(request, "{name}: {value}\r\n");
        }
        let _ = write!(request, "Content-Length: {}\r\n\r\n{body}", body.len());
        Connection::open(self.address).send(request.as_bytes())
    }
}

impl Browser<'_> {
    /// Logs in as somebody, and has the application get the tokens.
    ///
    /// # Panics
    /// Where that does not work.
    pub fn log_in(&mut self, name: &str) -> Tokens {
        let target = format!(
            "/auth?client_id=shop&response_type=code&scope=openid%20read&resource=urn%3Aapi&redirect_uri={CALLBACK}\
             &code_challenge={CHALLENGE}&code_challenge_method=S256&nonce=n&login_hint={name}"
        );
        let location = self.follow(&target, "/callback?");
        let code = location.split(['?', '&']).find_map(|member| member.strip_prefix("code="));
        let code = code.unwrap_or_else(|| panic!("no code: {location}"));
        let form = format!(
            "grant_type=authorization_code&code={code}&redirect_uri={CALLBACK}&code_verifier={VERIFIER}&client_id=shop\
             &client_secret=a+secret+that+everybody+knows&resource=urn%3Aapi"
        );
        let reply = self.provider.send("POST", "/token", &[("Content-Type", FORM)], &form);
        let tokens: Value = serde_json::from_str(&reply.body).expect("the answer is JSON");
        let text = |name: &str| tokens[name].as_str().unwrap_or_else(|| panic!("no {name}: {reply:?}")).to_owned();
        Tokens { id_token: text("id_token"), access_token: text("access_token") }
    }

    /// Follows the provider from one of its addresses, until it leads to one that has `back` in it.
    ///
    /// # Panics
    /// Where it leads nowhere.
    pub fn follow(&mut self, from: &str, back: &str) -> String {
        let issuer = self.provider.issuer();
        let mut location = from.to_owned();
        while !location.contains(back) {
            let target = location.strip_prefix(&issuer).unwrap_or(&location).to_owned();
            let reply = self.ask("GET", &target, "");
            reply.header("location").unwrap_or_else(|| panic!("no redirect: {reply:?}")).clone_into(&mut location);
        }
        location
    }

    /// Logs out at the provider.
    ///
    /// # Panics
    /// Where that does not work.
    pub fn log_out(&mut self) {
        let page = self.ask("GET", "/session/end?client_id=shop", "");
        let secret = page.body.split("name=\"xsrf\" value=\"").nth(1).and_then(|rest| rest.split('"').next());
        let form = format!("xsrf={}&logout=yes", secret.unwrap_or_else(|| panic!("no form: {page:?}")));
        let reply = self.ask("POST", "/session/end/confirm", &form);
        assert_eq!(reply.status, 303, "{reply:?}");
    }

    fn ask(&mut self, method: &str, target: &str, body: &str) -> Reply {
        let fields = [("Cookie", &*self.cookies.cookie()), ("Content-Type", FORM), ("Accept", "text/html")];
        let reply = self.provider.send(method, target, &fields, body);
        self.cookies.keep(&reply);
        reply
    }
}
