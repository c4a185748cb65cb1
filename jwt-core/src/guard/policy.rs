//! What a token must allow: scopes, roles, and functions of the application, combined.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::admission::{Admission, Rejection};
use super::authorization_details::{AuthorizationDetail, DetailGuard};
use super::step_up::StepUp;
use crate::answer::Asked;
use crate::error::{AuthError, CheckError, CheckOutcome, Denial, Misuse, NoReason, TokenError};
use crate::observe::{log, spans};
use crate::request::RequestHead;
use crate::verify::{CompactToken, Header, VerifiedToken};

/// What a token must allow: the rule behind an adapter's `Require`, which is what applications use.
///
/// Cheap to clone.
#[derive(Clone)]
pub struct Policy {
    rule: Arc<Rule>,
    /// Whether a part of it has to be waited for.
    waits: bool,
}

enum Rule {
    AllScopes(ScopeList),
    AnyScope(ScopeList),
    Role(Arc<str>),
    StepUp(StepUp),
    Detail(DetailGuard),
    Bound,
    Check(Box<Check>),
    AsyncCheck(Box<AsyncCheck>),
    And(Policy, Policy),
    Or(Policy, Policy),
    /// Made wrongly: refuses everybody.
    Unusable(Misuse),
}

type Check = dyn Fn(&CompactToken) -> Result<(), AuthError> + Send + Sync;

type AsyncCheck = dyn Fn(&CompactToken) -> Result<Waiting, AuthError> + Send + Sync;

type Waiting = Pin<Box<dyn Future<Output = Result<(), AuthError>> + Send>>;

/// Scopes that a guard names.
struct ScopeList {
    names: Vec<Box<str>>,
    /// What a client is told to get: all of them, or the one that is enough.
    needed: Arc<str>,
}

/// What a policy says to a request.
#[derive(Debug)]
pub enum Decision {
    /// The request is to be served.
    Allowed,
    /// The request is not to be served.
    Denied(Rejection),
    /// To be waited for: a part of the policy is asynchronous.
    Pending(Deciding),
}

impl Decision {
    /// `Err` where the request is not to be served, after a wait where there has to be one. For adapters that are
    /// asynchronous functions.
    ///
    /// # Errors
    /// What the client gets instead.
    pub async fn settled(self) -> Result<(), Rejection> {
        match self {
            Self::Allowed => Ok(()),
            Self::Denied(rejection) => Err(rejection),
            Self::Pending(deciding) => deciding.await,
        }
    }
}

/// A decision that has to be waited for.
pub struct Deciding(Pin<Box<dyn Future<Output = Result<(), Rejection>> + Send>>);

impl Future for Deciding {
    type Output = Result<(), Rejection>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl fmt::Debug for Deciding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Deciding")
    }
}

/// Why a policy refuses. Where its reason is an [`AuthError`], that is taken as it is: a policy whose database is down should
/// not say that the user may not.
fn refused(reason: CheckError) -> AuthError {
    match reason.downcast_ref::<AuthError>() {
        Some(error) => error.clone(),
        None if reason.downcast_ref::<NoReason>().is_some() => Denial::because(Refused).into(),
        None => Denial::Policy(reason).into(),
    }
}

/// The reason of a policy that gives none.
#[derive(Debug, thiserror::Error)]
#[error("refused by a policy")]
struct Refused;

impl Policy {
    /// The token must grant this scope.
    pub fn scope(scope: impl Into<String>) -> Self {
        Self::all_scopes([scope])
    }

    /// The token must grant all of these scopes.
    pub fn all_scopes<S: Into<String>>(scopes: impl IntoIterator<Item = S>) -> Self {
        Self::of_scopes(scopes, Rule::AllScopes, |names| names.join(" "))
    }

    /// The token must grant at least one of these scopes. A client that has none of them is told to get the first: it
    /// is enough, and asking for all of them would be asking for too much.
    pub fn any_scope<S: Into<String>>(scopes: impl IntoIterator<Item = S>) -> Self {
        Self::of_scopes(scopes, Rule::AnyScope, |names| names.first().map(ToString::to_string).unwrap_or_default())
    }

    /// The token must grant this role.
    pub fn role(role: impl Into<String>) -> Self {
        Self::new(Rule::Role(role.into().into()), false)
    }

    /// The user must have authenticated in this way: `acr` is that value (RFC 9470).
    pub fn acr(acr: impl Into<String>) -> Self {
        Self::any_acr([acr])
    }

