//! Several parties: the header segments that their tokens had are a first guess, the unverified `iss` decides.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use foldhash::fast::RandomState;

use crate::error::{Mismatch, TokenError};
use crate::key::KeyStatus;
use crate::verify::{Failure, Hint, Party, Selection};

pub(super) struct Several {
    by_issuer: HashMap<Box<str>, Arc<Party>, RandomState>,
    open: Option<Arc<dyn OpenIssuers>>,
    /// Header segments that a verified token had. Only who can sign puts one in.
    hints: Arc<ArcSwap<Hints>>,
}

type Hints = HashMap<Arc<[u8]>, Hint, RandomState>;

/// Issuers that are not known beforehand.
pub(crate) trait OpenIssuers: Send + Sync {
    /// The party of that name, for a client of that address.
    fn party(&self, issuer: &str, client: Option<IpAddr>) -> Result<Arc<Party>, Failure>;

    /// Who is to be told, from now on, when a party is not trusted any more. Called once.
    fn on_end(&self, told: Box<dyn Fn(&Party) + Send + Sync>);

    /// How many are kept at most.
    fn bound(&self) -> usize;

    /// The state of the keys of those who have sent a good token. Strangers may have named the others.
    fn key_status(&self) -> Vec<KeyStatus>;
}

impl Several {
    pub(super) fn new(parties: impl IntoIterator<Item = Party>, open: Option<Arc<dyn OpenIssuers>>) -> Self {
        let mut by_issuer = HashMap::default();
        for party in parties {
            let party = Arc::new(party);
            for issuer in &party.trust.validation.issuers {
                by_issuer.insert(issuer.clone(), party.clone());
            }
        }
        let hints = Arc::<ArcSwap<Hints>>::default();
        if let Some(open) = &open {
            let hints = Arc::downgrade(&hints);
            open.on_end(Box::new(move |party| {
                if let Some(hints) = hints.upgrade() {
                    forget(&hints, party);
                }
            }));
        }
        Self { by_issuer, open, hints }
    }

    fn max_hints(&self) -> usize {
        let parties = self.by_issuer.len().saturating_add(self.open.as_ref().map_or(0, |open| open.bound()));
        parties.saturating_mul(2).max(1024)
    }
}

impl Selection for Several {
    fn hint(&self, header: &[u8]) -> Option<Hint> {
        self.hints.load().get(header).cloned()
    }

    fn named(&self, issuer: &str, client: Option<IpAddr>) -> Result<Arc<Party>, Failure> {
        match (self.by_issuer.get(issuer), &self.open) {
            (Some(party), _) => Ok(party.clone()),
            (None, Some(open)) => open.party(issuer, client),
            (None, None) => {
                let trusted = self.by_issuer.keys().map(AsRef::as_ref);
                Err(TokenError::Issuer(Mismatch::new([issuer], trusted)).into())
            }
        }
    }

    fn learn(&self, header: &[u8], party: &Arc<Party>) {
        let header: Arc<[u8]> = header.into();
        self.hints.rcu(|hints| {
            let mut more = if hints.len() >= self.max_hints() { Hints::default() } else { Hints::clone(hints) };
            let hint = match more.get(&header) {
                Some(Hint::Of(known)) if !Arc::ptr_eq(known, party) => Hint::Ambiguous,
                Some(Hint::Ambiguous) => Hint::Ambiguous,
                _ => Hint::Of(party.clone()),
            };
            more.insert(header.clone(), hint);
            more
        });
        // Where that happened in between, nobody tells again.
        if party.trust.is_over() {
            forget(&self.hints, party);
        }
    }

    fn key_status(&self) -> Vec<KeyStatus> {
        // Whoever goes by several names is one party.
        let mut parties: Vec<&Arc<Party>> = self.by_issuer.values().collect();
        parties.sort_unstable_by_key(|party| Arc::as_ptr(party));
        parties.dedup_by_key(|party| Arc::as_ptr(party));
        let open = self.open.iter().flat_map(|open| open.key_status());
        parties.into_iter().filter_map(|party| party.key_status()).chain(open).collect()
    }
}

/// A hint keeps its party, and its keys are fetched for as long as that is kept.
fn forget(hints: &ArcSwap<Hints>, party: &Party) {
    let is_of = |hint: &Hint| matches!(hint, Hint::Of(known) if Arc::ptr_eq(&known.trust, &party.trust));
    if hints.load().values().any(is_of) {
        hints.rcu(|hints| {
            let mut fewer = Hints::clone(hints);
            fewer.retain(|_, hint| !is_of(hint));
            fewer
        });
    }
}

impl fmt::Debug for Several {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.by_issuer.keys()).finish()
    }
}
