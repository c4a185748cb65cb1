//! People who log in, come back, refresh, and log out: at both servers, which share the stores.

use std::io;
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::wire::{self, Answer, Wire};
use super::{BROKEN, Shared, Store};
use crate::report;

/// How many refreshes a login has.
const REFRESHES: usize = 4;
/// How many requests come between two of them.
const REQUESTS: usize = 10;
/// For so long, an access token has certainly not expired: it is good for 20 seconds.
const FRESH: Duration = Duration::from_secs(15);
/// How long the other server may take to know of a logout: it looks four times a second.
const KNOWN_ELSEWHERE: Duration = Duration::from_secs(3);

/// A request of a browser that no page of another site has made.
const SAME_ORIGIN: &str = "Sec-Fetch-Site: same-origin\r\n";

#[derive(Deserialize)]
struct Body {
    access_token: String,
    refresh_token: String,
}

/// What a client keeps of a login.
enum Kept {
    /// The field `Cookie`: the tokens, and the name of the login.
    Cookies(String),
    Tokens(Body),
}

impl Kept {
    fn of(answer: &Answer) -> Option<Self> {
        if answer.status == 204 && answer.cookies.len() == 3 {
            return Some(Self::Cookies(answer.cookies.join("; ")));
        }
        (answer.status == 200).then(|| serde_json::from_str(&answer.body).ok().map(Self::Tokens)).flatten()
    }

    fn access(&self) -> String {
        match self {
            Self::Cookies(cookies) => format!("{SAME_ORIGIN}Cookie: {cookies}\r\n"),
            Self::Tokens(tokens) => wire::bearer(&tokens.access_token),
        }
    }

    fn post(&self, path: &str) -> Vec<u8> {
        match self {
            Self::Cookies(cookies) => wire::post(path, &format!("{SAME_ORIGIN}Cookie: {cookies}\r\n"), ""),
            Self::Tokens(tokens) => {
                let body = format!(r#"{{"refresh_token":"{}"}}"#, tokens.refresh_token);
                wire::post(path, "Content-Type: application/json\r\n", &body)
            }
        }
    }
}

/// One client after the other, until the soak ends.
pub(super) fn live(shared: &Shared, store: Store, in_cookies: bool, first: usize, number: usize) {
    let client = Client { shared, store };
    for login in 0.. {
        if !shared.goes_on() {
            return;
        }
        let subject = format!("client-{number}-{}", login % 50);
        if let Err(error) = client.one(in_cookies, first, &subject) {
            shared.report.bad(BROKEN, &error.to_string());
        }
    }
}

struct Client<'s> {
    shared: &'s Shared,
    store: Store,
}

impl Client<'_> {
    /// A login from its start to its end.
    fn one(&self, in_cookies: bool, first: usize, subject: &str) -> io::Result<()> {
        let (shared, report) = (self.shared, &self.shared.report);
        let name = self.store.name();
        let mut wires = [Wire::open(shared.servers[first])?, Wire::open(shared.servers[1 - first])?];
        let log_in = if in_cookies { "log-in" } else { "api-log-in" };
        let log_in = wire::post(&format!("/{name}/{log_in}?{subject}"), SAME_ORIGIN, "");
        let Some(answer) = self.until_done(&mut wires[0], &log_in)? else { return Ok(()) };
        let Some(mut kept) = Kept::of(&answer) else {
            shared.bad("lost: a login", Instant::now(), &answer);
            return Ok(());
        };
        report.good(report::LOGGED_IN, 1);
        for refresh in 0..REFRESHES {
            let (me, issued) = (wire::get(&format!("/{name}/me"), &kept.access()), Instant::now());
            for request in 0..REQUESTS {
                // An access token is good without the store.
                let sent = Instant::now();
                let answer = wires[request % 2].send(&me)?;
                if answer.status == 200 {
                    report.good(report::SERVED, 1);
                } else if issued.elapsed() > FRESH {
                    shared.late("lost: an old token of a login", issued, &answer);
                } else {
                    shared.bad("lost: a token of a login", sent, &answer);
                }
                shared.pause(5);
            }
            let request = kept.post(&format!("/{name}/auth/refresh"));
            let Some(answer) = self.until_done(&mut wires[refresh % 2], &request)? else { return Ok(()) };
            let Some(next) = Kept::of(&answer) else {
                shared.bad("lost: a refresh", Instant::now(), &answer);
                return Ok(());
            };
            report.good(report::REFRESHED, 1);
            kept = next;
        }
        let me = wire::get(&format!("/{name}/me"), &kept.access());
        let request = kept.post(&format!("/{name}/auth/logout"));
        let Some(answer) = self.until_done(&mut wires[0], &request)? else { return Ok(()) };
        if answer.status != 204 {
            shared.bad("lost: a logout", Instant::now(), &answer);
            return Ok(());
        }
        report.good(report::LOGGED_OUT, 1);
        let logged_out = Instant::now();
        let answer = wires[0].send(&me)?;
        if answer.status == 401 {
            report.good(report::REFUSED_AFTER, 1);
        } else {
            shared.bad("served: a token after its logout", logged_out, &answer);
        }
        self.is_refused_elsewhere(&mut wires[1], &me, logged_out)?;
        let Some(answer) = self.until_done(&mut wires[1], &kept.post(&format!("/{name}/auth/refresh")))? else {
            return Ok(());
        };
        if answer.status < 400 {
            shared.bad("served: a refresh after the logout", logged_out, &answer);
        }
        Ok(())
    }

    /// The other server hears of it from the store.
    fn is_refused_elsewhere(&self, wire: &mut Wire, me: &[u8], logged_out: Instant) -> io::Result<()> {
        while self.shared.goes_on() {
            let sent = Instant::now();
            let answer = wire.send(me)?;
            let excused = self.shared.outages.excuse(self.store, logged_out, sent);
            match answer.status {
                401 => {
                    self.shared.report.good(report::REFUSED_AFTER, 1);
                    break;
                }
                200 if logged_out.elapsed() < KNOWN_ELSEWHERE || excused => {}
                _ => {
                    self.shared.late("served: a token after its logout, elsewhere", logged_out, &answer);
                    break;
                }
            }
            self.shared.pause(50);
        }
        Ok(())
    }

    /// Sends it until it is not 503, as clients do. That is counted where the store is away, and bad where it is not. `None`
    /// where the soak ends.
    fn until_done(&self, wire: &mut Wire, request: &[u8]) -> io::Result<Option<Answer>> {
        loop {
            let sent = Instant::now();
            let answer = wire.send(request)?;
            if answer.status != 503 {
                return Ok(Some(answer));
            }
            if self.shared.outages.excuse(self.store, sent, Instant::now()) {
                self.shared.report.excused(self.store.down());
            } else {
                let back_for = self.shared.outages.back_for(self.store);
                self.shared.late("lost: 503 although the store is there", sent, &(answer, self.store, back_for));
            }
            self.shared.pause(250);
            if !self.shared.goes_on() {
                return Ok(None);
            }
        }
    }
}
