//! What an application says of its claims, and what guards ask of a verified token.

use std::sync::Arc;

use super::token::{AnyToken, Common, Facts, VerifiedToken};
use super::validation::Checks;
use super::{ClaimsType, read_claims};
use crate::answer::Challenges;
use crate::claims::scope_hierarchy::ScopeHierarchy;
use crate::claims::{Noted, RegisteredClaims};
use crate::clock::Clock;
use crate::error::TokenError;

/// What time it is, which scopes imply others, and how the authenticator answers. One for all of its tokens.
pub(crate) struct Authority {
    pub(crate) hierarchy: ScopeHierarchy,
    pub(crate) challenges: Challenges,
    pub(crate) clock: Arc<dyn Clock>,
}

/// What the application says of its claims: of which type they are, what else they must say, and where scopes and roles are.
pub(crate) struct Application<C> {
    pub(crate) checks: Checks<C>,
    pub(crate) scopes: Vec<Lookup<C>>,
    pub(crate) roles: Vec<Lookup<C>>,
    pub(crate) authority: Authority,
}

/// What claims grant.
#[derive(Clone, Copy)]
pub(super) enum Granted {
    Scope,
    Role,
}

/// Whether the claims grant something of that name.
pub(crate) type Lookup<C> = Box<dyn Fn(&C, &str) -> bool + Send + Sync>;

impl<C> Application<C> {
    /// One that has said nothing.
    #[allow(dead_code, reason = "for the features `introspection` and `testing`")]
    pub(crate) fn new(authority: Authority) -> Self {
        Self { checks: Checks::none(), scopes: Vec::new(), roles: Vec::new(), authority }
    }

    /// Whether the claims grant a scope or a role of that name; `None` where nobody knows where such are.
    pub(super) fn grants(&self, claims: &C, what: Granted, name: &str) -> Option<bool> {
        let lookups = match what {
            Granted::Scope => &self.scopes,
            Granted::Role => &self.roles,
        };
        (!lookups.is_empty()).then(|| lookups.iter().any(|lookup| lookup(claims, name)))
    }
}

/// Finds the rest of what is known of a token, with what was noted when its claims were read, and their JSON.
pub(crate) type Rest<'r> = dyn FnMut(Noted<'_>, &str) -> Result<Facts, TokenError> + 'r;

/// Whoever knows the type of the claims. Nothing else of the gate does, so that it is compiled once for all of them.
pub(crate) trait ReadToken: Send + Sync {
    /// The token with these claims, the JSON of which is `text`. The rest of what is known of it is found by `rest`.
    fn read(
        self: Arc<Self>,
        text: String,
        token: &[u8],
        mistyped_allowed: RegisteredClaims,
        rest: &mut Rest<'_>,
    ) -> Result<AnyToken, TokenError>;
}

impl<C: ClaimsType> ReadToken for Application<C> {
    fn read(
        self: Arc<Self>,
        text: String,
        token: &[u8],
        mistyped_allowed: RegisteredClaims,
        rest: &mut Rest<'_>,
    ) -> Result<AnyToken, TokenError> {
        let mut noted = Noted::allowing(mistyped_allowed);
        let claims = read_claims::<C>(&text, &mut noted)?;
        let facts = rest(noted, &text)?;
        Ok(VerifiedToken::new(claims, Common::new(facts, text, token)?, self).into_any())
    }
}
