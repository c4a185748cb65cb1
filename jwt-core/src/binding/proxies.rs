//! Proxies that are believed: who they are, and which header fields they set.

use std::net::IpAddr;

use http::HeaderName;
use http::header::FORWARDED;

use super::certificate::{CertificateField, Form, MAX_FIELD};
use super::elements::{is_of_token, last_element, only};
use super::htu::MAX_ADDRESS;
use crate::config_error::Given;
use crate::error::{AuthenticatorBuildError, CertificateError, ProxyError};
use crate::request::RequestHead;

const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const CLIENT_CERT: HeaderName = HeaderName::from_static("client-cert");
const X_FORWARDED_CLIENT_CERT: HeaderName = HeaderName::from_static("x-forwarded-client-cert");

/// Proxies in front of this service that are believed: who they are, and which header fields they set on every request. The
/// same fields from anybody else are ignored, and so is every field that is not named here: a proxy passes on what it does
/// not set, as the client wrote it.
///
/// | setting | says | default |
/// |---|---|---|
/// | [`forwarded`](Self::forwarded) | scheme and host that the client used | those of the request |
/// | [`x_forwarded_proto`](Self::x_forwarded_proto) | the scheme | that of the request |
/// | [`x_forwarded_host`](Self::x_forwarded_host) | the host | `Host` |
/// | [`client_cert`](Self::client_cert) | the certificate of the client, by RFC 9440 | none |
/// | [`client_cert_pem`](Self::client_cert_pem) | the same as nginx writes it | none |
/// | [`x_forwarded_client_cert`](Self::x_forwarded_client_cert) | the same as Envoy writes it | none |
///
/// The scheme and the host are what `htu` of a DPoP proof is compared with (RFC 9449 §4.3), unless a
/// [`public_origin`](crate::AuthenticatorBuilder::public_origin) says that. The certificate is what a token with
/// `cnf.x5t#S256` is bound to (RFC 8705 §3). One that the connection itself has wins over that of a field.
///
/// Who sends a request is told by the connection. actix-web says so by itself. Elsewhere the application does: by
/// `JwtAuth::peer_from` of `jwt-tower`, or by a [`PeerAddress`](crate::adapter::PeerAddress) in the extensions.
///
/// ```
/// use jwt_core::binding::TrustedProxies;
/// use jwt_core::{Authenticator, KeySet};
///
/// let auth = Authenticator::<()>::builder()
///     .keys(KeySet::hs256("a secret of at least thirty-two bytes")?)
///     .audience("api")
///     .trusted_proxies(TrustedProxies::at(["10.0.0.7", "10.1.0.0/16"]).x_forwarded_proto().client_cert())
///     .build()?;
/// # let _ = auth;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use]
pub struct TrustedProxies {
    given: Given,
    /// `None` is everybody.
    networks: Option<Vec<Box<str>>>,
    address: AddressFields,
    certificate: Option<Result<CertificateField, Box<str>>>,
}

/// Which fields say the address that the client used.
#[derive(Debug, Clone, Copy, Default)]
struct AddressFields {
    forwarded: bool,
    proto: bool,
    host: bool,
}

impl TrustedProxies {
    /// Proxies of these addresses, such as `10.0.0.7` or `fd00::7`, and networks, such as `10.1.0.0/16`. An address of IPv4
    /// that is written as one of IPv6 is the same one.
    pub fn at(networks: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let networks = networks.into_iter().map(|network| network.into().into_boxed_str());
        Self::of(Some(networks.collect()))
    }

    /// Believes everybody who can connect: where the connection has no address, as on a Unix socket, or where only the proxy
    /// can reach this service. **Whoever else can reach it, can pretend to be any client.**
    pub fn dangerous_every_peer() -> Self {
        Self::of(None)
    }

    fn of(networks: Option<Vec<Box<str>>>) -> Self {
        Self { given: Given::default(), networks, address: AddressFields::default(), certificate: None }
    }