    /// The user must have authenticated in one of these ways, the preferred first: `acr` is one of them (RFC 9470).
    pub fn any_acr<S: Into<String>>(values: impl IntoIterator<Item = S>) -> Self {
        let values: Vec<Box<str>> = values.into_iter().map(|acr| acr.into().into_boxed_str()).collect();
        // RFC 9470 §3 separates them by spaces, and a quoted string is around them.
        if values.is_empty() || !values.iter().all(|acr| is_scope(acr)) {
            return Self::unusable(Misuse::Acr);
        }
        Self::new(Rule::StepUp(StepUp::any_acr(values)), false)
    }

    /// The user must have authenticated no longer ago than this, plus the leeway, by `auth_time` (RFC 9470).
    pub fn authenticated_within(max_age: Duration) -> Self {
        Self::new(Rule::StepUp(StepUp::within(max_age)), false)
    }

    /// An element of `authorization_details` must allow this (RFC 9396).
    pub fn authorization_detail(needed: AuthorizationDetail) -> Self {
        match DetailGuard::new(needed) {
            Ok(guard) => Self::new(Rule::Detail(guard), false),
            Err(misuse) => Self::unusable(misuse),
        }
    }

    /// The token must be bound to a key of its client, and its sender must have shown that key (RFC 9449, RFC 8705).
    pub fn bound() -> Self {
        Self::new(Rule::Bound, false)
    }

    /// The claims must pass this function; see [`CheckOutcome`] for what it may return. An
    /// [`AuthError`] as its error is taken as it is.
    pub fn check<C, O>(check: impl Fn(&C) -> O + Send + Sync + 'static) -> Self
    where
        C: Send + Sync + 'static,
        O: CheckOutcome,
    {
        let check = move |token: &CompactToken| check(token.claims_as::<C>()?).into_result().map_err(refused);
        Self::new(Rule::Check(Box::new(check)), false)
    }

    /// The verified token must pass this function, which may wait for something.
    pub fn check_async<C, F>(check: impl Fn(VerifiedToken<C>) -> F + Send + Sync + 'static) -> Self
    where
        C: Send + Sync + 'static,
        F: Future<Output: CheckOutcome> + Send + 'static,
    {
        let check = move |token: &CompactToken| {
            let outcome = check(token.clone().typed()?);
            let waiting: Waiting = Box::pin(async move { outcome.await.into_result().map_err(refused) });
            Ok(waiting)
        };
        Self::new(Rule::AsyncCheck(Box::new(check)), true)
    }

    /// Both must hold; the other one is asked only where this one does.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        if let Some(both) = self.joined(&other) {
            return both;
        }
        // The last of several may go with the new one.
        if let Rule::And(first, last) = &*self.rule
            && let Some(both) = last.joined(&other)
        {
            return first.clone().and(both);
        }
        let waits = self.waits || other.waits;
        Self::new(Rule::And(self, other), waits)
    }

