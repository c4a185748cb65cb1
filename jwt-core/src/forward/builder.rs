//! How a forwarder is set up.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::exchanged::ExchangedTokens;
use super::proofs::Proofs;
use super::{ForwardTarget, Forwarder, ForwarderBuildError, Inner, TokenExchange};
use crate::binding::DpopKey;
use crate::clock::Clock;
use crate::config_error::Given;

/// Builds a [`Forwarder`]. A setting that has one value is given once; a second call is an error.
pub struct ForwarderBuilder {
    pub(super) targets: Vec<ForwardTarget>,
    pub(super) margin: Duration,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) exchange: Option<Arc<dyn TokenExchange>>,
    pub(super) dpop: Option<DpopKey>,
    pub(super) max_exchanged: usize,
    pub(super) given: Given,
}

impl ForwarderBuilder {
    /// One more service that tokens are passed on to. An origin such as `"https://invoices.example.com"` gets the token as
    /// it is. None: an error.
    #[must_use]
    pub fn target(mut self, target: impl Into<ForwardTarget>) -> Self {
        self.targets.push(target.into());
        self
    }

    /// How long a token must be good beyond the [call time](ForwardTarget::call_time) of the target. 5 seconds.
    #[must_use]
    pub fn margin(mut self, margin: Duration) -> Self {
        self.given.once("margin");
        self.margin = margin;
        self
    }

    /// What exchanges tokens for narrower ones (RFC 8693), for the targets that need that. None.
    #[must_use]
    pub fn exchange(mut self, exchange: impl TokenExchange + 'static) -> Self {
        self.given.once("exchange");
        self.exchange = Some(Arc::new(exchange));
        self
    }

    /// The key pair of this service, to which exchanged tokens are bound (RFC 9449), so that they are of no use to whoever takes
    /// one away: the exchange is made with a [proof](super::ExchangeRequest::dpop_proof), and so is each call. An exchange that yields a
    /// bearer token all the same is refused. Needs an [`exchange`](Self::exchange). None.
    #[must_use]
    pub fn dpop(mut self, key: &DpopKey) -> Self {
        self.given.once("dpop");
        self.dpop = Some(key.clone());
        self
    }

    /// How many exchanged tokens are kept at most, each until shortly before its end. With 0, every call does its own
    /// exchange. 1 000.
    #[must_use]
    pub fn max_exchanged(mut self, tokens: usize) -> Self {
        self.given.once("max_exchanged");
        self.max_exchanged = tokens;
        self
    }

    /// Where the present time comes from. [`SystemClock`](crate::clock::SystemClock).
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.given.once("clock");
        self.clock = Arc::new(clock);
        self
    }

    /// The forwarder.
    ///
    /// # Errors
    /// [`ForwarderBuildError`], where there is no target, where one is not a safe origin, or where targets and exchange do
    /// not go together.
    pub fn build(self) -> Result<Forwarder, ForwarderBuildError> {
        if let Some(setting) = self.given.twice() {
            return Err(ForwarderBuildError::SetTwice { setting });
        }
        if self.targets.is_empty() {
            return Err(ForwarderBuildError::NoTarget);
        }
        for (index, target) in self.targets.iter().enumerate() {
            let origin = target.check()?;
            if self.targets[..index].iter().any(|other| other.is_same(target)) {
                return Err(ForwarderBuildError::DuplicateTarget { origin });
            }
            if target.narrows() && self.exchange.is_none() {
                return Err(ForwarderBuildError::NoExchange { origin });
            }
        }
        if self.exchange.is_some() && !self.targets.iter().any(ForwardTarget::narrows) {
            return Err(ForwarderBuildError::UnusedExchange);
        }
        if self.dpop.is_some() && self.exchange.is_none() {
            return Err(ForwarderBuildError::UnusedDpop);
        }
        let proofs = self.dpop.map(|key| Proofs::new(key, self.targets.len()));
        Ok(Forwarder(Arc::new(Inner {
            proofs,
            targets: self.targets,
            margin: self.margin,
            clock: self.clock,
            exchange: self.exchange,
            exchanged: ExchangedTokens::new(self.max_exchanged),
        })))
    }
}

impl fmt::Debug for ForwarderBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ForwarderBuilder")
            .field("targets", &self.targets)
            .field("margin", &self.margin)
            .field("exchanges", &self.exchange.is_some())
            .finish_non_exhaustive()
    }
}