    /// They set `Forwarded` (RFC 7239), or add an element to it: `proto`, and `host` unless they keep `Host` as it was. The
    /// last element counts. Without `proto`, no proof is good.
    pub fn forwarded(mut self) -> Self {
        self.address.forwarded = true;
        self
    }

    /// They set `X-Forwarded-Proto` to `http` or `https`. The last word counts. Without it, no proof is good.
    pub fn x_forwarded_proto(mut self) -> Self {
        self.address.proto = true;
        self
    }

    /// They set `X-Forwarded-Host`. The last word counts. Without it, no proof is good. **Not for a proxy that passes on the one
    /// of the client**, such as nginx by itself.
    pub fn x_forwarded_host(mut self) -> Self {
        self.address.host = true;
        self
    }

    /// They set `Client-Cert` to the certificate of the client (RFC 9440), and drop the one that the client has sent.
    pub fn client_cert(self) -> Self {
        self.certificate_in(
            "TrustedProxies::client_cert",
            Ok(CertificateField { name: CLIENT_CERT, form: Form::Bytes }),
        )
    }

    /// They set a field of that name to the percent-encoded PEM of the certificate of the client, as nginx has it in
    /// `$ssl_client_escaped_cert`, and drop the one that the client has sent.
    pub fn client_cert_pem(self, field: impl AsRef<str>) -> Self {
        let field = field.as_ref();
        let name = HeaderName::from_bytes(field.as_bytes()).map_err(|_| field.into());
        self.certificate_in(
            "TrustedProxies::client_cert_pem",
            name.map(|name| CertificateField { name, form: Form::EscapedPem }),
        )
    }

    /// They set `X-Forwarded-Client-Cert` as Envoy does, with `Hash`, `Cert` or both. The last element counts. With
    /// `forward_client_cert_details: SANITIZE_SET`, or `APPEND_FORWARD`.
    pub fn x_forwarded_client_cert(self) -> Self {
        let field = CertificateField { name: X_FORWARDED_CLIENT_CERT, form: Form::Elements };
        self.certificate_in("TrustedProxies::x_forwarded_client_cert", Ok(field))
    }

    fn certificate_in(mut self, setting: &'static str, field: Result<CertificateField, Box<str>>) -> Self {
        // One form is read, so that a second one counts as the same setting again.
        if self.certificate.is_some() {
            self.given.once(setting);
        }
        self.given.once(setting);
        self.certificate = Some(field);
        self
    }

    pub(super) fn build(self) -> Result<Proxies, AuthenticatorBuildError> {
        if let Some(setting) = self.given.twice() {
            return Err(AuthenticatorBuildError::SetTwice { setting });
        }
        let read = |network: &str| {
            Network::read(network).ok_or_else(|| AuthenticatorBuildError::TrustedProxy { network: network.into() })
        };
        let networks =
            self.networks.map(|networks| networks.iter().map(|network| read(network)).collect::<Result<Vec<_>, _>>());
        let networks = networks.transpose()?;
        let AddressFields { forwarded, proto, host } = self.address;
        let certificate = self.certificate.transpose();
        let certificate = certificate.map_err(|field| AuthenticatorBuildError::CertificateField { field })?;
        let says_nothing = !forwarded && !proto && !host && certificate.is_none();
        if says_nothing || (forwarded && (proto || host)) || networks.as_ref().is_some_and(Vec::is_empty) {
            return Err(AuthenticatorBuildError::TrustedProxyFields);
        }
        Ok(Proxies { networks, address: self.address, certificate })
    }
}

/// [`TrustedProxies`] that are good.
#[derive(Debug)]
pub(super) struct Proxies {
    networks: Option<Vec<Network>>,
    address: AddressFields,
    certificate: Option<CertificateField>,
}

/// Scheme and authority that the client used, as far as a proxy says so.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct ForwardedAddress {
    pub(super) scheme: Option<Box<str>>,
    pub(super) authority: Option<Box<str>>,
}

