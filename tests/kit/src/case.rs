//! A case: what is sent, what is allowed to come, and which clause says so.

use std::time::Duration;

use crate::target::Target;
use crate::wire::{Answer, Request};
use crate::world::World;

/// How strongly a clause binds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Level {
    /// A standard says MUST, or what comes to that.
    Must,
    /// A standard says SHOULD.
    Should,
    /// No standard asks for it; attacks do.
    Defence,
    /// Good servers differ. It is shown and not counted.
    Taste,
}

impl Level {
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Must => "MUST",
            Self::Should => "SHOULD",
            Self::Defence => "defence in depth",
            Self::Taste => "matter of taste, not counted",
        }
    }
}

/// What may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Allow {
    /// 2xx: the handler ran.
    Served,
    /// 4xx.
    Refused,
    /// 401 with a challenge for Bearer or DPoP.
    Challenge,
    /// 400.
    BadRequest,
    /// 403.
    Forbidden,
    /// 4xx, or 502 to 504 while keys or an issuer cannot be reached, or answer what is none.
    RefusedOrDown,
    /// Anything but 2xx and 3xx: the server itself is set up wrongly, and may say so.
    NotServed,
    /// 2xx or 4xx.
    Either,
    /// 4xx, or the connection is closed.
    RefusedOrClosed,
    /// Anything: only the checks count.
    Anything,
}

impl Allow {
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Served => "2xx",
            Self::Refused => "4xx",
            Self::Challenge => "401 with a challenge (WWW-Authenticate: Bearer or DPoP)",
            Self::BadRequest => "400",
            Self::Forbidden => "403",
            Self::RefusedOrDown => "4xx, or 502 to 504",
            Self::NotServed => "4xx or 5xx",
            Self::Either => "2xx or 4xx",
            Self::RefusedOrClosed => "4xx, or the connection is closed",
            Self::Anything => "any answer",
        }
    }
}

/// In which way a server fails a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// It served what has to be refused.
    Accepted,
    /// It refused what has to be served.
    Refused,
    /// It answered 5xx, or not at all.
    Broke,
    /// It answered something else than it has to.
    Wrong,
}

impl Failure {
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::Broke => "broke",
            Self::Wrong => "wrong answer",
        }
    }
}

type Make = Box<dyn Fn(&World, usize) -> Request + Send + Sync>;
type Check = Box<dyn Fn(&World, &Answer) -> Result<(), String> + Send + Sync>;
/// Whether a case applies to a target; otherwise why not.
pub(crate) type Applies = fn(&Target) -> Result<(), &'static str>;
type Act = Box<dyn Fn(&World) -> Result<(), String> + Send + Sync>;

/// A request, once or more often.
pub(crate) struct Sending {
    /// What is special about it; may be empty.
    pub(crate) note: &'static str,
    pub(crate) make: Make,
    pub(crate) allow: Allow,
    pub(crate) check: Option<Check>,
    /// How often, with another number each time.
    pub(crate) times: usize,
    /// It is repeated until the answer is an allowed one, for so long.
    pub(crate) within: Option<Duration>,
    /// The answer has to come in this time.
    pub(crate) patience: Option<Duration>,
}

pub(crate) enum Step {
    Send(Sending),
    /// The world changes, or is looked at.
    Act {
        note: &'static str,
        act: Act,
        /// A request of it, for whoever wants to see one.
        shown: Option<Make>,
    },
    /// The server is restarted. Its keys may be unreachable meanwhile.
    Restart,
}

pub(crate) struct Case {
    pub(crate) id: &'static str,
    pub(crate) sentence: &'static str,
    pub(crate) clause: &'static str,
    pub(crate) level: Level,
    pub(crate) group: &'static str,
    pub(crate) steps: Vec<Step>,
    /// Why it does not apply to a target.
    pub(crate) applies: Option<Applies>,
}

impl Case {
    fn new(level: Level, id: &'static str, clause: &'static str, sentence: &'static str) -> Self {
        let group = id.split('.').next().unwrap_or(id);
        Self { id, sentence, clause, level, group, steps: Vec::new(), applies: None }
    }

    pub(crate) fn applies(mut self, applies: Applies) -> Self {
        self.applies = Some(applies);
        self
    }

    pub(crate) fn send(self, allow: Allow, make: impl Fn(&World) -> Request + Send + Sync + 'static) -> Self {
        self.send_noted("", allow, make)
    }

    pub(crate) fn send_noted(
        self,
        note: &'static str,
        allow: Allow,
        make: impl Fn(&World) -> Request + Send + Sync + 'static,
    ) -> Self {
        self.sends(1, note, allow, move |world, _| make(world))
    }

    pub(crate) fn sends(
        mut self,
        times: usize,
        note: &'static str,
        allow: Allow,
        make: impl Fn(&World, usize) -> Request + Send + Sync + 'static,
    ) -> Self {
        let make = Box::new(make);
        self.steps.push(Step::Send(Sending { note, make, allow, check: None, times, within: None, patience: None }));
        self
    }

    /// A token where the server looks for it.
    pub(crate) fn token(self, allow: Allow, make: impl Fn(&World) -> String + Send + Sync + 'static) -> Self {
        self.send(allow, move |world| world.with(make(world)))
    }

    pub(crate) fn token_noted(
        self,
        note: &'static str,
        allow: Allow,
        make: impl Fn(&World) -> String + Send + Sync + 'static,
    ) -> Self {
        self.send_noted(note, allow, move |world| world.with(make(world)))
    }

    fn last(&mut self) -> &mut Sending {
        match self.steps.last_mut() {
            Some(Step::Send(send)) => send,
            _ => unreachable!("it stands behind a request"),
        }
    }

    /// What else is asked of the answer to the last request.
    pub(crate) fn check(
        mut self,
        check: impl Fn(&World, &Answer) -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        self.last().check = Some(Box::new(check));
        self
    }

    pub(crate) fn within(mut self, seconds: u64) -> Self {
        self.last().within = Some(Duration::from_secs(seconds));
        self
    }

    pub(crate) fn patience(mut self, seconds: u64) -> Self {
        self.last().patience = Some(Duration::from_secs(seconds));
        self
    }

    pub(crate) fn act(
        mut self,
        note: &'static str,
        act: impl Fn(&World) -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        self.steps.push(Step::Act { note, act: Box::new(act), shown: None });
        self
    }

    /// A request that the last act sends, for `explain`.
    pub(crate) fn shows(mut self, make: impl Fn(&World) -> Request + Send + Sync + 'static) -> Self {
        if let Some(Step::Act { shown, .. }) = self.steps.last_mut() {
            *shown = Some(Box::new(move |world, _| make(world)));
        }
        self
    }

    pub(crate) fn restart(mut self) -> Self {
        self.steps.push(Step::Restart);
        self
    }

    pub(crate) fn needs_restart(&self) -> bool {
        self.steps.iter().any(|step| matches!(step, Step::Restart))
    }
}

pub(crate) fn must(id: &'static str, clause: &'static str, sentence: &'static str) -> Case {
    Case::new(Level::Must, id, clause, sentence)
}

pub(crate) fn should(id: &'static str, clause: &'static str, sentence: &'static str) -> Case {
    Case::new(Level::Should, id, clause, sentence)
}

pub(crate) fn defence(id: &'static str, clause: &'static str, sentence: &'static str) -> Case {
    Case::new(Level::Defence, id, clause, sentence)
}

pub(crate) fn taste(id: &'static str, clause: &'static str, sentence: &'static str) -> Case {
    Case::new(Level::Taste, id, clause, sentence)
}