    /// One of the two must hold; the other one is asked only where this one does not.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        let waits = self.waits || other.waits;
        Self::new(Rule::Or(self, other), waits)
    }

    /// Both as one, so that a client is told of all that it needs at once: scopes alone, or what is asked of the authentication.
    fn joined(&self, other: &Self) -> Option<Self> {
        match (&*self.rule, &*other.rule) {
            (Rule::AllScopes(ours), Rule::AllScopes(theirs)) => {
                let new = theirs.names.iter().filter(|name| !ours.names.contains(name));
                Some(Self::all_scopes(ours.names.iter().chain(new).map(ToString::to_string)))
            }
            (Rule::StepUp(ours), Rule::StepUp(theirs)) => Some(match ours.and(theirs) {
                Ok(both) => Self::new(Rule::StepUp(both), false),
                Err(misuse) => Self::unusable(misuse),
            }),
            _ => None,
        }
    }

    fn new(rule: Rule, waits: bool) -> Self {
        Self { rule: Arc::new(rule), waits }
    }

    /// Said at once, and again to every request, which it refuses.
    fn unusable(misuse: Misuse) -> Self {
        log::misuse(misuse);
        Self::new(Rule::Unusable(misuse), false)
    }

    fn of_scopes<S: Into<String>>(
        scopes: impl IntoIterator<Item = S>,
        rule: fn(ScopeList) -> Rule,
        needed: fn(&[Box<str>]) -> String,
    ) -> Self {
        let names: Vec<Box<str>> = scopes.into_iter().map(|scope| scope.into().into_boxed_str()).collect();
        if names.is_empty() || !names.iter().all(|name| is_scope(name)) {
            return Self::unusable(Misuse::ScopeName);
        }
        let needed = needed(&names).into();
        Self::new(rule(ScopeList { names, needed }), false)
    }

    /// Whether the request with this head may be served, by what the layer left in it. For adapters.
    pub fn decide(&self, admission: Option<&Admission>, head: &impl RequestHead) -> Decision {
        let token = match Admission::admitted(admission) {
            Ok(token) => token,
            Err(rejection) => {
                let rejection = rejection.for_request(head);
                rejection.report();
                return Decision::Denied(rejection);
            }
        };
        if self.waits {
            let (policy, token, asked) = (self.clone(), token.clone(), Asked::by(head));
            let deciding =
                async move { policy.eventually(&token).await.map_err(|error| deny(error, &token).to(asked)) };
            return Decision::Pending(Deciding(Box::pin(deciding)));
        }
        match self.rule.now(token) {
            Ok(()) => Decision::Allowed,
            Err(error) => Decision::Denied(deny(error, token).to(Asked::by(head))),
        }
    }

    /// Whether a request would be served, without a word to the log: for what is shown and not for what is done.
    #[cfg_attr(not(feature = "mcp"), expect(dead_code, reason = "only lists of tools are filtered"))]
    pub(super) async fn would_allow(&self, admission: &Admission) -> bool {
        match Admission::admitted(Some(admission)) {
            Ok(token) => self.eventually(token).await.is_ok(),
            Err(_) => false,
        }
    }

    /// The decision, where something is to be waited for.
    fn eventually<'a>(
        &'a self,
        token: &'a CompactToken,
    ) -> Pin<Box<dyn Future<Output = Result<(), AuthError>> + Send + 'a>> {
        Box::pin(async move {
            match &*self.rule {
                Rule::And(one, other) => {
                    one.eventually(token).await?;
                    other.eventually(token).await
                }
                Rule::Or(one, other) => match one.eventually(token).await {
                    Err(error) if !matches!(error, AuthError::NotConfigured(_)) => {
                        other.eventually(token).await.map_err(|second| either(error, second))
                    }
                    decided => decided,
                },
                Rule::AsyncCheck(check) => check(token)?.await,
                rule => rule.now(token),
            }
        })
    }
}

impl Rule {
    fn now(&self, token: &CompactToken) -> Result<(), AuthError> {
        match self {
            Self::AllScopes(scopes) => {
                for name in &scopes.names {
                    if !token.has_scope(name)? {
                        return Err(Denial::Scope(scopes.needed.clone()).into());
                    }
                }
                Ok(())
            }
            Self::AnyScope(scopes) => {
                for name in &scopes.names {
                    if token.has_scope(name)? {
                        return Ok(());
                    }
                }
                Err(Denial::Scope(scopes.needed.clone()).into())
            }
            Self::Role(role) => {
                if token.has_role(role)? {
                    Ok(())
                } else {
                    Err(Denial::Role(role.clone()).into())
                }
            }
            Self::StepUp(needed) => Ok(needed.check(token)?),
            Self::Detail(guard) => Ok(guard.check(token)?),
            Self::Bound if token.possession().is_bound() => Ok(()),
            Self::Bound => Err(TokenError::ProofRequired.into()),
            Self::Check(check) => check(token),
            Self::And(one, other) => {
                one.rule.now(token)?;
                other.rule.now(token)
            }
            Self::Or(one, other) => match one.rule.now(token) {
                Err(error) if !matches!(error, AuthError::NotConfigured(_)) => {
                    other.rule.now(token).map_err(|second| either(error, second))
                }
                decided => decided,
            },
            Self::Unusable(misuse) => Err((*misuse).into()),
            // Only where `waits` says so, and then by `eventually`.
            Self::AsyncCheck(_) => false.into_result().map_err(refused),
        }
    }
}

/// Of two refusals, the one that a client can do more about, else the first. A misuse comes before both, and what may be another
/// answer in a moment.
fn either(first: AuthError, second: AuthError) -> AuthError {
    let rank = |error: &AuthError| match error {
        AuthError::NotConfigured(_) => 4,
        AuthError::Forbidden(Denial::Scope(_)) | AuthError::StepUp(_) => 2,
        AuthError::InvalidToken(TokenError::ProofRequired) => 1,
        AuthError::Forbidden(_) => 0,
        _ => 3,
    };
    if rank(&second) > rank(&first) { second } else { first }
}