impl Proxies {
    fn has(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.networks.as_ref().is_none_or(|networks| networks.iter().any(|network| network.has(peer)))
    }

    pub(super) fn certificate_field(&self) -> Option<&CertificateField> {
        self.certificate.as_ref()
    }

    /// The field with the certificate, if a trusted proxy has set it.
    pub(super) fn certificate(&self, head: &impl RequestHead) -> Result<Box<[u8]>, CertificateError> {
        let CertificateField { name, .. } = self.certificate.as_ref().ok_or(CertificateError::NotShown)?;
        match head.peer_address() {
            _ if self.networks.is_none() => {}
            Some(peer) if self.has(peer) => {}
            Some(peer) => return Err(CertificateError::OtherPeer { peer, field: name.clone() }),
            None => return Err(CertificateError::PeerUnknown { field: name.clone() }),
        }
        let mut values = head.header_values(name);
        let error = match (values.next(), values.next()) {
            // nginx leaves out a field that is empty; others do not.
            (None | Some(b"" | b"::"), None) => return Err(CertificateError::NotForwarded { field: name.clone() }),
            (Some(value), None) if value.len() <= MAX_FIELD => return Ok(value.into()),
            (_, None) => ProxyError::Unreadable { field: name.clone() },
            (_, Some(_)) => ProxyError::Repeated { field: name.clone() },
        };
        Err(CertificateError::Forwarded(error))
    }

    /// What a trusted proxy says of the address that the client used.
    pub(super) fn address(&self, head: &impl RequestHead) -> Result<ForwardedAddress, ProxyError> {
        if self.networks.is_some() && !head.peer_address().is_some_and(|peer| self.has(peer)) {
            return Ok(ForwardedAddress::default());
        }
        if self.address.forwarded {
            let value = last(head, FORWARDED)?;
            let unreadable = || ProxyError::Unreadable { field: FORWARDED };
            let pairs = last_element(&value, is_of_token).ok_or_else(unreadable)?;
            let scheme = only(&pairs, "proto").map_err(|_| unreadable())?;
            let authority = only(&pairs, "host").map_err(|_| unreadable())?.map(Into::into);
            let scheme = scheme.filter(|scheme| is_scheme(scheme)).ok_or_else(unreadable)?;
            return Ok(ForwardedAddress { scheme: Some(scheme.into()), authority });
        }
        let scheme = if self.address.proto { Some(last_word(head, X_FORWARDED_PROTO, is_scheme)?) } else { None };
        let is_host = |word: &str| !word.is_empty();
        let authority = if self.address.host { Some(last_word(head, X_FORWARDED_HOST, is_host)?) } else { None };
        Ok(ForwardedAddress { scheme, authority })
    }
}

fn is_scheme(scheme: &str) -> bool {
    scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http")
}

/// The last of the fields of that name: that of the nearest proxy, which adds its own behind those that it got.
fn last(head: &impl RequestHead, field: HeaderName) -> Result<Box<str>, ProxyError> {
    let value = head.header_values(&field).last().map(|value| {
        let value = if value.len() <= MAX_ADDRESS { std::str::from_utf8(value).ok() } else { None };
        value.map(Box::from)
    });
    match value {
        Some(Some(value)) => Ok(value),
        Some(None) => Err(ProxyError::Unreadable { field }),
        None => Err(ProxyError::Missing { field }),
    }
}

/// The last of its words, which commas separate.
fn last_word(head: &impl RequestHead, field: HeaderName, is_good: fn(&str) -> bool) -> Result<Box<str>, ProxyError> {
    let value = last(head, field.clone())?;
    let word = value.rsplit(',').next().unwrap_or_default().trim_matches([' ', '\t']);
    if is_good(word) { Ok(word.into()) } else { Err(ProxyError::Unreadable { field }) }
}

