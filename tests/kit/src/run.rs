//! Runs cases against a server and says of each how it went.

use std::time::{Duration, Instant};
use std::{panic, thread};

use crate::case::{Allow, Case, Failure, Sending, Step};
use crate::groups;
use crate::wire::{Answer, PATIENCE};
use crate::world::World;

/// One request and its answer.
#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    pub(crate) note: String,
    pub(crate) sent: Vec<u8>,
    pub(crate) curl: String,
    /// What the kit says of the token when the server asks.
    pub(crate) said: Option<String>,
    pub(crate) came: Vec<u8>,
    /// Why there is no answer, or what is wrong with it.
    pub(crate) problem: Option<String>,
    pub(crate) allowed: &'static str,
    pub(crate) millis: u128,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Passed,
    Failed(Failure, String),
    Skipped(String),
}

pub(crate) struct Outcome {
    pub(crate) case: Case,
    pub(crate) setting: String,
    pub(crate) verdict: Verdict,
    pub(crate) exchanges: Vec<Exchange>,
    /// How long all of it took.
    pub(crate) millis: u128,
}

impl Outcome {
    /// It was not skipped.
    pub(crate) fn ran(&self) -> bool {
        !matches!(self.verdict, Verdict::Skipped(_))
    }
}

/// Starts or restarts the server, and says where it is now.
pub(crate) type Restart<'a> = Box<dyn FnMut(&mut World) -> Result<(), String> + 'a>;

pub(crate) struct Runner<'a> {
    pub(crate) world: World,
    pub(crate) restart: Option<Restart<'a>>,
    /// Nothing is waited for longer than this.
    pub(crate) hurry: Option<Duration>,
}

impl Runner<'_> {
    /// The good token is served. Otherwise everything would be refused, and nothing would be known.
    pub(crate) fn preflight(&mut self) -> Result<(), String> {
        self.world.reset();
        if let Some(restart) = &mut self.restart {
            restart(&mut self.world)?;
        }
        let start = Instant::now();
        loop {
            let request = self.world.with(self.world.good());
            let came = request.send(self.world.target.place().address, PATIENCE);
            // A first answer may take its time; a refusal seldom changes.
            let ready = self.world.target.server.ready_seconds;
            let end = start + Duration::from_secs(if came.is_ok() { 5 } else { ready.max(20) });
            let why = match came {
                Ok(answer) if (200..300).contains(&answer.status) => return Ok(()),
                Ok(answer) => {
                    let challenge: Vec<&str> = answer.all("www-authenticate").collect();
                    let body: String = String::from_utf8_lossy(&answer.body).chars().take(300).collect();
                    format!("the answer was {} {}\n{body}", answer.status, challenge.join(", "))
                }
                Err(why) => why,
            };
            if Instant::now() > end {
                let tokens = &self.world.target.tokens;
                return Err(format!(
                    "the server does not serve a good token, so nothing can be learned from what it refuses.\n\
                     {why}\n\n\
                     The token had iss {:?}, aud {:?}, alg {}, kid {:?}. Does the server expect these? It gets the keys \
                     from {}{} unless they are static (`jwt-conformance keys` prints them).\n\
                     This request should have been answered 2xx:\n{}",
                    self.world.issuer(),
                    tokens.audience,
                    self.world.algorithm(),
                    self.world.key().kid,
                    self.world.provider.url(),
                    crate::provider::JWKS,
                    request.curl()
                ));
            }
            thread::sleep(Duration::from_millis(200));
        }
    }

    fn serves(&self) -> bool {
        let request = self.world.with(self.world.good());
        let came = request.send(self.world.target.place().address, PATIENCE);
        came.is_ok_and(|answer| (200..300).contains(&answer.status))
    }

    /// All cases of one group. After it the good token must still be served, or what was refused says nothing.
    pub(crate) fn group(&mut self, cases: Vec<Case>, mut said: impl FnMut(&Outcome)) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        for case in cases {
            let start = Instant::now();
            let (verdict, exchanges) = self.case(&case);
            let millis = start.elapsed().as_millis();
            let broke = matches!(verdict, Verdict::Failed(Failure::Broke, _));
            let setting = self.world.target.setting.clone();
            let outcome = Outcome { case, setting, verdict, exchanges, millis };
            said(&outcome);
            outcomes.push(outcome);
            if (broke || outcomes.last().is_some_and(|last| last.case.needs_restart())) && !self.serves() {
                self.world.reset();
                if let Some(restart) = &mut self.restart {
                    _ = restart(&mut self.world);
                }
            }
        }
        self.world.reset();
        if !self.serves() {
            thread::sleep(Duration::from_secs(1));
            if !self.serves() {
                for outcome in &mut outcomes {
                    if outcome.verdict == Verdict::Passed {
                        let why = "inconclusive: after this group the server no longer served a good token";
                        outcome.verdict = Verdict::Skipped(why.to_owned());
                    }
                }
            }
        }
        outcomes
    }

    pub(crate) fn case(&mut self, case: &Case) -> (Verdict, Vec<Exchange>) {
        if let Some(Err(why)) = case.applies.map(|applies| applies(&self.world.target)) {
            return (Verdict::Skipped(why.to_owned()), Vec::new());
        }
        if case.needs_restart() && self.restart.is_none() {
            let why = "the server must be restarted for it: set [server] start or restart";
            return (Verdict::Skipped(why.to_owned()), Vec::new());
        }
        self.world.reset();
        let mut exchanges = Vec::new();
        for step in &case.steps {
            let done = match step {
                Step::Send(sending) => self.send(sending, &mut exchanges),
                Step::Act { note, act, .. } => {
                    let world = &self.world;
                    let done = panic::catch_unwind(panic::AssertUnwindSafe(|| act(world)));
                    done.unwrap_or_else(|_| Err("the kit failed".to_owned()))
                        .map_err(|why| (if note.is_empty() { Failure::Wrong } else { act_failure(&why) }, why))
                }
                Step::Restart => match &mut self.restart {
                    Some(restart) => restart(&mut self.world).map_err(|why| (Failure::Broke, why)),
                    None => Ok(()),
                },
            };
            if let Err((failure, why)) = done {
                return (Verdict::Failed(failure, why), exchanges);
            }
        }
        (Verdict::Passed, exchanges)
    }

    fn send(&self, sending: &Sending, exchanges: &mut Vec<Exchange>) -> Result<(), (Failure, String)> {
        for number in 0..sending.times {
            let end =
                sending.within.map(|within| Instant::now() + self.hurry.map_or(within, |hurry| hurry.min(within)));
            loop {
                let (exchange, judged) = self.once(sending, number);
                let is_over = end.is_none_or(|end| Instant::now() > end);
                if number == 0 && exchanges.len() < 8 || judged.is_err() && is_over {
                    exchanges.push(exchange);
                }
                match judged {
                    Ok(()) => break,
                    Err(failure) if is_over => return Err(failure),
                    Err(_) => thread::sleep(Duration::from_millis(250)),
                }
            }
        }
        Ok(())
    }

    fn once(&self, sending: &Sending, number: usize) -> (Exchange, Result<(), (Failure, String)>) {
        let request = (sending.make)(&self.world, number);
        let sent = request.bytes();
        let start = Instant::now();
        let patience = sending.patience.unwrap_or(PATIENCE);
        let came = request.send(self.world.target.place().address, patience);
        let millis = start.elapsed().as_millis();
        if let Ok(answer) = &came {
            self.world.keep_nonce(answer);
        }
        let said = self.world.provider.said(&sent);
        let judged = judge(sending.allow, &came).and_then(|()| match (&sending.check, &came) {
            (Some(check), Ok(answer)) => check(&self.world, answer).map_err(|why| (Failure::Wrong, why)),
            _ => Ok(()),
        });
        let note = if sending.note.is_empty() { String::new() } else { format!("{}: ", sending.note) };
        let judged = judged.map_err(|(failure, why)| (failure, format!("{note}{why}")));
        let exchange = Exchange {
            note: sending.note.to_owned(),
            sent,
            curl: request.curl(),
            said,
            came: came.as_ref().map(|answer| answer.bytes.clone()).unwrap_or_default(),
            problem: judged.as_ref().err().map(|(_, why)| why.clone()),
            allowed: sending.allow.words(),
            millis,
        };
        (exchange, judged)
    }
}

