//! How a forwarder is set up.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::exchanged::ExchangedTokens;
use super::{ForwardTarget, Forwarder, Inner, TokenExchange};
use crate::clock::Clock;
use crate::error::ConfigError;

/// Builds a [`Forwarder`].
pub struct ForwarderBuilder {
    pub(super) targets: Vec<ForwardTarget>,
    pub(super) margin: Duration,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) exchange: Option<Arc<dyn TokenExchange>>,
    pub(super) max_exchanged: usize,
}

impl ForwarderBuilder {
    /// One more service that tokens go to. An origin such as `"https://invoices.example.com"` gets the token as it is.
    /// None: an error.
    #[must_use]
    pub fn target(mut self, target: impl Into<ForwardTarget>) -> Self {
        self.targets.push(target.into());
        self
    }

    /// How much life a token must have left beyond the [call time](ForwardTarget::call_time) of the target. 5 seconds.
    #[must_use]
    pub fn margin(mut self, margin: Duration) -> Self {
        self.margin = margin;
        self
    }

    /// Who exchanges tokens for narrower ones (RFC 8693), for the targets that ask for that. None.
    #[must_use]
    pub fn exchange(mut self, exchange: impl TokenExchange + 'static) -> Self {
        self.exchange = Some(Arc::new(exchange));
        self
    }

    /// How many exchanged tokens are kept at most, each until shortly before its end. 1 000; with 0, every call
    /// exchanges anew.
    #[must_use]
    pub fn max_exchanged(mut self, tokens: usize) -> Self {
        self.max_exchanged = tokens;
        self
    }

    /// Where the present time comes from. [`SystemClock`](crate::SystemClock).
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// The forwarder, or what is wrong with it.
    pub fn build(self) -> Result<Forwarder, ConfigError> {
        if self.targets.is_empty() {
            return Err(ConfigError::NoForwardTarget);
        }
        for (index, target) in self.targets.iter().enumerate() {
            target.check()?;
            if self.targets[..index].iter().any(|other| other.is_same(target)) {
                return Err(ConfigError::DuplicateForwardTarget);
            }
        }
        match (self.targets.iter().any(ForwardTarget::narrows), &self.exchange) {
            (true, None) => return Err(ConfigError::NoExchange),
            (false, Some(_)) => return Err(ConfigError::UnusedExchange),
            _ => {}
        }
        Ok(Forwarder(Arc::new(Inner {
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
