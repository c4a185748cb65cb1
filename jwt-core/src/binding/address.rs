//! By which address a client knows this service, and so each request: what the `htu` of its proofs is compared with.

use std::borrow::Cow;

use super::htu::{Address, Origin, normal_path};
use super::proxies::Proxies;
use crate::config_error::unverified;
use crate::error::{AuthenticatorBuildError, ProofError, ProxyError};
use crate::request::RequestHead;
use http::header::HOST;

/// The addresses that clients use, each perhaps with a path that a proxy takes off. Without any, that of each request.
#[derive(Debug)]
pub(super) struct PublicAddresses(Vec<Base>);

#[derive(Debug)]
struct Base {
    origin: Origin,
    /// Without a slash at its end.
    path: Box<str>,
}

/// What a request says of its own address.
#[derive(Clone)]
pub(super) struct RequestAddress {
    path: Box<str>,
    /// `None` where it does not count.
    own: Result<Option<Own>, ProxyError>,
}

/// Scheme, where the request says one, and authority.
type Own = (Option<Box<str>>, Box<str>);

impl PublicAddresses {
    pub(super) fn new(origins: &[Box<str>]) -> Result<Self, AuthenticatorBuildError> {
        let read = |text: &str| {
            let Address { origin, path } = Address::read(text).filter(|_| !text.contains(['?', '#']))?;
            Some(Base { origin, path: path.trim_end_matches('/').into() })
        };
        let bases = origins
            .iter()
            .map(|text| read(text).ok_or_else(|| AuthenticatorBuildError::PublicOrigin { origin: text.clone() }));
        bases.collect::<Result<_, _>>().map(Self)
    }

    pub(super) fn of(&self, head: &impl RequestHead, proxies: Option<&Proxies>) -> RequestAddress {
        let own = if self.0.is_empty() { own_address(head, proxies) } else { Ok(None) };
        RequestAddress { path: head.path().into(), own }
    }
}

fn own_address(head: &impl RequestHead, proxies: Option<&Proxies>) -> Result<Option<Own>, ProxyError> {
    let forwarded = proxies.map(|proxies| proxies.address(head)).transpose()?.unwrap_or_default();
    let mut hosts = head.header_values(&HOST);
    let host = hosts.next().and_then(|host| std::str::from_utf8(host).ok());
    let authority = head.authority().or(host.filter(|_| hosts.next().is_none())).map(Into::into);
    let scheme = forwarded.scheme.or(head.scheme().map(Into::into));
    Ok(forwarded.authority.or(authority).map(|authority| (scheme, authority)))
}

impl RequestAddress {
    /// Whether an `htu` is this address.
    pub(super) fn is(&self, htu: &str, public: &PublicAddresses) -> Result<(), ProofError> {
        // Spelled as it is normally, nearly always.
        let is_spelled_so = |origin: &Origin, base: &str| {
            let rest = htu.strip_prefix(origin.as_str()).and_then(|rest| rest.strip_prefix(base));
            rest == Some(&*self.path) && is_plain(&self.path)
        };
        if matches!(self.own, Ok(None)) && public.0.iter().any(|base| is_spelled_so(&base.origin, &base.path)) {
            return Ok(());
        }
        let candidates = self.candidates(public).map_err(|error| ProofError::Proxy(error.clone()))?;
        if candidates.iter().any(|(origin, base)| is_spelled_so(origin, base)) {
            return Ok(());
        }
        let equal = |meant: &Address| {
            let path = |base: &str| normal_path(&[base, &self.path].concat());
            candidates.iter().any(|(origin, base)| **origin == meant.origin && path(base).as_ref() == Some(&meant.path))
        };
        match Address::read(htu) {
            Some(meant) if equal(&meant) => Ok(()),
            _ => {
                let shown = candidates.iter().map(|(origin, base)| [origin.as_str(), base, &self.path].concat());
                Err(ProofError::address(htu, &shown.collect::<Vec<_>>().join(" or ")))
            }
        }
    }

    /// The origins that a client may have used, and what stands there in front of the path.
    fn candidates<'a>(&self, public: &'a PublicAddresses) -> Result<Vec<(Cow<'a, Origin>, &'a str)>, &ProxyError> {
        let own = |scheme: &str, authority: &str| Some((Cow::Owned(Origin::new(scheme, authority)?), ""));
        Ok(match self.own.as_ref()? {
            None => public.0.iter().map(|base| (Cow::Borrowed(&base.origin), &*base.path)).collect(),
            Some((Some(scheme), authority)) => own(scheme, authority).into_iter().collect(),
            // The framework does not say whether it was TLS.
            Some((None, authority)) => ["https", "http"].iter().filter_map(|scheme| own(scheme, authority)).collect(),
        })
    }
}

/// Whether a path is its own normal spelling, without a closer look.
fn is_plain(path: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_~/".contains(&byte);
    path.starts_with('/') && path.bytes().all(plain)
}

impl ProofError {
    fn address(htu: &str, expected: &str) -> Self {
        let expected = if expected.is_empty() { "none that can be told".into() } else { unverified(expected) };
        Self::Address { found: unverified(htu).into(), expected: expected.into() }
    }
}