fn deny(error: AuthError, token: &CompactToken) -> Rejection {
    match error {
        AuthError::NotConfigured(misuse) => misuse.into(),
        error => {
            let common = token.common();
            log::denied(&error, common.header().and_then(Header::kid), common.issuer());
            spans::denied(&error);
            let answer = token.challenges().answer(&error);
            Rejection::new(error, answer)
        }
    }
}

/// What an adapter's `Require` is made of: a tuple struct over a [`Policy`] gets its constructors, `and` and `or`, and the
/// conversions from and to a policy.
#[doc(hidden)]
#[macro_export]
macro_rules! __require_facade {
    ($require:ident) => {
        impl $require {
            /// The token must grant this scope. A scope is printable ASCII without space, `"` and `\` (RFC 6749 §3.3); a
            /// guard that was given anything else denies every request with a 500 whose log line names the fix.
            pub fn scope(scope: impl Into<String>) -> Self {
                Self($crate::guard::Policy::scope(scope))
            }

            /// The token must grant all of these scopes.
            pub fn all_scopes<S: Into<String>>(scopes: impl IntoIterator<Item = S>) -> Self {
                Self($crate::guard::Policy::all_scopes(scopes))
            }

            /// The token must grant one of these scopes. The challenge names the first of them.
            pub fn any_scope<S: Into<String>>(scopes: impl IntoIterator<Item = S>) -> Self {
                Self($crate::guard::Policy::any_scope(scopes))
            }

            /// The token must grant this role.
            pub fn role(role: impl Into<String>) -> Self {
                Self($crate::guard::Policy::role(role))
            }

            /// The user must have authenticated in this way: `acr` of the token is that value (RFC 9470). Else 401
            /// `insufficient_user_authentication`, with `acr_values` in the challenge: the client has the user authenticate
            /// again, and comes back with another token. A value is printable ASCII without space, `"` and `\`.
            pub fn acr(acr: impl Into<String>) -> Self {
                Self($crate::guard::Policy::acr(acr))
            }

            /// The user must have authenticated in one of these ways, the preferred first. The challenge names all of them.
            pub fn any_acr<S: Into<String>>(values: impl IntoIterator<Item = S>) -> Self {
                Self($crate::guard::Policy::any_acr(values))
            }

            /// The user must have authenticated no longer ago than this, plus the leeway of the authenticator, by `auth_time`
            /// of the token (RFC 9470). Else 401 `insufficient_user_authentication`, with `max_age` in the challenge, in
            /// whole seconds. Joined with [`acr`](Self::acr) by `and`, one challenge asks for both.
            pub fn authenticated_within(max_age: std::time::Duration) -> Self {
                Self($crate::guard::Policy::authenticated_within(max_age))
            }

            /// One element of the claim `authorization_details` must allow this (RFC 9396). Else 403 `insufficient_scope`.
            pub fn authorization_detail(needed: $crate::guard::AuthorizationDetail) -> Self {
                Self($crate::guard::Policy::authorization_detail(needed))
            }

            /// The token must be bound to a key of its client, and whoever sent it must have shown that key: by a proof
            /// (DPoP, RFC 9449) or by the certificate of the connection (RFC 8705). Else 401 `invalid_token`.
            pub fn bound() -> Self {
                Self($crate::guard::Policy::bound())
            }

            /// The claims must pass this function, which returns a `bool`, an `Option` or, with a reason for the log, a
            /// `Result`.
            pub fn policy<C: Send + Sync + 'static, O: $crate::error::CheckOutcome>(
                policy: impl Fn(&C) -> O + Send + Sync + 'static,
            ) -> Self {
                Self($crate::guard::Policy::check(policy))
            }

            /// The same for a function that has to wait for something, such as a database.
            pub fn policy_async<C, F>(policy: impl Fn($crate::VerifiedToken<C>) -> F + Send + Sync + 'static) -> Self
            where
                C: Send + Sync + 'static,
                F: Future<Output: $crate::error::CheckOutcome> + Send + 'static,
            {
                Self($crate::guard::Policy::check_async(policy))
            }

            /// Both must hold. The other one is asked only where this one does.
            #[must_use]
            pub fn and(self, other: impl Into<$crate::guard::Policy>) -> Self {
                Self(self.0.and(other.into()))
            }

            /// One of the two must hold. The other one is asked only where this one does not.
            #[must_use]
            pub fn or(self, other: impl Into<$crate::guard::Policy>) -> Self {
                Self(self.0.or(other.into()))
            }
        }

        impl From<$crate::guard::Policy> for $require {
            fn from(policy: $crate::guard::Policy) -> Self {
                Self(policy)
            }
        }

        impl From<$require> for $crate::guard::Policy {
            fn from(require: $require) -> Self {
                require.0
            }
        }
    };
}

