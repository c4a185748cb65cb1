//! Whom a verifier trusts: one party, or several that the unverified `iss` selects among.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use foldhash::fast::RandomState;

use super::trust::Trust;
use super::{Failure, claimed};
use crate::error::TokenError;
use crate::key::{KeyFeed, KeyStatus};
use crate::verify::token::UntrustedToken;

/// One trusted party, and where its keys are fetched from.
#[derive(Clone)]
pub(crate) struct Party {
    pub(crate) trust: Arc<Trust>,
    /// Held here and not with the trust: a token that lives on keeps no fetching alive.
    pub(crate) remote: Option<Arc<dyn KeyFeed>>,
}

impl Party {
    /// How it stands with its keys, if they are fetched.
    pub(crate) fn key_status(&self) -> Option<KeyStatus> {
        self.remote.as_ref().map(|remote| remote.status())
    }
}

pub(crate) enum Trusted {
    /// No JWT is good, whoever signed it.
    #[cfg(feature = "login")]
    Nobody,
    /// One party, which may go by several names or by none.
    One(Party),
    /// Parties that each have their names.
    Several(Box<Several>),
}

pub(crate) struct Several {
    by_issuer: HashMap<Box<str>, Arc<Party>, RandomState>,
    #[cfg(feature = "remote")]
    tenants: Option<crate::issuers::tenants::Discovered>,
    /// Header segments that a proved token had: a guess that spares the search for `iss`.
    hints: ArcSwap<Hints>,
}

/// By the header segment. Only who can sign puts one in.
#[derive(Clone, Default)]
pub(super) struct Hints(HashMap<Arc<[u8]>, Hint, RandomState>);

impl Hints {
    /// Whose tokens had this header before.
    pub(super) fn of(&self, token: UntrustedToken<'_>) -> Option<&Hint> {
        self.0.get(token.header)
    }
}

/// Whose tokens have a header.
#[derive(Clone)]
pub(super) enum Hint {
    Of(Arc<Party>),
    /// Of several parties. A wrong guess would cost a signature.
    Ambiguous,
}

impl Several {
    pub(crate) fn new(parties: impl IntoIterator<Item = Party>) -> Self {
        let mut by_issuer = HashMap::default();
        for party in parties {
            let party = Arc::new(party);
            for issuer in &party.trust.validation.issuers {
                by_issuer.insert(issuer.clone(), party.clone());
            }
        }
        Self {
            by_issuer,
            #[cfg(feature = "remote")]
            tenants: None,
            hints: ArcSwap::default(),
        }
    }

    #[cfg(feature = "remote")]
    pub(crate) fn with_tenants(mut self, tenants: Option<crate::issuers::tenants::Discovered>) -> Self {
        self.tenants = tenants;
        self
    }

    pub(super) fn hints(&self) -> Guard<Arc<Hints>> {
        self.hints.load()
    }

    /// Whom the claims name as their issuer, without proof. Costs no signature, and the network only where a tenant is
    /// seen for the first time. The claims of a token that its keys prove are good only if they name it when they are
    /// read.
    pub(super) fn named(&self, claims: &str) -> Result<Arc<Party>, Failure> {
        let issuer = claimed::issuer(claims)?;
        if let Some(party) = self.by_issuer.get(&*issuer) {
            return Ok(party.clone());
        }
        #[cfg(feature = "remote")]
        if let Some(tenants) = &self.tenants {
            return tenants.party(&issuer, || self.hints.store(Arc::default()));
        }
        Err(TokenError::Issuer.into())
    }

    /// Keeps what a proof taught.
    pub(super) fn learn(&self, token: UntrustedToken<'_>, party: &Arc<Party>) {
        let segment: Arc<[u8]> = token.header.into();
        self.hints.rcu(|hints| {
            let mut more = if hints.0.len() >= self.max_hints() { Hints::default() } else { Hints::clone(hints) };
            let hint = match more.0.get(&segment) {
                Some(Hint::Of(known)) if !Arc::ptr_eq(known, party) => Hint::Ambiguous,
                Some(Hint::Ambiguous) => Hint::Ambiguous,
                _ => Hint::Of(party.clone()),
            };
            more.0.insert(segment.clone(), hint);
            more
        });
    }

    fn max_hints(&self) -> usize {
        let parties = self.by_issuer.len();
        #[cfg(feature = "remote")]
        let parties =
            parties.saturating_add(self.tenants.as_ref().map_or(0, crate::issuers::tenants::Discovered::bound));
        parties.saturating_mul(2).max(1024)
    }
}

impl Trusted {
    /// How it stands with the keys that are fetched, by origin.
    pub(super) fn key_status(&self) -> Vec<KeyStatus> {
        let mut all: Vec<KeyStatus> = match self {
            #[cfg(feature = "login")]
            Self::Nobody => Vec::new(),
            Self::One(one) => one.key_status().into_iter().collect(),
            Self::Several(several) => {
                #[cfg(feature = "remote")]
                let tenants = several.tenants.iter().flat_map(crate::issuers::tenants::Discovered::key_status);
                #[cfg(not(feature = "remote"))]
                let tenants = [];
                // Whoever goes by several names is one party.
                let mut parties: Vec<&Arc<Party>> = several.by_issuer.values().collect();
                parties.sort_unstable_by_key(|party| Arc::as_ptr(party));
                parties.dedup_by_key(|party| Arc::as_ptr(party));
                parties.into_iter().filter_map(|party| party.key_status()).chain(tenants).collect()
            }
        };
        all.sort_unstable_by(|one, other| one.origin.cmp(&other.origin));
        all
    }
}

impl fmt::Debug for Trusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let party = |party: &Party| (party.trust.keys.clone(), party.trust.validation.clone());
        match self {
            #[cfg(feature = "login")]
            Self::Nobody => f.write_str("nobody"),
            Self::One(one) => party(one).fmt(f),
            Self::Several(several) => f.debug_set().entries(several.by_issuer.keys()).finish(),
        }
    }
}