/// Addresses that begin with the same bits.
#[derive(Debug, Clone, Copy)]
struct Network {
    address: IpAddr,
    prefix: u32,
}

impl Network {
    /// `None` also for a network of everybody, and where there are bits behind the prefix: `10.0.0.7/8` may be meant as either.
    fn read(text: &str) -> Option<Self> {
        let (address, prefix) = match text.split_once('/') {
            None => (text, None),
            Some((address, prefix)) => {
                let is_number = !prefix.starts_with('0') && prefix.bytes().all(|byte| byte.is_ascii_digit());
                (address, Some(prefix.parse::<u32>().ok().filter(|_| is_number)?))
            }
        };
        let address: IpAddr = address.parse().ok()?;
        if address.to_canonical() != address && prefix.is_some() {
            return None;
        }
        let address = address.to_canonical();
        let length = if address.is_ipv4() { 32 } else { 128 };
        let network = Self { address, prefix: prefix.unwrap_or(length) };
        let bits_behind = bits(address).checked_shl(network.prefix + (128 - length)).unwrap_or_default();
        (network.prefix <= length && bits_behind == 0).then_some(network)
    }

    fn has(&self, peer: IpAddr) -> bool {
        let length = if self.address.is_ipv4() { 32 } else { 128 };
        let different = (bits(self.address) ^ bits(peer)) >> (length - self.prefix);
        self.address.is_ipv4() == peer.is_ipv4() && different == 0
    }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_bits().into(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_network_has_the_addresses_that_begin_like_it() {
        for (network, peer, is_in) in [
            ("10.0.0.7", "10.0.0.7", true),
            ("10.0.0.7", "10.0.0.8", false),
            ("10.0.0.7/32", "10.0.0.7", true),
            ("10.1.0.0/16", "10.1.255.255", true),
            ("10.1.0.0/16", "10.2.0.0", false),
            ("128.0.0.0/1", "200.0.0.1", true),
            ("128.0.0.0/1", "100.0.0.1", false),
            ("10.1.0.0/16", "::ffff:10.1.2.3", true),
            ("10.1.0.0/16", "::10.1.2.3", false),
            ("::ffff:10.0.0.7", "10.0.0.7", true),
            ("fd00::/8", "fd12:3456::1", true),
            ("fd00::/8", "fe80::1", false),
            ("fd00::7", "fd00::7", true),
            ("fd00::7", "fd00::8", false),
            ("8000::/1", "10.0.0.7", false),
        ] {
            let peer: IpAddr = peer.parse().unwrap();
            assert_eq!(Network::read(network).unwrap().has(peer.to_canonical()), is_in, "{network} {peer}");
        }
    }

    #[test]
    fn what_is_no_network_or_that_of_everybody_is_none() {
        for text in [
            "",
            "proxy",
            "10.0.0",
            "10.0.0.256",
            "10.0.0.7:80",
            "10.0.0.7/",
            "10.0.0.7/8",
            "10.0.0.0/33",
            "10.0.0.0/+8",
            "10.0.0.0/08",
            "10.0.0.0/-1",
            "0.0.0.0/0",
            "::/0",
            "fd00::/129",
            "fd00::7/64",
            "::ffff:10.0.0.0/104",
            " 10.0.0.7",
            "*",
        ] {
            assert!(Network::read(text).is_none(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_prefix_is_as_long_as_it_says(address: [u8; 16], prefix in 1..=128_u32, flipped in 0..128_u32) {
            let cut = u128::from_be_bytes(address) >> (128 - prefix) << (128 - prefix);
            let network = IpAddr::V6(cut.into());
            prop_assume!(network.to_canonical() == network);
            let network = Network::read(&format!("{network}/{prefix}")).unwrap();
            let peer = IpAddr::V6((cut ^ (1 << (127 - flipped))).into());
            prop_assert_eq!(network.has(peer), flipped >= prefix);
        }
    }
}