/// A scope token (RFC 6749 §3.3): printable ASCII without space, `"` and `\`, so that it needs no escape in a challenge.
fn is_scope(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| matches!(b, 0x21 | 0x23..=0x5B | 0x5D..=0x7E))
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.rule {
            Rule::AllScopes(scopes) => f.debug_tuple("all_scopes").field(&scopes.names).finish(),
            Rule::AnyScope(scopes) => f.debug_tuple("any_scope").field(&scopes.names).finish(),
            Rule::Role(role) => f.debug_tuple("role").field(role).finish(),
            Rule::StepUp(needed) => needed.fmt(f),
            Rule::Detail(guard) => guard.fmt(f),
            Rule::Bound => f.write_str("bound"),
            Rule::Check(_) => f.write_str("policy"),
            Rule::AsyncCheck(_) => f.write_str("policy_async"),
            Rule::And(one, other) => f.debug_tuple("and").field(one).field(other).finish(),
            Rule::Or(one, other) => f.debug_tuple("or").field(one).field(other).finish(),
            Rule::Unusable(misuse) => f.debug_tuple("unusable").field(misuse).finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::error::Unavailable;

    #[test]
    fn a_scope_is_what_a_challenge_can_carry_as_it_is() {
        for byte in 0..=255_u8 {
            let good = (0x21..=0x7E).contains(&byte) && byte != b'"' && byte != b'\\';
            assert_eq!(is_scope(&char::from(byte).to_string()), good, "{byte:#x}");
        }
        assert!(!is_scope("") && !is_scope("a b") && is_scope("https://api.example.com/read:things"));
    }

    #[test]
    fn of_two_refusals_the_one_to_act_on_is_told() {
        let scope = || AuthError::from(Denial::Scope("read".into()));
        let role = || AuthError::from(Denial::Role("admin".into()));
        let down = || AuthError::from(Unavailable::Policy { retry_after: Duration::from_secs(1) });
        let misuse = || AuthError::from(Misuse::RolesUnknown);
        let told = |first, second| either(first, second);
        assert!(matches!(told(role(), scope()), AuthError::Forbidden(Denial::Scope(_))));
        assert!(matches!(told(scope(), role()), AuthError::Forbidden(Denial::Scope(_))));
        for (first, second) in [(down(), scope()), (scope(), down()), (down(), role())] {
            assert!(matches!(told(first, second), AuthError::Unavailable(_)));
        }
        assert!(matches!(told(down(), misuse()), AuthError::NotConfigured(_)));
    }

    #[test]
    fn what_is_asked_of_the_authentication_is_one_rule_wherever_it_stands_last() {
        let (acr, recent) = (|| Policy::acr("gold"), || Policy::authenticated_within(Duration::from_secs(60)));
        let text = |policy: Policy| format!("{policy:?}");
        let both = r#"step_up(acr_values="gold", max_age="60")"#;
        assert_eq!(text(acr().and(recent())), both);
        let behind = format!(r#"and(all_scopes(["a"]), {both})"#);
        assert_eq!(text(Policy::scope("a").and(acr()).and(recent())), behind);
        assert_eq!(text(Policy::scope("a").and(acr().and(recent()))), behind);
        assert_eq!(text(acr().and(Policy::acr("silver"))), "unusable(Acr)");
        assert_eq!(text(acr().or(recent())), r#"or(step_up(acr_values="gold"), step_up(max_age="60"))"#);
    }

    #[test]
    fn a_guard_prints_what_it_asks_for() {
        let policy = Policy::scope("a").and(Policy::role("b")).or(Policy::check(|(): &()| true));
        assert_eq!(format!("{policy:?}"), r#"or(and(all_scopes(["a"]), role("b")), policy)"#);
    }
}
