//! Passing a token on to another service: to named hosts and to no other.

mod exchange;
mod flights;
mod target;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

pub use exchange::{ExchangeError, ExchangeRequest, ExchangedToken, Exchanging, Refusal, TokenExchange};
use flights::{Flights, Key};
use http::{HeaderValue, Uri};
pub use target::ForwardTarget;

use crate::clock::{Clock, NumericDate, SystemClock};
use crate::error::ConfigError;
use crate::verify::CompactToken;

/// Says whether the token of the request being served may go along with a call to another service, and under which
/// `Authorization`. Cheap to clone; clones share the exchanged tokens.
///
/// | setting | default | reason |
/// |---|---|---|
/// | [`target`](ForwarderBuilder::target) | none: an error | whoever gets the token is the user |
/// | [`margin`](ForwarderBuilder::margin) | 5 seconds | a token must not end on the way |
/// | [`exchange`](ForwarderBuilder::exchange) | none | not every issuer offers it |
/// | [`max_exchanged`](ForwarderBuilder::max_exchanged) | 1 000 tokens | what users of one minute need |
///
/// ```
/// use jwt_core::Forwarder;
///
/// let forwarder = Forwarder::builder().target("https://invoices.example.com").build()?;
/// # let _ = forwarder;
/// # Ok::<(), jwt_core::ConfigError>(())
/// ```
///
/// `jwt-tower` puts it around an HTTP client; with any other client, ask for the value of the header:
///
/// ```
/// # use jwt_core::{CompactToken, ForwardError, Forwarder};
/// # async fn example(forwarder: Forwarder, token: CompactToken) -> Result<(), ForwardError> {
/// let address = "https://invoices.example.com/unpaid";
/// let authorization = forwarder.authorization(&token, address).await?;
/// # let _ = authorization;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Forwarder(Arc<Inner>);

struct Inner {
    targets: Vec<ForwardTarget>,
    margin: Duration,
    clock: Arc<dyn Clock>,
    exchange: Option<Arc<dyn TokenExchange>>,
    exchanged: Flights,
}

/// Why a token is not passed on. The call should not be made then.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ForwardError {
    /// The address is not on one of the targets, or is no absolute address.
    #[error("not an address of a target: tokens go to the origins that `.target(…)` names and nowhere else")]
    NotATarget,
    /// The outgoing request has an `Authorization` of its own already.
    #[error("the request has an `Authorization` already: take it out, or do not hand over a token")]
    AlreadyAuthorized,
    /// The token, or the one that it was exchanged for, ends before the call would be through. The client needs a new
    /// one.
    #[error("the token ends too soon to be passed on")]
    Expiring,
    /// It could not be exchanged.
    #[error("the token could not be exchanged: {0}")]
    Exchange(#[from] ExchangeError),
    /// The exchange yielded a token that no header field can carry.
    #[error("the exchange yielded a token that no header field can carry")]
    Unsendable,
}

impl Forwarder {
    /// A builder with the defaults.
    pub fn builder() -> ForwarderBuilder {
        ForwarderBuilder {
            targets: Vec::new(),
            margin: Duration::from_secs(5),
            clock: Arc::new(SystemClock),
            exchange: None,
            max_exchanged: 1_000,
        }
    }

    /// The value of the `Authorization` header for a call to this address on behalf of the token's user, marked as
    /// sensitive (RFC 6750 §2.1). Use it for that address alone.
    ///
    /// # Errors
    /// Where the token must not go there, or not any more: see [`ForwardError`].
    pub fn authorization(&self, token: &CompactToken, address: impl TryInto<Uri>) -> Authorizing {
        let Some(index) = address.try_into().ok().and_then(|address| self.target_of(&address)) else {
            return Authorizing::settled(Err(ForwardError::NotATarget));
        };
        if !self.outlives(token.expires_at(), index) {
            return Authorizing::settled(Err(ForwardError::Expiring));
        }
        match &self.0.exchange {
            Some(hook) if self.0.targets[index].narrows() => {
                let (this, hook, token) = (self.clone(), hook.clone(), token.clone());
                Authorizing(Step::Exchange(Box::pin(async move { this.exchanged(&*hook, token, index).await })))
            }
            _ => Authorizing::settled(bearer(token.as_str())),
        }
    }

    fn target_of(&self, address: &Uri) -> Option<usize> {
        self.0.targets.iter().position(|target| target.holds(address))
    }

    /// Whether a token with that end is still good when a call to that target is through.
    fn outlives(&self, end: Option<NumericDate>, target: usize) -> bool {
        let needed = self.0.margin.saturating_add(self.0.targets[target].call_time);
        let through = self.0.clock.now().since_epoch().saturating_add(needed);
        end.is_none_or(|end| end.since_epoch() > through)
    }

    async fn exchanged(
        &self,
        hook: &dyn TokenExchange,
        token: CompactToken,
        target: usize,
    ) -> Result<HeaderValue, ForwardError> {
        let key = Key { token: token.clone(), target };
        let usable = |end: NumericDate| self.outlives(Some(end), target);
        let exchange = async {
            // The life that the answer speaks of began after this.
            let asked_at = self.0.clock.now();
            let request = ExchangeRequest::new(token, &self.0.targets[target]);
            hook.exchange(request).await.map(|exchanged| exchanged.received(asked_at))
        };
        let exchanged = self.0.exchanged.obtain(key, usable, exchange).await?;
        if !exchanged.end.is_none_or(usable) {
            return Err(ForwardError::Expiring);
        }
        bearer(&exchanged.token)
    }
}

fn bearer(token: &str) -> Result<HeaderValue, ForwardError> {
    let mut value = HeaderValue::try_from(format!("Bearer {token}")).map_err(|_| ForwardError::Unsendable)?;
    value.set_sensitive(true);
    Ok(value)
}

impl fmt::Debug for Forwarder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Forwarder")
            .field("targets", &self.0.targets)
            .field("margin", &self.0.margin)
            .field("exchanges", &self.0.exchange.is_some())
            .finish_non_exhaustive()
    }
}

/// An `Authorization` that is on its way: at once, unless the token has to be exchanged first.
///
/// Where several callers wait for the same exchange, the first one does it, and another one takes over if the first is
/// dropped.
#[derive(Debug)]
pub struct Authorizing(Step);

enum Step {
    Settled(Option<Result<HeaderValue, ForwardError>>),
    Exchange(Pin<Box<dyn Future<Output = Result<HeaderValue, ForwardError>> + Send>>),
}

impl Authorizing {
    fn settled(result: Result<HeaderValue, ForwardError>) -> Self {
        Self(Step::Settled(Some(result)))
    }
}

impl Future for Authorizing {
    type Output = Result<HeaderValue, ForwardError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            // Polled after it was ready, which the contract of futures leaves open.
            Step::Settled(result) => result.take().map_or(Poll::Pending, Poll::Ready),
            Step::Exchange(exchange) => exchange.as_mut().poll(cx),
        }
    }
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Settled(_) => "Settled",
            Self::Exchange(_) => "Exchange",
        })
    }
}

/// Builds a [`Forwarder`].
pub struct ForwarderBuilder {
    targets: Vec<ForwardTarget>,
    margin: Duration,
    clock: Arc<dyn Clock>,
    exchange: Option<Arc<dyn TokenExchange>>,
    max_exchanged: usize,
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

    /// Where the present time comes from. [`SystemClock`].
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
            exchanged: Flights::new(self.max_exchanged),
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
