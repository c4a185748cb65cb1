//! Passing a token on to another service: to named origins and to no other.

mod builder;
mod error;
mod exchange;
mod exchange_error;
mod exchanged;
mod proofs;
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
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Uri};
use proofs::{Call, Proofs};
pub use target::ForwardTarget;

use crate::answer::DPOP_NONCE;
use crate::binding::DPOP;
use crate::clock::{Clock, NumericDate, SystemClock};
use crate::config_error::Given;
use crate::verify::CompactToken;
use exchanged::{ExchangedTokens, Key};

/// Decides whether the token of the current request may be sent to another service, and makes the header fields for that
/// call. Cheap to clone; clones share the exchanged tokens.
///
/// | setting | default | reason |
/// |---|---|---|
/// | [`target`](ForwarderBuilder::target) | none: an error | whoever gets the token can act as the user |
/// | [`margin`](ForwarderBuilder::margin) | 5 seconds | a token must not expire during the call |
/// | [`exchange`](ForwarderBuilder::exchange) | none | not every issuer offers it |
/// | [`dpop`](ForwarderBuilder::dpop) | none | not every issuer binds tokens |
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
/// `jwt-tower` has a layer for HTTP clients. With any other client, ask for the header fields:
///
/// ```
/// # use jwt_core::{CompactToken, forward::{ForwardError, Forwarder}};
/// # async fn example(forwarder: Forwarder, token: CompactToken) -> Result<(), ForwardError> {
/// let address = "https://invoices.example.com/unpaid";
/// let headers = forwarder.headers(&token, "GET", address).await?; // `Authorization`
/// # let _ = headers;
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
    proofs: Option<Proofs>,
}

impl Forwarder {
    /// A builder with the defaults.
    pub fn builder() -> ForwarderBuilder {
        ForwarderBuilder {
            targets: Vec::new(),
            margin: Duration::from_secs(5),
            clock: Arc::new(SystemClock),
            exchange: None,
            dpop: None,
            max_exchanged: 1_000,
            given: Given::default(),
        }
    }

    /// The header fields for a call with that method to this address on behalf of the token's user, marked as sensitive:
    /// `Authorization` (RFC 6750 §2.1) and, where the token was [exchanged for a bound one](ForwarderBuilder::dpop), `DPoP`.
    /// Use them for that call alone.
    ///
    /// # Errors
    /// [`ForwardError`], where the token must not be sent there, or expires too soon.
    pub fn headers(&self, token: &CompactToken, method: &str, address: impl TryInto<Uri>) -> Authorizing {
        let address = address.try_into().ok();
        let Some((address, index)) = address.and_then(|address| self.target_of(&address).map(|index| (address, index)))
        else {
            return Authorizing::settled(Err(ForwardError::NotATarget));
        };
        if !self.outlives(token.common().times().expires_at, index) {
            return Authorizing::settled(Err(ForwardError::Expiring));
        }
        match &self.0.exchange {
            Some(hook) if self.0.targets[index].narrows() => {
                let (this, hook, token) = (self.clone(), hook.clone(), token.clone());
                let call = Call { method: method.into(), address: address.to_string(), target: index };
                Authorizing(Step::Exchange(Box::pin(async move { this.exchanged(&*hook, token, call).await })))
            }
            // The next service would have to take it as a bearer token, which it is not (RFC 9449 §7.2).
            _ if token.is_bound() => Authorizing::settled(Err(ForwardError::Bound)),
            _ => Authorizing::settled(authorization("Bearer", token.as_str())),
        }
    }

    /// Takes the nonce out of a response to such a call (`DPoP-Nonce`, RFC 9449 §8.2), for the next proofs to that service. A
    /// service that demands one refuses the first call, which is to be made again then.
    pub fn note_response(&self, address: &Uri, headers: &HeaderMap) {
        if let Some(proofs) = &self.0.proofs
            && let Some(nonce) = headers.get(DPOP_NONCE).and_then(|nonce| nonce.to_str().ok())
            && let Some(target) = self.target_of(address)
        {
            proofs.note(target, nonce);
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
        call: Call,
    ) -> Result<HeaderMap, ForwardError> {
        let target = call.target;
        let key = Key { token: token.clone(), target };
        let usable = |end: NumericDate| self.outlives(Some(end), target);
        let exchange = async {
            // The lifetime in the response counts from a later moment than this.
            let asked_at = self.0.clock.now();
            let key = self.0.proofs.as_ref().map(|proofs| proofs.key.clone());
            let is_bound = key.is_some();
            let request = ExchangeRequest::new(token, &self.0.targets[target], key);
            hook.exchange(request).await?.received(asked_at, is_bound)
        };
        let exchanged = self.0.exchanged.obtain(key, usable, exchange).await?;
        if !exchanged.end.is_none_or(usable) {
            return Err(ForwardError::Expiring);
        }
        match &self.0.proofs {
            None => authorization("Bearer", &exchanged.token),
            Some(proofs) => {
                let mut headers = authorization("DPoP", &exchanged.token)?;
                headers.insert(DPOP, sensitive(proofs.proof(&call, &exchanged.token, self.0.clock.now())?)?);
                Ok(headers)
            }
        }
    }
}

fn authorization(scheme: &str, token: &str) -> Result<HeaderMap, ForwardError> {
    let mut headers = HeaderMap::with_capacity(2);
    headers.insert(AUTHORIZATION, sensitive(format!("{scheme} {token}"))?);
    Ok(headers)
}

fn sensitive(value: String) -> Result<HeaderValue, ForwardError> {
    let mut value = HeaderValue::try_from(value).map_err(|_| ForwardError::Unsendable)?;
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

/// The future of the header fields of a call: ready at once, unless the token has to be exchanged first.
///
/// Where several callers need the same exchange, the first one does it, and another one takes over if the first is
/// dropped.
#[derive(Debug)]
pub struct Authorizing(Step);

enum Step {
    Settled(Option<Result<HeaderMap, ForwardError>>),
    Exchange(Pin<Box<dyn Future<Output = Result<HeaderMap, ForwardError>> + Send>>),
}

impl Authorizing {
    fn settled(result: Result<HeaderMap, ForwardError>) -> Self {
        Self(Step::Settled(Some(result)))
    }
}

impl Future for Authorizing {
    type Output = Result<HeaderMap, ForwardError>;

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
