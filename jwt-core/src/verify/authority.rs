//! What guards ask of a verified token: where its scopes and roles are, what time it is, and how its authenticator answers.

use std::sync::Arc;

use crate::answer::Challenges;
use crate::claims::scope_hierarchy::ScopeHierarchy;
use crate::clock::Clock;
use crate::error::Misuse;

/// One for all tokens of an authenticator.
pub(crate) struct Authority<C> {
    pub(crate) scopes: Vec<Lookup<C>>,
    pub(crate) hierarchy: ScopeHierarchy,
    pub(crate) roles: Vec<Lookup<C>>,
    pub(crate) challenges: Challenges,
    pub(crate) clock: Arc<dyn Clock>,
}

/// Whether the claims grant something of that name.
pub(crate) type Lookup<C> = Box<dyn Fn(&C, &str) -> bool + Send + Sync>;

impl<C> Authority<C> {
    pub(super) fn has_scope(&self, claims: &C, name: &str) -> Result<bool, Misuse> {
        let has = |name: &str| any(&self.scopes, claims, name);
        let granted = || has(name) || self.hierarchy.implying(name).any(has);
        if self.scopes.is_empty() { Err(Misuse::ScopesUnknown) } else { Ok(granted()) }
    }

    pub(super) fn has_role(&self, claims: &C, name: &str) -> Result<bool, Misuse> {
        if self.roles.is_empty() { Err(Misuse::RolesUnknown) } else { Ok(any(&self.roles, claims, name)) }
    }
}

fn any<C>(lookups: &[Lookup<C>], claims: &C, name: &str) -> bool {
    lookups.iter().any(|lookup| lookup(claims, name))
}
