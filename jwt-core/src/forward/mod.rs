//! Passing a token on to another service: to named origins and to no other.

mod builder;
mod error;
mod exchange;
mod exchange_error;
mod exchanged;
mod target;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

pub use builder::ForwarderBuilder;
pub use error::{ForwardError, ForwarderBuildError};
pub use exchange::{ExchangeRequest, ExchangedToken, Exchanging, TokenExchange};
pub use exchange_error::{ExchangeError, OAuthErrorCode};
use http::{HeaderValue, Uri};
pub use target::ForwardTarget;

use crate::clock::{Clock, NumericDate, SystemClock};
use crate::config_error::Given;
use crate::verify::CompactToken;
use exchanged::{ExchangedTokens, Key};

/// Decides whether the token of the current request may be sent to another service, and makes the `Authorization` for that
/// call. Cheap to clone; clones share the exchanged tokens.
///
/// | setting | default | reason |
/// |---|---|---|
/// | [`target`](ForwarderBuilder::target) | none: an error | whoever gets the token can act as the user |
/// | [`margin`](ForwarderBuilder::margin) | 5 seconds | a token must not expire during the call |
/// | [`exchange`](ForwarderBuilder::exchange) | none | not every issuer offers it |
/// | [`max_exchanged`](ForwarderBuilder::max_exchanged) | 1 000 tokens | the users of about a minute |
///
/// ```
/// use jwt_core::forward::Forwarder;
///
/// let forwarder = Forwarder::builder().target("https://invoices.example.com").build()?;
/// # let _ = forwarder;
/// # Ok::<(), jwt_core::forward::ForwarderBuildError>(())
/// ```
///
/// `jwt-tower` has a layer for HTTP clients. With any other client, ask for the value of the header:
///
/// ```
/// # use jwt_core::{CompactToken, forward::{ForwardError, Forwarder}};
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
    exchanged: ExchangedTokens,
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
            given: Given::default(),
        }
    }

    /// The value of the `Authorization` header for a call to this address on behalf of the token's user, marked as
    /// sensitive (RFC 6750 §2.1). Use it for that address alone.
    ///
    /// # Errors
    /// [`ForwardError`], where the token must not be sent there, or expires too soon.
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

    /// Whether a token with that end is still good at the end of a call to that target.
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
            // The lifetime in the response counts from a later moment than this.
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

/// The future of an `Authorization`: ready at once, unless the token has to be exchanged first.
///
/// Where several callers need the same exchange, the first one does it, and another one takes over if the first is
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
            // Polled again after it was ready, for which futures promise nothing.
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