/// How an act begins its error where something was served that has to be refused.
pub(crate) const SERVED: &str = "served: ";

fn act_failure(why: &str) -> Failure {
    match why {
        _ if why.starts_with("no answer") => Failure::Broke,
        _ if why.starts_with(SERVED) => Failure::Accepted,
        _ => Failure::Wrong,
    }
}

/// Whether what came is allowed; otherwise, in which way it is not.
fn judge(allow: Allow, came: &Result<Answer, String>) -> Result<(), (Failure, String)> {
    let answer = match came {
        Ok(answer) => answer,
        Err(_) if allow == Allow::RefusedOrClosed => return Ok(()),
        Err(why) => return Err((Failure::Broke, why.clone())),
    };
    let status = answer.status;
    let (served, refused) = ((200..300).contains(&status), (400..500).contains(&status));
    let is_challenge = |value: &str| {
        let scheme = value.split([' ', ',']).next().unwrap_or_default();
        ["bearer", "dpop"].contains(&&*scheme.to_ascii_lowercase())
    };
    let good = match allow {
        Allow::Served => served,
        Allow::Refused | Allow::RefusedOrClosed => refused,
        Allow::Challenge => status == 401 && answer.all("www-authenticate").any(is_challenge),
        Allow::BadRequest => status == 400,
        Allow::Forbidden => status == 403,
        Allow::RefusedOrDown => refused || (502..=504).contains(&status),
        Allow::NotServed => status >= 400,
        Allow::Either => served || refused,
        Allow::Anything => true,
    };
    if good {
        return Ok(());
    }
    let failure = match status {
        _ if served && allow != Allow::Served => Failure::Accepted,
        500.. => Failure::Broke,
        _ if allow == Allow::Served && refused => Failure::Refused,
        _ => Failure::Wrong,
    };
    let without = if allow == Allow::Challenge && status == 401 { " without a challenge" } else { "" };
    Err((failure, format!("{status}{without} came; allowed: {}", allow.words())))
}

/// The cases of the groups that apply to that world, group by group; and those that do not, with the reason.
pub(crate) fn select(world: &World) -> Vec<(&'static str, Vec<Case>, Option<String>)> {
    let target = &world.target;
    let mut selected = Vec::new();
    for (name, _) in groups::NAMES {
        let asked = target.groups.only.as_ref().is_none_or(|only| only.contains(*name));
        let why = if !asked || target.groups.skip.contains(*name) {
            Some("target.toml leaves it out".to_owned())
        } else {
            groups::applies(name, target).err().map(str::to_owned)
        };
        selected.push((*name, groups::cases(name), why));
    }
    selected
}
