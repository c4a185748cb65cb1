//! The suite passes with an adapter for a server of a few lines, and fails with the same adapter where it has a fault.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use http::{HeaderValue, Request, Response};

use super::{User, guarded, run};
use crate::adapter::{Admission, Rejection, ResponseHeaders, Verdict};
use crate::authenticator::Authenticator;
use crate::guard::Policy;

/// What is wrong with an adapter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    NoChallenge,
    ChallengeTwice,
    RefusesWithSuccess,
    RefusalsMayBeStored,
    OtherMediaType,
    NoDocument,
    TellsTheToken,
    TellsTheSubject,
    ServesEverybody,
    DoesNotWait,
    AskedOnce,
    GuardsAllowAll,
    ForgetsResponseHeaders,
    ReplacesCacheControl,
    FirstFieldOnly,
    NoMethod,
    NoRetryAfter,
    AnonymousWithoutLayer,
}

type Answered = Result<Response<String>, Rejection>;

struct App {
    authenticator: Authenticator<User>,
    runtime: tokio::runtime::Runtime,
    fault: Fault,
}

impl App {
    fn respond(&self, request: &Request<()>) -> Response<String> {
        let path = request.uri().path();
        let (answered, headers) =
            if path.starts_with("/unprotected") { (self.routed(request, None), None) } else { self.protected(request) };
        let mut response = answered.unwrap_or_else(|rejection| self.refusal(&rejection, request));
        if let (Some(headers), false) = (headers, self.fault == Fault::ForgetsResponseHeaders) {
            if self.fault == Fault::ReplacesCacheControl {
                response.headers_mut().remove("cache-control");
            }
            headers.apply(response.headers_mut());
        }
        response
    }

    fn protected(&self, request: &Request<()>) -> (Answered, Option<Arc<ResponseHeaders>>) {
        let outcome = match self.authenticator.authenticate(request) {
            Verdict::Pending(_) if self.fault == Fault::DoesNotWait => {
                self.runtime.block_on(Verdict::Anonymous.settled())
            }
            verdict => self.runtime.block_on(verdict.settled()),
        };
        let (admission, headers) = Admission::of(&self.authenticator, outcome, request);
        let answered = match admission {
            Err(_) if self.fault == Fault::ServesEverybody => Ok(Response::new("alice".to_owned())),
            admission => admission.and_then(|admission| self.routed(request, Some(&admission))),
        };
        (answered, headers)
    }

    fn routed(&self, request: &Request<()>, admission: Option<&Admission>) -> Answered {
        let text = |text: &str| Response::new(text.to_owned());
        Ok(match request.uri().path() {
            "/unprotected" if self.fault == Fault::AnonymousWithoutLayer => text("nobody"),
            "/me" | "/unprotected" => text(&Admission::claims::<User>(admission)?.sub),
            "/maybe" => match Admission::optional_claims::<User>(admission)? {
                Some(user) => text(&user.sub),
                None => text("nobody"),
            },
            "/token" => text(Admission::token(admission)?.as_str()),
            "/cached" => {
                let mut response = text(&Admission::claims::<User>(admission)?.sub);
                response.headers_mut().insert("cache-control", HeaderValue::from_static("max-age=60"));
                response.headers_mut().insert("vary", HeaderValue::from_static("Accept"));
                response
            }
            "/elsewhere" => Admission::claims::<()>(admission).map(|_| text(""))?,
            "/unprotected-guard" => self.allowed(&Policy::scope("read:things"), request, admission)?,
            "/stacked" => {
                self.allowed(&Policy::scope("read:things"), request, admission)?;
                if self.fault == Fault::AskedOnce {
                    return Ok(text("served"));
                }
                self.allowed(&Policy::scope("write:things"), request, admission)?
            }
            path => {
                let guard = guarded().into_iter().find(|(guarded, _)| *guarded == path);
                self.allowed(&guard.expect("the suite asks for no other path").1, request, admission)?
            }
        })
    }

    fn allowed(&self, policy: &Policy, request: &Request<()>, admission: Option<&Admission>) -> Answered {
        let decided = self.runtime.block_on(policy.decide(admission, request).settled());
        if self.fault != Fault::GuardsAllowAll {
            decided?;
        }
        Ok(Response::new("served".to_owned()))
    }

