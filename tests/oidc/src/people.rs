use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};

use acceptance::{Connection, Jar, Reply};
use outside::Process;

/// An OpenID provider whose pages people see, as a process of its own. It ends with this.
#[derive(Debug)]
pub struct PeopleProvider {
    kind: Kind,
    process: Option<Process>,
    address: SocketAddr,
    file: PathBuf,
    clients: Vec<Client>,
}

/// What a provider calls the application, and what only the two know.
#[derive(Debug, Clone)]
pub struct Client {
    /// The identifier.
    pub id: String,
    /// The secret.
    pub secret: String,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Authlib,
    BetterAuth,
}

/// Somebody at a provider, in a browser that keeps its cookies.
#[derive(Debug, Default)]
pub struct Visitor {
    jar: Jar,
    /// How often the provider has asked for the password.
    pub passwords: usize,
}

impl PeopleProvider {
    /// Where the application is.
    pub const ORIGIN: &str = "https://app.example.com";

    /// Starts one of the Python package Authlib, if `setup` has installed the pinned version; otherwise says so. Its clients are
    /// `RS256` and `ES256`, by the algorithm of their ID tokens.
    ///
    /// # Panics
    /// Where it is not installed although it is demanded, or does not start.
    pub fn authlib() -> Option<Self> {
        let installed = outside::is_pinned(directory(), "requirements.txt", ".venv/stamp");
        outside::is_there(installed, "Authlib", "tests/setup oidc").then(|| Self::new(Kind::Authlib))
    }

    /// The same of the npm package Better Auth, which has one client.
    ///
    /// # Panics
    /// Where it is not installed although it is demanded, or does not start.
    pub fn better_auth() -> Option<Self> {
        let installed = outside::is_pinned(directory(), "package.json", "node_modules/stamp");
        outside::is_there(installed, "Better Auth", "tests/setup oidc").then(|| Self::new(Kind::BetterAuth))
    }

    fn new(kind: Kind) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("people-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let (address, file) = (SocketAddr::from(([127, 0, 0, 1], 0)), std::env::temp_dir().join(name));
        let mut provider = Self { kind, process: None, address, file, clients: Vec::new() };
        provider.start_again();
        provider
    }

    /// Starts it at the same address, with all that it knew.
    ///
    /// # Panics
    /// Where it does not start.
    pub fn start_again(&mut self) {
        let (program, script) = match self.kind {
            Kind::Authlib => (directory().join(".venv/bin/python"), "authlib_people.py"),
            Kind::BetterAuth => (outside::node(), "better_auth.js"),
        };
        let mut command = outside::command(program);
        command.arg(script).arg(self.address.port().to_string()).arg(&self.file).current_dir(directory());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = Process(command.spawn().expect("it can be run"));
        let mut line = String::new();
        let mut output = BufReader::new(process.stdout.take().expect("its output is a pipe"));
        output.read_line(&mut line).expect("it says where it listens");
        let mut words = line.split_whitespace().map(str::to_owned);
        let port = words.next().and_then(|word| word.parse().ok());
        self.address.set_port(port.unwrap_or_else(|| panic!("no port: {line:?}")));
        while let (Some(id), Some(secret)) = (words.next(), words.next()) {
            self.clients.push(Client { id, secret });
        }
        self.process = Some(process);
    }

    /// Ends it.
    pub fn stop(&mut self) {
        self.process = None;
    }

    /// The name that is in its ID tokens.
    pub fn issuer(&self) -> String {
        let path = if self.kind == Kind::BetterAuth { "/api/auth" } else { "" };
        format!("http://{}{path}", self.address)
    }

    /// Where it is.
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The applications that it knows.
    pub fn clients(&self) -> &[Client] {
        &self.clients
    }

    /// Tells Better Auth where the application really is, so that it can be told of logouts.
    ///
    /// # Panics
    /// Where it does not take that.
    pub fn find_application_at(&self, address: SocketAddr) {
        let reply = self.send("POST", "/application", &[], &format!("http://{address}"));
        assert_eq!(reply.status, 204, "{reply:?}");
    }

    fn send(&self, method: &str, target: &str, fields: &[(&str, &str)], body: &str) -> Reply {
        let target = target.strip_prefix(&*self.origin()).unwrap_or(target);
        let mut request = format!("{method} {target} HTTP/1.1\r\nHost: {}\r\n", self.address);
        for (name, value) in fields {
            let _ = write!(request, "{name}: {value}\r\n");
        }
        let _ = write!(request, "Content-Length: {}\r\n\r\n{body}", body.len());
        Connection::open(self.address).send(request.as_bytes())
    }
}

impl Drop for PeopleProvider {
    fn drop(&mut self) {
        self.stop();
        // What is left of it is in the way of nobody.
        let _ = std::fs::remove_file(&self.file);
    }
}

impl Visitor {
    /// Follows the provider from that address as Alice, who types her password where she is asked for it, and says whether the
    /// application may know who she is. Yields the address of the application that it ends with.
    ///
    /// # Panics
    /// Where it ends elsewhere.
    pub fn follow(&mut self, provider: &PeopleProvider, from: &str, agrees: bool) -> String {
        let mut location = from.to_owned();
        for _ in 0..10 {
            if location.starts_with(PeopleProvider::ORIGIN) {
                return location;
            }
            let page = self.send(provider, "GET", &location, "");
            let reply = if page.status != 200 {
                page
            } else if page.body.contains("name=\"password\"") {
                self.passwords += 1;
                let password = if provider.kind == Kind::BetterAuth { "correct-password" } else { "correct" };
                self.send(provider, "POST", &location, &format!("user=alice&password={password}"))
            } else {
                let decision = if agrees { "decision=yes" } else { "decision=no" };
                self.send(provider, "POST", &location, decision)
            };
            location = reply.header("location").unwrap_or_else(|| panic!("{location}: {reply:?}")).to_owned();
        }
        panic!("{from} leads nowhere");
    }

    /// Signs out at Better Auth.
    ///
    /// # Panics
    /// Where that does not work.
    pub fn sign_out(&mut self, provider: &PeopleProvider) {
        let reply = self.send(provider, "POST", "/sign-out", "");
        assert_eq!(reply.status, 204, "{reply:?}");
    }

    /// The cookies of the provider, as they are in a request.
    pub fn cookies(&self) -> String {
        self.jar.cookie()
    }

    fn send(&mut self, provider: &PeopleProvider, method: &str, target: &str, form: &str) -> Reply {
        let fields = [("Cookie", &*self.cookies()), ("Content-Type", "application/x-www-form-urlencoded")];
        let reply = provider.send(method, target, &fields, form);
        self.jar.keep(&reply);
        reply
    }
}

fn directory() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
