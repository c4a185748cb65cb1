use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};

use crate::{Connection, Reply, Server, User, request_to};

/// The cookies of a browser, by their names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Jar(BTreeMap<String, String>);

impl Jar {
    /// The field of a request.
    pub fn cookie(&self) -> String {
        let cookies: Vec<String> = self.iter().map(|(name, value)| format!("{name}={value}")).collect();
        cookies.join("; ")
    }

    /// Keeps what a reply sets, and drops what it takes back.
    ///
    /// # Panics
    /// Where a cookie has no name.
    pub fn keep(&mut self, reply: &Reply) {
        for cookie in reply.cookies() {
            let (name, value) = cookie.split(';').next().and_then(|pair| pair.split_once('=')).expect("it has a name");
            if cookie.contains("Max-Age=0") {
                self.remove(name);
            } else {
                self.insert(name.to_owned(), value.to_owned());
            }
        }
    }
}

impl Deref for Jar {
    type Target = BTreeMap<String, String>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for Jar {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

/// A browser at an application, which keeps cookies. Clones share nothing.
#[derive(Debug, Clone)]
pub struct Browser {
    /// The cookies that it has.
    pub jar: Jar,
    stack: &'static str,
    address: SocketAddr,
    origin: &'static str,
}

impl Browser {
    /// One without cookies, to which the server is `https://localhost`.
    pub fn at(server: &Server) -> Self {
        Self { jar: Jar::default(), stack: server.stack, address: server.address, origin: "https://localhost" }
    }

    /// To which the server is that origin.
    #[must_use]
    pub fn of(self, origin: &'static str) -> Self {
        Self { origin, ..self }
    }

    /// Another one, which has a copy of the cookies.
    #[must_use]
    pub fn with(self, jar: Jar) -> Self {
        Self { jar, ..self }
    }

    /// Another instance gets its requests from now on.
    pub fn move_to(&mut self, server: &Server) {
        (self.stack, self.address) = (server.stack, server.address);
    }

    /// One request, for a path or for an address of its origin.
    ///
    /// # Panics
    /// Where a reply of the ready routes that log in may be stored by a cache.
    pub fn send(&mut self, method: &str, target: &str, fields: &[(&str, &str)], body: &str) -> Reply {
        let target = target.strip_prefix(self.origin).unwrap_or(target);
        let (cookies, length) = (self.jar.cookie(), body.len().to_string());
        let mut fields = [&[("Cookie", &*cookies), ("User-Agent", "Firefox on Linux")], fields].concat();
        if method != "GET" {
            fields.push(("Content-Length", &length));
        }
        let host = self.origin.trim_start_matches("https://");
        let request = [&*request_to(host, method, target, &fields), body.as_bytes()].concat();
        let reply = Connection::open(self.address).send(&request);
        if reply.status != 404 && (target.starts_with("/auth/login") || target.starts_with("/auth/callback")) {
            assert_eq!(reply.header("cache-control"), Some("no-store"), "{} {target}: {reply:?}", self.stack);
        }
        self.jar.keep(&reply);
        reply
    }

    /// A navigation.
    pub fn get(&mut self, target: &str) -> Reply {
        self.send("GET", target, &[("Sec-Fetch-Mode", "navigate")], "")
    }

    /// Begins a sign-in, and yields the address of the provider that it is sent to.
    ///
    /// # Panics
    /// Where it is not sent anywhere.
    pub fn begin(&mut self, target: &str) -> String {
        let reply = self.get(target);
        assert_eq!(reply.status, 303, "{}: {reply:?}", self.stack);
        reply.header("location").expect("it leads somewhere").to_owned()
    }

    /// How many sign-ins it has begun, and not finished.
    pub fn flows(&self) -> usize {
        self.jar.keys().filter(|name| name.starts_with("__Host-sign_in_")).count()
    }

    /// A script of a page of the application refreshes its login.
    pub fn refresh(&mut self) -> Reply {
        self.send("POST", "/auth/refresh", &[("Sec-Fetch-Site", "same-origin")], "")
    }

    /// Who is logged in, as `/me` says it.
    pub fn me(&mut self) -> Option<User> {
        let reply = self.send("GET", "/me", &[], "");
        serde_json::from_str(&reply.body).ok().filter(|_| reply.status == 200)
    }

    /// The subject of who is logged in.
    pub fn user(&mut self) -> Option<String> {
        self.me().map(|user| user.sub)
    }

    /// What the application calls who is logged in; empty where nobody is.
    pub fn name(&mut self) -> String {
        self.me().map(|user| user.name).unwrap_or_default()
    }
}