    fn refusal(&self, rejection: &Rejection, request: &Request<()>) -> Response<String> {
        let mut response = rejection.answer.response().map(ToOwned::to_owned);
        let headers = response.headers_mut();
        match self.fault {
            Fault::NoChallenge => drop(headers.remove("www-authenticate")),
            Fault::ChallengeTwice => {
                if let Some(challenge) = headers.get("www-authenticate").cloned() {
                    headers.append("www-authenticate", challenge);
                }
            }
            Fault::RefusalsMayBeStored => drop(headers.remove("cache-control")),
            Fault::OtherMediaType => drop(headers.insert("content-type", HeaderValue::from_static("application/json"))),
            Fault::NoRetryAfter => drop(headers.remove("retry-after")),
            Fault::RefusesWithSuccess => *response.status_mut() = http::StatusCode::OK,
            Fault::NoDocument => response.body_mut().clear(),
            Fault::TellsTheToken => {
                let authorization = request.headers().get("authorization");
                let told = authorization.map_or("", |value| value.to_str().unwrap_or_default());
                *response.body_mut() = response.body().replace("valid.", &told.replace('"', ""));
            }
            Fault::TellsTheSubject => *response.body_mut() = response.body().replace("does not allow", "of alice"),
            _ => {}
        }
        response
    }

    /// One request of a connection.
    fn serve(&self, stream: &TcpStream) -> Option<()> {
        let mut lines = BufReader::new(stream).split(b'\n').map_while(Result::ok);
        let line = String::from_utf8(lines.next()?).ok()?;
        let (method, rest) = line.split_once(' ')?;
        let method = if self.fault == Fault::NoMethod { "GET" } else { method };
        let mut request = Request::builder().method(method).uri(rest.split_once(' ')?.0).body(()).ok()?;
        for line in lines.map(|line| line.trim_ascii().to_vec()).take_while(|line| !line.is_empty()) {
            let colon = line.iter().position(|byte| *byte == b':')?;
            let name = http::HeaderName::from_bytes(&line[..colon]).ok()?;
            if self.fault == Fault::FirstFieldOnly && request.headers().contains_key(&name) {
                continue;
            }
            request.headers_mut().append(name, HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).ok()?);
        }
        let response = self.respond(&request);
        let mut text = format!("HTTP/1.1 {}\r\nContent-Length: {}\r\n", response.status(), response.body().len());
        for (name, value) in response.headers() {
            text.extend([name.as_str(), ": ", value.to_str().ok()?, "\r\n"]);
        }
        let mut stream = stream;
        stream.write_all(format!("{text}\r\n{}", response.body()).as_bytes()).ok()
    }
}

fn server(authenticator: Authenticator<User>, fault: Fault) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let app = App { authenticator, runtime, fault };
    thread::spawn(move || listener.incoming().flatten().for_each(|stream| app.serve(&stream).unwrap_or_default()));
    address
}

#[test]
fn an_adapter_without_a_fault_passes() {
    let cases = run(|authenticator| server(authenticator, Fault::None)).unwrap();
    assert!(cases > 300, "{cases}");
}

#[test]
fn every_fault_of_an_adapter_is_found() {
    for (fault, found) in [
        (Fault::NoChallenge, "`www-authenticate: Bearer"),
        (Fault::ChallengeTwice, "`www-authenticate: Bearer"),
        (Fault::RefusesWithSuccess, "status 401"),
        (Fault::RefusalsMayBeStored, "one `cache-control: no-store`"),
        (Fault::OtherMediaType, "one `content-type: application/problem+json`"),
        (Fault::NoDocument, "the problem document {"),
        (Fault::TellsTheToken, "a body without anything of the request or its token"),
        (Fault::TellsTheSubject, "a body without anything of the request or its token"),
        (Fault::ServesEverybody, "status 401"),
        (Fault::DoesNotWait, "the body \"alice\""),
        (Fault::AskedOnce, "status 403"),
        (Fault::GuardsAllowAll, "status 403"),
        (Fault::ForgetsResponseHeaders, "one `cache-control: private`"),
        (Fault::ReplacesCacheControl, "one `cache-control: max-age=60`"),
        (Fault::FirstFieldOnly, "status 400"),
        (Fault::NoMethod, "status 403"),
        (Fault::NoRetryAfter, "one `retry-after: 5`"),
        (Fault::AnonymousWithoutLayer, "status 500"),
    ] {
        let failures = run(|authenticator| server(authenticator, fault)).expect_err(&format!("{fault:?} passes"));
        let text = failures.to_string();
        assert!(text.contains(found), "{fault:?}: {text}");
        assert_eq!(text, format!("{failures:?}"));
    }
}

#[test]
fn a_failure_names_the_case_and_what_was_sent_expected_and_received() {
    let failures = run(|authenticator| server(authenticator, Fault::NoChallenge)).unwrap_err();
    let failure = failures.iter().find(|failure| failure.case() == "requests: no token").unwrap();
    assert_eq!(
        failure.expected().collect::<Vec<_>>(),
        ["`www-authenticate: Bearer`, and one of DPoP without a reason"]
    );
    let text = failure.to_string();
    for part in
        ["requests: no token\n", "GET /me HTTP/1.1", "expected  `www", "received  401", "application/problem+json"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn a_server_that_does_not_answer_is_a_failure_and_no_panic() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let failures = run(|_| address).unwrap_err();
    assert!(failures.to_string().contains("expected  an answer of HTTP/1.1"), "{failures}");
}
